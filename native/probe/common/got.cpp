#include "probe/common/got.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <mutex>
#include <optional>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "probe/common/own_threads.hpp"

namespace whet::probe {
namespace {

#if defined(__x86_64__)
bool is_slot(uint32_t type) {
    return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT || type == R_X86_64_64;
}
#elif defined(__aarch64__)
bool is_slot(uint32_t type) {
    return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT || type == R_AARCH64_ABS64;
}
#else
bool is_slot(uint32_t) { return false; }
#endif

// What the dynamic section of one loaded object says about relocations.
struct Tables {
    const ElfW(Rela) *jump = nullptr, *rela = nullptr;
    size_t jump_count = 0, rela_count = 0;
    const ElfW(Sym) *symbols = nullptr;
    const char *names = nullptr;
};

// glibc has relocated the addresses in a loaded object's dynamic section; the vdso's are not.
Tables read_dynamic(const ElfW(Dyn) * entry, uintptr_t base) {
    Tables t;
    auto address = [base](uintptr_t value) { return value < base ? value + base : value; };
    for (; entry->d_tag != DT_NULL; ++entry) {
        uintptr_t value = entry->d_un.d_ptr;
        switch (entry->d_tag) {
        case DT_JMPREL:
            t.jump = reinterpret_cast<const ElfW(Rela) *>(address(value));
            break;
        case DT_PLTRELSZ:
            t.jump_count = value / sizeof(ElfW(Rela));
            break;
        case DT_RELA:
            t.rela = reinterpret_cast<const ElfW(Rela) *>(address(value));
            break;
        case DT_RELASZ:
            t.rela_count = value / sizeof(ElfW(Rela));
            break;
        case DT_SYMTAB:
            t.symbols = reinterpret_cast<const ElfW(Sym) *>(address(value));
            break;
        case DT_STRTAB:
            t.names = reinterpret_cast<const char *>(address(value));
            break;
        }
    }
    return t;
}

bool is_system_object(const char *name) {
    const char *file = std::strrchr(name, '/');
    file = file ? file + 1 : name;
    for (const char *prefix : {"libc.so", "libc-", "ld-linux", "ld-", "libpthread", "linux-vdso", "libasan",
                               "libubsan", "libtsan"})
        if (std::strncmp(file, prefix, std::strlen(prefix)) == 0)
            return true;
    return false;
}

uintptr_t page_of(uintptr_t address) {
    return address & ~(static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)) - 1);
}

bool write_slot(uintptr_t *slot, uintptr_t value, bool relro) {
    void *page = reinterpret_cast<void *>(page_of(reinterpret_cast<uintptr_t>(slot)));
    size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    if (relro && mprotect(page, size, PROT_READ | PROT_WRITE) != 0)
        return false;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (relro)
        mprotect(page, size, PROT_READ);
    return true;
}

// dl_iterate_phdr() takes a lock of the loader's that glibc does not free in a forked child, where the next
// dlopen() would wait for it for ever. So nobody forks while one of our threads is in it. One pass at a
// time also means that a page is never made read-only while another thread writes to it.
std::mutex passing;
// What the parent's own threads did at the fork is another matter: a child asks before its first pass.
enum class Access { granted, unknown, lost };
std::atomic<Access> access{Access::granted};
// An address in the object that all of this is in.
const void *const this_object = &passing;

// Calls visit(object) for each loaded object until it returns false. Needs `passing` and has_access().
template <class Visit> void each_object(Visit visit) {
    dl_iterate_phdr([](dl_phdr_info *object, size_t,
                       void *data) { return (*static_cast<Visit *>(data))(*object) ? 0 : 1; },
                    &visit);
}

// Asks in a thread of its own, which waits for ever where the lock is lost.
Access ask_for_access() {
    struct Question {
        OwnThread thread;
        sem_t answered;
    };
    auto *question = new Question;
    sem_init(&question->answered, 0, 0);
    auto ask = [](void *data) -> void * {
        each_object([](const dl_phdr_info &) { return false; });
        sem_post(&static_cast<Question *>(data)->answered);
        return nullptr;
    };
    if (!question->thread.start("whet-loader", ask, question)) {
        delete question;
        return Access::unknown;
    }
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1;
    while (sem_clockwait(&question->answered, CLOCK_MONOTONIC, &until) != 0)
        if (errno != EINTR)
            return Access::lost;
    question->thread.end();
    delete question;
    return Access::granted;
}

// Without it no object can come or go, and all slots stay as the parent had them. Needs `passing`.
bool has_access() {
    if (access == Access::unknown)
        access = ask_for_access();
    return access == Access::granted;
}

ObjectCount count_in(const dl_phdr_info &object) { return {object.dlpi_adds, object.dlpi_subs}; }

// Nothing while another thread passes, or without access.
std::optional<ObjectCount> count_objects() {
    std::unique_lock pass(passing, std::try_to_lock);
    if (!pass || !has_access())
        return std::nullopt;
    ObjectCount count;
    each_object([&](const dl_phdr_info &object) {
        count = count_in(object);
        return false;
    });
    return count;
}

// Objects are listed before they are relocated: whoever writes to them then is overwritten, or makes
// read-only what the loader still writes. Asking for an address waits for the loader's lock, which
// a thread that loads has: objects listed before this call are relocated after it. A thread that comes
// here from an object's constructor has that lock, and has relocated before.
void wait_for_loads() {
    Dl_info info;
    dladdr(this_object, &info);
}

// Calls visit(symbol name, slot, is the slot's page read-only) for each entry of one object.
template <class Visit> void each_slot(const dl_phdr_info &object, Visit visit) {
    const ElfW(Dyn) *dynamic = nullptr;
    uintptr_t relro_begin = 0, relro_end = 0;
    for (int i = 0; i < object.dlpi_phnum; ++i) {
        const auto &segment = object.dlpi_phdr[i];
        uintptr_t at = object.dlpi_addr + segment.p_vaddr;
        if (segment.p_type == PT_DYNAMIC)
            dynamic = reinterpret_cast<const ElfW(Dyn) *>(at);
        if (segment.p_type == PT_GNU_RELRO) {
            relro_begin = page_of(at);
            relro_end = page_of(at + segment.p_memsz);
        }
    }
    if (!dynamic)
        return;
    Tables t = read_dynamic(dynamic, object.dlpi_addr);
    if (!t.symbols || !t.names)
        return;
    auto scan = [&](const ElfW(Rela) *table, size_t count) {
        for (size_t i = 0; table && i < count; ++i) {
            if (!is_slot(static_cast<uint32_t>(ELF64_R_TYPE(table[i].r_info))))
                continue;
            const auto &symbol = t.symbols[ELF64_R_SYM(table[i].r_info)];
            if (symbol.st_shndx != SHN_UNDEF)
                continue; // its own function of that name
            uintptr_t at = object.dlpi_addr + table[i].r_offset;
            visit(t.names + symbol.st_name, reinterpret_cast<uintptr_t *>(at),
                  at >= relro_begin && at < relro_end);
        }
    };
    scan(t.jump, t.jump_count);
    scan(t.rela, t.rela_count);
}

// Begin and end of an object in memory.
std::pair<uintptr_t, uintptr_t> extent(const dl_phdr_info &object) {
    uintptr_t begin = UINTPTR_MAX, end = 0;
    for (int i = 0; i < object.dlpi_phnum; ++i) {
        const auto &segment = object.dlpi_phdr[i];
        if (segment.p_type != PT_LOAD)
            continue;
        begin = std::min<uintptr_t>(begin, object.dlpi_addr + segment.p_vaddr);
        end = std::max<uintptr_t>(end, object.dlpi_addr + segment.p_vaddr + segment.p_memsz);
    }
    return {begin, end};
}

bool contains(std::pair<uintptr_t, uintptr_t> range, const void *address) {
    auto at = reinterpret_cast<uintptr_t>(address);
    return at >= range.first && at < range.second;
}

// An object that was unloaded meanwhile took its slots along. None is unloaded during a pass.
void write_back(const std::vector<GotSlot> &slots) {
    std::lock_guard pass(passing);
    if (!has_access())
        return;
    each_object([&](const dl_phdr_info &object) {
        auto range = extent(object);
        for (const GotSlot &slot : slots)
            if (contains(range, slot.at) && *slot.at == slot.after)
                write_slot(slot.at, slot.before, slot.relro);
        return true;
    });
}

// Is this address the PLT entry of the program that stands for a function of a library?
bool stands_for_another(void *address) {
    Dl_info info;
    ElfW(Sym) *symbol = nullptr;
    return dladdr1(address, &info, reinterpret_cast<void **>(&symbol), RTLD_DL_SYMENT) && symbol &&
           symbol->st_shndx == SHN_UNDEF;
}

// The first definition in the order in which names are looked up, the program left out.
void *library_function(const char *symbol) {
    void *program = dlopen(nullptr, RTLD_LAZY);
    link_map *object = nullptr;
    if (!program || dlinfo(program, RTLD_DI_LINKMAP, &object) != 0)
        return nullptr;
    void *found = nullptr;
    while (!found && (object = object->l_next)) {
        void *library = dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD);
        if (!library)
            continue; // the kernel's own object
        void *address = dlsym(library, symbol);
        Dl_info info;
        link_map *home = nullptr;
        // dlsym() looks into the library's dependencies, too.
        if (address && dladdr1(address, &info, reinterpret_cast<void **>(&home), RTLD_DL_LINKMAP) &&
            home == object)
            found = address;
        dlclose(library);
    }
    dlclose(program);
    return found;
}

} // namespace

void *called_function(const char *symbol) {
    void *address = dlsym(RTLD_DEFAULT, symbol);
    return address && stands_for_another(address) ? library_function(symbol) : address;
}

void GotPatches::add(const char *symbol, void *replacement, void *original) {
    targets_[symbol] = {reinterpret_cast<uintptr_t>(replacement), reinterpret_cast<uintptr_t>(original),
                        reinterpret_cast<uintptr_t>(dlsym(RTLD_DEFAULT, symbol))};
}

bool GotPatches::changed() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    auto now = count_objects();
    return !lock || !now || !(*now == at_);
}

// Never waits for a mutex: the thread that has it may wait for the loader's lock, which a
// thread that comes here from an object's constructor holds.
void GotPatches::patch() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    for (int attempt = 0; lock && attempt < 3; ++attempt) {
        auto now = count_objects();
        if (!now || *now == at_)
            return;
        wait_for_loads();
        if (patch_objects(*now))
            return;
    }
}

// False when others than those counted are there.
bool GotPatches::patch_objects(const ObjectCount &counted) {
    std::unique_lock pass(passing, std::try_to_lock);
    if (!pass)
        return false;
    ranges_.clear();
    each_object([&](const dl_phdr_info &object) {
        auto [begin, end] = extent(object);
        ranges_.push_back({begin, end, is_system_object(object.dlpi_name)});
        return true;
    });
    if (counted.unloaded != at_.unloaded)
        seen_.clear(); // another object may lie where one was
    auto place = ranges_.begin();
    bool same = false; // counts only grow: what is so now was so when ranges_ was filled
    each_object([&](const dl_phdr_info &object) {
        same = count_in(object) == counted;
        if (!same)
            return false;
        const Range &own = *place++;
        if (!own.system && !contains({own.begin, own.end}, this_object) && seen_.insert(own.begin).second)
            each_slot(object, [&](const char *name, uintptr_t *slot, bool relro) {
                if (auto found = targets_.find(name); found != targets_.end())
                    redirect(slot, found->second, own, relro);
            });
        return true;
    });
    if (same)
        at_ = counted;
    return same;
}

void GotPatches::redirect(uintptr_t *slot, const Target &target, const Range &own, bool relro) {
    uintptr_t value = *slot;
    if (value == target.replacement)
        return;
    // Not bound yet, an entry points into its own object's table of stubs.
    bool plain =
        value == target.original || value == target.known_as || (value >= own.begin && value < own.end);
    for (const Range &range : ranges_)
        plain |= range.system && value >= range.begin && value < range.end;
    if (!plain) {
        ++foreign_;
        return;
    }
    slots_.push_back({slot, value, target.replacement, relro});
    if (!write_slot(slot, target.replacement, relro))
        slots_.pop_back();
}

void GotPatches::restore() {
    std::lock_guard lock(mutex_);
    write_back(slots_);
    slots_.clear();
    seen_.clear();
    at_ = {};
    foreign_ = 0;
}

size_t GotPatches::foreign() {
    std::lock_guard lock(mutex_);
    return foreign_;
}

void got_before_fork() { passing.lock(); }

void got_after_fork_in_parent() { passing.unlock(); }

void got_after_fork_in_child() {
    if (access == Access::granted)
        access = Access::unknown;
    passing.unlock();
}

} // namespace whet::probe

#include "probe/got.hpp"

#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

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

void write_slot(uintptr_t *slot, uintptr_t value, bool relro) {
    void *page = reinterpret_cast<void *>(page_of(reinterpret_cast<uintptr_t>(slot)));
    size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    if (relro && mprotect(page, size, PROT_READ | PROT_WRITE) != 0)
        return;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (relro)
        mprotect(page, size, PROT_READ);
}

} // namespace

struct GotVisitor {
    GotPatch &patch;
    uintptr_t own_base;
    int written = 0;

    void visit(const dl_phdr_info &object) {
        if (object.dlpi_addr == own_base || is_system_object(object.dlpi_name))
            return;
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
                if (std::strcmp(t.names + symbol.st_name, patch.symbol_) != 0)
                    continue;
                uintptr_t at = object.dlpi_addr + table[i].r_offset;
                redirect(reinterpret_cast<uintptr_t *>(at), at >= relro_begin && at < relro_end);
            }
        };
        scan(t.jump, t.jump_count);
        scan(t.rela, t.rela_count);
    }

    void redirect(uintptr_t *slot, bool relro) {
        auto ours = reinterpret_cast<uintptr_t>(patch.replacement_);
        if (*slot == ours)
            return;
        patch.slots_.push_back({slot, *slot, relro});
        write_slot(slot, ours, relro);
        ++written;
    }
};

int GotPatch::patch() {
    Dl_info self{};
    dladdr(replacement_, &self);
    GotVisitor visitor{*this, reinterpret_cast<uintptr_t>(self.dli_fbase)};
    dl_iterate_phdr(
        [](dl_phdr_info *object, size_t, void *data) {
            static_cast<GotVisitor *>(data)->visit(*object);
            return 0;
        },
        &visitor);
    return visitor.written;
}

void GotPatch::restore() {
    for (const Slot &slot : slots_) {
        // An object that was unloaded meanwhile took its slots along.
        Dl_info info{};
        if (!dladdr(slot.at, &info))
            continue;
        if (*slot.at == reinterpret_cast<uintptr_t>(replacement_))
            write_slot(slot.at, slot.before, slot.relro);
    }
    slots_.clear();
}

} // namespace whet::probe

#include "probe/heap/native_memory.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <dlfcn.h>
#include <sys/mman.h>

#include "probe/common/got.hpp"
#include "probe/common/loads.hpp"
#include "probe/heap/heap_events.hpp"

namespace whet::probe {
namespace {

// What libc, or an allocator that was loaded instead, does under these names. All entries that
// are redirected lead to one function, so that what one gives another can take. Those that are called most
// lie in one cache line.
struct alignas(64) Originals {
    void *(*malloc)(size_t);
    void (*free)(void *);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*reallocarray)(void *, size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    void *(*mmap64)(void *, size_t, int, int, int, off_t);
    int (*munmap)(void *, size_t);
    void *(*mremap)(void *, size_t, size_t, int, ...);
} originals;

GotPatches *patches = new GotPatches;

[[gnu::noinline]] void *malloc_watched(size_t size) {
    return heap_allocate(size, [=] { return originals.malloc(size); });
}

// Within another hook it is that one which counts.
void *watched_malloc(size_t size) {
    if (heap_thread.depth == 0 && heap_count_flat(size, heap_counted(size), PTRDIFF_MAX))
        return originals.malloc(size);
    return malloc_watched(size);
}

void *watched_calloc(size_t count, size_t size) {
    return heap_allocate(count * size, [=] { return originals.calloc(count, size); });
}

// libc frees what is resized to nothing.
void *watched_realloc(void *block, size_t size) {
    return heap_reallocate(block, size, size == 0, [=] { return originals.realloc(block, size); });
}

void *watched_reallocarray(void *block, size_t count, size_t size) {
    bool freed = count == 0 || size == 0;
    return heap_reallocate(block, count * size, freed,
                           [=] { return originals.reallocarray(block, count, size); });
}

[[gnu::noinline]] void free_watched(void *block) {
    heap_release(block);
    originals.free(block);
}

void watched_free(void *block) {
    if (__builtin_expect(heap_filter.may_hold(block), 0))
        return free_watched(block);
    originals.free(block);
}

int watched_posix_memalign(void **result, size_t alignment, size_t size) {
    int error = 0;
    heap_allocate(size, [&] {
        error = originals.posix_memalign(result, alignment, size);
        return error ? nullptr : *result;
    });
    return error;
}

void *watched_aligned_alloc(size_t alignment, size_t size) {
    return heap_allocate(size, [=] { return originals.aligned_alloc(alignment, size); });
}

void *watched_memalign(size_t alignment, size_t size) {
    return heap_allocate(size, [=] { return originals.memalign(alignment, size); });
}

// ---- pages ------------------------------------------------------------------------------------

// Only what is memory of its own: no files, no reserved address space, no parts of other mappings.
bool is_memory(int protection, int flags) {
    return (flags & MAP_ANONYMOUS) && (protection & PROT_WRITE) && !(flags & MAP_FIXED);
}

void *or_null(void *address) { return address == MAP_FAILED ? nullptr : address; }

template <auto Original>
void *watched_mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    auto *function = originals.*Original;
    if (!is_memory(protection, flags))
        return function(address, size, protection, flags, file, offset);
    void *result = MAP_FAILED;
    heap_allocate(size, [&] {
        result = function(address, size, protection, flags, file, offset);
        return or_null(result);
    });
    return result;
}

// Of a block that is unmapped from its beginning, the rest stays; a hole in it is not noticed.
int watched_munmap(void *address, size_t size) {
    Released released = heap_release(address);
    int result = originals.munmap(address, size);
    Live &entry = released.entry;
    if (entry.block && result == 0 && size < entry.size) {
        entry.block += size;
        entry.size -= size;
        heap_remember(released);
    } else if (entry.block && result != 0) {
        heap_remember(released);
    }
    return result;
}

void *watched_mremap(void *address, size_t old_size, size_t size, int flags, ...) {
    va_list more;
    va_start(more, flags);
    void *wanted = flags & MREMAP_FIXED ? va_arg(more, void *) : nullptr;
    va_end(more);
    void *result = MAP_FAILED;
    bool known = heap_filter.may_hold(address);
    if (!known)
        return originals.mremap(address, old_size, size, flags, wanted);
    heap_reallocate(address, size, false, [&] {
        result = originals.mremap(address, old_size, size, flags, wanted);
        return or_null(result);
    });
    return result;
}

template <class F> void redirect(const char *symbol, F *&original, F *replacement) {
    original = reinterpret_cast<F *>(called_function(symbol));
    if (original)
        patches->add(symbol, reinterpret_cast<void *>(replacement), reinterpret_cast<void *>(original));
}

bool fill_table() {
    redirect("malloc", originals.malloc, watched_malloc);
    redirect("calloc", originals.calloc, watched_calloc);
    redirect("realloc", originals.realloc, watched_realloc);
    redirect("reallocarray", originals.reallocarray, watched_reallocarray);
    redirect("free", originals.free, watched_free);
    redirect("posix_memalign", originals.posix_memalign, watched_posix_memalign);
    redirect("aligned_alloc", originals.aligned_alloc, watched_aligned_alloc);
    redirect("memalign", originals.memalign, watched_memalign);
    redirect("mmap", originals.mmap, watched_mmap<&Originals::mmap>);
    redirect("mmap64", originals.mmap64, watched_mmap<&Originals::mmap64>);
    redirect("munmap", originals.munmap, watched_munmap);
    redirect("mremap", originals.mremap, watched_mremap);
    return true;
}

} // namespace

void native_memory_watch() {
    static bool filled = fill_table();
    (void)filled;
    loads_watch(*patches);
}

void native_memory_unwatch() { loads_unwatch(*patches); }

void native_memory_rescan() {
    if (patches->changed())
        patches->patch();
}

uint64_t native_memory_foreign() { return patches->foreign(); }

void native_memory_forget_after_fork() { patches->forget_after_fork(); }

} // namespace whet::probe

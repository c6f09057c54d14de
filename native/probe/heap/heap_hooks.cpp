#include <Python.h>

#include "probe/heap/heap_hooks.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "probe/heap/heap_events.hpp"

namespace whet::probe {
namespace {

constexpr size_t RAW = 0;
constexpr std::array DOMAINS{PYMEM_DOMAIN_RAW, PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
// A hook that another tool has taken away may come back, when that tool puts back what it found;
// so a new one is never one that may come back.
constexpr size_t GENERATIONS = 8;

// What is below each hook. Written before the hook is installed and never while it may be called:
// the RAW domain is used without the GIL.
PyMemAllocatorEx below[GENERATIONS][DOMAINS.size()];
bool in_use[GENERATIONS][DOMAINS.size()];

// Whether the allocator below passes exactly those requests on to the RAW domain that are larger than this,
// or of no bytes; 0 if it does not, or may do so with any.
size_t own_up_to[GENERATIONS][DOMAINS.size()];

// Which kind of hook each is.
bool places[GENERATIONS][DOMAINS.size()];
// The kind that is installed from now on.
bool place_samples = false;

// The hooks ignore their context and are installed with that of the allocator below: threads that
// read the domain's table while it changes get functions and a context that fit, whichever they see.
//
// With PLACES a small block that may be a sample is asked for with more bytes than pymalloc keeps blocks
// of. It is then RAW's, its free comes to RAW's hook by way of pymalloc, and this domain needs no hook of
// frees: those that are not of samples cost nothing.
template <size_t G, size_t D, bool PLACES> struct Hook {
    static const PyMemAllocatorEx &next() { return below[G][D]; }

    static void *malloc(void *, size_t size) {
        if (heap_count_flat(size, heap_counted_small(size), own_up_to[G][D]))
            return next().malloc(next().ctx, size);
        return malloc_watched(size);
    }
    [[gnu::noinline]] static void *malloc_watched(size_t size) {
        if (is_counted_below(size))
            return next().malloc(next().ctx, size);
        return heap_allocate(size, counted(size), [=] { return next().malloc(next().ctx, placed(size)); });
    }
    static void *calloc(void *, size_t count, size_t size) {
        size_t bytes;
        if (!__builtin_mul_overflow(count, size, &bytes) &&
            heap_count_flat(bytes, heap_counted_small(bytes), own_up_to[G][D]))
            return next().calloc(next().ctx, count, size);
        return calloc_watched(count, size);
    }
    [[gnu::noinline]] static void *calloc_watched(size_t count, size_t size) {
        size_t bytes;
        // A product that overflows is refused below.
        if (__builtin_mul_overflow(count, size, &bytes) || is_counted_below(bytes))
            return next().calloc(next().ctx, count, size);
        return heap_allocate(bytes, counted(bytes), [=] {
            return PLACES ? next().calloc(next().ctx, 1, placed(bytes))
                          : next().calloc(next().ctx, count, size);
        });
    }
    static void *realloc(void *, void *block, size_t size) {
        int64_t count = counted_again(size);
        size_t taken = heap_may_sample(count) ? placed(size) : size;
        return heap_reallocate(block, size, count, false,
                               [=] { return next().realloc(next().ctx, block, taken); });
    }
    static void free(void *, void *block) {
        if (__builtin_expect(heap_filter.may_hold(block), 0))
            return free_watched(block);
        next().free(next().ctx, block);
    }
    [[gnu::noinline]] static void free_watched(void *block) {
        heap_release(block);
        next().free(next().ctx, block);
    }

    static bool is_counted_below(size_t size) { return own_up_to[G][D] && size - 1 >= own_up_to[G][D]; }
    static bool is_small(size_t size) { return size && size <= own_up_to[G][D]; }
    static int64_t counted(size_t size) {
        return is_small(size) ? heap_counted_small(size) : heap_counted(size);
    }
    static int64_t counted_again(size_t size) { return D == RAW ? heap_counted_below(size) : counted(size); }
    static size_t placed(size_t size) { return PLACES && is_small(size) ? own_up_to[G][D] + 1 : size; }

    static PyMemAllocatorEx table() {
        return {next().ctx, malloc, calloc, realloc, PLACES ? next().free : free};
    }
};

using Tables = std::array<std::array<PyMemAllocatorEx (*)(), DOMAINS.size()>, GENERATIONS>;

template <bool PLACES, size_t... G> constexpr Tables make_tables(std::index_sequence<G...>) {
    return {{{Hook<G, 0, PLACES>::table, Hook<G, 1, PLACES>::table, Hook<G, 2, PLACES>::table}...}};
}
constexpr std::array TABLES{make_tables<false>(std::make_index_sequence<GENERATIONS>()),
                            make_tables<true>(std::make_index_sequence<GENERATIONS>())};

PyMemAllocatorEx table_of(size_t g, size_t domain) { return TABLES[places[g][domain]][g][domain](); }

void *allocate(size_t domain, size_t size) {
    switch (DOMAINS[domain]) {
    case PYMEM_DOMAIN_RAW:
        return PyMem_RawMalloc(size);
    case PYMEM_DOMAIN_MEM:
        return PyMem_Malloc(size);
    default:
        return PyObject_Malloc(size);
    }
}

void release(size_t domain, void *block) {
    switch (DOMAINS[domain]) {
    case PYMEM_DOMAIN_RAW:
        return PyMem_RawFree(block);
    case PYMEM_DOMAIN_MEM:
        return PyMem_Free(block);
    default:
        return PyObject_Free(block);
    }
}

// Does a request come to a hook of ours, one on libc's functions perhaps, as large as it is? It shows when
// it is made. Debugging allocators make it larger.
bool is_hooked(size_t domain, size_t size = 1) {
    HeapThread &thread = heap_thread;
    const HeapThread before = thread;
    thread.depth = 0;
    thread.countdown = 0;
    thread.asked = true;
    void *block = allocate(domain, size);
    bool answered = !std::exchange(thread.asked, false) && thread.heard == std::max<size_t>(size, 1);
    release(domain, block);
    thread.depth = before.depth;
    thread.countdown = before.countdown;
    return answered;
}

// For a domain without a hook, RAW having one: pymalloc answers small requests itself.
size_t find_own_up_to(size_t domain) {
    bool is_pymalloc = domain != RAW && !is_hooked(domain, 1) && !is_hooked(domain, HEAP_SMALL_BYTES) &&
                       is_hooked(domain, HEAP_SMALL_BYTES + 1) && is_hooked(domain, 0);
    return is_pymalloc ? HEAP_SMALL_BYTES : 0;
}

bool equal(const PyMemAllocatorEx &a, const PyMemAllocatorEx &b) {
    return a.ctx == b.ctx && a.malloc == b.malloc && a.calloc == b.calloc && a.realloc == b.realloc &&
           a.free == b.free;
}

bool install(size_t domain) {
    PyMemAllocatorEx now;
    PyMem_GetAllocator(DOMAINS[domain], &now);
    for (size_t g = 0; g < GENERATIONS; ++g) {
        PyMemAllocatorEx &next = below[g][domain];
        // Threads may still be inside a hook that was removed: what it calls stays what it was.
        if (in_use[g][domain] || (next.malloc && !equal(next, now)))
            continue;
        in_use[g][domain] = true;
        own_up_to[g][domain] = find_own_up_to(domain);
        places[g][domain] = place_samples && own_up_to[g][domain];
        next = now;
        PyMemAllocatorEx ours = table_of(g, domain);
        PyMem_SetAllocator(DOMAINS[domain], &ours);
        return true;
    }
    return false;
}

// The generation whose hook is the domain's entry, or GENERATIONS.
size_t on_top(size_t domain) {
    PyMemAllocatorEx now;
    PyMem_GetAllocator(DOMAINS[domain], &now);
    for (size_t g = 0; g < GENERATIONS; ++g)
        if (in_use[g][domain] && now.malloc == table_of(g, domain).malloc)
            return g;
    return GENERATIONS;
}

// Only from where ours is on top; below others' it stays as a pass-through.
void take_away(size_t domain) {
    size_t g = on_top(domain);
    if (g == GENERATIONS)
        return;
    PyMem_SetAllocator(DOMAINS[domain], &below[g][domain]);
    in_use[g][domain] = false;
}

// ---- arenas -----------------------------------------------------------------------------------

// What pymalloc cuts blocks from. The blocks are counted; what it maps for them is not, on top of that.
struct ArenaHook {
    static inline PyObjectArenaAllocator below{};
    static inline bool in_use = false; // by what is installed, perhaps below a hook of others

    static void *alloc(void *, size_t size) {
        Uncounted uncounted;
        return below.alloc(below.ctx, size);
    }
    static void install() {
        if (in_use)
            return;
        PyObject_GetArenaAllocator(&below);
        PyObjectArenaAllocator ours{below.ctx, alloc, below.free};
        PyObject_SetArenaAllocator(&ours);
        in_use = true;
    }
    static void remove() {
        PyObjectArenaAllocator now;
        PyObject_GetArenaAllocator(&now);
        if (!in_use || now.alloc != alloc)
            return;
        PyObject_SetArenaAllocator(&below);
        in_use = false;
    }
};

} // namespace

bool heap_hooks_ensure(bool place) {
    place_samples = place;
    heap_small_away.store(false, std::memory_order_relaxed);
    ArenaHook::install();
    bool all = true;
    for (size_t domain = 0; domain < DOMAINS.size(); ++domain)
        all &= is_hooked(domain) || install(domain);
    return all;
}

int heap_hooks_mend() {
    int mended = 0;
    bool are_away = heap_small_away.load(std::memory_order_relaxed);
    for (size_t domain = 0; domain < DOMAINS.size(); ++domain)
        if (domain == RAW || !are_away)
            mended += on_top(domain) == GENERATIONS && !is_hooked(domain) && install(domain);
    return mended;
}

bool heap_hooks_small_apart() {
    for (size_t domain = RAW + 1; domain < DOMAINS.size(); ++domain) {
        size_t g = on_top(domain);
        if (g == GENERATIONS || !places[g][domain])
            return false;
    }
    return is_hooked(RAW);
}

void heap_hooks_small(bool on) {
    for (size_t domain = RAW + 1; domain < DOMAINS.size(); ++domain) {
        if (!on)
            take_away(domain);
        else if (!is_hooked(domain))
            install(domain);
    }
    heap_small_away.store(!on, std::memory_order_relaxed);
}

int heap_hooks_remove() {
    int left = 0;
    ArenaHook::remove();
    for (size_t domain = 0; domain < DOMAINS.size(); ++domain) {
        take_away(domain);
        left += is_hooked(domain);
    }
    return left;
}

} // namespace whet::probe

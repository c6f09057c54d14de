// What every allocator hook does: count bytes down to the next sampling point, ask the filter.
//
// Hooks of allocators that pass requests on to others may nest: the outermost one counts, unless it is
// known which requests are passed on. All state of a hook is its thread's own, but for the filter;
// everything else is behind the slow calls, which take the heap's mutex and never wait for the GIL.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "probe/heap/live_table.hpp"

namespace whet::probe {

struct alignas(64) HeapThread { // a line of the cache
    int64_t countdown = 0;      // bytes to the next sampling point; 0 or less: see heap_sampled()
    int64_t aside = 0;          // what it is when depth is 0 again; see heap_enter()
    int64_t mean = 0;           // that it was drawn with
    uint64_t random = 0;
    uint32_t epoch = 0;   // of heap_epoch, when it was drawn
    int32_t depth = 0;    // allocators that the thread is in, or reasons not to count
    bool holding = false; // the heap's mutex
    bool asked = false;   // the next hook shall answer by taking it back; see heap_hooks.cpp
    size_t heard = 0;     // how large the request was then
};

// What the thread allocates is not counted, until as many calls of heap_leave().
inline void heap_enter(HeapThread &thread) {
    if (thread.depth++ == 0) {
        thread.aside = thread.countdown;
        thread.countdown = INT64_MAX;
    }
}
inline void heap_leave(HeapThread &thread) {
    if (--thread.depth == 0)
        thread.countdown = thread.aside;
}

// Initial-exec and constant-initialised: reading it calls nothing.
extern constinit thread_local HeapThread heap_thread __attribute__((tls_model("initial-exec")));

// Changes whenever threads must draw anew or entries got new numbers; 0 while nothing is sampled.
extern std::atomic<uint32_t> heap_epoch;
extern LiveFilter heap_filter;

// Small requests may be looked at in turns, see HeapTurns: while theirs is on, each counts for its bytes
// shifted by this. Any change may come between two requests: what is left of a gap is a gap again.
extern std::atomic<uint32_t> heap_small_shift;
// Theirs is not on: their hooks are away, see heap_hooks_small().
extern std::atomic<bool> heap_small_away;

// pymalloc's SMALL_REQUEST_THRESHOLD, the same in all versions.
constexpr size_t HEAP_SMALL_BYTES = 512;

// The slow ends. Any thread, with or without the GIL. `counted` is what the countdown has been told.
void heap_sampled(void *block, size_t size, int64_t counted);
// A block that is no longer watched, and until when its entry means anything.
struct Released {
    Live entry{};
    uint32_t epoch = 0;
};
Released heap_forget(void *block);
void heap_remember(const Released &released);

// What a request of `size` counts for.
inline int64_t heap_counted(size_t size) { return static_cast<int64_t>(size ? size : 1); }
inline int64_t heap_counted_small(size_t size) {
    return static_cast<int64_t>(size << heap_small_shift.load(std::memory_order_relaxed));
}

// What a block that is resized counts for, where hooks of small requests may lie above or be away: if it
// becomes small, it counts in their turn only.
inline int64_t heap_counted_below(size_t size) {
    if (!size || size > HEAP_SMALL_BYTES)
        return heap_counted(size);
    return heap_small_away.load(std::memory_order_relaxed) ? 0 : heap_counted_small(size);
}

// A block was allocated, outside of any other hook.
inline void heap_count(HeapThread &thread, void *block, size_t size, int64_t counted) {
    thread.countdown -= counted;
    if (__builtin_expect(thread.countdown <= 0 || thread.epoch != heap_epoch.load(std::memory_order_relaxed),
                         0))
        heap_sampled(block, size ? size : 1, counted);
}

// A block is about to be freed or moved.
inline Released heap_release(void *block) {
    if (block && __builtin_expect(heap_filter.may_hold(block), 0))
        return heap_forget(block);
    return {};
}

// allocate() under a hook: what it gets is counted once.
template <class Allocate> inline void *heap_allocate(size_t size, int64_t counted, Allocate allocate) {
    HeapThread &thread = heap_thread;
    ++thread.depth;
    void *block = allocate();
    if (--thread.depth == 0 && block)
        heap_count(thread, block, size, counted);
    return block;
}
template <class Allocate> inline void *heap_allocate(size_t size, Allocate allocate) {
    return heap_allocate(size, heap_counted(size), allocate);
}

// The short way for requests of 1 to `own_up_to` bytes, which the allocator below answers without asking one
// that has a hook, and that count for `counted`. True: it is counted, no sampling point is near, and all that
// is left is to allocate. False: nothing has happened.
inline bool heap_count_flat(size_t size, int64_t counted, size_t own_up_to) {
    HeapThread &thread = heap_thread;
    int64_t left = thread.countdown - counted;
    // 0 - 1 is larger than any size.
    if (__builtin_expect(size - 1 >= own_up_to || left <= 0 ||
                             thread.epoch != heap_epoch.load(std::memory_order_relaxed),
                         0))
        return false;
    thread.countdown = left;
    return true;
}

// Could a request that counts for so much, now, be a sample?
inline bool heap_may_sample(int64_t counted) {
    const HeapThread &thread = heap_thread;
    return thread.countdown <= counted || thread.epoch != heap_epoch.load(std::memory_order_relaxed);
}

// heap_allocate() where `before` may move into the new block. `freed` says whether a null result means
// that it is gone rather than that it stays.
template <class Allocate>
inline void *heap_reallocate(void *before, size_t size, int64_t counted, bool freed, Allocate allocate) {
    Released released = heap_release(before);
    HeapThread &thread = heap_thread;
    ++thread.depth;
    void *block = allocate();
    --thread.depth;
    if (!block && released.entry.block && !freed)
        heap_remember(released);
    if (block && thread.depth == 0)
        heap_count(thread, block, size, counted);
    return block;
}
template <class Allocate>
inline void *heap_reallocate(void *before, size_t size, bool freed, Allocate allocate) {
    return heap_reallocate(before, size, heap_counted_below(size), freed, allocate);
}

// While one lives, what its thread allocates is not counted.
class Uncounted {
  public:
    Uncounted() { heap_enter(heap_thread); }
    ~Uncounted() { heap_leave(heap_thread); }
    Uncounted(const Uncounted &) = delete;
    Uncounted &operator=(const Uncounted &) = delete;
};

} // namespace whet::probe

// The threads that wait: one slot each, in which a thread publishes the call that it is in.
//
// Slots lie in one array that is never freed or moved. A slot's published part is read by other
// threads (releasers of locks, the snapshot); everything else belongs to its thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <sys/types.h>

#include "probe/common/thread_names.hpp"
#include "probe/waits/blocking_reason.hpp"
#include "probe/waits/thread_clocks.hpp"

namespace whet::probe {

struct Gil;

struct alignas(64) WaitingThread {
    // Published. `begin` is written last at the call's begin and first at its end.
    std::atomic<int64_t> begin{0}; // ticks; 0: in no call
    std::atomic<uintptr_t> object{0};
    std::atomic<uint32_t> wait_number{0};
    std::atomic<CallKind> kind{};
    std::atomic<uint32_t> serial{0};       // unique over the life of the process; 0: no thread
    std::atomic<int64_t> charged_until{0}; // ticks, by releasers of the lock waited for
    // It is in a call that it made before the recording began, as the kernel told; ends by itself.
    std::atomic<bool> since_before{false};
    pid_t tid = 0;

    // When its account begins, and what its clocks said then.
    int64_t born_ns = 0; // monotonic
    ThreadClocks born_clocks;
    bool claimed = false; // the thread knows of its slot

    // The thread's own.
    bool busy = false;  // in a patched call, or in our own code: let calls pass
    bool met = false;   // it has recorded an event
    Gil *gil = nullptr; // it waits for this GIL
    uint32_t gil_session = 0;
    int64_t gil_returned = 0;                   // when its last timed wait for the GIL returned
    int64_t prelude_begin = 0, prelude_end = 0; // its last short wait that may be part of one for the GIL
    std::atomic<uint64_t> calls{0};             // patched calls that could block
    std::atomic<int64_t> own_ticks{0};          // spent in recording
};

constexpr size_t MAX_WAITING_THREADS = 4096;

// The calling thread's slot as far as it has one, and what stands for one in threads without.
extern constinit thread_local WaitingThread *waiting_slot __attribute__((tls_model("initial-exec")));
extern WaitingThread unrecorded_thread;
// waiting_thread() where something is to be done first.
WaitingThread *waiting_thread_slowly();

// The calling thread's slot, given at its first call; nullptr for threads that are not recorded
// (our own, and those beyond the limit).
inline WaitingThread *waiting_thread() {
    WaitingThread *slot = waiting_slot;
    if (slot && slot != &unrecorded_thread && !slot->since_before.load(std::memory_order_relaxed) &&
        !this_thread_record.ours) [[likely]]
        return slot;
    return waiting_thread_slowly();
}

// All slots ever used: use(WaitingThread &) for those with a thread.
WaitingThread *waiting_threads_begin();
WaitingThread *waiting_threads_end();

// Threads that found no slot.
uint64_t threads_without_slot();
// Totals of threads that have ended.
struct EndedThreads {
    uint64_t calls;
    int64_t own_ticks;
};
EndedThreads ended_threads();

struct ThreadCalls {
    void (*begins)(WaitingThread &); // in a thread that is new
    // In a thread that ends; what it returns is held until the slot is given up.
    std::unique_lock<std::mutex> (*ends)(WaitingThread &);
    void (*returns)(WaitingThread &); // at the first call after one that is `since_before`
};
void on_thread_calls(const ThreadCalls &calls);

// While nobody records, with the GIL: have a slot for each thread that there is, and begin their
// accounts anew. A thread that is blocked is in a call `since_before`.
void waiting_threads_adopt();
// The calling thread is one of ours, after all.
void waiting_threads_disown();
// Was this slot's thread disowned, not long ago? What it recorded before is none of the program's.
bool was_disowned(uint32_t serial);

// In a forked child: the other threads are gone.
void waiting_threads_forget_after_fork();

} // namespace whet::probe

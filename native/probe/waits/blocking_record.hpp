// Taking down what a thread waited for, in the thread itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <sys/types.h>
#include <vector>

#include "layout/layout.h"
#include "probe/waits/blocking_log.hpp"
#include "probe/waits/blocking_threads.hpp"
#include "probe/waits/ticks.hpp"

namespace whet::probe {

// What a thread did since its account began.
struct ThreadAccount {
    int64_t life_ns, cpu_ns, delay_ns;
};
struct LivingThread {
    uint32_t serial;
    pid_t tid;
    ThreadAccount account;
};

// Read at the beginning of every patched call.
struct BlockingState {
    std::atomic<bool> recording{false};
    std::atomic<int64_t> threshold{0}; // ticks
    std::atomic<int64_t> since{0};     // ticks; waits that began earlier are cut here
};
extern BlockingState blocking_state;

// With the GIL; waits may be recorded from now on. False when there is no memory for the log.
bool blocking_record_start(const whet_layout &layout, int64_t threshold_ns);
// With the GIL, which is given up until no thread records any more. Returns the threads that have not ended.
std::vector<LivingThread> blocking_record_stop();
void blocking_record_forget_after_fork();

BlockingLog &blocking_log();
struct Lost {
    uint64_t events;
    int64_t ticks;
};
Lost blocking_lost(); // for want of room in the log, or of memory
void blocking_lose(int64_t ticks);

// All below: in the waiting or releasing thread, right after the call or before it. errno stays.

struct Interval {
    int64_t begin, end; // ticks
};

// `self` waited; shorter waits than the threshold are left out.
void record_wait(WaitingThread &self, CallKind kind, uintptr_t object, Interval when, int64_t cpu_ns = 0,
                 uint32_t contentions = 1);
// `self` releases a lock that others have waited for, `count` ticks in all, `waiter` the longest.
void record_unlock(WaitingThread &self, const WaitingThread &waiter, int64_t count);
// `self` releases the GIL that others have waited for, `count` ticks in all.
void record_gil_release(WaitingThread &self, int64_t count);

// `self` ends. What is returned is to be held until it has no slot.
std::unique_lock<std::mutex> record_thread_end(WaitingThread &self);
// `self` has come back from the call that it was in when the recording began.
void record_wait_since_before(WaitingThread &self);

// While it is held no thread ends: each has recorded its end, or is one of living_threads().
std::unique_lock<std::mutex> hold_thread_ends();
std::vector<LivingThread> living_threads();

} // namespace whet::probe

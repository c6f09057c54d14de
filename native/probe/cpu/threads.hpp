// The threads that are sampled: one slot each, with a timer on the thread's own CPU clock.
//
// Slots live in one array that is never freed or moved, so that a signal that arrives late finds
// its slot, sees that it is no longer live, and goes away. Threads register themselves as they
// start (pthread_create is redirected for all loaded objects); those that were there before, or
// were made by other means, are found in /proc/self/task.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

#include "probe/common/clock.hpp"

namespace whet::probe {

enum class SlotState : int { free, live, ended };

struct ThreadSlot {
    std::atomic<SlotState> state{SlotState::free};
    pid_t tid = 0;
    uint32_t serial = 0; // unique over the life of the process
    clockid_t clock = 0;
    timer_t timer{};
    bool has_timer = false;

    // Owned by the thread's signal handler once the timer is armed.
    int64_t charged_until_ns = 0; // thread CPU time up to which samples have been charged
    uint64_t random = 0;
    std::atomic<uint32_t> samples{0};

    // Owned by the ticker.
    int64_t ticked_cpu_ns = 0;
    uint32_t idle_ticks = 0;
};

constexpr size_t MAX_THREADS = 4096;

struct TimerPlan {
    int signal;
    int64_t period_ns; // mean CPU time between two samples of a thread
    int64_t tick_ns;   // the kernel looks at CPU timers this often
    bool ticker;       // a thread of ours sends the signals; timers only serve slow threads
};

class ThreadTable {
  public:
    // The one table of the process.
    static ThreadTable &instance();

    // Watch this process's threads by `plan`: redirect pthread_create, find existing threads.
    void open(const TimerPlan &plan);
    // Delete all timers and put pthread_create back.
    void close();
    // Forget everything in a forked child, where no timer exists.
    void forget_after_fork();

    // Add threads that appeared and end those that are gone, by /proc/self/task.
    void rescan();
    // Make ended slots whose samples are no longer in the ring available again.
    void recycle();

    // Never sample this (our own) thread, until include().
    void exclude(pid_t tid);
    void include(pid_t tid);

    ThreadSlot *slots() { return slots_; }
    // All slots ever used lie below this index.
    size_t high_water() const { return high_water_.load(std::memory_order_acquire); }
    const TimerPlan &plan() const { return plan_; }
    uint64_t without_timer() const { return without_timer_; }
    uint64_t seen() const { return seen_; }

    // Is `address` one of our slots? A signal's value is only believed if it is.
    bool owns(const void *address) const {
        auto at = reinterpret_cast<uintptr_t>(address), first = reinterpret_cast<uintptr_t>(slots_);
        return at >= first && at < first + sizeof slots_ && (at - first) % sizeof(ThreadSlot) == 0;
    }

    // Arm `slot`'s timer for its next sample. Async-signal-safe.
    void arm(ThreadSlot *slot);

    // Called by a thread that starts or ends.
    ThreadSlot *enter(pid_t tid);
    void leave(ThreadSlot *slot);

  private:
    ThreadSlot *take_slot();
    void end(ThreadSlot *slot);

    ThreadSlot slots_[MAX_THREADS];
    std::atomic<size_t> high_water_{0};
    TimerPlan plan_{};
    std::vector<pid_t> excluded_;
    uint32_t next_serial_ = 1;
    uint64_t without_timer_ = 0;
    uint64_t seen_ = 0;
};

inline pid_t own_tid() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// Draw from [0, 1). xorshift64*, Vigna 2016; state must not be 0. Async-signal-safe.
double draw(uint64_t *state);

// Draw the time to the next sample: uniform between half and one and a half periods. Over a width of
// one whole period the phase of any program that repeats itself n times a period is forgotten
// completely after one draw (sinc(n) = 0), so samples of such a program are independent, as the
// intervals of the analysis take them to be; a narrower jitter locks step with it and multiplies
// their variance, a wider one spreads the weights of samples. Async-signal-safe.
double draw_interval_ns(int64_t period_ns, uint64_t *state);

} // namespace whet::probe

#include <Python.h>

#include "probe/waits/blocking_record.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sched.h>

#include "probe/common/own_stack.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/common/service.hpp"

namespace whet::probe {

BlockingState blocking_state;

namespace {

constexpr uint32_t MAX_FRAMES = 10'000;

BlockingLog *the_log = new BlockingLog;
std::mutex *ending = new std::mutex;  // between a thread's record of its end and the loss of its slot
std::optional<OwnStackWalker> walker; // set anew only while nobody records
std::atomic<int> recorders{0};
std::atomic<uint64_t> lost_events{0};
std::atomic<int64_t> lost_ticks{0};

// Marks the thread as busy with our own work: what it calls meanwhile, also in a signal handler,
// passes. Counts it, so that a recording does not end under it.
class Recording {
  public:
    explicit Recording(WaitingThread &self) : self_(self), busy_before_(self.busy), begin_(ticks()) {
        self.busy = true;
        recorders.fetch_add(1);
        active_ = blocking_state.recording.load();
    }
    ~Recording() {
        int64_t used = ticks() - begin_;
        self_.own_ticks.store(self_.own_ticks.load(std::memory_order_relaxed) + used,
                              std::memory_order_relaxed);
        recorders.fetch_sub(1);
        self_.busy = busy_before_;
        errno = errno_before_;
    }
    Recording(const Recording &) = delete;
    Recording &operator=(const Recording &) = delete;

    bool active() const { return active_; }

  private:
    WaitingThread &self_;
    bool busy_before_, active_;
    int64_t begin_;
    int errno_before_ = errno;
};

// Write a record with the calling thread's stack; `fill` adds what is special.
template <class Fill>
void add_with_stack(WaitingThread &self, int64_t count, const Reader &reader, Fill fill) {
    OwnStack stack = walker->measure(reader);
    uint32_t labels = walker->labels(reader, stack);
    bool added = the_log->add(stack.frames, [&](BlockingRecord &record) {
        record.thread = record.waiter = self.serial.load(std::memory_order_relaxed);
        record.wait_number = self.wait_number.load(std::memory_order_relaxed);
        record.tid = self.tid;
        record.stack_flags = stack.flags;
        record.labels = labels;
        record.contentions = 1;
        record.ticks = count;
        record.cpu_ns = record.delay_ns = 0;
        walker->copy(reader, stack, record.frames());
        fill(record);
    });
    if (!added)
        blocking_lose(count);
    // A thread that is new must be named before it ends.
    if (!self.met || !added || the_log->filling())
        service_wake();
    self.met = true;
}

ThreadAccount thread_account(const WaitingThread &thread) {
    ThreadClocks now = thread_clocks(thread.tid), born = thread.born_clocks;
    return {clock_ns(CLOCK_MONOTONIC) - thread.born_ns, now.cpu_ns - born.cpu_ns,
            now.delay_ns - born.delay_ns};
}

// A new thread is named before it ends, if it lives for some moments; not more often than this.
constexpr int64_t GREETING_INTERVAL_NS = 20'000'000;

void greet_thread(WaitingThread &self) {
    static std::atomic<int64_t> next{0};
    int64_t due = next.load(std::memory_order_relaxed);
    if (self.born_ns >= due && next.compare_exchange_strong(due, self.born_ns + GREETING_INTERVAL_NS))
        service_wake();
}

} // namespace

bool blocking_record_start(const whet_layout &layout, int64_t threshold_ns) {
    if (!the_log->open())
        return false;
    ticks_calibrate();
    walker.emplace(layout, MAX_FRAMES);
    lost_events = 0;
    lost_ticks = 0;
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t)
        t->met = false;
    on_thread_calls({greet_thread, record_thread_end, record_wait_since_before});
    blocking_state.threshold = ticks_from_ns(threshold_ns);
    blocking_state.since = ticks();
    blocking_state.recording = true;
    return true;
}

std::vector<LivingThread> blocking_record_stop() {
    std::vector<LivingThread> living;
    {
        auto held = hold_thread_ends();
        living = living_threads();
        blocking_state.recording = false;
    }
    Py_BEGIN_ALLOW_THREADS;
    while (recorders.load() != 0)
        sched_yield();
    Py_END_ALLOW_THREADS;
    return living;
}

void blocking_record_forget_after_fork() {
    blocking_state.recording = false;
    recorders = 0;
    the_log->forget_after_fork();
    new (ending) std::mutex;
}

BlockingLog &blocking_log() { return *the_log; }
Lost blocking_lost() { return {lost_events.load(), lost_ticks.load()}; }
void blocking_lose(int64_t ticks) {
    lost_events.fetch_add(1);
    lost_ticks.fetch_add(ticks);
}

void record_wait(WaitingThread &self, CallKind kind, uintptr_t object, Interval when, int64_t cpu_ns,
                 uint32_t contentions) {
    int64_t count = when.end - std::max(when.begin, blocking_state.since.load(std::memory_order_relaxed));
    if (count < blocking_state.threshold.load(std::memory_order_relaxed))
        return;
    Recording recording(self);
    if (!recording.active())
        return;
    Reader reader(fault_guard_is_ours());
    Reason reason = reason_of(kind, object, reader);
    add_with_stack(self, count, reader, [&](BlockingRecord &record) {
        record.event = BlockingEvent::wait;
        record.reason = reason;
        record.cpu_ns = cpu_ns;
        record.contentions = contentions;
    });
}

void record_unlock(WaitingThread &self, const WaitingThread &waiter, int64_t count) {
    Recording recording(self);
    if (!recording.active())
        return;
    add_with_stack(self, count, Reader(fault_guard_is_ours()), [&](BlockingRecord &record) {
        record.event = BlockingEvent::unlock;
        record.reason = Reason::lock;
        record.waiter = waiter.serial.load(std::memory_order_relaxed);
        record.wait_number = waiter.wait_number.load(std::memory_order_relaxed);
    });
}

std::vector<LivingThread> living_threads() {
    std::vector<LivingThread> living;
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t)
        // One that made no call leaves nothing behind that says when it ended.
        if (uint32_t serial = t->serial.load(); serial && !thread_is_gone(t->tid))
            living.push_back({serial, t->tid, thread_account(*t)});
    return living;
}

std::unique_lock<std::mutex> hold_thread_ends() { return std::unique_lock(*ending); }

std::unique_lock<std::mutex> record_thread_end(WaitingThread &self) {
    Recording recording(self);
    if (!recording.active())
        return {};
    auto held = hold_thread_ends();
    // The recording may have stopped meanwhile, with this thread among the living.
    if (!blocking_state.recording.load())
        return held;
    ThreadAccount account = thread_account(self);
    the_log->add(0, [&](BlockingRecord &record) {
        uint32_t serial = self.serial.load(std::memory_order_relaxed);
        record.event = BlockingEvent::thread_end;
        record.thread = record.waiter = serial;
        record.tid = self.tid;
        record.stack_flags = record.labels = record.contentions = record.wait_number = 0;
        record.reason = Reason::other;
        record.ticks = ticks_from_ns(account.life_ns);
        record.cpu_ns = account.cpu_ns;
        record.delay_ns = account.delay_ns;
    });
    return held;
}

void record_wait_since_before(WaitingThread &self) {
    int64_t begin = self.begin.exchange(0);
    if (begin)
        record_wait(self, self.kind.load(), self.object.load(), {begin, ticks()},
                    thread_cpu_ns(self.tid) - self.born_clocks.cpu_ns);
}

void record_gil_release(WaitingThread &self, int64_t count) {
    Recording recording(self);
    if (!recording.active())
        return;
    add_with_stack(self, count, Reader(fault_guard_is_ours()), [&](BlockingRecord &record) {
        record.event = BlockingEvent::gil_release;
        record.reason = Reason::gil;
    });
}

} // namespace whet::probe

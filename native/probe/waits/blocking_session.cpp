#include <Python.h>

#include "probe/waits/blocking_session.hpp"

#include <algorithm>
#include <unordered_map>

#include "probe/common/labels.hpp"
#include "probe/common/locked.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/common/stack_walk.hpp"
#include "probe/waits/blocking_calls.hpp"
#include "probe/waits/blocking_record.hpp"
#include "probe/waits/blocking_threads.hpp"
#include "probe/waits/ticks.hpp"

namespace whet::probe {
namespace {

constexpr uint64_t DRAINS_PER_SWEEP = 10;
// CPU time after which a thread is not blocked in the same call any more.
constexpr int64_t MOVED_NS = 50'000;

// Thread states of the main interpreter by native thread id.
std::unordered_map<pid_t, uintptr_t> thread_states() {
    std::unordered_map<pid_t, uintptr_t> states;
    PyThreadState *state = PyInterpreterState_ThreadHead(PyInterpreterState_Main());
    for (; state; state = PyThreadState_Next(state))
        states[static_cast<pid_t>(state->native_thread_id)] = reinterpret_cast<uintptr_t>(state);
    return states;
}

} // namespace

BlockingSession::BlockingSession(const whet_layout &l, int64_t threshold)
    : layout(l), threshold_ns(threshold), table(threshold), resolved_until_(blocking_log().begun()) {}

// With the mutex.
void BlockingSession::take_log() {
    taken_.clear();
    resolved_until_ = blocking_log().take(&taken_);
    for (size_t at = 0; at < taken_.size();) {
        auto &record = *reinterpret_cast<const BlockingRecord *>(taken_.data() + at);
        at += record.bytes / sizeof(uint64_t);
        table.add(record);
    }
}

void BlockingSession::drain() {
    waiting_threads_disown();
    ticks_calibrate();
    blocking_calls_rescan();
    std::lock_guard lock(mutex);
    uint64_t before = resolved_until_;
    take_log();
    // What waits for its names is not resolved yet.
    if (table.has_unresolved())
        resolved_until_ = before;
    if (++drains_ % DRAINS_PER_SWEEP == 0)
        table.sweep();
}

bool BlockingSession::wants_python() {
    std::lock_guard lock(mutex);
    return table.has_unresolved() || unnamed_threads();
}

bool BlockingSession::unnamed_threads() const {
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t)
        if (uint32_t serial = t->serial.load(); serial && !table.names_thread(serial))
            return true;
    return false;
}

void BlockingSession::resolve() {
    Locked lock(mutex);
    uint64_t before = resolved_until_;
    take_log();
    resolve_taken(before);
}

// With the GIL and the mutex.
void BlockingSession::resolve_taken(uint64_t resolved_before) {
    table.resolve(stopped_mono_ns != 0);
    if (table.has_unresolved())
        resolved_until_ = resolved_before;
}

uint64_t BlockingSession::position() const { return blocking_log().begun(); }

void BlockingSession::forget_code(uintptr_t code) {
    Locked lock(mutex);
    table.forget_code(code);
}

void BlockingSession::after_fork_in_child() {
    blocking_record_forget_after_fork();
    blocking_calls_forget_after_fork();
    waiting_threads_forget_after_fork();
    blocking_forget_after_fork();
}

// The GIL is ours, so other threads' frames do not move: a thread that waits, or that has just
// stopped waiting, cannot go on in Python.
void BlockingSession::look_at_running() {
    Reader reader(fault_guard_is_ours());
    StackWalker walker(layout, reinterpret_cast<uintptr_t>(&PyCode_Type));
    auto states = thread_states();
    std::vector<RunningWait> waits;
    int64_t now = ticks(), since = blocking_state.since.load(), threshold = blocking_state.threshold.load();
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t) {
        int64_t begin = t->begin.load(std::memory_order_acquire);
        RunningWait wait{};
        wait.ticks = now - std::max(begin, since);
        if (!begin || wait.ticks < threshold)
            continue;
        wait.thread = t->serial.load();
        wait.tid = t->tid;
        wait.wait_number = t->wait_number.load();
        wait.reason = reason_of(t->kind.load(), t->object.load(), reader);
        wait.stack_flags = STACK_NATIVE;
        if (auto state = states.find(t->tid); state != states.end()) {
            bool readable;
            uintptr_t leaf = walker.leaf(reader, state->second, &readable);
            Walk result =
                walker.walk(reader, leaf, 10'000, [&](const Frame &f) { wait.frames.push_back(f); });
            wait.labels = labels_current(layout, reader, state->second);
            wait.stack_flags = 0;
            if (result == Walk::truncated)
                wait.stack_flags = STACK_TRUNCATED;
            if (result == Walk::empty)
                wait.stack_flags = STACK_NATIVE;
            if (!readable || result == Walk::rejected) {
                wait.frames.clear();
                wait.stack_flags = STACK_REJECTED;
            }
        }
        // Nothing says that a thread has come back from an old call, but its clock.
        if (t->since_before.load() &&
            (thread_is_gone(t->tid) || thread_cpu_ns(t->tid) - t->born_clocks.cpu_ns > MOVED_NS))
            continue;
        if (wait.thread && t->begin.load(std::memory_order_acquire) == begin)
            waits.push_back(std::move(wait));
    }
    Locked lock(mutex);
    table.set_running(waits);
}

ThreadRows BlockingSession::threads() {
    if (keeps_threads_)
        return kept_;
    Locked lock(mutex);
    uint64_t before = resolved_until_;
    std::vector<LivingThread> living;
    {
        auto held = hold_thread_ends();
        take_log();
        living = living_threads();
    }
    resolve_taken(before);
    return rows_of(living);
}

ThreadRows BlockingSession::rows_of(const std::vector<LivingThread> &living) {
    ThreadRows rows = table.ended_threads();
    for (const LivingThread &thread : living)
        table.add_thread(&rows, thread.serial, thread.tid, thread.account);
    return rows;
}

void BlockingSession::keep_threads(const std::vector<LivingThread> &living) {
    Locked lock(mutex);
    kept_ = rows_of(living);
    keeps_threads_ = true;
}

} // namespace whet::probe

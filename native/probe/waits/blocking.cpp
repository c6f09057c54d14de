#include <Python.h>

#include "probe/waits/blocking.hpp"

#include <algorithm>

#include "probe/common/interpreter.hpp"
#include "probe/common/locked.hpp"
#include "probe/common/memory_fails.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/common/service.hpp"
#include "probe/waits/blocking_calls.hpp"
#include "probe/waits/blocking_gil.hpp"
#include "probe/waits/blocking_locks.hpp"
#include "probe/waits/blocking_record.hpp"
#include "probe/waits/blocking_session.hpp"
#include "probe/waits/ticks.hpp"

namespace whet::probe {
namespace {

// Under the GIL. The session that was started last, and whether it still records.
BlockingSession *last = nullptr;
bool running = false;

// Undo what a start has done so far and pass the reason on.
std::string refuse(const char *reason, bool patched = false) {
    if (patched)
        blocking_calls_restore();
    fault_guard_remove();
    return reason;
}

// What was collected, named, with the waits that run at this moment.
void bring_up_to_date(BlockingSession &s) {
    if (!running)
        return;
    service_resolve();
    s.look_at_running();
}

int64_t duration_ns(const BlockingSession &s) {
    return (running ? clock_ns(CLOCK_MONOTONIC) : s.stopped_mono_ns) - s.started_mono_ns;
}

void sum_threads(uint64_t *calls, int64_t *own_ticks) {
    EndedThreads ended = ended_threads();
    *calls = ended.calls;
    *own_ticks = ended.own_ticks;
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t) {
        if (!t->serial.load())
            continue;
        *calls += t->calls.load();
        *own_ticks += t->own_ticks.load();
    }
}

// Have a slot for each thread that there is.
void adopt_threads() {
    waiting_threads_adopt();
    // Who waits for the GIL begins anew within 5 ms.
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t)
        if (t->since_before.load() && gil_contains(reinterpret_cast<void *>(t->object.load())))
            t->since_before = false, t->begin = 0;
}

// Calls and ticks before the running session.
uint64_t calls_before = 0;
int64_t own_ticks_before = 0;

} // namespace

bool blocking_running() { return running; }

void blocking_forget_after_fork() {
    last = nullptr;
    running = false;
}

std::string blocking_start(int64_t threshold_ns) {
    if (running)
        return "a recording of waits is running in this process already";
    std::string why_not;
    const whet_layout *layout = guarded_interpreter(&why_not);
    if (!layout)
        return why_not;
    ticks_calibrate();
    locks_begin();
    if (!blocking_calls_patch())
        return refuse("this C library has no condition variables that whet knows");
    if (!gil_calibrate(*layout))
        return refuse("the GIL's condition variables cannot be told", true);
    delete last;
    last = new BlockingSession(*layout, threshold_ns);
    sum_threads(&calls_before, &own_ticks_before);
    adopt_threads();
    if (!service_join(*last))
        return refuse("no thread can be started", true);
    gil_forget_waiters();
    last->started_wall_ns = clock_ns(CLOCK_REALTIME);
    last->started_mono_ns = clock_ns(CLOCK_MONOTONIC);
    running = true;
    if (!blocking_record_start(*layout, threshold_ns)) {
        blocking_stop();
        return "not enough memory for the event buffer";
    }
    last->call_ns = blocking_calls_cost_ns();
    return {};
}

void blocking_stop() {
    if (!running)
        return;
    BlockingSession &s = *last;
    std::vector<LivingThread> living = blocking_record_stop();
    s.stopped_mono_ns = clock_ns(CLOCK_MONOTONIC);
    service_resolve();
    unless_memory_fails([&] {
        s.look_at_running();
        Locked lock(s.mutex);
        s.table.keep_running();
    });
    unless_memory_fails([&] { s.keep_threads(living); });
    running = false;
    blocking_calls_restore();
    service_leave(s);
    fault_guard_remove();
}

BlockingProfiles blocking_profiles(const std::vector<std::string> &comments) {
    if (!last)
        return {};
    BlockingSession &s = *last;
    bring_up_to_date(s);
    auto encode = [&](ProfileWriter writer) {
        writer.comments(comments);
        return writer.encode(s.started_wall_ns, duration_ns(s));
    };
    auto writers = [&] {
        Locked lock(s.mutex);
        return std::pair(s.table.write_waits(), s.table.write_holders());
    }();
    return {encode(std::move(writers.first)), encode(std::move(writers.second))};
}

std::map<std::string, double> blocking_statistics() {
    if (!last)
        return {};
    BlockingSession &s = *last;
    bring_up_to_date(s);
    uint64_t calls;
    int64_t own_ticks;
    sum_threads(&calls, &own_ticks);
    calls -= calls_before;
    own_ticks -= own_ticks_before;
    Locked lock(s.mutex);
    const BlockingTotals &t = s.table.totals();
    Lost lost = blocking_lost();
    std::map<std::string, double> result = {
        {"threshold_ns", static_cast<double>(s.threshold_ns)},
        {"duration_ns", static_cast<double>(duration_ns(s))},
        {"events", static_cast<double>(t.events)},
        {"unlocks", static_cast<double>(t.unlocks)},
        {"calls", static_cast<double>(calls)},
        {"call_ns", s.call_ns},
        {"calls_ns", s.call_ns * static_cast<double>(calls)},
        {"recording_ns", static_cast<double>(ticks_to_ns(own_ticks))},
        {"service_ns", static_cast<double>(s.service_ns.load())},
        {"dropped", static_cast<double>(lost.events)},
        {"dropped_ns", static_cast<double>(ticks_to_ns(lost.ticks))},
        {"truncated", static_cast<double>(t.truncated)},
        {"rejected", static_cast<double>(t.rejected)},
        {"folded", static_cast<double>(t.folded)},
        {"other_interpreter", static_cast<double>(t.foreign)},
        {"threads_without_slot", static_cast<double>(threads_without_slot())},
        {"foreign_slots", static_cast<double>(blocking_calls_foreign())},
    };
    for (size_t i = 0; i < static_cast<size_t>(Reason::count); ++i) {
        std::string reason = reason_text(static_cast<Reason>(i));
        result["waits:" + reason] = static_cast<double>(t.reason_waits[i]);
        result["wait_ns:" + reason] = static_cast<double>(t.reason_ns[i]);
    }
    return result;
}

std::map<uint64_t, int64_t> blocking_waiting() {
    std::map<uint64_t, int64_t> result;
    int64_t now = ticks();
    for (WaitingThread *t = waiting_threads_begin(); running && t != waiting_threads_end(); ++t) {
        int64_t begin = t->begin.load(std::memory_order_acquire);
        if (begin && t->serial.load() && !t->since_before.load())
            result[static_cast<uint64_t>(t->tid)] = std::max<int64_t>(0, ticks_to_ns(now - begin));
    }
    return result;
}

std::vector<ThreadTimes> blocking_threads() {
    if (!last)
        return {};
    bring_up_to_date(*last);
    std::vector<ThreadTimes> result;
    for (const auto &[name, row] : last->threads()) {
        ThreadTimes times{name, row.threads, row.life_ns, row.cpu_ns, row.delay_ns, {}};
        for (size_t i = 0; i < row.waits_ns.size(); ++i)
            if (row.waits_ns[i])
                times.waits[reason_text(static_cast<Reason>(i))] = row.waits_ns[i];
        result.push_back(std::move(times));
    }
    return result;
}

} // namespace whet::probe

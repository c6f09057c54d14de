#include <Python.h>

#include "probe/cpu/sampler.hpp"

#include <atomic>
#include <memory>

#include "probe/common/interpreter.hpp"
#include "probe/common/labels.hpp"
#include "probe/common/locked.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/common/service.hpp"
#include "probe/cpu/session.hpp"
#include "probe/cpu/signal_handler.hpp"
#include "probe/cpu/threads.hpp"

namespace whet::probe {

namespace {

constexpr size_t SMALL_RING = size_t{1} << 20, LARGE_RING = size_t{1} << 23;

Session *last = nullptr; // under the GIL: running or stopped, for reading

TimerPlan plan_for(const SamplerOptions &options, int signal) {
    timespec tick{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    TimerPlan plan{};
    plan.signal = signal;
    plan.period_ns = options.period_ns();
    plan.tick_ns = tick.tv_nsec > 0 ? tick.tv_nsec : SECOND / 250;
    plan.ticker = plan.period_ns < 2 * plan.tick_ns;
    return plan;
}

int64_t process_cpu_ns() { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

} // namespace

bool sampler_running() { return active_session.load() != nullptr; }

std::string sampler_start(const SamplerOptions &options) {
    if (active_session.load())
        return "a CPU recording is running in this process already";
    std::string why_not;
    const whet_layout *layout = guarded_interpreter(&why_not);
    if (!layout)
        return why_not;
    bool fast = options.rate_hz > 250;
    auto s = std::make_unique<Session>(options, *layout, fast ? LARGE_RING : SMALL_RING);
    if (!s->ring.ok() || !take_signal(*s)) {
        fault_guard_remove();
        return s->ring.ok() ? "every signal whet could use is taken by the program"
                            : "not enough memory for the sample buffer";
    }
    s->delivery_ns = delivery_ns(*s);
    delete last;
    last = s.release();
    Session &now = *last;
    now.started_wall_ns = clock_ns(CLOCK_REALTIME);
    now.started_mono_ns = clock_ns(CLOCK_MONOTONIC);
    now.started_cpu_ns = process_cpu_ns();
    // Served first: from the first sample on, code objects must be kept.
    bool served = service_join(now);
    active_session.store(&now);
    TimerPlan plan = plan_for(options, now.signal);
    if (served)
        ThreadTable::instance().open(plan);
    now.wants_ticker = plan.ticker;
    if (served && service_resume())
        return {};
    sampler_stop();
    return "no thread can be started";
}

void sampler_stop() {
    Session *s = active_session.load();
    if (!s)
        return;
    service_pause(); // it would open the table again
    ThreadTable::instance().close();
    s->stopped_mono_ns = clock_ns(CLOCK_MONOTONIC);
    s->stopped_cpu_ns = process_cpu_ns();
    active_session.store(nullptr);
    Py_BEGIN_ALLOW_THREADS;
    wait_for_handlers();
    Py_END_ALLOW_THREADS;
    give_signal_back(*s);
    fault_guard_remove();
    service_resolve();
    service_leave(*s);
}

void sampler_forget_after_fork() { last = nullptr; }

std::string sampler_profile(const std::vector<std::string> &comments) {
    Session *s = last;
    if (!s)
        return {};
    if (active_session.load() == s)
        service_resolve();
    int64_t end = s->stopped_mono_ns ? s->stopped_mono_ns : clock_ns(CLOCK_MONOTONIC);
    auto written = [s] {
        Locked lock(s->mutex);
        return s->aggregate.write(s->options.period_ns());
    };
    ProfileWriter out = written();
    out.comments(comments);
    return out.encode(s->started_wall_ns, end - s->started_mono_ns);
}

std::map<std::string, double> sampler_statistics() {
    Session *s = last;
    if (!s)
        return {};
    if (active_session.load() == s)
        service_resolve();
    Locked lock(s->mutex);
    const Totals &t = s->aggregate.totals();
    const HandlerCounters &h = s->counters;
    ThreadTable &table = ThreadTable::instance();
    auto n = static_cast<double>(t.samples), cpu = static_cast<double>(t.cpu_ns);
    int64_t end_mono = s->stopped_mono_ns ? s->stopped_mono_ns : clock_ns(CLOCK_MONOTONIC);
    int64_t end_cpu = s->stopped_cpu_ns ? s->stopped_cpu_ns : process_cpu_ns();
    return {
        {"rate_hz", s->options.rate_hz},
        {"samples", n},
        {"sampled_cpu_ns", cpu},
        {"interval_cv2", cpu > 0 ? n * t.cpu_ns_squared / (cpu * cpu) - 1 : 0},
        {"process_cpu_ns", static_cast<double>(end_cpu - s->started_cpu_ns)},
        {"duration_ns", static_cast<double>(end_mono - s->started_mono_ns)},
        {"signals", static_cast<double>(h.signals.load())},
        {"handler_ns", static_cast<double>(h.handler_ns.load())},
        {"delivery_ns", s->delivery_ns * static_cast<double>(h.signals.load())},
        {"service_ns", static_cast<double>(s->service_ns.load() + s->ticker_cpu_ns.load())},
        {"dropped", static_cast<double>(h.dropped.load() + t.lost)},
        {"dropped_cpu_ns", static_cast<double>(h.dropped_cpu_ns.load() + t.lost_cpu_ns)},
        {"truncated", static_cast<double>(t.truncated)},
        {"rejected", static_cast<double>(t.rejected)},
        {"folded", static_cast<double>(t.folded)},
        {"native", static_cast<double>(t.native)},
        {"other_interpreter", static_cast<double>(t.foreign)},
        {"unguarded", static_cast<double>(h.unguarded.load())},
        {"stray_signals", static_cast<double>(h.strangers.load())},
        {"signal_changes", static_cast<double>(s->signal_changes.load())},
        {"threads", static_cast<double>(table.seen())},
        {"threads_without_timer", static_cast<double>(table.without_timer())},
        {"label_sets_refused", static_cast<double>(label_sets_refused())},
    };
}

} // namespace whet::probe

#include <Python.h>

#include "probe/sampler.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <pthread.h>
#include <unistd.h>

#include "codec/profile.hpp"
#include "layout/layout.h"
#include "probe/code_keeper.hpp"
#include "probe/labels.hpp"
#include "probe/own_threads.hpp"
#include "probe/safe_read.hpp"
#include "probe/service.hpp"
#include "probe/session.hpp"
#include "probe/signal_handler.hpp"
#include "probe/stack_walk.hpp"
#include "probe/threads.hpp"

namespace whet::probe {

std::atomic<Session *> active_session{nullptr};

Session::Session(const SamplerOptions &o, const whet_layout &layout, size_t ring_bytes)
    : options(o), walker(layout, reinterpret_cast<uintptr_t>(&PyCode_Type)), ring(ring_bytes),
      main_interpreter(reinterpret_cast<uintptr_t>(PyInterpreterState_Main())) {
    sem_init(&wake, 0, 0);
}

namespace {

constexpr size_t SMALL_RING = size_t{1} << 20, LARGE_RING = size_t{1} << 23;

Session *last = nullptr; // under the GIL: running or stopped, for reading

TimerPlan plan_for(const SamplerOptions &options, int signal) {
    timespec tick{};
    clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
    TimerPlan plan{};
    plan.signal = signal;
    plan.period_ns = static_cast<int64_t>(static_cast<double>(SECOND) / options.rate_hz);
    plan.tick_ns = tick.tv_nsec > 0 ? tick.tv_nsec : SECOND / 250;
    plan.ticker = plan.period_ns < 2 * plan.tick_ns;
    return plan;
}

// ---- fork -------------------------------------------------------------------------------------

// No sample is taken while fork copies the process (old kernels restart fork on every signal).
thread_local sigset_t mask_before_fork __attribute__((tls_model("initial-exec")));

void before_fork() {
    sigset_t ours;
    sigemptyset(&ours);
    if (Session *s = active_session.load())
        sigaddset(&ours, s->signal);
    pthread_sigmask(SIG_BLOCK, &ours, &mask_before_fork);
}

void after_fork_in_parent() { pthread_sigmask(SIG_SETMASK, &mask_before_fork, nullptr); }

// The child is not measured: timers do not survive fork, and neither do our threads. Everything
// is put back as it was; the parent's session is left where it lies.
void after_fork_in_child() {
    if (Session *s = active_session.exchange(nullptr)) {
        ThreadTable::instance().forget_after_fork();
        code_keeper_forget_after_fork();
        give_signal_back(*s);
        fault_guard_remove();
        last = nullptr;
    }
    pthread_sigmask(SIG_SETMASK, &mask_before_fork, nullptr);
}

// ---- start and stop ---------------------------------------------------------------------------

// The layouts are believed only if they find the frame that Python itself says is running.
bool layout_fits(const whet_layout &layout) {
    PyFrameObject *frame = PyEval_GetFrame();
    if (!frame)
        return true;
    PyCodeObject *code = PyFrame_GetCode(frame);
    StackWalker walker(layout, reinterpret_cast<uintptr_t>(&PyCode_Type));
    Reader reader(true);
    bool readable;
    uintptr_t first = 0,
              leaf = walker.leaf(reader, reinterpret_cast<uintptr_t>(PyThreadState_Get()), &readable);
    Walk result = !readable ? Walk::rejected : walker.walk(reader, leaf, 1 << 20, [&](const Frame &f) {
        if (!first)
            first = f.code;
    });
    Py_DECREF(code);
    return result == Walk::ok && first == reinterpret_cast<uintptr_t>(code);
}

int64_t process_cpu_ns() { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

uint64_t ring_head() { return last->ring.head(); }

void code_freed(uintptr_t code) {
    Locked lock(*last);
    last->aggregate.forget_code(code);
}

} // namespace

bool sampler_running() { return active_session.load() != nullptr; }

std::string sampler_start(const SamplerOptions &options) {
    if (active_session.load())
        return "a CPU recording is running in this process already";
    const char *reason;
    const whet_layout *layout = whet_layout_get(&reason);
    if (!layout)
        return reason;
    if (PyInterpreterState_Get() != PyInterpreterState_Main())
        return "recording can only be started from the main interpreter";
    if (!fault_guard_install())
        return "the kernel refuses a SIGSEGV handler";
    if (!layout_fits(*layout)) {
        fault_guard_remove();
        return "the running Python's frames are not laid out as expected; reinstall whet with this Python";
    }
    static bool fork_handlers = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    (void)fork_handlers;

    bool fast = options.rate_hz > 250;
    auto s = std::make_unique<Session>(options, *layout, fast ? LARGE_RING : SMALL_RING);
    if (!s->ring.ok() || !take_signal(*s)) {
        fault_guard_remove();
        return s->ring.ok() ? "every signal whet could use is taken by the program"
                            : "not enough memory for the sample buffer";
    }
    delete last;
    last = s.release();
    Session &now = *last;
    now.started_wall_ns = clock_ns(CLOCK_REALTIME);
    now.started_mono_ns = clock_ns(CLOCK_MONOTONIC);
    now.started_cpu_ns = process_cpu_ns();
    active_session.store(&now);
    code_keeper_install(ring_head, code_freed);
    TimerPlan plan = plan_for(options, now.signal);
    ThreadTable::instance().open(plan);
    now.wants_ticker = plan.ticker;
    if (start_own_threads(now))
        return {};
    sampler_stop();
    return "no thread can be started";
}

void sampler_stop() {
    Session *s = active_session.load();
    if (!s)
        return;
    ThreadTable::instance().close();
    s->stopped_mono_ns = clock_ns(CLOCK_MONOTONIC);
    s->stopped_cpu_ns = process_cpu_ns();
    active_session.store(nullptr);
    end_own_threads(*s);
    Py_BEGIN_ALLOW_THREADS;
    wait_for_handlers();
    Py_END_ALLOW_THREADS;
    give_signal_back(*s);
    fault_guard_remove();
    drain_and_resolve(*s);
    code_keeper_remove();
}

void sampler_pause_threads() {
    if (Session *s = active_session.load())
        end_own_threads(*s);
}

void sampler_resume_threads() {
    if (Session *s = active_session.load())
        start_own_threads(*s);
}

std::string sampler_profile(const std::vector<std::string> &comments) {
    Session *s = last;
    if (!s)
        return {};
    if (active_session.load() == s)
        drain_and_resolve(*s);
    Profile profile;
    {
        Locked lock(*s);
        profile = s->aggregate.profile();
    }
    profile.time_nanos = s->started_wall_ns;
    int64_t end = s->stopped_mono_ns ? s->stopped_mono_ns : clock_ns(CLOCK_MONOTONIC);
    profile.duration_nanos = end - s->started_mono_ns;
    profile.period = static_cast<int64_t>(static_cast<double>(SECOND) / s->options.rate_hz);
    for (const std::string &comment : comments)
        profile.comments.push_back(profile.strings.add(comment));
    profile.mappings.id.push_back(1);
    for (auto *column :
         {&profile.mappings.memory_start, &profile.mappings.memory_limit, &profile.mappings.file_offset})
        column->push_back(0);
    char executable[4096];
    ssize_t size = readlink("/proc/self/exe", executable, sizeof executable);
    profile.mappings.filename.push_back(
        profile.strings.add({executable, static_cast<size_t>(std::max<ssize_t>(size, 0))}));
    profile.mappings.build_id.push_back(0);
    for (auto *flag : {&profile.mappings.has_functions, &profile.mappings.has_filenames,
                       &profile.mappings.has_line_numbers, &profile.mappings.has_inline_frames})
        flag->push_back(1);
    std::string encoded;
    Py_BEGIN_ALLOW_THREADS;
    encoded = encode(profile);
    Py_END_ALLOW_THREADS;
    return encoded;
}

std::map<std::string, double> sampler_statistics() {
    Session *s = last;
    if (!s)
        return {};
    if (active_session.load() == s)
        drain_and_resolve(*s);
    Locked lock(*s);
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
        {"service_ns", static_cast<double>(s->service_cpu_ns.load() + s->ticker_cpu_ns.load())},
        {"dropped", static_cast<double>(h.dropped.load())},
        {"dropped_cpu_ns", static_cast<double>(h.dropped_cpu_ns.load())},
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

#include <Python.h>

#include "probe/sampler.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

#include "codec/profile.hpp"
#include "layout/layout.h"
#include "probe/aggregate.hpp"
#include "probe/code_keeper.hpp"
#include "probe/labels.hpp"
#include "probe/safe_read.hpp"
#include "probe/sample_ring.hpp"
#include "probe/stack_walk.hpp"
#include "probe/threads.hpp"

namespace whet::probe {
namespace {

constexpr int64_t SECOND = 1'000'000'000;
constexpr int64_t DRAIN_INTERVAL = SECOND / 10;
constexpr int DRAINS_PER_RESCAN = 10;
constexpr size_t SMALL_RING = size_t{1} << 20, LARGE_RING = size_t{1} << 23;

// What the signal handler writes. Only additions, so relaxed atomics do.
struct HandlerCounters {
    std::atomic<uint64_t> signals{0}, dropped{0}, strangers{0}, unguarded{0};
    std::atomic<int64_t> handler_ns{0}, dropped_cpu_ns{0};
};
std::atomic<int> handlers_running{0};

struct Session {
    Session(const SamplerOptions &o, const whet_layout &layout, size_t ring_bytes)
        : options(o), walker(layout, reinterpret_cast<uintptr_t>(&PyCode_Type)), ring(ring_bytes) {
        sem_init(&wake, 0, 0);
    }

    SamplerOptions options;
    StackWalker walker;
    SampleRing ring;
    uintptr_t main_interpreter = reinterpret_cast<uintptr_t>(PyInterpreterState_Main());
    HandlerCounters counters;
    sem_t wake;
    std::atomic<bool> stopping{false};

    std::mutex mutex; // guards aggregate and the consumer end of the ring; see Locked
    Aggregate aggregate;

    pthread_t service{}, ticker{};
    bool has_service = false, has_ticker = false, wants_ticker = false;
    std::atomic<pid_t> service_tid{0}, ticker_tid{0};
    std::atomic<int64_t> service_cpu_ns{0}, ticker_cpu_ns{0};

    struct sigaction signal_before{};
    int signal = 0;
    std::atomic<uint64_t> signal_changes{0};
    int64_t started_wall_ns = 0, started_mono_ns = 0, stopped_mono_ns = 0;
    int64_t started_cpu_ns = 0, stopped_cpu_ns = 0;
};

std::atomic<Session *> active{nullptr}; // what the handler sees
Session *last = nullptr;                // under the GIL: running or stopped, for reading

pid_t own_tid() { return static_cast<pid_t>(syscall(SYS_gettid)); }

// ---- the signal handler -------------------------------------------------------------------

struct Taken {
    uint32_t flags = 0;
    uint32_t frames = 0;
    uintptr_t leaf = 0;
};

// First walk: find a leaf from which the whole stack can be read, and count the frames.
Taken measure_stack(const Session &s, const Reader &reader, uintptr_t tstate) {
    Taken taken;
    if (!tstate) {
        taken.flags = RECORD_NATIVE;
        return taken;
    }
    uintptr_t interpreter;
    if (!reader.word(&interpreter, tstate + s.walker.layout().tstate_interp)) {
        taken.flags = RECORD_REJECTED;
        return taken;
    }
    if (interpreter != s.main_interpreter) {
        taken.flags = RECORD_FOREIGN;
        return taken;
    }
    auto count = [&](uintptr_t leaf) {
        taken.frames = 0;
        taken.leaf = leaf;
        return s.walker.walk(reader, leaf, s.options.max_frames, [&](const Frame &) { ++taken.frames; });
    };
    bool readable;
    uintptr_t leaf = s.walker.leaf(reader, tstate, &readable);
    Walk result = readable ? count(leaf) : Walk::rejected;
    if (result == Walk::rejected) {
        if (uintptr_t caller = s.walker.leaf_before(reader, tstate))
            result = count(caller);
    }
    if (result == Walk::rejected) {
        taken.frames = 0;
        taken.flags = RECORD_REJECTED;
    } else if (result == Walk::empty) {
        taken.flags = RECORD_NATIVE;
    } else if (result == Walk::truncated) {
        taken.flags = RECORD_TRUNCATED;
    }
    return taken;
}

void take_sample(Session &s, ThreadSlot *slot, int64_t cpu_ns) {
    bool guarded = fault_guard_is_ours();
    if (!guarded)
        s.counters.unguarded.fetch_add(1, std::memory_order_relaxed);
    Reader reader(guarded);
    // Reads one pthread-specific value (3.11-3.14) or thread-local variable (3.15).
    auto tstate = reinterpret_cast<uintptr_t>(PyGILState_GetThisThreadState());
    Taken taken = measure_stack(s, reader, tstate);
    size_t bytes = Record::size_for(taken.frames);
    Record *record = s.ring.reserve(bytes);
    if (!record) {
        s.counters.dropped.fetch_add(1, std::memory_order_relaxed);
        s.counters.dropped_cpu_ns.fetch_add(cpu_ns, std::memory_order_relaxed);
        sem_post(&s.wake);
        return;
    }
    record->flags = taken.flags;
    record->thread_slot = static_cast<uint32_t>(slot - ThreadTable::instance().slots());
    record->thread_serial = slot->serial;
    record->label_set = tstate && !(taken.flags & RECORD_FOREIGN)
                            ? labels_current(s.walker.layout(), reader, tstate)
                            : NO_LABELS;
    record->frame_count = taken.frames;
    record->cpu_ns = cpu_ns;
    // Second walk: the stack is the same, this thread has done nothing in between.
    if (taken.frames) {
        Frame *to = record->frames();
        s.walker.walk(reader, taken.leaf, taken.frames, [&](const Frame &frame) { *to++ = frame; });
    }
    s.ring.commit(record, bytes);
    bool first = slot->samples.fetch_add(1, std::memory_order_relaxed) == 0;
    if (first || s.ring.filling())
        sem_post(&s.wake);
}

void on_signal(int, siginfo_t *info, void *) {
    int saved_errno = errno;
    handlers_running.fetch_add(1);
    Session *s = active.load();
    auto *slot = static_cast<ThreadSlot *>(info->si_value.sival_ptr);
    bool by_timer = info->si_code == SI_TIMER;
    ThreadTable &table = ThreadTable::instance();
    if (s && (by_timer || info->si_code == SI_QUEUE) && table.owns(slot) &&
        slot->state.load(std::memory_order_acquire) == SlotState::live && slot->tid == own_tid()) {
        int64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        int64_t used = begin - slot->charged_until_ns;
        // Timer and ticker may both be due; one sample is enough.
        bool due = used >= table.plan().period_ns / 4;
        if (due)
            take_sample(*s, slot, used);
        if (by_timer)
            table.arm(slot);
        int64_t end = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        // The handler's own time is charged to nobody.
        if (due)
            slot->charged_until_ns = end;
        s->counters.signals.fetch_add(1, std::memory_order_relaxed);
        s->counters.handler_ns.fetch_add(end - begin, std::memory_order_relaxed);
    } else if (s) {
        s->counters.strangers.fetch_add(1, std::memory_order_relaxed);
    }
    handlers_running.fetch_sub(1);
    errno = saved_errno;
}

// ---- the signal -----------------------------------------------------------------------------

bool is_ours(const struct sigaction &action) {
    return (action.sa_flags & SA_SIGINFO) && action.sa_sigaction == on_signal;
}

// SIGURG first: its default action is to be ignored, so a late signal can hurt nobody, not even
// across exec. SIGPROF stays free for programs that use it themselves.
int free_signal() {
    std::vector<int> candidates{SIGURG, SIGPROF};
    for (int s = SIGRTMAX; s > SIGRTMIN + 4; --s)
        candidates.push_back(s);
    for (int signal : candidates) {
        struct sigaction now{};
        if (sigaction(signal, nullptr, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
            now.sa_handler == SIG_DFL)
            return signal;
    }
    return 0;
}

bool take_signal(Session &s) {
    s.signal = free_signal();
    if (!s.signal)
        return false;
    struct sigaction ours{};
    ours.sa_sigaction = on_signal;
    ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    return sigaction(s.signal, &ours, &s.signal_before) == 0;
}

void give_signal_back(Session &s) {
    struct sigaction now{};
    if (sigaction(s.signal, nullptr, &now) != 0 || !is_ours(now))
        return;
    // Ignoring a signal discards the pending ones in all threads.
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(s.signal, &ignore, nullptr);
    sigaction(s.signal, &s.signal_before, nullptr);
}

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

// ---- service thread: drains, resolves, watches ------------------------------------------------

void drain(Session &s) {
    std::lock_guard lock(s.mutex);
    s.ring.consume([&](const Record &record) { s.aggregate.add(record); });
}

// Holds the session's mutex, taken by a thread that has the GIL without ever waiting with it.
class Locked {
  public:
    explicit Locked(Session &s) : mutex_(s.mutex) {
        if (mutex_.try_lock())
            return;
        Py_BEGIN_ALLOW_THREADS;
        mutex_.lock();
        Py_END_ALLOW_THREADS;
    }
    ~Locked() { mutex_.unlock(); }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;

  private:
    std::mutex &mutex_;
};

// With the GIL: everything that is in the ring becomes part of the aggregate. The collector is
// off meanwhile: a finalizer run from an allocation of ours could come back here.
void drain_and_resolve(Session &s) {
    uint64_t consumed;
    int collecting = PyGC_Disable();
    {
        Locked lock(s);
        s.ring.consume([&](const Record &record) { s.aggregate.add(record); });
        s.aggregate.resolve();
        consumed = s.ring.tail();
    }
    if (collecting)
        PyGC_Enable();
    code_keeper_release(consumed);
}

// The program took our signal for itself: leave it to them and go on with another one.
void keep_signal(Session &s) {
    struct sigaction now{};
    if (sigaction(s.signal, nullptr, &now) != 0 || is_ours(now))
        return;
    TimerPlan plan = ThreadTable::instance().plan();
    ThreadTable::instance().close();
    s.signal_changes.fetch_add(1);
    if (!take_signal(s))
        return;
    plan.signal = s.signal;
    ThreadTable::instance().open(plan);
}

bool unresolved(Session &s) {
    std::lock_guard lock(s.mutex);
    return s.aggregate.has_unresolved();
}

// How many threads the process has, give or take a constant: a cheap sign that one came by another
// way than the redirected pthread_create (libraries loaded later have their own entry for it).
nlink_t process_threads() {
    struct stat status{};
    return stat("/proc/self/task", &status) == 0 ? status.st_nlink : 0;
}

// The service thread's own Python thread state, made when it is first needed.
class ServicePython {
  public:
    void enter() {
        if (tstate_)
            PyEval_RestoreThread(tstate_);
        else
            gil_ = PyGILState_Ensure();
    }
    void leave() { tstate_ = PyEval_SaveThread(); }
    ~ServicePython() {
        if (!tstate_)
            return;
        PyEval_RestoreThread(tstate_);
        PyGILState_Release(gil_);
    }

  private:
    PyThreadState *tstate_ = nullptr;
    PyGILState_STATE gil_{};
};

void *service_main(void *data) {
    auto &s = *static_cast<Session *>(data);
    prctl(PR_SET_NAME, "whet-service");
    s.service_tid.store(own_tid());
    ThreadTable::instance().exclude(own_tid());
    ServicePython python;
    const int64_t cpu_before_ns = s.service_cpu_ns.load(); // of threads before a pause
    int drains = 0;
    nlink_t threads = 0;
    while (!s.stopping.load(std::memory_order_acquire)) {
        timespec until{};
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += DRAIN_INTERVAL;
        if (until.tv_nsec >= SECOND)
            until.tv_sec += 1, until.tv_nsec -= SECOND;
        sem_clockwait(&s.wake, CLOCK_MONOTONIC, &until);
        while (sem_trywait(&s.wake) == 0) {
        }
        if (s.stopping.load(std::memory_order_acquire))
            break;
        drain(s);
        if (unresolved(s) || code_keeper_has_work()) {
            python.enter();
            drain_and_resolve(s);
            python.leave();
        }
        bool time_to_look = ++drains % DRAINS_PER_RESCAN == 0;
        if (nlink_t now = process_threads(); now != threads || time_to_look) {
            threads = now;
            ThreadTable::instance().rescan();
        }
        if (time_to_look) {
            ThreadTable::instance().recycle();
            keep_signal(s);
        }
        s.service_cpu_ns.store(cpu_before_ns + clock_ns(CLOCK_THREAD_CPUTIME_ID), std::memory_order_relaxed);
    }
    s.service_cpu_ns.store(cpu_before_ns + clock_ns(CLOCK_THREAD_CPUTIME_ID), std::memory_order_relaxed);
    return nullptr;
}

// ---- ticker thread: rates above the kernel's tick ---------------------------------------------

void send_tick(const TimerPlan &plan, ThreadSlot &slot) {
    siginfo_t info{};
    info.si_signo = plan.signal;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = &slot;
    syscall(SYS_rt_tgsigqueueinfo, getpid(), slot.tid, plan.signal, &info);
}

// Signal the threads that have been running since the last tick. A thread that is blocked is
// left alone: a sample taken while it waits would blame the wait for the work before it.
void tick(ThreadTable &table, int64_t elapsed_ns, uint64_t round) {
    for (size_t i = 0; i < table.high_water(); ++i) {
        ThreadSlot &slot = table.slots()[i];
        if (slot.state.load(std::memory_order_acquire) != SlotState::live)
            continue;
        // Threads that have slept for long are looked at less often.
        if (slot.idle_ticks > 64 && (round + i) % 16 != 0)
            continue;
        int64_t cpu = clock_ns(slot.clock);
        int64_t used = cpu - slot.ticked_cpu_ns;
        slot.ticked_cpu_ns = cpu;
        if (used <= 0) {
            ++slot.idle_ticks;
        } else {
            bool was_idle = slot.idle_ticks > 64;
            slot.idle_ticks = 0;
            if (!was_idle && used * 2 >= elapsed_ns)
                send_tick(table.plan(), slot);
        }
    }
}

void *ticker_main(void *data) {
    auto &s = *static_cast<Session *>(data);
    prctl(PR_SET_NAME, "whet-ticker");
    prctl(PR_SET_TIMERSLACK, 1UL);
    ThreadTable &table = ThreadTable::instance();
    s.ticker_tid.store(own_tid());
    table.exclude(own_tid());
    const int64_t cpu_before_ns = s.ticker_cpu_ns.load();
    uint64_t random = static_cast<uint64_t>(clock_ns(CLOCK_MONOTONIC)) | 1;
    int64_t before = clock_ns(CLOCK_MONOTONIC), due = before;
    for (uint64_t round = 0; !s.stopping.load(std::memory_order_acquire); ++round) {
        double jitter = 0.75 + 0.5 * draw(&random);
        due += static_cast<int64_t>(jitter * static_cast<double>(table.plan().period_ns));
        timespec until{due / SECOND, due % SECOND};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        tick(table, now - before, round);
        before = now;
        due = std::max(due, now - table.plan().period_ns);
        if (round % 64 == 0)
            s.ticker_cpu_ns.store(cpu_before_ns + clock_ns(CLOCK_THREAD_CPUTIME_ID),
                                  std::memory_order_relaxed);
    }
    s.ticker_cpu_ns.store(cpu_before_ns + clock_ns(CLOCK_THREAD_CPUTIME_ID), std::memory_order_relaxed);
    return nullptr;
}

// Start one of our own threads: no signal is ever delivered to it.
bool start_thread(pthread_t *thread, void *(*routine)(void *), Session *s) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    bool ok = pthread_create(thread, &attributes, routine, s) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return ok;
}

// With the GIL: start those of our threads that do not run.
bool start_own_threads(Session &s) {
    s.stopping.store(false, std::memory_order_release);
    if (!s.has_service)
        s.has_service = start_thread(&s.service, service_main, &s);
    if (!s.has_ticker && s.wants_ticker)
        s.has_ticker = start_thread(&s.ticker, ticker_main, &s);
    return s.has_service && s.has_ticker == s.wants_ticker;
}

// A joined thread is in the kernel's books for some microseconds more.
void wait_until_gone(pid_t tid) {
    const int64_t give_up = clock_ns(CLOCK_MONOTONIC) + SECOND / 10;
    while (tid && syscall(SYS_tgkill, getpid(), tid, 0) == 0 && clock_ns(CLOCK_MONOTONIC) < give_up)
        sched_yield();
}

// With the GIL, which is given up meanwhile: end our threads and wait until they are gone.
void end_own_threads(Session &s) {
    bool service = std::exchange(s.has_service, false), ticker = std::exchange(s.has_ticker, false);
    s.stopping.store(true, std::memory_order_release);
    sem_post(&s.wake);
    Py_BEGIN_ALLOW_THREADS;
    if (service)
        pthread_join(s.service, nullptr);
    if (ticker)
        pthread_join(s.ticker, nullptr);
    wait_until_gone(s.service_tid.exchange(0));
    wait_until_gone(s.ticker_tid.exchange(0));
    Py_END_ALLOW_THREADS;
    ThreadTable::instance().include_all();
}

// ---- fork -------------------------------------------------------------------------------------

// No sample is taken while fork copies the process (old kernels restart fork on every signal).
thread_local sigset_t mask_before_fork __attribute__((tls_model("initial-exec")));

void before_fork() {
    sigset_t ours;
    sigemptyset(&ours);
    if (Session *s = active.load())
        sigaddset(&ours, s->signal);
    pthread_sigmask(SIG_BLOCK, &ours, &mask_before_fork);
}

void after_fork_in_parent() { pthread_sigmask(SIG_SETMASK, &mask_before_fork, nullptr); }

// The child is not measured: timers do not survive fork, and neither do our threads. Everything
// is put back as it was; the parent's session is left where it lies.
void after_fork_in_child() {
    if (Session *s = active.exchange(nullptr)) {
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

bool sampler_running() { return active.load() != nullptr; }

std::string sampler_start(const SamplerOptions &options) {
    if (active.load())
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
    active.store(&now);
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
    Session *s = active.load();
    if (!s)
        return;
    ThreadTable::instance().close();
    s->stopped_mono_ns = clock_ns(CLOCK_MONOTONIC);
    s->stopped_cpu_ns = process_cpu_ns();
    active.store(nullptr);
    end_own_threads(*s);
    Py_BEGIN_ALLOW_THREADS;
    while (handlers_running.load() != 0)
        sched_yield();
    Py_END_ALLOW_THREADS;
    give_signal_back(*s);
    fault_guard_remove();
    drain_and_resolve(*s);
    code_keeper_remove();
}

void sampler_pause_threads() {
    if (Session *s = active.load())
        end_own_threads(*s);
}

void sampler_resume_threads() {
    if (Session *s = active.load())
        start_own_threads(*s);
}

std::string sampler_profile(const std::vector<std::string> &comments) {
    Session *s = last;
    if (!s)
        return {};
    if (active.load() == s)
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
    if (active.load() == s)
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

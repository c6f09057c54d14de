#include <Python.h>

#include "probe/cpu/session.hpp"

#include <sys/stat.h>

#include "probe/common/locked.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/cpu/signal_handler.hpp"
#include "probe/cpu/threads.hpp"
#include "probe/cpu/ticker.hpp"

namespace whet::probe {
namespace {

constexpr uint64_t DRAINS_PER_LOOK = 10;

// No sample is taken while fork copies the process (old kernels restart fork on every signal).
thread_local sigset_t mask_before_fork __attribute__((tls_model("initial-exec")));

// How many threads the process has, give or take a constant: a cheap sign that one came by another
// way than the redirected pthread_create (libraries loaded later have their own entry for it).
uint64_t process_threads() {
    struct stat status{};
    return stat("/proc/self/task", &status) == 0 ? status.st_nlink : 0;
}

} // namespace

std::atomic<Session *> active_session{nullptr};

Session::Session(const SamplerOptions &o, const whet_layout &layout, size_t ring_bytes)
    : options(o), walker(layout, o.max_frames), ring(ring_bytes) {}

void Session::drain() {
    {
        std::lock_guard lock(mutex);
        ring.consume([&](const Record &record) { aggregate.add(record); });
    }
    watch_threads();
}

bool Session::wants_python() {
    std::lock_guard lock(mutex);
    return aggregate.has_unresolved();
}

void Session::resolve() {
    Locked lock(mutex);
    ring.consume([&](const Record &record) { aggregate.add(record); });
    aggregate.resolve();
    resolved_until_ = ring.tail();
}

void Session::forget_code(uintptr_t code) {
    Locked lock(mutex);
    aggregate.forget_code(code);
}

bool Session::start_threads() {
    stopping.store(false, std::memory_order_release);
    return !wants_ticker || ticker.start("whet-ticker", ticker_main, this);
}

void Session::end_threads() {
    stopping.store(true, std::memory_order_release);
    ticker.end();
}

void Session::before_fork() {
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, signal);
    pthread_sigmask(SIG_BLOCK, &ours, &mask_before_fork);
}

void Session::after_fork_in_parent() { pthread_sigmask(SIG_SETMASK, &mask_before_fork, nullptr); }

// Timers do not survive fork.
void Session::after_fork_in_child() {
    active_session.store(nullptr);
    ThreadTable::instance().forget_after_fork();
    give_signal_back(*this);
    sampler_forget_after_fork();
    pthread_sigmask(SIG_SETMASK, &mask_before_fork, nullptr);
}

void Session::watch_threads() {
    bool time_to_look = ++drains_ % DRAINS_PER_LOOK == 0;
    if (uint64_t now = process_threads(); now != threads_seen_ || time_to_look) {
        threads_seen_ = now;
        ThreadTable::instance().rescan();
    }
    if (time_to_look) {
        ThreadTable::instance().recycle();
        keep_signal();
    }
}

// The program took our signal for itself: leave it to them and go on with another one.
void Session::keep_signal() {
    if (signal_is_ours(*this))
        return;
    TimerPlan plan = ThreadTable::instance().plan();
    ThreadTable::instance().close();
    signal_changes.fetch_add(1);
    if (!take_signal(*this))
        return;
    plan.signal = signal;
    ThreadTable::instance().open(plan);
}

} // namespace whet::probe

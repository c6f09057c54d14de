#include <Python.h>

#include "probe/service.hpp"

#include <ctime>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "probe/code_keeper.hpp"
#include "probe/signal_handler.hpp"
#include "probe/threads.hpp"

namespace whet::probe {
namespace {

constexpr int64_t DRAIN_INTERVAL = SECOND / 10;
constexpr int DRAINS_PER_RESCAN = 10;

void drain(Session &s) {
    std::lock_guard lock(s.mutex);
    s.ring.consume([&](const Record &record) { s.aggregate.add(record); });
}

// The program took our signal for itself: leave it to them and go on with another one.
void keep_signal(Session &s) {
    if (signal_is_ours(s))
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

} // namespace

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

} // namespace whet::probe

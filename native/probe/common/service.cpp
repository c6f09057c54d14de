#include <Python.h>

#include "probe/common/service.hpp"

#include <array>
#include <csignal>
#include <ctime>
#include <mutex>
#include <pthread.h>
#include <semaphore.h>

#include "probe/common/clock.hpp"
#include "probe/common/code_keeper.hpp"
#include "probe/common/got.hpp"
#include "probe/common/loads.hpp"
#include "probe/common/memory_fails.hpp"
#include "probe/common/own_threads.hpp"
#include "probe/common/safe_read.hpp"
#include "probe/common/thread_names.hpp"
#include "probe/cpu/threads.hpp"

namespace whet::probe {
namespace {

constexpr int64_t DRAIN_INTERVAL = SECOND / 10, UNHURRIED_INTERVAL = SECOND / 4;

// Changed with the GIL and only while the service thread does not run.
std::array<Collector *, MAX_COLLECTORS> collectors{};
OwnThread service;
std::atomic<bool> stopping{false};
std::atomic<int64_t> drain_interval{DRAIN_INTERVAL};
sem_t wake;

// Threads end without the GIL; until they have, and others run again, nobody else ends or starts any.
// Replaced in a forked child: whoever held it did not come along.
std::mutex *changing = new std::mutex;

class Changing {
  public:
    // Needs the GIL, and may let go of it meanwhile.
    Changing() : held_(changing) {
        if (held_->try_lock())
            return;
        Py_BEGIN_ALLOW_THREADS;
        held_->lock();
        Py_END_ALLOW_THREADS;
    }
    ~Changing() { held_->unlock(); }
    Changing(const Changing &) = delete;
    Changing &operator=(const Changing &) = delete;

  private:
    std::mutex *held_;
};

template <class Use> void each_collector(Use use) {
    for (Collector *collector : collectors)
        if (collector)
            use(*collector);
}

bool any_collector() {
    bool found = false;
    each_collector([&](Collector &) { found = true; });
    return found;
}

// Charges each collector the CPU time of its own calls and an equal part of the rest.
class Account {
  public:
    void begin_round() { ns_.fill(0); }
    template <class Call> void charge(size_t place, Call call) {
        int64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        call();
        ns_[place] += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
    }
    void end_round() {
        int64_t now = clock_ns(CLOCK_THREAD_CPUTIME_ID), own = 0, served = 0;
        for (size_t i = 0; i < MAX_COLLECTORS; ++i)
            own += ns_[i], served += collectors[i] != nullptr;
        int64_t rest = served ? (now - until_ns_ - own) / served : 0;
        until_ns_ = now;
        for (size_t i = 0; i < MAX_COLLECTORS; ++i)
            if (collectors[i])
                collectors[i]->service_ns.fetch_add(ns_[i] + rest, std::memory_order_relaxed);
    }

  private:
    std::array<int64_t, MAX_COLLECTORS> ns_{};
    int64_t until_ns_ = 0; // this thread's CPU time that is charged already
};

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
    // No destructor: a Python that is being finalized ends the thread in enter() by unwinding it,
    // and must not be entered again.
    void end() {
        if (!tstate_)
            return;
        PyEval_RestoreThread(tstate_);
        PyGILState_Release(gil_);
    }

  private:
    PyThreadState *tstate_ = nullptr;
    PyGILState_STATE gil_{};
};

// The garbage collector is off meanwhile: a finalizer run from an allocation of ours could come
// back here.
template <class Resolve> void resolve_with(Resolve resolve) {
    int collecting = PyGC_Disable();
    for (size_t i = 0; i < MAX_COLLECTORS; ++i)
        if (collectors[i])
            unless_memory_fails([&] { resolve(i, *collectors[i]); });
    if (collecting)
        PyGC_Enable();
    code_keeper_release();
}

void wait_for_work() {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += drain_interval.load(std::memory_order_relaxed);
    if (until.tv_nsec >= SECOND)
        until.tv_sec += 1, until.tv_nsec -= SECOND;
    sem_clockwait(&wake, CLOCK_MONOTONIC, &until);
    while (sem_trywait(&wake) == 0) {
    }
}

void *service_main(void *) {
    ServicePython python;
    Account account;
    while (!stopping.load(std::memory_order_acquire)) {
        wait_for_work();
        if (stopping.load(std::memory_order_acquire))
            break;
        account.begin_round();
        bool wanted = code_keeper_has_work();
        for (size_t i = 0; i < MAX_COLLECTORS; ++i)
            if (Collector *collector = collectors[i])
                account.charge(i, [&] {
                    unless_memory_fails([&] { collector->drain(); });
                    wanted |= collector->wants_python();
                });
        if (wanted) {
            python.enter();
            resolve_with([&](size_t place, Collector &c) { account.charge(place, [&] { c.resolve(); }); });
            python.leave();
        }
        account.end_round();
    }
    python.end();
    return nullptr;
}

// ---- fork -------------------------------------------------------------------------------------

void before_fork() {
    each_collector([](Collector &c) { c.before_fork(); });
    got_before_fork();
}

void after_fork_in_parent() {
    got_after_fork_in_parent();
    each_collector([](Collector &c) { c.after_fork_in_parent(); });
}

// Our threads do not survive fork; the collectors' state is left where it lies.
void after_fork_in_child() {
    got_after_fork_in_child();
    changing = new std::mutex;
    if (!any_collector())
        return;
    this_thread() = {};
    each_collector([](Collector &c) { c.after_fork_in_child(); });
    ThreadTable::instance().forget_after_fork();
    loads_forget_after_fork();
    collectors.fill(nullptr);
    code_keeper_forget_after_fork();
    fault_guard_forget_after_fork();
    service.forget_after_fork();
}

void prepare_once() {
    // Made before the service thread asks for it: a fork in the middle of making it would leave it
    // half made in the child.
    ThreadTable::instance();
    static bool prepared = sem_init(&wake, 0, 0) == 0 &&
                           pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    (void)prepared;
}

// ---- the threads' beginning and end, by whoever is Changing ----------------------------------------

void end_threads() {
    stopping.store(true, std::memory_order_release);
    service_wake();
    Py_BEGIN_ALLOW_THREADS;
    service.end();
    each_collector([](Collector &c) { c.end_threads(); });
    Py_END_ALLOW_THREADS;
}

bool start_threads() {
    if (!any_collector())
        return true;
    stopping.store(false, std::memory_order_release);
    bool ok = service.start("whet-service", service_main, nullptr);
    each_collector([&](Collector &c) { ok &= c.start_threads(); });
    return ok;
}

void remove(const Collector &collector) {
    end_threads();
    for (size_t i = 0; i < MAX_COLLECTORS; ++i)
        if (collectors[i] == &collector) {
            collectors[i] = nullptr;
            code_keeper_forget_place(i);
        }
    if (any_collector()) {
        start_threads();
        return;
    }
    drain_interval.store(DRAIN_INTERVAL, std::memory_order_relaxed);
    code_keeper_remove();
}

PyObject *end_threads_at_exit(PyObject *, PyObject *) {
    service_pause();
    Py_RETURN_NONE;
}

PyMethodDef at_exit = {"whet_at_exit", end_threads_at_exit, METH_NOARGS, "end the collectors' threads"};

// A thread that asks a finalizing interpreter for the GIL is killed where it stands, in the middle of
// C++; so ours end before. What is registered first runs last: collecting goes on until then.
void end_with_interpreter() {
    static bool registered = false;
    if (registered)
        return;
    registered = true;
    PyObject *module = PyImport_ImportModule("atexit");
    PyObject *function = PyCFunction_New(&at_exit, nullptr);
    PyObject *result = module && function ? PyObject_CallMethod(module, "register", "O", function) : nullptr;
    Py_XDECREF(result);
    Py_XDECREF(function);
    Py_XDECREF(module);
    PyErr_Clear();
}

} // namespace

Collector *service_collector(size_t place) { return collectors[place]; }

bool service_join(Collector &collector) {
    prepare_once();
    end_with_interpreter();
    Changing changing;
    end_threads();
    for (Collector *&place : collectors)
        if (!place) {
            place = &collector;
            break;
        }
    code_keeper_install();
    if (start_threads())
        return true;
    remove(collector);
    return false;
}

void service_leave(Collector &collector) {
    Changing changing;
    remove(collector);
}

void service_pause() {
    Changing changing;
    end_threads();
}

bool service_resume() {
    Changing changing;
    return start_threads();
}

void service_resolve() {
    resolve_with([](size_t, Collector &c) { c.resolve(); });
}

void service_take_time() { drain_interval.store(UNHURRIED_INTERVAL, std::memory_order_relaxed); }

void service_wake() { sem_post(&wake); }

} // namespace whet::probe

#include <Python.h>

#include "probe/own_threads.hpp"

#include <csignal>
#include <pthread.h>
#include <sched.h>
#include <utility>

#include "probe/service.hpp"
#include "probe/threads.hpp"
#include "probe/ticker.hpp"

namespace whet::probe {
namespace {

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

// A joined thread is in the kernel's books for some microseconds more.
void wait_until_gone(pid_t tid) {
    const int64_t give_up = clock_ns(CLOCK_MONOTONIC) + SECOND / 10;
    while (tid && syscall(SYS_tgkill, getpid(), tid, 0) == 0 && clock_ns(CLOCK_MONOTONIC) < give_up)
        sched_yield();
}

} // namespace

bool start_own_threads(Session &s) {
    s.stopping.store(false, std::memory_order_release);
    if (!s.has_service)
        s.has_service = start_thread(&s.service, service_main, &s);
    if (!s.has_ticker && s.wants_ticker)
        s.has_ticker = start_thread(&s.ticker, ticker_main, &s);
    return s.has_service && s.has_ticker == s.wants_ticker;
}

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

} // namespace whet::probe

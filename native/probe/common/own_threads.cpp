#include "probe/common/own_threads.hpp"

#include <csignal>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/common/clock.hpp"
#include "probe/common/thread_names.hpp"
#include "probe/cpu/threads.hpp"

namespace whet::probe {
namespace {

// For what takes some microseconds.
template <class Condition> void yield_until(Condition done) {
    const int64_t give_up = clock_ns(CLOCK_MONOTONIC) + SECOND / 10;
    while (!done() && clock_ns(CLOCK_MONOTONIC) < give_up)
        sched_yield();
}

// From here on, files that the calling thread opens are its own. Nothing is copied, so no pipe of the
// program's stays open in it. Linux before 5.9 has no such call; then they are shared as ever.
void have_own_files() {
    constexpr long CLOSE_RANGE = 436; // not in every <sys/syscall.h>; the same on all architectures
    constexpr unsigned UNSHARE = 2;
    syscall(CLOSE_RANGE, 0u, ~0u, UNSHARE);
}

} // namespace

void own_thread_begin() {
    ThisThread &self = this_thread();
    self.ours = true;
    ThreadTable::instance().exclude(self.tid);
}

void own_thread_end() { ThreadTable::instance().include(this_thread().tid); }

bool OwnThread::start(const char *name, Routine *routine, void *argument) {
    if (there_)
        return true;
    name_ = name;
    routine_ = routine;
    argument_ = argument;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    there_ = pthread_create(&thread_, &attributes, main, this) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (there_)
        yield_until([&] { return tid_.load() != 0; });
    return there_;
}

void *OwnThread::main(void *self) {
    auto &thread = *static_cast<OwnThread *>(self);
    prctl(PR_SET_NAME, thread.name_);
    have_own_files();
    own_thread_begin();
    thread.tid_.store(this_thread().tid);
    return thread.routine_(thread.argument_);
}

void OwnThread::end() {
    if (!there_)
        return;
    there_ = false;
    pthread_join(thread_, nullptr);
    pid_t tid = tid_.exchange(0);
    // A joined thread is in the kernel's books for some microseconds more.
    yield_until([tid] { return !tid || syscall(SYS_tgkill, getpid(), tid, 0) != 0; });
    ThreadTable::instance().include(tid);
}

void OwnThread::forget_after_fork() {
    there_ = false;
    tid_.store(0);
}

} // namespace whet::probe

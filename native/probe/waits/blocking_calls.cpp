#include "probe/waits/blocking_calls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <tuple>
#include <type_traits>
#include <unistd.h>

#include "probe/common/got.hpp"
#include "probe/common/loads.hpp"
#include "probe/waits/blocking_gil.hpp"
#include "probe/waits/blocking_locks.hpp"
#include "probe/waits/blocking_record.hpp"

namespace whet::probe {
namespace {

// Name, what it does, type. Functions that take an `int` file descriptor have it first.
#define WHET_BLOCKING_CALLS(X)                                                                               \
    X(sem_wait, semaphore, int(sem_t *))                                                                     \
    X(sem_timedwait, semaphore, int(sem_t *, const timespec *))                                              \
    X(sem_clockwait, semaphore, int(sem_t *, clockid_t, const timespec *))                                   \
    X(pthread_cond_clockwait, condition,                                                                     \
      int(pthread_cond_t *, pthread_mutex_t *, clockid_t, const timespec *))                                 \
    X(pthread_mutex_timedlock, mutex, int(pthread_mutex_t *, const timespec *))                              \
    X(pthread_mutex_clocklock, mutex, int(pthread_mutex_t *, clockid_t, const timespec *))                   \
    X(pthread_rwlock_rdlock, mutex, int(pthread_rwlock_t *))                                                 \
    X(pthread_rwlock_wrlock, mutex, int(pthread_rwlock_t *))                                                 \
    X(pthread_barrier_wait, condition, int(pthread_barrier_t *))                                             \
    X(pthread_join, join, int(pthread_t, void **))                                                           \
    X(pthread_timedjoin_np, join, int(pthread_t, void **, const timespec *))                                 \
    X(pthread_clockjoin_np, join, int(pthread_t, void **, clockid_t, const timespec *))                      \
    X(poll, poll, int(pollfd *, nfds_t, int))                                                                \
    X(ppoll, poll, int(pollfd *, nfds_t, const timespec *, const sigset_t *))                                \
    X(__poll_chk, poll, int(pollfd *, nfds_t, int, size_t))                                                  \
    X(epoll_wait, select, int(int, epoll_event *, int, int))                                                 \
    X(epoll_pwait, select, int(int, epoll_event *, int, int, const sigset_t *))                              \
    X(epoll_pwait2, select, int(int, epoll_event *, int, const timespec *, const sigset_t *))                \
    X(select, select, int(int, fd_set *, fd_set *, fd_set *, timeval *))                                     \
    X(pselect, select, int(int, fd_set *, fd_set *, fd_set *, const timespec *, const sigset_t *))           \
    X(read, fd_read, ssize_t(int, void *, size_t))                                                           \
    X(__read_chk, fd_read, ssize_t(int, void *, size_t, size_t))                                             \
    X(pread, fd_read, ssize_t(int, void *, size_t, off_t))                                                   \
    X(pread64, fd_read, ssize_t(int, void *, size_t, off64_t))                                               \
    X(readv, fd_read, ssize_t(int, const iovec *, int))                                                      \
    X(preadv, fd_read, ssize_t(int, const iovec *, int, off_t))                                              \
    X(preadv64, fd_read, ssize_t(int, const iovec *, int, off64_t))                                          \
    X(preadv64v2, fd_read, ssize_t(int, const iovec *, int, off64_t, int))                                   \
    X(recv, fd_read, ssize_t(int, void *, size_t, int))                                                      \
    X(__recv_chk, fd_read, ssize_t(int, void *, size_t, size_t, int))                                        \
    X(recvfrom, fd_read, ssize_t(int, void *, size_t, int, sockaddr *, socklen_t *))                         \
    X(__recvfrom_chk, fd_read, ssize_t(int, void *, size_t, size_t, int, sockaddr *, socklen_t *))           \
    X(recvmsg, fd_read, ssize_t(int, msghdr *, int))                                                         \
    X(recvmmsg, fd_read, int(int, mmsghdr *, unsigned, int, timespec *))                                     \
    X(write, fd_write, ssize_t(int, const void *, size_t))                                                   \
    X(pwrite, fd_write, ssize_t(int, const void *, size_t, off_t))                                           \
    X(pwrite64, fd_write, ssize_t(int, const void *, size_t, off64_t))                                       \
    X(writev, fd_write, ssize_t(int, const iovec *, int))                                                    \
    X(pwritev, fd_write, ssize_t(int, const iovec *, int, off_t))                                            \
    X(pwritev64, fd_write, ssize_t(int, const iovec *, int, off64_t))                                        \
    X(pwritev64v2, fd_write, ssize_t(int, const iovec *, int, off64_t, int))                                 \
    X(send, fd_write, ssize_t(int, const void *, size_t, int))                                               \
    X(sendto, fd_write, ssize_t(int, const void *, size_t, int, const sockaddr *, socklen_t))                \
    X(sendmsg, fd_write, ssize_t(int, const msghdr *, int))                                                  \
    X(sendmmsg, fd_write, int(int, mmsghdr *, unsigned, int))                                                \
    X(sendfile, fd_write, ssize_t(int, int, off_t *, size_t))                                                \
    X(sendfile64, fd_write, ssize_t(int, int, off64_t *, size_t))                                            \
    X(connect, fd_connect, int(int, const sockaddr *, socklen_t))                                            \
    X(accept, fd_accept, int(int, sockaddr *, socklen_t *))                                                  \
    X(accept4, fd_accept, int(int, sockaddr *, socklen_t *, int))                                            \
    X(nanosleep, sleep, int(const timespec *, timespec *))                                                   \
    X(clock_nanosleep, sleep, int(clockid_t, int, const timespec *, timespec *))                             \
    X(usleep, sleep, int(useconds_t))                                                                        \
    X(sleep, sleep, unsigned(unsigned))                                                                      \
    X(wait, child, pid_t(int *))                                                                             \
    X(wait3, child, pid_t(int *, int, rusage *))                                                             \
    X(wait4, child, pid_t(pid_t, int *, int, rusage *))                                                      \
    X(waitpid, child, pid_t(pid_t, int *, int))                                                              \
    X(waitid, child, int(idtype_t, id_t, siginfo_t *, int))                                                  \
    X(fsync, sync, int(int))                                                                                 \
    X(fdatasync, sync, int(int))                                                                             \
    X(sync, sync, void())                                                                                    \
    X(syncfs, sync, int(int))                                                                                \
    X(flock, file_lock, int(int, int))                                                                       \
    X(lockf, file_lock, int(int, int, off_t))                                                                \
    X(lockf64, file_lock, int(int, int, off64_t))                                                            \
    X(getaddrinfo, lookup, int(const char *, const char *, const addrinfo *, addrinfo **))                   \
    X(getnameinfo, lookup, int(const sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int))      \
    X(gethostbyname_r, lookup, int(const char *, hostent *, char *, size_t, hostent **, int *))              \
    X(gethostbyaddr_r, lookup,                                                                               \
      int(const void *, socklen_t, int, hostent *, char *, size_t, hostent **, int *))                       \
    X(sigwait, signal, int(const sigset_t *, int *))                                                         \
    X(sigwaitinfo, signal, int(const sigset_t *, siginfo_t *))                                               \
    X(sigtimedwait, signal, int(const sigset_t *, siginfo_t *, const timespec *))                            \
    X(sigsuspend, signal, int(const sigset_t *))                                                             \
    X(pause, signal, int())

// Redirected by functions of their own, below.
#define WHET_SPECIAL_CALLS(X)                                                                                \
    X(pthread_mutex_lock, int(pthread_mutex_t *))                                                            \
    X(pthread_cond_wait, int(pthread_cond_t *, pthread_mutex_t *))                                           \
    X(pthread_cond_timedwait, int(pthread_cond_t *, pthread_mutex_t *, const timespec *))                    \
    X(pthread_cond_signal, int(pthread_cond_t *))                                                            \
    X(sem_trywait, int(sem_t *))                                                                             \
    X(sem_post, int(sem_t *))                                                                                \
    X(fcntl, int(int, int, void *))                                                                          \
    X(fcntl64, int(int, int, void *))                                                                        \
    X(open, int(const char *, int, mode_t))                                                                  \
    X(open64, int(const char *, int, mode_t))

enum class Call : size_t {
#define WHET_NAME(name, kind, type) name,
    WHET_BLOCKING_CALLS(WHET_NAME)
#undef WHET_NAME
#define WHET_NAME(name, type) name,
        WHET_SPECIAL_CALLS(WHET_NAME)
#undef WHET_NAME
            nothing, // to measure what a redirected call costs
    count,
};

std::array<void *, static_cast<size_t>(Call::count)> originals;

template <Call C, class Function> Function *original() {
    return reinterpret_cast<Function *>(originals[static_cast<size_t>(C)]);
}

// ---- one call ---------------------------------------------------------------------------------

// The calling thread if its call is to be watched: not while it is in another one, which a
// library that stands before libc may have called it from.
WaitingThread *watched() {
    if (!blocking_state.recording.load(std::memory_order_relaxed))
        return nullptr;
    WaitingThread *self = waiting_thread();
    if (!self || self->busy)
        return nullptr;
    if (self->gil) [[unlikely]]
        gil_wait_abandoned(*self);
    return self;
}

// Transfers of this size take time to copy, which is computing, not waiting.
constexpr size_t BULK_BYTES = 1 << 16;

// A call being made. Also ends right when the thread is cancelled inside and this is unwound.
class Waiting {
  public:
    Waiting(WaitingThread &self, CallKind kind, uintptr_t object, bool computes)
        : self_(self), kind_(kind), object_(object),
          cpu_ns_(computes ? clock_ns(CLOCK_THREAD_CPUTIME_ID) : -1), begin_(ticks()) {
        constexpr auto relaxed = std::memory_order_relaxed;
        self.busy = true;
        self.calls.store(self.calls.load(relaxed) + 1, relaxed);
        self.wait_number.store(self.wait_number.load(relaxed) + 1, relaxed);
        self.kind.store(kind, relaxed);
        self.object.store(object, relaxed);
        self.begin.store(begin_, std::memory_order_release);
    }
    ~Waiting() {
        self_.begin.store(0, std::memory_order_release);
        self_.busy = false;
    }
    Waiting(const Waiting &) = delete;
    Waiting &operator=(const Waiting &) = delete;

    void over() {
        int64_t end = ticks();
        self_.begin.store(0, std::memory_order_release);
        if (end - begin_ < blocking_state.threshold.load(std::memory_order_relaxed)) [[likely]]
            return;
        if (kind_ == CallKind::nothing)
            return;
        int saved_errno = errno;
        int64_t cpu_ns = cpu_ns_ < 0 ? 0 : clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns_;
        errno = saved_errno;
        record_wait(self_, kind_, object_, {begin_, end}, cpu_ns);
    }

  private:
    WaitingThread &self_;
    CallKind kind_;
    uintptr_t object_;
    int64_t cpu_ns_, begin_;
};

template <class T> uintptr_t as_object(T value) {
    if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<uintptr_t>(value);
    else
        return static_cast<uintptr_t>(value);
}

template <CallKind K, class First, class Second, class... Rest>
uintptr_t object_of(First first, Second second, Rest...) {
    if constexpr (K == CallKind::poll)
        return poll_object(first, second);
    else
        return as_object(first);
}
template <CallKind K, class First> uintptr_t object_of(First first) { return as_object(first); }
template <CallKind K> uintptr_t object_of() { return 0; }

template <CallKind K, class... A> bool computes(A... arguments) {
    if constexpr (K == CallKind::lookup || K == CallKind::sync)
        return true;
    else if constexpr ((K == CallKind::fd_read || K == CallKind::fd_write) && sizeof...(A) >= 3) {
        // read(fd, buffer, size, ...); calls with vectors and messages do not say their size
        auto third = std::get<2>(std::make_tuple(arguments...));
        if constexpr (std::is_same_v<decltype(third), size_t>)
            return third >= BULK_BYTES;
        return false;
    } else {
        return false;
    }
}

template <Call C, CallKind K, class Function> struct Redirected;

template <Call C, CallKind K, class R, class... A> struct Redirected<C, K, R(A...)> {
    static R call(A... arguments) {
        auto *function = original<C, R(A...)>();
        WaitingThread *self = watched();
        if (!self)
            return function(arguments...);
        Waiting waiting(*self, K, object_of<K>(arguments...), computes<K>(arguments...));
        if constexpr (std::is_void_v<R>) {
            function(arguments...);
            waiting.over();
        } else if constexpr (K == CallKind::semaphore) {
            R result = wait_for_semaphore(function, arguments...);
            waiting.over();
            if (result == 0)
                lock_acquired(*self, std::get<0>(std::make_tuple(arguments...)));
            return result;
        } else {
            R result = function(arguments...);
            waiting.over();
            return result;
        }
    }

  private:
    template <class F, class First, class... Rest>
    static R wait_for_semaphore(F *function, First semaphore, Rest... rest) {
        LockWaiter waiter(semaphore);
        return function(semaphore, rest...);
    }
};

// ---- calls with a meaning of their own --------------------------------------------------------

// Costs nothing while nobody else has the mutex: no clock is read.
int redirected_mutex_lock(pthread_mutex_t *mutex) {
    auto *function = original<Call::pthread_mutex_lock, int(pthread_mutex_t *)>();
    if (!blocking_state.recording.load(std::memory_order_relaxed))
        return function(mutex);
    int error = pthread_mutex_trylock(mutex);
    if (error != EBUSY)
        return error;
    WaitingThread *self = waiting_thread();
    if (!self || self->busy || self->gil)
        return function(mutex);
    if (gil_contains(mutex)) {
        int64_t begin = ticks();
        int result = function(mutex);
        gil_prelude_returns(*self, begin);
        return result;
    }
    Waiting waiting(*self, CallKind::mutex, as_object(mutex), false);
    int result = function(mutex);
    waiting.over();
    return result;
}

int redirected_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    auto *function = original<Call::pthread_cond_wait, int(pthread_cond_t *, pthread_mutex_t *)>();
    WaitingThread *self = watched();
    if (!self)
        return function(condition, mutex);
    if (gil_switched(condition)) {
        int64_t begin = ticks();
        int result = function(condition, mutex);
        gil_prelude_returns(*self, begin);
        return result;
    }
    Waiting waiting(*self, CallKind::condition, as_object(condition), false);
    int result = function(condition, mutex);
    waiting.over();
    return result;
}

int redirected_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const timespec *until) {
    auto *function =
        original<Call::pthread_cond_timedwait, int(pthread_cond_t *, pthread_mutex_t *, const timespec *)>();
    if (!blocking_state.recording.load(std::memory_order_relaxed))
        return function(condition, mutex, until);
    WaitingThread *self = waiting_thread();
    if (!self || self->busy)
        return function(condition, mutex, until);
    if (Gil *gil = gil_of_this_thread(condition)) {
        gil_wait_begins(*self, *gil);
        int result = function(condition, mutex, until);
        gil_wait_returns(*self);
        return result;
    }
    if (self->gil)
        gil_wait_abandoned(*self);
    Waiting waiting(*self, CallKind::condition, as_object(condition), false);
    int result = function(condition, mutex, until);
    waiting.over();
    return result;
}

int redirected_cond_signal(pthread_cond_t *condition) {
    auto *function = original<Call::pthread_cond_signal, int(pthread_cond_t *)>();
    if (gil_calibrating.load(std::memory_order_relaxed)) [[unlikely]]
        gil_note_signal(condition);
    if (!blocking_state.recording.load(std::memory_order_relaxed))
        return function(condition);
    if (gil_passes_unnoticed(condition))
        return function(condition);
    WaitingThread *self = waiting_thread();
    if (self && self->busy)
        return function(condition);
    if (Gil *gil = gil_waited_for(condition)) {
        gil_released(self, *gil);
    } else if (Gil *taken = gil_switched(condition)) {
        gil_taken(self, *taken);
    }
    return function(condition);
}

int redirected_sem_trywait(sem_t *semaphore) {
    int result = original<Call::sem_trywait, int(sem_t *)>()(semaphore);
    if (result == 0 && blocking_state.recording.load(std::memory_order_relaxed))
        if (WaitingThread *self = waiting_thread())
            lock_acquired(*self, semaphore);
    return result;
}

int redirected_sem_post(sem_t *semaphore) {
    if (blocking_state.recording.load(std::memory_order_relaxed) && lock_is_waited_for(semaphore))
        if (WaitingThread *self = watched())
            lock_released(*self, semaphore);
    return original<Call::sem_post, int(sem_t *)>()(semaphore);
}

// Variadic in libc: the one further argument is an int or a pointer, which both ABIs pass in the
// same register whether variadic or not.
template <Call C> int redirected_fcntl(int fd, int command, void *argument) {
    auto *function = original<C, int(int, int, ...)>();
    bool waits = command == F_SETLKW || command == F_OFD_SETLKW;
    WaitingThread *self = waits ? watched() : nullptr;
    if (!self)
        return function(fd, command, argument);
    Waiting waiting(*self, CallKind::file_lock, as_object(fd), false);
    int result = function(fd, command, argument);
    waiting.over();
    return result;
}

template <Call C> int redirected_open(const char *path, int flags, mode_t mode) {
    auto *function = original<C, int(const char *, int, ...)>();
    WaitingThread *self = watched();
    if (!self)
        return function(path, flags, mode);
    Waiting waiting(*self, CallKind::open, 0, false);
    int result = function(path, flags, mode);
    waiting.over();
    return result;
}

GotPatches *patches = new GotPatches;

// ---- the table --------------------------------------------------------------------------------

void add(const char *symbol, Call call, void *replacement) {
    void *address = called_function(symbol);
    originals[static_cast<size_t>(call)] = address;
    if (address)
        patches->add(symbol, replacement, address);
}

int do_nothing(int value) { return value; }

void fill_table() {
#define WHET_ADD(name, kind, type)                                                                           \
    add(#name, Call::name, reinterpret_cast<void *>(&Redirected<Call::name, CallKind::kind, type>::call));
    WHET_BLOCKING_CALLS(WHET_ADD)
#undef WHET_ADD
    auto special = [](const char *symbol, Call call, auto *function) {
        add(symbol, call, reinterpret_cast<void *>(function));
    };
    special("pthread_mutex_lock", Call::pthread_mutex_lock, redirected_mutex_lock);
    special("pthread_cond_wait", Call::pthread_cond_wait, redirected_cond_wait);
    special("pthread_cond_timedwait", Call::pthread_cond_timedwait, redirected_cond_timedwait);
    special("pthread_cond_signal", Call::pthread_cond_signal, redirected_cond_signal);
    special("sem_trywait", Call::sem_trywait, redirected_sem_trywait);
    special("sem_post", Call::sem_post, redirected_sem_post);
    special("fcntl", Call::fcntl, redirected_fcntl<Call::fcntl>);
    special("fcntl64", Call::fcntl64, redirected_fcntl<Call::fcntl64>);
    special("open", Call::open, redirected_open<Call::open>);
    special("open64", Call::open64, redirected_open<Call::open64>);
}

} // namespace

bool blocking_calls_patch() {
    static bool filled = (fill_table(), true);
    (void)filled;
    if (!originals[static_cast<size_t>(Call::pthread_cond_signal)] ||
        !originals[static_cast<size_t>(Call::pthread_cond_timedwait)])
        return false;
    return loads_watch(*patches);
}

void blocking_calls_restore() { loads_unwatch(*patches); }

void blocking_calls_rescan() {
    if (patches->changed())
        patches->patch();
}

void blocking_calls_forget_after_fork() { patches->forget_after_fork(); }

uint64_t blocking_calls_foreign() { return patches->foreign(); }

double blocking_calls_cost_ns() {
    constexpr int ROUNDS = 20, CALLS = 100;
    originals[static_cast<size_t>(Call::nothing)] = reinterpret_cast<void *>(&do_nothing);
    int (*volatile direct)(int) = &do_nothing;
    int (*volatile redirected)(int) = &Redirected<Call::nothing, CallKind::nothing, int(int)>::call;
    auto ticks_of = [](int (*volatile &function)(int)) {
        int64_t begin = ticks();
        for (int i = 0; i < CALLS; ++i)
            function(i);
        return ticks() - begin;
    };
    // The first call gives the thread its slot. Of the rounds that which nothing interrupted counts.
    int64_t with = ticks_of(redirected), without = ticks_of(direct);
    for (int i = 0; i < ROUNDS; ++i) {
        with = std::min(with, ticks_of(redirected));
        without = std::min(without, ticks_of(direct));
    }
    return std::max(0.0, static_cast<double>(ticks_to_ns(with - without)) / CALLS);
}

} // namespace whet::probe

#include "probe/waits/blocking_threads.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/common/thread_names.hpp"
#include "probe/waits/ticks.hpp"

namespace whet::probe {

constinit thread_local WaitingThread *waiting_slot __attribute__((tls_model("initial-exec"))) = nullptr;
WaitingThread unrecorded_thread;

namespace {

WaitingThread slots[MAX_WAITING_THREADS];
std::atomic<size_t> high_water{0};
std::atomic<uint32_t> next_serial{1};
std::array<std::atomic<uint32_t>, 64> disowned{}; // the newest serials
std::atomic<size_t> disowned_count{0};
std::atomic<uint64_t> without_slot{0}, ended_calls{0};
std::atomic<int64_t> ended_own_ticks{0};
ThreadCalls calls{};

void free_slot(WaitingThread &slot) {
    slot.begin.store(0);
    slot.since_before.store(false);
    slot.claimed = false;
    slot.serial.store(0, std::memory_order_release);
}

void leave(void *data) {
    auto *slot = static_cast<WaitingThread *>(data);
    waiting_slot = &unrecorded_thread; // calls made while the thread ends pass
    auto told = calls.ends ? calls.ends(*slot) : std::unique_lock<std::mutex>();
    ended_calls.fetch_add(slot->calls.load());
    ended_own_ticks.fetch_add(slot->own_ticks.load());
    free_slot(*slot);
}

pthread_key_t exit_key() {
    static const pthread_key_t key = [] {
        pthread_key_t made;
        return pthread_key_create(&made, leave) == 0 ? made : static_cast<pthread_key_t>(-1);
    }();
    return key;
}

// A free slot, with a serial of its own.
WaitingThread *take_slot() {
    uint32_t serial = next_serial.fetch_add(1);
    for (size_t i = 0; i < MAX_WAITING_THREADS; ++i) {
        uint32_t free = 0;
        if (!slots[i].serial.compare_exchange_strong(free, serial, std::memory_order_acq_rel))
            continue;
        size_t seen = high_water.load();
        while (seen <= i && !high_water.compare_exchange_weak(seen, i + 1)) {
        }
        return &slots[i];
    }
    return nullptr;
}

// A slot for a thread that has none.
WaitingThread *new_slot(pid_t tid) {
    WaitingThread *slot = take_slot();
    if (!slot) {
        without_slot.fetch_add(1);
        return nullptr;
    }
    slot->tid = tid;
    slot->busy = slot->met = slot->claimed = false;
    slot->gil = nullptr;
    slot->gil_returned = slot->prelude_begin = slot->prelude_end = 0;
    slot->calls.store(0);
    slot->own_ticks.store(0);
    return slot;
}

WaitingThread *find_slot(pid_t tid) {
    for (WaitingThread *slot = waiting_threads_begin(); slot != waiting_threads_end(); ++slot)
        if (slot->serial.load(std::memory_order_acquire) && slot->tid == tid)
            return slot;
    return nullptr;
}

// The slot that was made for this thread, or a new one: then the thread has just begun.
WaitingThread *enter() {
    waiting_slot = &unrecorded_thread; // calls made in here pass
    ThisThread &self = this_thread();
    if (self.ours)
        return nullptr;
    int saved_errno = errno;
    WaitingThread *slot = find_slot(self.tid);
    if (!slot && (slot = new_slot(self.tid))) {
        ThreadClocks clocks = thread_clocks(self.tid);
        slot->born_ns = clock_ns(CLOCK_MONOTONIC) - clocks.cpu_ns - clocks.delay_ns;
        slot->born_clocks = {};
        if (calls.begins)
            calls.begins(*slot);
    }
    if (slot) {
        slot->claimed = true;
        pthread_setspecific(exit_key(), slot);
        waiting_slot = slot;
    }
    errno = saved_errno;
    return slot;
}

using C = CallKind;
struct CallMeaning {
    long number;
    C kind;
};
constexpr CallMeaning MEANINGS[] = {
    {SYS_futex, C::semaphore},      {SYS_read, C::fd_read},
    {SYS_pread64, C::fd_read},      {SYS_readv, C::fd_read},
    {SYS_recvfrom, C::fd_read},     {SYS_recvmsg, C::fd_read},
    {SYS_write, C::fd_write},       {SYS_pwrite64, C::fd_write},
    {SYS_writev, C::fd_write},      {SYS_sendto, C::fd_write},
    {SYS_sendmsg, C::fd_write},     {SYS_sendfile, C::fd_write},
    {SYS_connect, C::fd_connect},   {SYS_accept, C::fd_accept},
    {SYS_accept4, C::fd_accept},    {SYS_ppoll, C::select},
    {SYS_pselect6, C::select},      {SYS_epoll_pwait, C::select},
    {SYS_nanosleep, C::sleep},      {SYS_clock_nanosleep, C::sleep},
    {SYS_wait4, C::child},          {SYS_waitid, C::child},
    {SYS_fsync, C::sync},           {SYS_fdatasync, C::sync},
    {SYS_flock, C::file_lock},      {SYS_fcntl, C::file_lock},
    {SYS_openat, C::open},          {SYS_rt_sigtimedwait, C::signal},
    {SYS_rt_sigsuspend, C::signal},
#ifdef SYS_poll
    {SYS_poll, C::select},          {SYS_select, C::select},
    {SYS_epoll_wait, C::select},    {SYS_pause, C::signal},
#endif
};

// Publish the call that the kernel says the thread is blocked in. A poll's descriptors are not looked at.
void publish_blocked(WaitingThread &slot, const BlockedCall &call) {
    for (const CallMeaning &meaning : MEANINGS) {
        if (meaning.number != call.number)
            continue;
        slot.kind.store(meaning.kind);
        slot.object.store(meaning.kind == C::select ? 0 : call.arguments[0]);
        slot.wait_number.fetch_add(1);
        slot.since_before.store(true);
        slot.begin.store(ticks(), std::memory_order_release);
        return;
    }
}

} // namespace

WaitingThread *waiting_thread_slowly() {
    WaitingThread *slot = waiting_slot;
    if (!slot) [[unlikely]]
        slot = enter();
    if (!slot)
        return nullptr;
    if (slot == &unrecorded_thread)
        return nullptr;
    // A thread that Python code of ours started becomes ours after its first wait for the GIL.
    if (this_thread().ours) [[unlikely]] {
        waiting_threads_disown();
        return nullptr;
    }
    if (slot->since_before.load(std::memory_order_relaxed)) [[unlikely]] {
        slot->since_before.store(false);
        if (calls.returns)
            calls.returns(*slot);
    }
    return slot;
}

WaitingThread *waiting_threads_begin() { return slots; }
WaitingThread *waiting_threads_end() { return slots + high_water.load(std::memory_order_acquire); }

uint64_t threads_without_slot() { return without_slot.load(); }
EndedThreads ended_threads() { return {ended_calls.load(), ended_own_ticks.load()}; }
void on_thread_calls(const ThreadCalls &what) { calls = what; }

void waiting_threads_adopt() {
    std::vector<pid_t> tids = program_threads();
    for (WaitingThread *slot = waiting_threads_begin(); slot != waiting_threads_end(); ++slot) {
        bool gone = std::find(tids.begin(), tids.end(), slot->tid) == tids.end();
        // A thread that knows its slot gives it up itself.
        if (slot->serial.load() && gone && !slot->claimed)
            free_slot(*slot);
    }
    for (pid_t tid : tids) {
        WaitingThread *slot = find_slot(tid);
        if (!slot && !(slot = new_slot(tid)))
            continue;
        slot->born_ns = clock_ns(CLOCK_MONOTONIC);
        slot->born_clocks = thread_clocks(tid);
        // It may also be in a call that an earlier recording saw begin.
        if (tid == this_thread().tid || slot->begin.load())
            continue;
        if (auto call = blocked_call(tid))
            publish_blocked(*slot, *call);
    }
}

void waiting_threads_disown() {
    if (waiting_slot == &unrecorded_thread)
        return;
    waiting_slot = &unrecorded_thread;
    pthread_setspecific(exit_key(), nullptr);
    if (WaitingThread *slot = find_slot(this_thread().tid)) {
        disowned[disowned_count.fetch_add(1) % disowned.size()] = slot->serial.load();
        free_slot(*slot);
    }
}

bool was_disowned(uint32_t serial) {
    return std::any_of(disowned.begin(), disowned.end(), [&](const auto &entry) { return entry == serial; });
}

void waiting_threads_forget_after_fork() {
    for (WaitingThread *slot = waiting_threads_begin(); slot != waiting_threads_end(); ++slot) {
        slot->gil = nullptr;
        slot->begin.store(0);
        slot->since_before.store(false);
        if (slot != waiting_slot)
            free_slot(*slot);
    }
    if (waiting_slot && waiting_slot != &unrecorded_thread)
        waiting_slot->tid = this_thread().tid;
}

} // namespace whet::probe

#include "probe/cpu/threads.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <mutex>
#include <new>
#include <pthread.h>

#include "probe/common/got.hpp"
#include "probe/common/thread_names.hpp"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace whet::probe {
namespace {

// Guards slot allocation and timer creation, never taken in a signal handler. Recursive use is
// not possible: nothing called under it starts or ends a thread.
std::mutex *table_mutex = new std::mutex;
std::atomic<bool> watching{false};
pthread_key_t exit_key;
bool exit_key_made = false;

using StartRoutine = void *(*)(void *);
using PthreadCreate = int (*)(pthread_t *, const pthread_attr_t *, StartRoutine, void *);
PthreadCreate real_pthread_create = nullptr;

struct Start {
    StartRoutine routine;
    void *argument;
};

void on_thread_exit(void *slot) { ThreadTable::instance().leave(static_cast<ThreadSlot *>(slot)); }

void *thread_entry(void *data) {
    Start start = *static_cast<Start *>(data);
    std::free(data);
    if (watching.load(std::memory_order_acquire)) {
        if (ThreadSlot *slot = ThreadTable::instance().enter(own_tid()))
            pthread_setspecific(exit_key, slot);
    }
    return start.routine(start.argument);
}

int watched_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, StartRoutine routine,
                           void *argument) {
    auto *start =
        watching.load(std::memory_order_acquire) ? static_cast<Start *>(std::malloc(sizeof(Start))) : nullptr;
    if (!start)
        return real_pthread_create(thread, attributes, routine, argument);
    *start = {routine, argument};
    int error = real_pthread_create(thread, attributes, thread_entry, start);
    if (error)
        std::free(start);
    return error;
}

GotPatches *patches = new GotPatches;

} // namespace

double draw(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return static_cast<double>((x * 0x2545F4914F6CDD1DULL) >> 11) * 0x1p-53;
}

double draw_interval_ns(int64_t period_ns, uint64_t *state) {
    return static_cast<double>(period_ns) * (0.5 + draw(state));
}

ThreadTable &ThreadTable::instance() {
    static auto *table = new ThreadTable;
    return *table;
}

void ThreadTable::open(const TimerPlan &plan) {
    if (!exit_key_made)
        exit_key_made = pthread_key_create(&exit_key, on_thread_exit) == 0;
    plan_ = plan;
    without_timer_ = seen_ = 0;
    if (!real_pthread_create) {
        real_pthread_create = reinterpret_cast<PthreadCreate>(called_function("pthread_create"));
        if (real_pthread_create)
            patches->add("pthread_create", reinterpret_cast<void *>(watched_pthread_create),
                         reinterpret_cast<void *>(real_pthread_create));
    }
    watching.store(true, std::memory_order_release);
    if (exit_key_made)
        patches->patch();
    rescan();
}

void ThreadTable::close() {
    watching.store(false, std::memory_order_release);
    patches->restore();
    std::lock_guard lock(*table_mutex);
    for (size_t i = 0; i < high_water(); ++i) {
        end(&slots_[i]);
        slots_[i].state.store(SlotState::free, std::memory_order_release);
    }
}

void ThreadTable::include(pid_t tid) {
    std::lock_guard lock(*table_mutex);
    std::erase(excluded_, tid);
}

void ThreadTable::forget_after_fork() {
    // Another thread of the parent may have held it.
    new (table_mutex) std::mutex;
    watching.store(false);
    for (size_t i = 0; i < high_water(); ++i) {
        slots_[i].has_timer = false;
        slots_[i].state.store(SlotState::free, std::memory_order_release);
    }
    excluded_.clear();
    patches->forget_after_fork();
}

ThreadSlot *ThreadTable::take_slot() {
    size_t used = high_water();
    for (size_t i = 0; i < used; ++i)
        if (slots_[i].state.load(std::memory_order_acquire) == SlotState::free)
            return &slots_[i];
    if (used == MAX_THREADS)
        return nullptr;
    high_water_.store(used + 1, std::memory_order_release);
    return &slots_[used];
}

ThreadSlot *ThreadTable::enter(pid_t tid) {
    std::lock_guard lock(*table_mutex);
    if (!watching.load(std::memory_order_acquire))
        return nullptr;
    for (size_t i = 0; i < high_water(); ++i)
        if (slots_[i].tid == tid && slots_[i].state.load() == SlotState::live)
            return nullptr;
    ThreadSlot *slot = take_slot();
    if (!slot) {
        ++without_timer_;
        return nullptr;
    }
    slot->tid = tid;
    slot->serial = next_serial_++;
    slot->clock = thread_cpu_clock(tid);
    slot->samples.store(0, std::memory_order_relaxed);
    slot->random = (static_cast<uint64_t>(clock_ns(CLOCK_MONOTONIC)) ^ (uint64_t{slot->serial} << 32)) | 1;
    for (int i = 0; i < 4; ++i)
        draw(&slot->random);
    slot->ticked_cpu_ns = clock_ns(slot->clock);
    slot->idle_ticks = 0;

    sigevent event{};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = plan_.signal;
    event.sigev_value.sival_ptr = slot;
    event.sigev_notify_thread_id = tid;
    slot->has_timer = timer_create(slot->clock, &event, &slot->timer) == 0;
    if (!slot->has_timer) {
        if (errno == EINVAL)
            return nullptr; // the thread has ended meanwhile
        ++without_timer_;
    }
    ++seen_;

    // Start in the middle of a sampling interval, so that a thread shorter than one interval is
    // sampled with the probability, and charged the time, that make its expectation right.
    double phase = draw(&slot->random);
    auto first = static_cast<int64_t>(phase * static_cast<double>(plan_.period_ns));
    slot->charged_until_ns = slot->ticked_cpu_ns - (plan_.period_ns - first);
    slot->state.store(SlotState::live, std::memory_order_release);
    if (slot->has_timer) {
        itimerspec when{};
        int64_t wait = std::max<int64_t>(first - plan_.tick_ns / 2, 1000);
        when.it_value = {wait / 1000000000, wait % 1000000000};
        timer_settime(slot->timer, 0, &when, nullptr);
    }
    return slot;
}

void ThreadTable::arm(ThreadSlot *slot) {
    if (!slot->has_timer)
        return;
    // With a ticker the timer only has to catch threads that run too little to be ticked.
    int64_t mean = plan_.ticker ? std::max(plan_.period_ns, 2 * plan_.tick_ns) : plan_.period_ns;
    auto wait = static_cast<int64_t>(draw_interval_ns(mean, &slot->random)) - plan_.tick_ns / 2;
    wait = std::max<int64_t>(wait, 1000);
    itimerspec when{};
    when.it_value = {wait / 1000000000, wait % 1000000000};
    timer_settime(slot->timer, 0, &when, nullptr);
}

void ThreadTable::end(ThreadSlot *slot) {
    if (slot->state.load(std::memory_order_acquire) != SlotState::live)
        return;
    slot->state.store(SlotState::ended, std::memory_order_release);
    if (slot->has_timer)
        timer_delete(slot->timer);
    slot->has_timer = false;
}

void ThreadTable::leave(ThreadSlot *slot) {
    std::lock_guard lock(*table_mutex);
    if (slot->tid == own_tid())
        end(slot);
}

void ThreadTable::exclude(pid_t tid) {
    std::lock_guard lock(*table_mutex);
    excluded_.push_back(tid);
    for (size_t i = 0; i < high_water(); ++i)
        if (slots_[i].tid == tid)
            end(&slots_[i]);
}

void ThreadTable::rescan() {
    std::vector<pid_t> tids = listed_tids();
    if (tids.empty())
        return;
    std::vector<pid_t> unknown;
    {
        std::lock_guard lock(*table_mutex);
        unknown = tids;
        std::erase_if(unknown, [&](pid_t tid) {
            return std::find(excluded_.begin(), excluded_.end(), tid) != excluded_.end();
        });
        for (size_t i = 0; i < high_water(); ++i) {
            ThreadSlot &slot = slots_[i];
            if (slot.state.load(std::memory_order_acquire) != SlotState::live)
                continue;
            // Created after the listing was read: the next scan will judge it.
            if (std::find(tids.begin(), tids.end(), slot.tid) == tids.end() &&
                syscall(SYS_tgkill, getpid(), slot.tid, 0) != 0)
                end(&slot);
            std::erase(unknown, slot.tid);
        }
    }
    for (pid_t tid : unknown)
        enter(tid);
}

void ThreadTable::recycle() {
    std::lock_guard lock(*table_mutex);
    for (size_t i = 0; i < high_water(); ++i) {
        auto ended = SlotState::ended;
        slots_[i].state.compare_exchange_strong(ended, SlotState::free);
    }
}

} // namespace whet::probe

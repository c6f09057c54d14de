#include <Python.h>

#include "probe/cpu/signal_handler.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <pthread.h>
#include <sched.h>
#include <vector>

#include "probe/common/safe_read.hpp"
#include "probe/common/service.hpp"
#include "probe/cpu/threads.hpp"

namespace whet::probe {
namespace {

// Threads that are inside the handler.
std::atomic<int> handlers_running{0};

void take_sample(Session &s, ThreadSlot *slot, int64_t cpu_ns) {
    bool guarded = fault_guard_is_ours();
    if (!guarded)
        s.counters.unguarded.fetch_add(1, std::memory_order_relaxed);
    Reader reader(guarded);
    OwnStack stack = s.walker.measure(reader);
    size_t bytes = Record::size_for(stack.frames);
    Record *record = s.ring.reserve(bytes);
    if (!record) {
        s.counters.dropped.fetch_add(1, std::memory_order_relaxed);
        s.counters.dropped_cpu_ns.fetch_add(cpu_ns, std::memory_order_relaxed);
        service_wake();
        return;
    }
    record->flags = stack.flags;
    record->thread_slot = static_cast<uint32_t>(slot - ThreadTable::instance().slots());
    record->thread_serial = slot->serial;
    record->label_set = s.walker.labels(reader, stack);
    record->frame_count = stack.frames;
    record->cpu_ns = cpu_ns;
    s.walker.copy(reader, stack, record->frames());
    s.ring.commit(record, bytes);
    bool first = slot->samples.fetch_add(1, std::memory_order_relaxed) == 0;
    if (first || s.ring.filling())
        service_wake();
}

void on_signal(int, siginfo_t *info, void *) {
    int saved_errno = errno;
    handlers_running.fetch_add(1);
    Session *s = active_session.load();
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

} // namespace

void wait_for_handlers() {
    while (handlers_running.load() != 0)
        sched_yield();
}

bool signal_is_ours(const Session &s) {
    struct sigaction now{};
    return sigaction(s.signal, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == on_signal;
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

double delivery_ns(const Session &s) {
    constexpr int SIGNALS = 8, ROUNDS = 4;
    sigset_t blocked;
    if (pthread_sigmask(SIG_SETMASK, nullptr, &blocked) != 0 || sigismember(&blocked, s.signal))
        return 0;
    int64_t best = INT64_MAX;
    for (int round = 0; round < ROUNDS; ++round) {
        int64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        for (int i = 0; i < SIGNALS; ++i)
            pthread_kill(pthread_self(), s.signal);
        best = std::min(best, clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin);
    }
    return static_cast<double>(best) / SIGNALS;
}

void give_signal_back(Session &s) {
    if (!signal_is_ours(s))
        return;
    // Ignoring a signal discards the pending ones in all threads.
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(s.signal, &ignore, nullptr);
    sigaction(s.signal, &s.signal_before, nullptr);
}

} // namespace whet::probe

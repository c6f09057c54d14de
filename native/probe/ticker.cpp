#include <Python.h>

#include "probe/ticker.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <sys/prctl.h>

#include "probe/session.hpp"
#include "probe/threads.hpp"

namespace whet::probe {
namespace {

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

} // namespace

void *ticker_main(void *data) {
    auto &s = *static_cast<Session *>(data);
    prctl(PR_SET_NAME, "whet-ticker");
    prctl(PR_SET_TIMERSLACK, 1UL);
    ThreadTable &table = ThreadTable::instance();
    s.ticker.begin();
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

} // namespace whet::probe

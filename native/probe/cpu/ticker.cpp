#include <Python.h>

#include "probe/cpu/ticker.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "probe/cpu/session.hpp"
#include "probe/cpu/threads.hpp"

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

// Does the kernel say that the thread is ready to run (state R)?
bool ready(pid_t tid) {
    char path[48], line[128];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", static_cast<int>(tid));
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size = read(file, line, sizeof line - 1);
    close(file);
    line[std::max<ssize_t>(size, 0)] = '\0';
    // "tid (name) state ...": the name may hold anything, numbers follow the state.
    const char *after = std::strrchr(line, ')');
    return after && after[1] == ' ' && after[2] == 'R';
}

// Is the thread running, or kept from running by others only? A clock that goes on says so for next
// to nothing; where it stands still, on a busy machine, the kernel is asked.
bool working(const ThreadSlot &slot, int64_t cpu_ns) {
    return clock_ns(slot.clock) > cpu_ns || ready(slot.tid);
}

// Signal the threads that have been running since the last tick. A thread that is blocked now is
// left alone, however much it did before: a sample taken while it waits would blame the wait for
// that work, and where the ticker itself is kept waiting this would be most of the samples.
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
            if (!was_idle && used * 2 >= elapsed_ns && working(slot, cpu))
                send_tick(table.plan(), slot);
        }
    }
}

} // namespace

void *ticker_main(void *data) {
    auto &s = *static_cast<Session *>(data);
    prctl(PR_SET_TIMERSLACK, 1UL);
    ThreadTable &table = ThreadTable::instance();
    const int64_t cpu_before_ns = s.ticker_cpu_ns.load();
    uint64_t random = static_cast<uint64_t>(clock_ns(CLOCK_MONOTONIC)) | 1;
    int64_t before = clock_ns(CLOCK_MONOTONIC), due = before;
    for (uint64_t round = 0; !s.stopping.load(std::memory_order_acquire); ++round) {
        due += static_cast<int64_t>(draw_interval_ns(table.plan().period_ns, &random));
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

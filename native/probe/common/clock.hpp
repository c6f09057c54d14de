#pragma once

#include <cstdint>
#include <ctime>
#include <sys/types.h>

namespace whet::probe {

constexpr int64_t SECOND = 1'000'000'000;

// A clock's time in nanoseconds, 0 where the clock cannot be read. Safe in signal handlers.
inline int64_t clock_ns(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

// The kernel's encoding of "CPU clock of thread tid" (CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED).
inline clockid_t thread_cpu_clock(pid_t tid) {
    return static_cast<clockid_t>((~static_cast<unsigned>(tid) << 3) | 6);
}

} // namespace whet::probe

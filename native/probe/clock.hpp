#pragma once

#include <cstdint>
#include <ctime>

namespace whet::probe {

constexpr int64_t SECOND = 1'000'000'000;

// A clock's time in nanoseconds, 0 where the clock cannot be read. Safe in signal handlers.
inline int64_t clock_ns(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

} // namespace whet::probe

// A clock that costs a few nanoseconds to read: the processor's counter where it is steady.
//
// Ticks count the time-stamp counter on x86-64 where the processor says that it never stops or
// changes its rate and the kernel itself keeps time by it, the virtual counter on aarch64, and
// nanoseconds of CLOCK_MONOTONIC elsewhere.
#pragma once

#include <cstdint>

#include "probe/common/clock.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace whet::probe {

// Decide how to count and find the rate; about a millisecond at the first call, then a moment
// that makes the rate more exact. Call before ticks() and now and then.
void ticks_calibrate();

extern bool ticks_are_counted;

inline int64_t ticks() {
#if defined(__x86_64__)
    if (ticks_are_counted)
        return static_cast<int64_t>(__rdtsc());
#elif defined(__aarch64__)
    if (ticks_are_counted) {
        uint64_t count;
        asm volatile("mrs %0, cntvct_el0" : "=r"(count));
        return static_cast<int64_t>(count);
    }
#endif
    return clock_ns(CLOCK_MONOTONIC);
}

// Lengths of time.
int64_t ticks_to_ns(int64_t count);
int64_t ticks_from_ns(int64_t duration_ns);

} // namespace whet::probe

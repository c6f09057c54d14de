#include "probe/waits/ticks.hpp"

#include <atomic>
#include <fstream>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace whet::probe {

bool ticks_are_counted = false;

namespace {

std::atomic<double> ns_per_tick{1.0};

#if defined(__x86_64__)
bool counter_is_steady() {
    unsigned a, b, c, d;
    bool invariant = __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
    std::ifstream file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    std::string source;
    file >> source;
    return invariant && source == "tsc";
}
#else
bool counter_is_steady() {
#if defined(__aarch64__)
    return true;
#else
    return false;
#endif
}
#endif

struct Moment {
    int64_t ticks, ns;
};

// Both clocks at one moment, from the tightest of a few tries.
Moment look() {
    Moment best{};
    int64_t narrowest = INT64_MAX;
    for (int i = 0; i < 8; ++i) {
        int64_t before = ticks(), ns = clock_ns(CLOCK_MONOTONIC), after = ticks();
        if (after - before < narrowest) {
            narrowest = after - before;
            best = {before + (after - before) / 2, ns};
        }
    }
    return best;
}

} // namespace

void ticks_calibrate() {
    static const Moment first = [] {
        ticks_are_counted = counter_is_steady();
        return look();
    }();
    if (!ticks_are_counted)
        return;
    Moment now = look();
    while (now.ns - first.ns < SECOND / 1000)
        now = look();
    ns_per_tick.store(static_cast<double>(now.ns - first.ns) / static_cast<double>(now.ticks - first.ticks),
                      std::memory_order_relaxed);
}

int64_t ticks_to_ns(int64_t count) {
    return static_cast<int64_t>(static_cast<double>(count) * ns_per_tick.load(std::memory_order_relaxed));
}

int64_t ticks_from_ns(int64_t duration_ns) {
    return static_cast<int64_t>(static_cast<double>(duration_ns) /
                                ns_per_tick.load(std::memory_order_relaxed));
}

} // namespace whet::probe

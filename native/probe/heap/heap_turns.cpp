#include <Python.h>

#include "probe/heap/heap_turns.hpp"

#include <algorithm>

#include "probe/cpu/threads.hpp"
#include "probe/heap/heap_events.hpp"
#include "probe/heap/heap_hooks.hpp"

namespace whet::probe {

void HeapTurns::begin(unsigned shift, uint64_t seed) {
    shift_.store(std::min(shift, MAX_SHIFT), std::memory_order_relaxed);
    random_ ^= seed | 1;
    slot_ = 0;
    due_.store(shift > 0, std::memory_order_relaxed);
    if (!shift && (!is_on_ || heap_small_shift.load(std::memory_order_relaxed)))
        put(true, 0);
}

void HeapTurns::take() {
    if (!due_.exchange(false, std::memory_order_relaxed))
        return;
    const unsigned shift = shift_.load(std::memory_order_relaxed);
    const uint32_t slots = 1U << shift;
    if (slot_ == 0)
        chosen_ = std::min(static_cast<uint32_t>(draw(&random_) * slots), slots - 1);
    const bool wanted = slot_ == chosen_;
    slot_ = (slot_ + 1) % slots;
    // Below hooks of others ours stay, and each request counts once.
    if (is_on_ && !heap_hooks_small_apart())
        put(true, 0);
    else if (wanted != is_on_ || heap_small_shift.load(std::memory_order_relaxed) != shift)
        put(wanted, shift);
}

void HeapTurns::put(bool on, unsigned shift) {
    heap_small_shift.store(shift, std::memory_order_relaxed);
    heap_hooks_small(on);
    is_on_ = on;
}

} // namespace whet::probe

#include <Python.h>

#include "probe/heap/heap_turns.hpp"

#include <algorithm>

#include "probe/cpu/threads.hpp"
#include "probe/heap/heap_events.hpp"
#include "probe/heap/heap_hooks.hpp"

namespace whet::probe {
namespace {

// Changed with the GIL.
bool is_on() { return !heap_small_away.load(std::memory_order_relaxed); }

} // namespace

void HeapTurns::begin(unsigned shift, uint64_t seed) {
    shift_.store(std::min(shift, MAX_SHIFT), std::memory_order_relaxed);
    seed_.store(seed | 1, std::memory_order_relaxed);
    due_.store(false, std::memory_order_relaxed);
    if (!shift && (!is_on() || heap_small_shift.load(std::memory_order_relaxed)))
        put(true, 0);
}

void HeapTurns::end_slot() {
    const unsigned shift = shift_.load(std::memory_order_relaxed);
    if (!shift)
        return;
    if (uint64_t seed = seed_.exchange(0, std::memory_order_relaxed)) {
        random_ = (random_ ^ seed) | 1;
        slot_ = 0;
    }
    const uint32_t slots = 1U << shift;
    if (slot_ == 0)
        chosen_ = std::min(static_cast<uint32_t>(draw(&random_) * slots), slots - 1);
    wanted_ = slot_ == chosen_;
    slot_ = (slot_ + 1) % slots;
    due_.store(wanted_ != is_on() || heap_small_shift.load(std::memory_order_relaxed) != shift,
               std::memory_order_relaxed);
}

void HeapTurns::take() {
    const unsigned shift = shift_.load(std::memory_order_relaxed);
    if (!due_.exchange(false, std::memory_order_relaxed) || !shift)
        return;
    // Below hooks of others ours stay, and each request counts once.
    if (is_on() && !heap_hooks_small_apart())
        put(true, 0);
    else
        put(wanted_, shift);
}

void HeapTurns::put(bool on, unsigned shift) {
    heap_small_shift.store(shift, std::memory_order_relaxed);
    heap_hooks_small(on);
}

} // namespace whet::probe

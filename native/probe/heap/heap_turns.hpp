// Turns of the hooks of small requests: they are in place in one of `1 << shift` slots of time, and what
// they see there counts that many times.
//
// Nearly all that hooks cost is the passing of small requests that are not sampled. A slot is a round of
// the service thread, from when it has the GIL to when it has it again; which of `1 << shift` slots is
// theirs is drawn, so that each moment has the same chance, and with it each block: one of n bytes is sampled
// with the probability that a hook in place all the time gives it, but for a share of 2^shift n / 2 mean.
// Large requests always come to a hook.
#pragma once

#include <atomic>
#include <cstdint>

namespace whet::probe {

class HeapTurns {
  public:
    static constexpr unsigned MAX_SHIFT = 4;

    // With the GIL. With shift 0 the hooks are always there.
    void begin(unsigned shift, uint64_t seed);
    // A slot has ended; by the service thread.
    void end_slot() { due_.store(shift_.load(std::memory_order_relaxed) > 0, std::memory_order_relaxed); }
    bool is_due() const { return due_.load(std::memory_order_relaxed); }
    // With the GIL: begin the next slot, if one has ended.
    void take();
    unsigned shift() const { return shift_.load(std::memory_order_relaxed); }

  private:
    void put(bool on, unsigned shift);

    std::atomic<unsigned> shift_{0};
    std::atomic<bool> due_{false};
    bool is_on_ = true;
    uint32_t slot_ = 0, chosen_ = 0; // of this cycle of 1 << shift slots
    uint64_t random_ = 0;
};

} // namespace whet::probe

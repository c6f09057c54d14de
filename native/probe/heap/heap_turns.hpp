// Turns of the hooks of small requests: they are in place in one of `1 << shift` slots of time, and what
// they see there counts that many times.
//
// Nearly all that hooks cost is the passing of small requests that are not sampled. A slot is a round of
// the service thread; where hooks come or go, from when it has the GIL. Which of `1 << shift` slots is
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
    void end_slot();
    // Does the next one need other hooks?
    bool is_due() const { return due_.load(std::memory_order_relaxed); }
    // With the GIL, by the service thread: put them in place.
    void take();
    unsigned shift() const { return shift_.load(std::memory_order_relaxed); }

  private:
    void put(bool on, unsigned shift);

    std::atomic<unsigned> shift_{0};
    std::atomic<bool> due_{false};
    std::atomic<uint64_t> seed_{0}; // of a new cycle, or 0
    // The service thread's own.
    bool wanted_ = true;
    uint32_t slot_ = 0, chosen_ = 0; // of this cycle of 1 << shift slots
    uint64_t random_ = 1;
};

} // namespace whet::probe

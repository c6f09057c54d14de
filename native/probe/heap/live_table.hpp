// Sampled blocks that are alive, by address, and the filter that the free path asks first.
//
// The table belongs to the holder of the heap's mutex. The filter is read without it: numbers that
// count the table's blocks among all addresses that share them. A block is in the filter before its
// address is known to the program, so 0 means that the block was never sampled.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include "probe/common/own_memory.hpp"

namespace whet::probe {

struct Live {
    uintptr_t block; // 0: no entry
    uint64_t size;
    uint32_t cell;
    uint32_t since; // seconds after the start, times 16
};
static_assert(sizeof(Live) == 24);

// Coarse and fine: nearly all frees are answered by the page's bit, which shares a line of the cache with
// those of 2 MiB: what is asked at each free must not push the program's memory out. Where a page does
// hold a sampled block, its neighbours are told from it.
class LiveFilter {
  public:
    bool may_hold(const void *block) const {
        auto address = reinterpret_cast<uintptr_t>(block);
        const size_t at = page(address);
        return __builtin_expect((taken_[at / 64].load(std::memory_order_relaxed) >> (at % 64)) & 1, 0) &&
               blocks_[place(address)].load(std::memory_order_relaxed) != 0;
    }
    void add(uintptr_t block) { change(block, 1); }
    void remove(uintptr_t block) { change(block, -1); }
    // Only where nobody else runs.
    void forget_all() {
        clear(taken_);
        clear(pages_);
        clear(blocks_);
    }

  private:
    template <class Number, unsigned BITS> using Numbers = std::array<std::atomic<Number>, size_t{1} << BITS>;

    static constexpr unsigned PAGE_BITS = 16, BLOCK_BITS = 16;

    static size_t page(uintptr_t block) { return (block >> 12) & ((size_t{1} << PAGE_BITS) - 1); }
    // Neighbours in memory are neighbours here, and the same places of different MiB are not.
    static size_t place(uintptr_t block) {
        return ((block >> 4) + (block >> 20) * 0x9E5) & ((size_t{1} << BLOCK_BITS) - 1);
    }
    void change(uintptr_t block, int by) {
        change(blocks_[place(block)], by);
        const size_t at = page(block);
        change(pages_[at], by);
        const uint64_t bit = uint64_t{1} << (at % 64),
                       others = taken_[at / 64].load(std::memory_order_relaxed) & ~bit;
        taken_[at / 64].store(pages_[at].load(std::memory_order_relaxed) ? others | bit : others,
                              std::memory_order_relaxed);
    }
    // A number that is full stays so: "maybe", for ever.
    template <class Number> static void change(std::atomic<Number> &count, int by) {
        Number now = count.load(std::memory_order_relaxed);
        if (now != std::numeric_limits<Number>::max())
            count.store(static_cast<Number>(now + by), std::memory_order_relaxed);
    }
    template <class All> static void clear(All &counts) {
        for (auto &count : counts)
            count.store(0, std::memory_order_relaxed);
    }

    std::array<std::atomic<uint64_t>, (size_t{1} << PAGE_BITS) / 64> taken_{}; // pages_ that are not 0
    Numbers<uint16_t, PAGE_BITS> pages_{};
    Numbers<uint8_t, BLOCK_BITS> blocks_{};
};

class LiveTable {
  public:
    explicit LiveTable(LiveFilter &filter) : filter_(filter) {}

    // For one more entry.
    void make_room() {
        if (4 * (used_ + 1) > 3 * slots_.size())
            grow();
    }

    // Add an entry; its address must not be there yet.
    void put(const Live &entry) {
        make_room();
        slots_[free_place(entry.block)] = entry;
        ++used_;
        filter_.add(entry.block);
    }

    bool holds(uintptr_t block) const { return !slots_.empty() && slots_[place_of(block)].block != 0; }

    // Remove the entry of `block`, which must be there, and return it.
    Live take(uintptr_t block) {
        size_t i = place_of(block);
        Live found = slots_[i];
        close_gap(i);
        --used_;
        filter_.remove(block);
        return found;
    }

    // Keep only what keep(Live &) is true for; it may change the cell.
    template <class Keep> void filter(Keep keep) {
        OwnVector<Live> old(slots_.size());
        old.swap(slots_);
        used_ = 0;
        for (Live &entry : old) {
            if (!entry.block)
                continue;
            // What stays is never out of the filter: frees of other threads wait for nobody.
            if (!keep(entry)) {
                filter_.remove(entry.block);
                continue;
            }
            slots_[free_place(entry.block)] = entry;
            ++used_;
        }
    }

    template <class Visit> void each(Visit visit) const {
        for (const Live &entry : slots_)
            if (entry.block)
                visit(entry);
    }

    size_t size() const { return used_; }
    size_t bytes() const { return slots_.size() * sizeof(Live); }

    // The largest number of entries that `bytes` have room for.
    static size_t capacity_in(size_t bytes) {
        size_t slots = FIRST_SLOTS;
        while (2 * slots * sizeof(Live) <= bytes)
            slots *= 2;
        return slots / 4 * 3 - 1;
    }

  private:
    static constexpr size_t FIRST_SLOTS = 256;

    size_t mask() const { return slots_.size() - 1; }
    size_t home(uintptr_t block) const {
        return static_cast<size_t>((block >> 4) * 0x9E3779B97F4A7C15ULL >> 20) & mask();
    }
    // Where it is, or a free place if it is not there.
    size_t place_of(uintptr_t block) const {
        size_t i = home(block);
        while (slots_[i].block && slots_[i].block != block)
            i = (i + 1) & mask();
        return i;
    }
    size_t free_place(uintptr_t block) const {
        size_t i = home(block);
        while (slots_[i].block)
            i = (i + 1) & mask();
        return i;
    }

    // Entries behind a removed one move up, as long as that brings them nearer to their home.
    void close_gap(size_t gap) {
        for (size_t i = (gap + 1) & mask(); slots_[i].block; i = (i + 1) & mask()) {
            size_t wanted = home(slots_[i].block);
            if (((i - wanted) & mask()) >= ((i - gap) & mask())) {
                slots_[gap] = slots_[i];
                gap = i;
            }
        }
        slots_[gap].block = 0;
    }

    void grow() {
        OwnVector<Live> old(slots_.empty() ? FIRST_SLOTS : 2 * slots_.size());
        old.swap(slots_);
        for (const Live &entry : old)
            if (entry.block)
                slots_[free_place(entry.block)] = entry;
    }

    LiveFilter &filter_;
    OwnVector<Live> slots_;
    size_t used_ = 0;
};

} // namespace whet::probe

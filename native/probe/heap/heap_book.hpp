// The heap profile's book: what was allocated, what is in use, what was in use at the peak.
//
// A cell is a stack, thread, label set and size class. Cells only ever gain allocations; what is in
// use is what the live entries that point to them say. Both stand for more than was sampled, by
// poisson.hpp's weights. Not thread-safe: the heap's mutex is held around every call; needs no GIL
// and does not touch Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "probe/common/flat_map.hpp"
#include "probe/common/own_memory.hpp"
#include "probe/heap/heap_stacks.hpp"
#include "probe/heap/live_table.hpp"

namespace whet::probe {

// Sizes of four significant bits, rounded up: 1 to 16 exactly, then in steps of at most an eighth.
uint64_t size_class(uint64_t size);

// Weighted blocks and bytes.
struct Amount {
    double objects = 0, bytes = 0;

    void add(const Amount &other) { objects += other.objects, bytes += other.bytes; }
    void subtract(const Amount &other) { objects -= other.objects, bytes -= other.bytes; }
};

struct Cell {
    uint32_t node, thread, labels;
    uint32_t peak_round = 0; // which peak `peak` is of
    uint64_t size_class;
    Amount allocated;
    Amount told; // of it, what windows that are over have
    Amount peak;

    Amount in_window() const {
        Amount amount = allocated;
        amount.subtract(told);
        return amount;
    }
};

struct HeapTotals {
    Amount allocated, live, peak, folded;
    Amount unlabelled; // whose labels were dropped
    Amount lost;       // for which there was no memory
    uint64_t samples = 0, folds = 0, thinnings = 0;
};

class HeapBook {
  public:
    // The mean sampling interval in bytes, and what the book may take of memory.
    HeapBook(int64_t mean, size_t budget_bytes, LiveFilter &filter);

    struct Sample {
        uintptr_t block;
        uint64_t size;
        int64_t mean; // that it was drawn with
        uint32_t thread, labels;
        uint32_t since;
        uint32_t stack_flags;
        const Frame *frames;
        size_t frame_count;
    };
    // All that adds something may throw std::bad_alloc; then the book is as it was, or not whole any more.

    // Add a sampled block, unless it was drawn with a smaller mean and does not survive today's.
    void sample(const Sample &sample, uint64_t *random);
    // Where there is too much: true if the mean has changed, or cells have got new numbers.
    bool keep_within_budget(uint64_t *random);
    // A sampled block of this size that sample() could not take.
    void lose(uint64_t size) { totals_.lost.add(weigh(size)); }
    // False where memory ran out while the book was rewritten: nothing in it may be used.
    bool is_whole() const { return whole_; }
    // A block is freed: its entry, with block 0 if it was not sampled.
    Live forget(uintptr_t block);
    // A block that was forgotten is alive after all.
    void remember(const Live &entry);

    int64_t mean() const { return mean_; }
    // Twice the mean from now on; all must draw anew.
    void double_mean(uint64_t *random);
    HeapStacks &stacks() { return stacks_; }
    // Thread `serial` is shown as thread `same` from the next fold on.
    void merge_thread(uint32_t serial, uint32_t same) { threads_.put(serial, same); }
    uint32_t shown_thread(uint32_t serial) const;

    const OwnVector<Cell> &cells() const { return cells_; }
    const LiveTable &live() const { return live_; }
    Amount weigh(uint64_t size) const;
    // A window is over, and the next one begins. With `merges`, what windows have been told of a stack, and
    // is not in use any more, becomes one cell without thread, labels and size, once such cells are many.
    // True if cells have got new numbers.
    bool end_window(bool merges);
    // What a cell had at the highest peak so far.
    Amount at_peak(const Cell &cell) const;
    // Take today's use for the peak if it is the highest.
    void note_peak();

    HeapTotals totals() const;
    double live_bytes() const { return totals_.live.bytes; }
    size_t bytes() const;
    // Memory that others hold for the book, within its budget.
    void set_names_bytes(size_t bytes) { names_bytes_ = bytes; }

  private:
    static constexpr size_t LEAST_CELLS_MERGED = 4096;

    uint32_t cell_of(const Cell &key);
    uint64_t hash(const Cell &key) const;
    bool same(const Cell &a, const Cell &b) const;
    void raise_mean(uint64_t *random);
    void fold();
    void begin_rewriting();
    std::vector<bool> worth_keeping() const;
    template <class ChangeKey> void regroup(ChangeKey change_key);
    void drop_labels(OwnVector<Cell> &cells);
    OwnVector<double> cell_worths() const;
    Amount live_now() const;

    int64_t mean_;
    size_t max_live_, max_stack_bytes_;
    size_t fold_at_bytes_; // max_stack_bytes_, or more where folding did not help
    size_t names_bytes_ = 0;
    bool whole_ = true;
    HeapStacks stacks_;
    LiveTable live_;
    OwnVector<Cell> cells_;
    FlatMap cell_ids_; // hash -> the last cell with it
    OwnVector<uint32_t> next_same_hash_;
    size_t merge_at_cells_ = LEAST_CELLS_MERGED;
    FlatMap threads_; // serial -> shown as
    HeapTotals totals_;
    uint32_t peak_round_ = 0;
};

} // namespace whet::probe

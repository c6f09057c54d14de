#include "probe/heap/heap_book.hpp"

#include <algorithm>
#include <bit>

#include "probe/cpu/threads.hpp"
#include "probe/heap/poisson.hpp"

namespace whet::probe {
namespace {

// A new peak is booked when it is this much above the last one: booking reads all live entries.
constexpr double PEAK_STEP = 1.01;
// Of the budget: live entries (their table is copied when it grows), and stacks with their names.
constexpr double LIVE_PART = 0.3, STACKS_PART = 0.5;
// A byte in use is worth as much as that many allocated ones, when stacks must be forgotten.
constexpr double LIVE_WORTH = 10;
constexpr size_t BYTES_PER_CELL = sizeof(Cell) + 3 * sizeof(uint64_t); // with its places in the tables

double median(OwnVector<double> values) {
    auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

} // namespace

uint64_t size_class(uint64_t size) {
    if (size <= 16)
        return size;
    int shift = static_cast<int>(std::bit_width(size)) - 4;
    uint64_t step = uint64_t{1} << shift;
    return (size + step - 1) & ~(step - 1);
}

HeapBook::HeapBook(int64_t mean, size_t budget_bytes, LiveFilter &filter)
    : mean_(mean),
      max_live_(LiveTable::capacity_in(static_cast<size_t>(LIVE_PART * static_cast<double>(budget_bytes)))),
      max_stack_bytes_(static_cast<size_t>(STACKS_PART * static_cast<double>(budget_bytes))),
      fold_at_bytes_(max_stack_bytes_), live_(filter) {}

Amount HeapBook::weigh(uint64_t size) const {
    double objects = 1 / sampling_probability(size, mean_);
    return {objects, objects * static_cast<double>(size)};
}

void HeapBook::sample(const Sample &s, uint64_t *random) {
    if (s.mean != mean_ &&
        draw(random) * sampling_probability(s.size, s.mean) >= sampling_probability(s.size, mean_))
        return;
    live_.make_room();
    Cell key{};
    key.node = stacks_.intern(s.frames, s.frame_count, s.stack_flags);
    key.thread = shown_thread(s.thread);
    key.labels = s.labels;
    key.size_class = size_class(s.size);
    uint32_t cell = cell_of(key);
    Amount amount = weigh(s.size);
    cells_[cell].allocated.add(amount);
    totals_.allocated.add(amount);
    ++totals_.samples;
    // Freed by a way that is not watched, or the address would not have come again.
    forget(s.block);
    remember({s.block, s.size, cell, s.since});
}

bool HeapBook::keep_within_budget(uint64_t *random) {
    bool many_live = live_.size() > max_live_, many_stacks = bytes() - live_.bytes() > fold_at_bytes_;
    if (many_live)
        raise_mean(random);
    if (many_stacks) {
        // Where folding does not help, or there is no memory for it, it is not tried again at once.
        auto next = [&] { return std::max(max_stack_bytes_, (bytes() - live_.bytes()) / 4 * 5); };
        fold_at_bytes_ = next();
        fold();
        fold_at_bytes_ = next();
    }
    return many_live || many_stacks;
}

Live HeapBook::forget(uintptr_t block) {
    if (!live_.holds(block))
        return {};
    // The highest use is always that before some free.
    note_peak();
    Live entry = live_.take(block);
    totals_.live.subtract(weigh(entry.size));
    if (live_.size() == 0)
        totals_.live = {};
    return entry;
}

void HeapBook::remember(const Live &entry) {
    live_.put(entry);
    totals_.live.add(weigh(entry.size));
}

uint32_t HeapBook::shown_thread(uint32_t serial) const {
    uint32_t same = threads_.find(serial);
    return same == FlatMap::NONE ? serial : same;
}

// ---- cells ------------------------------------------------------------------------------------

uint64_t HeapBook::hash(const Cell &key) const {
    uint64_t h = (uint64_t{key.node} << 32 | key.thread) * 0x9E3779B97F4A7C15ULL;
    h ^= (h >> 29) ^ (uint64_t{key.labels} << 40) ^ key.size_class;
    return (h * 0xBF58476D1CE4E5B9ULL) >> 1;
}

bool HeapBook::same(const Cell &a, const Cell &b) const {
    return a.node == b.node && a.thread == b.thread && a.labels == b.labels && a.size_class == b.size_class;
}

uint32_t HeapBook::cell_of(const Cell &key) {
    uint64_t h = hash(key);
    uint32_t first = cell_ids_.find(h);
    for (uint32_t i = first; i != FlatMap::NONE; i = next_same_hash_[i])
        if (same(cells_[i], key))
            return i;
    auto id = static_cast<uint32_t>(cells_.size());
    next_same_hash_.resize(cells_.size()); // one more where there was no memory for its cell
    next_same_hash_.push_back(first);
    cells_.push_back(key);
    cell_ids_.put(h, id);
    return id;
}

// ---- the peak ---------------------------------------------------------------------------------

void HeapBook::note_peak() {
    if (totals_.live.bytes <= totals_.peak.bytes * PEAK_STEP)
        return;
    ++peak_round_;
    totals_.peak = {};
    live_.each([&](const Live &entry) {
        Cell &cell = cells_[entry.cell];
        if (cell.peak_round != peak_round_) {
            cell.peak_round = peak_round_;
            cell.peak = {};
        }
        Amount amount = weigh(entry.size);
        cell.peak.add(amount);
        totals_.peak.add(amount);
    });
    totals_.live = totals_.peak; // without the rounding errors of many additions
}

Amount HeapBook::at_peak(const Cell &cell) const {
    return cell.peak_round == peak_round_ ? cell.peak : Amount{};
}

// ---- keeping within the budget ----------------------------------------------------------------

// Twice the mean halves what small blocks need and keeps each estimate unbiased: an entry stays
// with the probability that makes its block's chance of being there what the new mean says.
void HeapBook::raise_mean(uint64_t *random) {
    while (live_.size() > max_live_ / 2) {
        double_mean(random);
        ++totals_.thinnings;
        // Blocks that are large beside the mean stay: there is no end in doubling for them.
        if (mean_ > int64_t{1} << 40)
            break;
    }
}

void HeapBook::double_mean(uint64_t *random) {
    note_peak();
    const int64_t twice = 2 * mean_;
    live_.filter([&](const Live &entry) {
        return draw(random) * sampling_probability(entry.size, mean_) <
               sampling_probability(entry.size, twice);
    });
    mean_ = twice;
    totals_.live = live_now();
}

Amount HeapBook::live_now() const {
    Amount sum;
    live_.each([&](const Live &entry) { sum.add(weigh(entry.size)); });
    return sum;
}

OwnVector<double> HeapBook::cell_worths() const {
    OwnVector<double> worth;
    worth.reserve(cells_.size());
    for (const Cell &cell : cells_)
        worth.push_back(cell.allocated.bytes);
    // What lives counts again: a leak is seldom among the largest allocations.
    live_.each([&](const Live &entry) { worth[entry.cell] += LIVE_WORTH * weigh(entry.size).bytes; });
    return worth;
}

// The better half of the nodes: those with most behind them.
std::vector<bool> HeapBook::worth_keeping() const {
    OwnVector<double> worth(stacks_.nodes()), of_cells = cell_worths();
    for (size_t i = 0; i < cells_.size(); ++i)
        worth[cells_[i].node] += of_cells[i];
    for (size_t node = worth.size(); node-- > 1;)
        worth[stacks_.caller(static_cast<uint32_t>(node))] += worth[node];
    double middle = median(worth);
    std::vector<bool> keep(worth.size());
    for (size_t node = 0; node < worth.size(); ++node)
        keep[node] = worth[node] > middle && !stacks_.is_folded(static_cast<uint32_t>(node));
    return keep;
}

// Where labels, not stacks, are what there is too much of, the lesser half of the cells loses them.
void HeapBook::drop_labels(OwnVector<Cell> &cells) {
    if (cells.size() * BYTES_PER_CELL < max_stack_bytes_ / 2)
        return;
    OwnVector<double> worth = cell_worths();
    double middle = median(worth);
    for (size_t i = 0; i < cells.size(); ++i) {
        if (worth[i] > middle || !cells[i].labels)
            continue;
        totals_.unlabelled.add(cells[i].allocated);
        cells[i].labels = 0;
    }
}

void HeapBook::fold() {
    ++totals_.folds;
    std::vector<bool> keep = worth_keeping();
    begin_rewriting();
    drop_labels(cells_);
    OwnVector<uint32_t> moved = stacks_.fold(keep);
    regroup([&](Cell &key, size_t) {
        key.node = moved[key.node];
        key.thread = shown_thread(key.thread);
        // Many threads, labels and sizes must not keep a stack's crumbs apart.
        if (stacks_.is_folded(key.node))
            key.labels = 0;
    });
    whole_ = true;
}

// What is rewritten is there twice. Without room for that it is not begun.
void HeapBook::begin_rewriting() {
    OwnVector<char>().reserve(bytes());
    whole_ = false;
}

// Change the key of each cell, which has a number, too; those whose keys are the same then become one.
template <class ChangeKey> void HeapBook::regroup(ChangeKey change_key) {
    OwnVector<Cell> old = std::move(cells_);
    cells_ = {};
    cell_ids_.clear();
    next_same_hash_ = {};
    OwnVector<uint32_t> moved_cell;
    moved_cell.reserve(old.size());
    for (const Cell &cell : old) {
        Cell key = cell;
        change_key(key, moved_cell.size());
        key.allocated = key.told = key.peak = {};
        uint32_t id = cell_of(key);
        moved_cell.push_back(id);
        cells_[id].allocated.add(cell.allocated);
        cells_[id].told.add(cell.told);
        Amount peak = at_peak(cell);
        cells_[id].peak.add(peak);
        cells_[id].peak_round = peak_round_;
    }
    live_.filter([&](Live &entry) {
        entry.cell = moved_cell[entry.cell];
        return true;
    });
}

bool HeapBook::end_window(bool merges) {
    for (Cell &cell : cells_)
        cell.told = cell.allocated;
    if (!merges || cells_.size() < merge_at_cells_)
        return false;
    std::vector<bool> in_use(cells_.size());
    live_.each([&](const Live &entry) { in_use[entry.cell] = true; });
    begin_rewriting();
    regroup([&](Cell &key, size_t number) {
        if (!in_use[number])
            key.thread = key.labels = 0, key.size_class = 0;
    });
    whole_ = true;
    merge_at_cells_ = std::max(LEAST_CELLS_MERGED, 2 * cells_.size());
    return true;
}

// ---- what it is -------------------------------------------------------------------------------

HeapTotals HeapBook::totals() const {
    HeapTotals totals = totals_;
    for (const Cell &cell : cells_)
        if (whole_ && stacks_.is_folded(cell.node))
            totals.folded.add(cell.allocated);
    return totals;
}

size_t HeapBook::bytes() const {
    return stacks_.bytes() + live_.bytes() + cells_.capacity() * sizeof(Cell) + cell_ids_.bytes() +
           next_same_hash_.capacity() * sizeof(uint32_t) + threads_.bytes() + names_bytes_;
}

} // namespace whet::probe

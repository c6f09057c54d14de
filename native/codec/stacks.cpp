// See stacks.hpp. Sums are made in unsigned arithmetic: they wrap around.
#include "codec/stacks.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "codec/ids.hpp"

namespace whet {
namespace {

std::uint64_t bits(std::int64_t v) { return static_cast<std::uint64_t>(v); }

void add(std::int64_t &sum, std::int64_t v) { sum = static_cast<std::int64_t>(bits(sum) + bits(v)); }

// Call use(node, is_inlined) for the frames of a sample, root first; hidden ones have node -1.
template <class Use> void root_first(const Stacks &s, std::size_t sample, Use use) {
    for (auto i = s.stack_start[sample + 1]; i-- > s.stack_start[sample];) {
        const auto location = static_cast<std::size_t>(s.stack[static_cast<std::size_t>(i)]);
        const std::int64_t first = s.node_start[location], end = s.node_start[location + 1];
        for (auto k = end; k-- > first;)
            use(s.nodes[static_cast<std::size_t>(k)], k != end - 1);
    }
}

} // namespace

bool is_csr(std::span<const std::int64_t> start, std::size_t size) {
    if (start.empty() || start.front() != 0 || bits(start.back()) != size)
        return false;
    return std::is_sorted(start.begin(), start.end());
}

const char *check(const Stacks &s, std::int64_t node_count) {
    if (!is_csr(s.stack_start, s.stack.size()))
        return "stack_start does not fit stack";
    if (!is_csr(s.node_start, s.nodes.size()))
        return "node_start does not fit nodes";
    const auto locations = static_cast<std::uint32_t>(s.node_start.size() - 1);
    std::uint32_t largest = 0; // a negative row is a large number
    for (std::int32_t row : s.stack)
        largest = std::max(largest, static_cast<std::uint32_t>(row));
    if (!s.stack.empty() && largest >= locations)
        return "stack has a row that is no location";
    for (std::int32_t node : s.nodes)
        if (node < -1 || node >= node_count)
            return "nodes has a number beyond node_count";
    return nullptr;
}

void flat_cum(const Stacks &s, Values values, std::span<std::int64_t> flat, std::span<std::int64_t> cum) {
    struct Node { // side by side: one cache line a frame
        std::uint64_t sum = 0;
        std::uint64_t last = 0; // the last sample that has it, counted from 1
    };
    std::vector<Node> nodes(cum.size());
    for (std::size_t sample = 0; sample < s.size(); ++sample) {
        if (!s.counts(sample))
            continue;
        const std::uint64_t value = bits(values[sample]), mark = sample + 1;
        std::int32_t innermost = -1;
        root_first(s, sample, [&](std::int32_t node, bool) {
            innermost = node;
            if (node < 0)
                return;
            Node &n = nodes[static_cast<std::size_t>(node)];
            n.sum += n.last == mark ? 0 : value;
            n.last = mark;
        });
        if (innermost >= 0)
            add(flat[static_cast<std::size_t>(innermost)], values[sample]);
    }
    for (std::size_t n = 0; n < nodes.size(); ++n)
        add(cum[n], static_cast<std::int64_t>(nodes[n].sum));
}

void EdgeSums::begin_stack(std::int64_t value) {
    end_stack();
    ++stack_;
    value_ = bits(value);
    caller_ = -1;
    residual_ = false;
}

void EdgeSums::frame(std::int32_t node, bool inlined) {
    if (node < 0) {
        residual_ = true;
        return;
    }
    const std::int32_t from = std::exchange(caller_, node);
    const bool over_hidden = std::exchange(residual_, false);
    if (from < 0 || from == node)
        return;
    const std::uint64_t key =
        std::uint64_t{static_cast<std::uint32_t>(from)} << 32 | static_cast<std::uint32_t>(node);
    const std::uint64_t hash = mix64(key);
    // The slots of a stack's calls come from memory while the rest of the stack is read.
    __builtin_prefetch(&slots_[hash & (slots_.size() - 1)], 1);
    calls_.push_back({key, hash, over_hidden, inlined});
}

void EdgeSums::end_stack() {
    for (const Call &call : calls_)
        count(call);
    calls_.clear();
}

void EdgeSums::count(const Call &call) {
    Slot &slot = find(call.key, call.hash);
    if (slot.last == stack_)
        return;
    const bool fresh = slot.last == 0;
    slot = {call.key, stack_, slot.weight + value_, slot.residual || call.residual,
            (fresh || slot.inlined) && call.inlined};
    if (fresh && 2 * ++used_ > slots_.size())
        grow();
}

EdgeSums::Slot &EdgeSums::find(std::uint64_t key, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = hash & mask;
    while (slots_[i].last && slots_[i].key != key)
        i = (i + 1) & mask;
    return slots_[i];
}

void EdgeSums::grow() {
    Column<Slot> old;
    old.swap(slots_);
    slots_.resize(2 * old.size());
    for (const Slot &slot : old)
        if (slot.last)
            find(slot.key, mix64(slot.key)) = slot;
}

Edges EdgeSums::sorted() {
    end_stack();
    std::vector<Slot> found;
    found.reserve(used_);
    for (const Slot &slot : slots_)
        if (slot.last)
            found.push_back(slot);
    std::sort(found.begin(), found.end(), [](const Slot &a, const Slot &b) { return a.key < b.key; });
    Edges edges;
    for (const Slot &slot : found) {
        edges.caller.push_back(static_cast<std::int32_t>(slot.key >> 32));
        edges.callee.push_back(static_cast<std::int32_t>(slot.key));
        edges.weight.push_back(static_cast<std::int64_t>(slot.weight));
        edges.residual.push_back(slot.residual);
        edges.inlined.push_back(slot.inlined);
    }
    return edges;
}

Edges edge_sums(const Stacks &s, Values values) {
    EdgeSums sums;
    for (std::size_t sample = 0; sample < s.size(); ++sample) {
        if (!s.counts(sample))
            continue;
        sums.begin_stack(values[sample]);
        root_first(s, sample, [&](std::int32_t node, bool inlined) { sums.frame(node, inlined); });
    }
    return sums.sorted();
}

CallTree call_tree(const Stacks &s) {
    PairIndex index; // (parent row, node) -> row - 1
    CallTree tree;
    tree.sample_row.reserve(s.size());
    for (std::size_t sample = 0; sample < s.size(); ++sample) {
        if (!s.counts(sample)) {
            tree.sample_row.push_back(-1);
            continue;
        }
        std::uint32_t row = 0;
        root_first(s, sample, [&](std::int32_t node, bool) {
            bool fresh;
            if (node >= 0)
                row = index.number(row, static_cast<std::uint32_t>(node), fresh) + 1;
        });
        tree.sample_row.push_back(static_cast<std::int32_t>(row));
    }
    tree.parent.reserve(index.keys().size() + 1);
    tree.node.reserve(index.keys().size() + 1);
    tree.parent.push_back(-1);
    tree.node.push_back(-1);
    for (std::uint64_t key : index.keys()) {
        tree.parent.push_back(static_cast<std::int32_t>(key >> 32));
        tree.node.push_back(static_cast<std::int32_t>(key));
    }
    return tree;
}

void tree_values(std::span<const std::int32_t> parent, std::span<const std::int32_t> sample_row,
                 Values values, Column<std::int64_t> &own, Column<std::int64_t> &total) {
    for (std::size_t sample = 0; sample < sample_row.size(); ++sample)
        if (sample_row[sample] >= 0)
            add(own[static_cast<std::size_t>(sample_row[sample])], values[sample]);
    total.append(own.data(), own.size());
    for (std::size_t row = parent.size(); row-- > 1;)
        add(total[static_cast<std::size_t>(parent[row])], total[row]);
}

Column<std::int32_t> row_groups(std::span<const std::int64_t> start, std::span<const std::int32_t> cells) {
    const std::size_t rows = start.size() - 1;
    auto row = [&](std::size_t i) {
        return cells.subspan(static_cast<std::size_t>(start[i]),
                             static_cast<std::size_t>(start[i + 1] - start[i]));
    };
    std::size_t slots = 64;
    while (slots < 2 * rows)
        slots *= 2;
    std::vector<std::uint32_t> first_row(slots); // row + 1 of the first of its kind; 0 = free
    Column<std::int32_t> group;
    group.reserve(rows);
    std::int32_t groups = 0;
    for (std::size_t i = 0; i < rows; ++i) {
        const auto wanted = row(i);
        std::uint64_t hash = wanted.size();
        for (std::int32_t cell : wanted)
            hash = mix64(hash ^ static_cast<std::uint32_t>(cell));
        std::size_t slot = hash & (slots - 1);
        while (first_row[slot]) {
            const auto found = row(first_row[slot] - 1);
            if (std::equal(found.begin(), found.end(), wanted.begin(), wanted.end()))
                break;
            slot = (slot + 1) & (slots - 1);
        }
        if (first_row[slot]) {
            group.push_back(group[first_row[slot] - 1]);
        } else {
            first_row[slot] = static_cast<std::uint32_t>(i + 1);
            group.push_back(groups++);
        }
    }
    return group;
}

} // namespace whet

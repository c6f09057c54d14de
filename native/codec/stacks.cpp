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
    std::vector<std::int64_t> last_sample(cum.size(), -1);
    for (std::size_t sample = 0; sample < s.size(); ++sample) {
        if (!s.counts(sample))
            continue;
        const std::int64_t value = values[sample];
        std::int32_t innermost = -1;
        root_first(s, sample, [&](std::int32_t node, bool) {
            innermost = node;
            if (node < 0)
                return;
            const auto n = static_cast<std::size_t>(node);
            if (last_sample[n] == static_cast<std::int64_t>(sample))
                return;
            last_sample[n] = static_cast<std::int64_t>(sample);
            add(cum[n], value);
        });
        if (innermost >= 0)
            add(flat[static_cast<std::size_t>(innermost)], value);
    }
}

void EdgeSums::begin_stack(std::int64_t value) {
    ++stack_;
    value_ = value;
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
    bool fresh;
    const std::uint32_t e =
        index_.number(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(node), fresh);
    if (fresh) {
        found_.weight.push_back(0);
        found_.residual.push_back(0);
        found_.inlined.push_back(1);
        last_stack_.push_back(0);
    }
    if (last_stack_[e] == stack_)
        return;
    last_stack_[e] = stack_;
    add(found_.weight[e], value_);
    found_.residual[e] |= over_hidden;
    found_.inlined[e] &= inlined;
}

Edges EdgeSums::sorted() const {
    const Column<std::uint64_t> &keys = index_.keys();
    std::vector<std::uint32_t> order(keys.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return keys[a] < keys[b]; });
    Edges sorted;
    for (std::uint32_t e : order) {
        sorted.caller.push_back(static_cast<std::int32_t>(keys[e] >> 32));
        sorted.callee.push_back(static_cast<std::int32_t>(keys[e]));
        sorted.weight.push_back(found_.weight[e]);
        sorted.residual.push_back(found_.residual[e]);
        sorted.inlined.push_back(found_.inlined[e]);
    }
    return sorted;
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

// See steps.hpp. Both loops see every frame of a profile: their tables fit a core's own cache.
#include "codec/steps.hpp"

#include <vector>

namespace whet {
namespace {

std::uint64_t bits(std::int64_t v) { return static_cast<std::uint64_t>(v); }

// Whether every location has one node, so that a location's row is its place in `nodes`.
bool is_plain(std::span<const std::int64_t> node_start) {
    for (std::size_t i = 0; i < node_start.size(); ++i)
        if (node_start[i] != static_cast<std::int64_t>(i))
            return false;
    return true;
}

// Write the visible nodes of one location each; return how many. `to` has room for all frames.
std::size_t plain_steps(std::span<const std::int32_t> frames, std::span<const std::int32_t> nodes,
                        std::int32_t *to, bool &bad_row) {
    std::size_t size = 0;
    for (std::int32_t row : frames) {
        if (static_cast<std::uint32_t>(row) >= nodes.size()) {
            bad_row = true;
            return 0;
        }
        const std::int32_t node = nodes[static_cast<std::size_t>(row)];
        to[size] = node; // overwritten by the next one if it is hidden
        size += node >= 0;
    }
    return size;
}

std::size_t inlined_size(const Ranges &r, std::span<const std::int32_t> frames, bool &bad_row) {
    std::size_t size = 0;
    for (std::int32_t row : frames) {
        const auto location = static_cast<std::size_t>(static_cast<std::uint32_t>(row));
        if (location + 1 >= r.node_start.size()) {
            bad_row = true;
            return 0;
        }
        size += bits(r.node_start[location + 1] - r.node_start[location]);
    }
    return size;
}

std::size_t inlined_steps(const Ranges &r, std::span<const std::int32_t> frames, std::int32_t *to) {
    std::size_t size = 0;
    for (std::int32_t row : frames) {
        const auto location = static_cast<std::size_t>(row);
        for (auto k = r.node_start[location]; k < r.node_start[location + 1]; ++k)
            if (r.nodes[static_cast<std::size_t>(k)] >= 0)
                to[size++] = r.nodes[static_cast<std::size_t>(k)];
    }
    return size;
}

} // namespace

const char *check(const Ranges &r) {
    if (r.begin.size() != r.end.size())
        return "begin and end differ in length";
    if (!is_csr(r.node_start, r.nodes.size()))
        return "node_start does not fit nodes";
    for (std::size_t s = 0; s < r.begin.size(); ++s)
        if (r.begin[s] < 0 || r.begin[s] > r.end[s] || bits(r.end[s]) > r.stack.size())
            return "a range leaves the stack";
    return nullptr;
}

Steps visible_steps(const Ranges &r) {
    Steps steps;
    const bool plain = is_plain(r.node_start);
    std::size_t frames_in_all = 0;
    for (std::size_t s = 0; s < r.begin.size(); ++s)
        frames_in_all += bits(r.end[s] - r.begin[s]);
    steps.start.reserve(r.begin.size() + 1);
    steps.start.push_back(0);
    steps.step.reserve_whole(frames_in_all);
    for (std::size_t s = 0; s < r.begin.size() && !steps.bad_row; ++s) {
        const auto frames = r.stack.subspan(bits(r.begin[s]), bits(r.end[s] - r.begin[s]));
        if (plain)
            steps.step.grow(plain_steps(frames, r.nodes, steps.step.room(frames.size()), steps.bad_row));
        else if (const std::size_t size = inlined_size(r, frames, steps.bad_row))
            steps.step.grow(inlined_steps(r, frames, steps.step.room(size)));
        steps.start.push_back(static_cast<std::int64_t>(steps.step.size()));
    }
    return steps;
}

bool step_sums(std::span<const std::int64_t> start, std::span<const std::int32_t> step, Values values,
               const std::uint8_t *mask, std::span<std::int64_t> flat, std::span<std::int64_t> cum) {
    struct Node { // side by side: one cache line a step
        std::uint64_t sum = 0;
        std::uint64_t last = 0; // the last sample that passed, counted from 1
    };
    std::vector<Node> node(cum.size());
    for (std::size_t sample = 0; sample + 1 < start.size(); ++sample) {
        const auto begin = static_cast<std::size_t>(start[sample]);
        const auto end = static_cast<std::size_t>(start[sample + 1]);
        if ((mask && !mask[sample]) || begin == end)
            continue;
        const std::uint64_t value = bits(values[sample]), mark = sample + 1;
        for (std::size_t i = begin; i < end; ++i) {
            if (static_cast<std::uint32_t>(step[i]) >= node.size())
                return false;
            Node &n = node[static_cast<std::size_t>(step[i])];
            n.sum += n.last == mark ? 0 : value;
            n.last = mark;
        }
        std::int64_t &own = flat[static_cast<std::size_t>(step[begin])];
        own = static_cast<std::int64_t>(bits(own) + value);
    }
    for (std::size_t n = 0; n < node.size(); ++n)
        cum[n] = static_cast<std::int64_t>(node[n].sum);
    return true;
}

} // namespace whet

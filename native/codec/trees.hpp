// Call trees cut below a threshold. Definition: kernels/reference/trees.py, the twin.
#pragma once

#include <cstdint>
#include <span>

#include "codec/column.hpp"

namespace whet {

// The path of each sample in a column of frames: `first`, then every `step`, `length` of them.
struct Walks {
    std::span<const std::int32_t> frames; // below frame_count
    std::size_t frame_count = 0;
    std::span<const std::int64_t> first, length;
    std::int64_t step = 1;        // 1 or -1
    std::span<const double> mass; // samples x types
    std::size_t types = 1;

    std::size_t size() const { return first.size(); }
};

// What is kept: nodes whose mass reaches the cutoff in any type; below `path`, a share of its mass.
struct Cut {
    std::span<const double> cutoff; // types
    std::span<const std::int32_t> path;
    double share = 0;
    std::size_t max_nodes = 0; // 0 = any number
};

struct GrownTree {
    Column<std::int32_t> parent, frame, folded, sample;
    Column<std::int32_t> node_of_sample;
    std::int32_t branch = 0;
    bool too_large = false;
    bool bad_frame = false; // a frame that was met is not below frame_count; nothing else counts then
};

// Return nullptr if every path lies inside `frames`, else what does not.
const char *check(const Walks &walks);

GrownTree grow_tree(const Walks &walks, const Cut &cut);

// Flags of elements: their own, or those of the rows of another table that they are.
struct Flags {
    std::span<const std::uint8_t> flags;
    const std::int32_t *rows = nullptr;
    bool operator[](std::size_t i) const { return flags[rows ? static_cast<std::size_t>(rows[i]) : i] != 0; }
};

// Count the set flags in each row of a CSR array.
Column<std::int64_t> count_flags(std::span<const std::int64_t> start, const Flags &flags);

// The places of the first and the last set flag in each row, -1 where there is none.
struct FlagEnds {
    Column<std::int64_t> first, last;
};
FlagEnds flag_ends(std::span<const std::int64_t> start, const Flags &flags);

} // namespace whet

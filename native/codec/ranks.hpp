// Counting arrangements of tied ranks. Definition: kernels/reference/ranks.py.
#pragma once

#include <cstdint>
#include <span>

namespace whet {

// ties[start[i] .. start[i + 1]] are the ranks of problem i; lower and tail have an element for each.
// Every rank holds at least one value, `first` is between 0 and their sum, and 2U within its range.
void rank_tails(std::span<const std::int64_t> start, std::span<const std::int64_t> ties, std::int64_t first,
                std::span<const std::int64_t> two_u, std::span<double> lower, std::span<double> tail);

} // namespace whet

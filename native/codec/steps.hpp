// Stacks as steps: nodes laid out flat, without what is hidden. Definitions: kernels/reference/steps.py.
#pragma once

#include <cstdint>
#include <span>

#include "codec/column.hpp"
#include "codec/stacks.hpp"

namespace whet {

// The frames of each sample that are looked at: stack[begin] .. stack[end - 1], leaf first.
struct Ranges {
    std::span<const std::int64_t> begin, end;
    std::span<const std::int32_t> stack;      // rows of locations
    std::span<const std::int64_t> node_start; // locations + 1
    std::span<const std::int32_t> nodes;      // innermost first, -1 = hidden
};

// Return nullptr if every range lies inside its columns, else what does not. Rows of `stack` are
// checked by `visible_steps`.
const char *check(const Ranges &ranges);

struct Steps {
    Column<std::int64_t> start; // samples + 1
    Column<std::int32_t> step;
    bool bad_row = false; // a row of `stack` is no location; nothing else counts then
};
Steps visible_steps(const Ranges &ranges);

// Add the values of samples to the nodes they end in and to those they pass, each once a sample.
// Returns false if a step is no node.
bool step_sums(std::span<const std::int64_t> start, std::span<const std::int32_t> step, Values values,
               const std::uint8_t *mask, std::span<std::int64_t> flat, std::span<std::int64_t> cum);

} // namespace whet

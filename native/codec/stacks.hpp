// Sums over stacks: flat/cum, edges, call tree. Definitions: kernels/reference/stacks.py, the twin.
#pragma once

#include <cstdint>
#include <span>

#include "codec/column.hpp"
#include "codec/ids.hpp"

namespace whet {

// Samples and the nodes of their locations; all spans are checked by `check` before use.
struct Stacks {
    std::span<const std::int64_t> stack_start; // samples + 1
    std::span<const std::int32_t> stack;       // rows of locations, leaf first
    std::span<const std::int64_t> node_start;  // locations + 1
    std::span<const std::int32_t> nodes;       // innermost first, -1 = hidden
    const std::uint8_t *mask = nullptr;        // samples that count; null = all

    std::size_t size() const { return stack_start.size() - 1; }
    bool counts(std::size_t sample) const { return !mask || mask[sample]; }
};

// One value column, possibly a column of a matrix.
struct Values {
    const std::int64_t *first = nullptr;
    std::int64_t stride = 1; // in values
    std::int64_t operator[](std::size_t i) const { return first[static_cast<std::int64_t>(i) * stride]; }
};

// Return nullptr if every index is in range, else what is not.
// Does `start` cut `size` elements into rows?
bool is_csr(std::span<const std::int64_t> start, std::size_t size);

const char *check(const Stacks &stacks, std::int64_t node_count);

// Add to flat and cum, node_count values each.
void flat_cum(const Stacks &stacks, Values values, std::span<std::int64_t> flat, std::span<std::int64_t> cum);

struct Edges {
    Column<std::int32_t> caller, callee;
    Column<std::int64_t> weight;
    Column<std::uint8_t> residual, inlined;
};
Edges edge_sums(const Stacks &stacks, Values values);

// The same, one stack after the other: begin_stack, then its frames root first, -1 = hidden.
class EdgeSums {
  public:
    EdgeSums() { slots_.resize(1024); }
    void begin_stack(std::int64_t value);
    void frame(std::int32_t node, bool inlined);
    // By caller, then by callee.
    Edges sorted();

  private:
    struct Slot {           // all of an edge in one place: one cache line an occurrence
        std::uint64_t key;  // caller << 32 | callee
        std::uint64_t last; // the last stack that has it, counted from 1; 0 = free
        std::uint64_t weight;
        bool residual, inlined;
    };
    struct Call {
        std::uint64_t key, hash;
        bool residual, inlined;
    };

    void end_stack();
    void count(const Call &call);
    Slot &find(std::uint64_t key, std::uint64_t hash);
    void grow();

    Column<Slot> slots_;
    std::size_t used_ = 0;
    Column<Call> calls_; // of the stack at hand
    std::uint64_t stack_ = 0;
    std::uint64_t value_ = 0;
    std::int32_t caller_ = -1;
    bool residual_ = false; // hidden frames lie between the caller and the next frame
};

// Sample rows: -1 for masked samples, 0 (the root) without visible frames.
struct CallTree {
    Column<std::int32_t> parent, node, sample_row;
};
CallTree call_tree(const Stacks &stacks);

// Sum values into a call tree: `own` (zeros of the tree's size) and `total`.
void tree_values(std::span<const std::int32_t> parent, std::span<const std::int32_t> sample_row,
                 Values values, Column<std::int64_t> &own, Column<std::int64_t> &total);

// Number the rows of a CSR array: equal rows get the same number, in order of first appearance.
Column<std::int32_t> row_groups(std::span<const std::int64_t> start, std::span<const std::int32_t> cells);

} // namespace whet

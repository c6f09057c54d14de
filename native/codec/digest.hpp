// A decoded profile that stays on this side and answers what a table of functions needs: who the
// nodes are, their flat and cum, which calls were inlined. Nothing of it becomes a NumPy array.
//
// Nodes are those of granularity `functions`: functions of one name are one node; what has no name
// is told apart by the file of its mapping and by the first line of the function. Twin and oracle:
// src/whet/kernels/reference/digest.py.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "codec/profile.hpp"
#include "codec/stacks.hpp"

namespace whet {

class Digest {
  public:
    // What makes a node; all slots of a node agree in it.
    struct Node {
        std::int32_t name = 0;        // string index, 0 = none
        std::int32_t object_file = 0; // string index, of nameless nodes
        std::int64_t start_line = 0;  // of nameless nodes
    };
    struct Row {
        std::int32_t node;
        std::int64_t flat, cum;
    };
    struct Call {
        std::int32_t callee;
        bool inlined;
    };

    explicit Digest(Profile &&profile);

    const Profile &profile() const { return profile_; }
    const Node &node(std::size_t number) const { return nodes_[number]; }
    std::size_t node_count() const { return nodes_.size(); }
    std::string_view text(std::int32_t string) const;
    bool has_inlines() const { return has_inlines_; }

    // Distinct names, as string indices, of functions that have no other name than the linker's.
    std::vector<std::int32_t> linker_names() const;

    // Choose the value column, which must exist, and sum it up.
    void sum(std::size_t column);
    // Of the chosen column: the sum of absolute values, the sum of flat values, both wrapping, and
    // the number of nodes that have any value.
    std::int64_t total() const;
    std::int64_t flat_total() const;
    std::size_t present() const;
    // The nodes with a value whose |cum| reaches the cut-off (below 1: all of them).
    std::vector<Row> rows(std::int64_t cutoff) const;
    // The calls between shown nodes with a weight that reaches the cut-off. Where `trimmed`, calls
    // run over the nodes that are not shown.
    std::vector<Call> calls(const std::vector<std::int32_t> &shown, bool trimmed, std::int64_t cutoff) const;

  private:
    void group();
    std::int64_t value(std::size_t sample) const;
    bool has_value(std::size_t node) const { return flat_[node] || cum_[node]; }
    Values values() const;
    Stacks stacks(const Column<std::int32_t> &nodes) const;

    Profile profile_;
    std::vector<Node> nodes_;
    Column<std::int64_t> slot_start_{0};
    Column<std::int32_t> slot_node_;
    bool has_inlines_ = false;
    std::size_t column_ = 0;
    Column<std::int64_t> flat_, cum_;
};

} // namespace whet

// What a table of functions needs of profiles, without ever having their samples in columns: who
// the nodes are, their flat and cum, which calls were inlined. Nothing becomes a NumPy array.
//
// Nodes are those of granularity `functions`: functions of one name are one node; what has no name
// is told apart by the file of its mapping and by the first line of the function. Twin and oracle:
// src/whet/kernels/reference/digest.py.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "codec/ids.hpp"
#include "codec/profile.hpp"
#include "codec/stacks.hpp"

namespace whet {

// A decoded profile. For NodeSums its samples are still messages (Needs::samples is false).
class Digest {
  public:
    explicit Digest(Profile &&profile);

    const Profile &profile() const { return profile_; }
    std::string_view text(std::int32_t string) const;
    bool has_inlines() const { return has_inlines_; }

    // Distinct names, as string indices, that may have a simpler form: those with brackets or "::"
    // of functions that have no other name than the linker's.
    std::vector<std::int32_t> linker_names() const;

    // Is there a function that has a linker's name only?
    bool has_nameless() const;
    // Is there a location without lines that nobody has looked up names for?
    bool has_bare() const;

    // Are ids of locations so large that a table of them would be mostly empty?
    bool has_large_ids() const { return largest_id_ >= 4 * profile_.locations.size() + 1024; }
    std::uint64_t largest_id() const { return largest_id_; }

    // Where ids are large: return the row of a location, -1 where there is none of this id.
    std::int32_t location(std::uint64_t id) const { return rows_.find(profile_.locations.id, id); }

  private:
    Profile profile_;
    std::uint64_t largest_id_ = 0;
    IdIndex rows_; // where ids are large
    bool has_inlines_ = false;
};

// One value column of one or several digests, summed up by node. Sums wrap around.
class NodeSums {
  public:
    struct Source {
        std::shared_ptr<const Digest> digest;
        bool is_negative = false; // its values are subtracted
    };
    // What makes a node; all slots of a node agree in it.
    struct Node {
        std::size_t source = 0;       // whose strings these are
        std::int32_t name = 0;        // string index, 0 = none
        std::int32_t object_file = 0; // string index, of nameless nodes
        std::int64_t start_line = 0;  // of nameless nodes
    };
    // Of a source's values: the sum of |v|, and whether they add up: none is below 0 and a double
    // holds their sum, so that uniting samples changes nothing.
    struct Total {
        std::int64_t magnitude = 0;
        bool adds_up = true;
    };
    struct Row {
        std::int32_t node;
        std::int64_t flat, cum;
    };
    struct Call {
        std::int32_t callee;
        bool inlined;
    };

    // Read all samples; the column must exist in all sources. Throws FormatError where the decoder
    // does; what it says then has no place.
    NodeSums(std::vector<Source> sources, std::size_t column);
    NodeSums(const NodeSums &) = delete;
    NodeSums &operator=(const NodeSums &) = delete;

    const std::vector<Total> &totals() const { return totals_; }
    // The distinct keys of labels.
    const std::vector<std::string_view> &label_keys() const { return label_keys_; }
    std::int64_t flat_total() const;
    // How many nodes have any value.
    std::size_t present() const;
    bool has_nameless() const;

    std::size_t node_count() const { return nodes_.size(); }
    const Node &node(std::size_t number) const { return nodes_[number]; }
    std::string_view text(const Node &node, std::int32_t string) const {
        return sources_[node.source].digest->text(string);
    }
    // The nodes with a value whose |cum| reaches the cut-off (below 1: all of them).
    std::vector<Row> rows(std::int64_t cutoff) const;
    // The calls between shown nodes with a weight that reaches the cut-off. Where `trimmed`, calls
    // run over the nodes that are not shown.
    std::vector<Call> calls(const std::vector<std::int32_t> &shown, bool trimmed, std::int64_t cutoff) const;

  private:
    struct Cell {
        std::int64_t cum = 0;
        std::uint64_t last_sample = 0; // number of the last sample that was added, from 1 on
    };
    // The nodes of a source's locations in CSR form, innermost first; and by location id, while ids
    // are about as large as the table: the node of a location that has one, else what `frame` says.
    struct Slots {
        Column<std::int64_t> start{0};
        Column<std::int32_t> node;
        Column<std::int32_t> by_id;
    };
    class NodeIndex;
    class SampleReader;

    void group(std::size_t source, NodeIndex &index);
    void add(std::size_t source);
    void add_stack(const Slots &slots, std::span<const std::int32_t> stack, std::int64_t value);
    void add_cum(std::int32_t node, std::int64_t value);
    bool has_value(std::size_t node) const { return flat_[node] || cells_[node].cum; }

    std::vector<Source> sources_;
    std::size_t column_;
    std::vector<Slots> slots_; // of each source
    std::vector<Node> nodes_;
    std::vector<std::int64_t> flat_;
    std::vector<Cell> cells_;
    std::uint64_t sample_ = 0;
    std::vector<Total> totals_;
    std::vector<std::string_view> label_keys_;
};

} // namespace whet

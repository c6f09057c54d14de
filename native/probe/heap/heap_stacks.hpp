// The heap profile's stacks: a tree that is filled without the GIL, named later and folded when full.
//
// Allocator hooks know code objects by address only. A location is a (code object, instruction)
// pair until it is named; nodes are (caller node, location) pairs, node 0 is the root, and a
// caller's number is always smaller. Not thread-safe: the heap's mutex is held around every call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "probe/common/flat_map.hpp"
#include "probe/common/own_memory.hpp"
#include "probe/common/own_stack.hpp"

namespace whet::probe {

class HeapStacks {
  public:
    static constexpr uint32_t UNNAMED = UINT32_MAX;

    // Locations that are no Python code; their numbers are their places.
    enum Pseudo : uint32_t { TRUNCATED, REJECTED, NATIVE, FOREIGN, FOLDED, PSEUDO_COUNT };
    static const char *pseudo_name(uint32_t pseudo);

    HeapStacks();

    // The node of a stack, leaf first; `flags` (StackFlag) add pseudo frames.
    uint32_t intern(const Frame *frames, size_t count, uint32_t flags);
    // With the GIL: the address may soon be another code object's.
    void forget_code(uintptr_t code);

    struct Unnamed {
        uint32_t location;
        Frame frame;
    };
    // What has no name yet; set_name() names it. The code objects must be alive until then, and
    // fold() changes the locations' numbers.
    const OwnVector<Unnamed> &unnamed() const { return unnamed_; }
    void set_name(uint32_t location, uint32_t name) { names_[location] = name; }
    void drop_unnamed(size_t count) {
        unnamed_.erase(unnamed_.begin(), unnamed_.begin() + static_cast<ptrdiff_t>(count));
    }

    uint32_t caller(uint32_t node) const { return nodes_[node].parent; }
    // The number that set_name() gave to a node's location.
    uint32_t name(uint32_t node) const { return names_[nodes_[node].location]; }
    uint32_t pseudo(Pseudo pseudo) const { return names_[pseudo]; }
    bool is_folded(uint32_t node) const { return nodes_[node].location == FOLDED; }
    size_t nodes() const { return nodes_.size(); }
    size_t locations() const { return names_.size(); }
    size_t bytes() const;

    // Names in use, to be renumbered by whoever keeps them.
    template <class Rename> void rename(Rename rename) {
        for (uint32_t &name : names_)
            if (name != UNNAMED)
                name = rename(name);
    }

    // Keep the nodes that `keep` names (with each node its callers); all others become one pseudo
    // frame FOLDED under their nearest caller that is kept. Returns new numbers for old ones.
    OwnVector<uint32_t> fold(const std::vector<bool> &keep);
    uint32_t fold_count() const { return folds_; }

  private:
    struct Node {
        uint32_t parent;
        uint32_t location;
    };

    // A frame of the stack that was interned last, and its node.
    struct Met {
        Frame frame;
        uint32_t node;
    };

    uint32_t location_of(const Frame &frame);
    uint32_t child(uint32_t node, uint32_t location);
    OwnVector<uint32_t> compact_locations(const std::vector<bool> &used);
    void compact_codes(const OwnVector<uint32_t> &moved);

    FlatMap code_ids_;           // address -> place in codes_
    OwnVector<uintptr_t> codes_; // 0: forgotten
    FlatMap location_ids_;       // (code, instruction) -> location
    OwnVector<uint32_t> names_;  // of locations
    OwnVector<Unnamed> unnamed_;
    FlatMap node_ids_; // (parent, location) -> node
    OwnVector<Node> nodes_;
    // Root first: what two deep stacks have in common is not looked up again.
    OwnVector<Met> last_;
    uint32_t last_root_ = 0;
    uint32_t folds_ = 0;
};

} // namespace whet::probe

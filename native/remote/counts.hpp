// What was seen, counted: a tree of stacks, and how often and how long each of them was seen in which state.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace whet::remote {

// What a thread has to do with the GIL; 0 is nothing.
constexpr uint8_t HOLDS_GIL = 1, WAITS_FOR_GIL = 2;

// What a thread does. R runs; others wait, in a system call if one is known.
struct State {
    char letter = '?';
    long call = -1;
    uint8_t gil = 0;
    auto operator<=>(const State &) const = default;
};

struct Node {
    int32_t parent, code, line; // parent -1: the root end
};

struct Count {
    int64_t samples = 0, wall_ns = 0, cpu_samples = 0, cpu_ns = 0;
};

class Counts {
  public:
    // The node of a stack's frame below `parent`.
    int32_t node(int32_t parent, int32_t code, int32_t line) {
        uint64_t place =
            static_cast<uint64_t>(static_cast<uint32_t>(code)) << 32 | static_cast<uint32_t>(line);
        auto next = static_cast<int32_t>(nodes_.size());
        auto [slot, fresh] = children_[static_cast<size_t>(parent + 1)].emplace(place, next);
        if (!fresh)
            return slot->second;
        nodes_.push_back({parent, code, line});
        children_.emplace_back();
        return next;
    }

    using Key = std::tuple<int32_t, int32_t, State>; // node (-1: no Python frame), thread, state
    Count &at(const Key &key) { return counts_[key]; }

    const std::vector<Node> &nodes() const { return nodes_; }
    const std::map<Key, Count> &counts() const { return counts_; }

  private:
    std::vector<Node> nodes_;
    std::vector<std::unordered_map<uint64_t, int32_t>> children_{1};
    std::map<Key, Count> counts_;
};

} // namespace whet::remote

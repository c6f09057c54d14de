#include "probe/heap/heap_stacks.hpp"

namespace whet::probe {
namespace {

uint64_t pair_key(uint32_t high, uint32_t low) { return (uint64_t{high} << 32) | low; }

} // namespace

const char *HeapStacks::pseudo_name(uint32_t pseudo) {
    static constexpr const char *NAMES[PSEUDO_COUNT] = {
        "[stack truncated here]", "[unreadable stack]",   "[no Python frame]",
        "[another interpreter]",  "[stacks folded here]",
    };
    return NAMES[pseudo];
}

HeapStacks::HeapStacks() : nodes_{{0, 0}} {
    for (uint32_t pseudo = 0; pseudo < PSEUDO_COUNT; ++pseudo)
        names_.push_back(pseudo);
}

uint32_t HeapStacks::location_of(const Frame &frame) {
    uint32_t code = code_ids_.find(frame.code);
    if (code == FlatMap::NONE) {
        code = static_cast<uint32_t>(codes_.size());
        codes_.push_back(frame.code);
        code_ids_.put(frame.code, code);
    }
    auto instr_off = static_cast<int32_t>(frame.instr_off);
    uint64_t key = pair_key(code, static_cast<uint32_t>(instr_off));
    uint32_t location = location_ids_.find(key);
    if (location == FlatMap::NONE) {
        location = static_cast<uint32_t>(names_.size());
        names_.push_back(UNNAMED);
        unnamed_.push_back({location, frame});
        location_ids_.put(key, location);
    }
    return location;
}

uint32_t HeapStacks::child(uint32_t node, uint32_t location) {
    uint64_t key = pair_key(node, location);
    uint32_t found = node_ids_.find(key);
    if (found != FlatMap::NONE)
        return found;
    auto id = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back({node, location});
    node_ids_.put(key, id);
    return id;
}

uint32_t HeapStacks::intern(const Frame *frames, size_t count, uint32_t flags) {
    uint32_t node = 0;
    if (flags & STACK_TRUNCATED)
        node = child(node, TRUNCATED);
    if (last_root_ != node)
        last_.clear();
    last_root_ = node;
    for (size_t depth = 0; depth < count; ++depth) {
        const Frame &frame = frames[count - 1 - depth];
        if (depth < last_.size()) {
            const Met &met = last_[depth];
            if (met.frame.code == frame.code && met.frame.instr_off == frame.instr_off) {
                node = met.node;
                continue;
            }
            last_.resize(depth);
        }
        node = child(node, location_of(frame));
        last_.push_back({frame, node});
    }
    if (flags & STACK_REJECTED)
        node = child(node, REJECTED);
    if (flags & STACK_NATIVE)
        node = child(node, NATIVE);
    if (flags & STACK_FOREIGN)
        node = child(node, FOREIGN);
    return node;
}

void HeapStacks::forget_code(uintptr_t code) {
    last_.clear();
    uint32_t id = code_ids_.find(code);
    if (id == FlatMap::NONE)
        return;
    codes_[id] = 0;
    code_ids_.put(code, FlatMap::NONE);
}

size_t HeapStacks::bytes() const {
    return code_ids_.bytes() + location_ids_.bytes() + node_ids_.bytes() +
           codes_.capacity() * sizeof codes_[0] + names_.capacity() * sizeof names_[0] +
           unnamed_.capacity() * sizeof unnamed_[0] + nodes_.capacity() * sizeof nodes_[0] +
           last_.capacity() * sizeof last_[0];
}

// Locations with one name become one: the same line, or code that was compiled again.
OwnVector<uint32_t> HeapStacks::compact_locations(const std::vector<bool> &used) {
    OwnVector<uint32_t> moved(names_.size(), FlatMap::NONE);
    OwnVector<uint32_t> names;
    FlatMap by_name;
    for (uint32_t i = 0; i < names_.size(); ++i) {
        if (i >= PSEUDO_COUNT && !used[i])
            continue;
        uint32_t same = names_[i] == UNNAMED ? FlatMap::NONE : by_name.find(names_[i]);
        if (same == FlatMap::NONE) {
            same = static_cast<uint32_t>(names.size());
            names.push_back(names_[i]);
            if (names_[i] != UNNAMED)
                by_name.put(names_[i], same);
        }
        moved[i] = same;
    }
    names_ = std::move(names);
    compact_codes(moved);
    OwnVector<Unnamed> unnamed;
    for (const Unnamed &u : unnamed_)
        if (moved[u.location] != FlatMap::NONE)
            unnamed.push_back({moved[u.location], u.frame});
    unnamed_ = std::move(unnamed);
    return moved;
}

void HeapStacks::compact_codes(const OwnVector<uint32_t> &moved) {
    FlatMap old_ids = std::move(location_ids_), places;
    OwnVector<uintptr_t> old_codes = std::move(codes_);
    location_ids_ = {};
    code_ids_ = {};
    codes_ = {};
    old_ids.each([&](uint64_t key, uint32_t location) {
        auto old_code = static_cast<uint32_t>(key >> 32);
        uintptr_t address = old_codes[old_code];
        if (!address || moved[location] == FlatMap::NONE)
            return;
        uint32_t code = places.find(old_code);
        if (code == FlatMap::NONE) {
            code = static_cast<uint32_t>(codes_.size());
            codes_.push_back(address);
            places.put(old_code, code);
            code_ids_.put(address, code);
        }
        location_ids_.put(pair_key(code, static_cast<uint32_t>(key)), moved[location]);
    });
}

OwnVector<uint32_t> HeapStacks::fold(const std::vector<bool> &keep) {
    ++folds_;
    last_.clear();
    std::vector<bool> used(names_.size());
    for (uint32_t node = 1; node < nodes_.size(); ++node)
        if (keep[node])
            used[nodes_[node].location] = true;
    OwnVector<uint32_t> moved_location = compact_locations(used);
    OwnVector<Node> old = std::move(nodes_);
    nodes_ = {{0, 0}};
    node_ids_.clear();
    OwnVector<uint32_t> moved(old.size(), 0);
    for (uint32_t node = 1; node < old.size(); ++node) {
        uint32_t caller = moved[old[node].parent];
        if (keep[node])
            moved[node] = child(caller, moved_location[old[node].location]);
        else
            moved[node] = is_folded(caller) ? caller : child(caller, FOLDED);
    }
    return moved;
}

} // namespace whet::probe

// Stacks of code objects, interned and named.
//
// Stacks are a tree of (caller node, location) pairs, node 0 is the root. A stack whose code
// objects are known is interned without the GIL; for others resolve() is called with it first.
// Not thread-safe: the owner's mutex is held around every call. A call that throws std::bad_alloc leaves
// all that is known as it was.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "codec/profile.hpp"
#include "probe/common/flat_map.hpp"
#include "probe/common/names.hpp"
#include "probe/common/own_memory.hpp"
#include "probe/common/own_stack.hpp"

namespace whet::probe {

class StackTable {
  public:
    // Beyond `max_nodes` a stack ends at the deepest node that it already has.
    explicit StackTable(size_t max_nodes);

    bool knows(const Frame *frames, size_t count) const;
    // Name the code and lines of these frames. With the GIL.
    void resolve(const Frame *frames, size_t count);
    // With the GIL: the code object's address may soon mean another one.
    void forget_code(uintptr_t code) { codes_.erase(code); }

    struct Interned {
        uint32_t node;
        bool folded; // the leaf end was lost to the node budget
    };
    // A stack that is known; `flags` (StackFlag) add pseudo frames.
    Interned intern(const Frame *frames, size_t count, uint32_t flags);

    // Locations by themselves, for whoever keeps stacks of its own. With the GIL.
    uint32_t location(const Frame &frame);
    uint32_t adopt(const StackTable &other, uint32_t location);
    size_t locations() const { return locations_.size(); }
    size_t bytes() const; // of names and locations, about

    // A frame that is no Python code, such as "[sleep]", and the node of `node` calling it.
    uint32_t pseudo_location(const char *name);
    Interned child(uint32_t node, uint32_t location);
    uint32_t caller(uint32_t node) const { return nodes_[node].parent; }
    size_t nodes() const { return nodes_.size(); }

  private:
    friend class ProfileWriter;

    struct Code {
        uint32_t function;
        std::unordered_map<int64_t, uint32_t> locations; // instruction offset -> location
    };
    struct Location {
        uint32_t function;
        int64_t line;
    };
    struct Node {
        uint32_t parent;
        uint32_t location;
    };

    Code &resolve_code(uintptr_t address);
    uint32_t function_id(FunctionName name);
    uint32_t location_id(uint32_t function, int64_t line);

    size_t max_nodes_;
    FunctionNamer namer_;
    std::unordered_map<uintptr_t, Code> codes_;
    std::unordered_map<std::string, uint32_t> function_ids_;
    std::vector<FunctionName> functions_;
    FlatMap location_ids_; // (function, line) -> location
    OwnVector<Location> locations_;
    FlatMap node_ids_; // (caller, location) -> node
    OwnVector<Node> nodes_{{0, 0}};
    uint32_t truncated_, rejected_, native_, foreign_;
};

// The label `process` of all samples written from now on; empty: none. With the GIL.
void set_process_label(const std::string &text);

// Writes samples over a StackTable's nodes into a Profile; only what a sample uses is written.
class ProfileWriter {
  public:
    explicit ProfileWriter(const StackTable &stacks);

    Profile &profile() { return out_; }
    void sample_type(const char *type, const char *unit);
    void default_sample_type(const char *type) { out_.default_sample_type = text(type); }
    void period(const char *type, const char *unit, int64_t period);
    void comments(const std::vector<std::string> &lines);

    // A sample: its stack, then its values (one per sample type), then its labels, then end().
    void stack(uint32_t node);
    // A stack of the owner's own instead, leaf first, then end_stack().
    void frame(uint32_t location_id) { out_.samples.stack.push_back(location(location_id)); }
    void end_stack() { out_.samples.stack_start.push_back(static_cast<int64_t>(out_.samples.stack.size())); }
    void value(int64_t value) { out_.samples.values.push_back(value); }
    void label(const std::string &key, const std::string &value); // empty: no label
    void label(const std::string &key, int64_t value, const std::string &unit);
    void labels(uint32_t label_set);
    void end();

    // The whole profile, uncompressed. `duration_ns` may be 0. With the GIL, given up meanwhile.
    std::string encode(int64_t started_wall_ns, int64_t duration_ns);

  private:
    int32_t text(const std::string &value);
    int32_t function(uint32_t id);
    int32_t location(uint32_t id);

    const StackTable &stacks_;
    Profile out_;
    std::unordered_map<std::string, int32_t> texts_{{"", 0}};
    std::vector<int32_t> location_row_, function_row_; // -1: not written yet
};

} // namespace whet::probe

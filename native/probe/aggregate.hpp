// Samples by stack, thread and labels, and their way into a Profile.
//
// Stacks are interned as a tree of (caller node, location) pairs. Records whose code objects or
// thread are known are added without the GIL; the others wait until resolve() is called with it.
// Not thread-safe: the sampler's mutex is held around every call.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "codec/profile.hpp"
#include "probe/names.hpp"
#include "probe/sample_ring.hpp"
#include "probe/threads.hpp"

namespace whet::probe {

struct Totals {
    uint64_t samples = 0;
    int64_t cpu_ns = 0;
    double cpu_ns_squared = 0; // of single samples, for the design effect
    uint64_t truncated = 0, rejected = 0, native = 0, foreign = 0;
    uint64_t folded = 0; // samples whose stack lost its leaf end to the node budget
};

class Aggregate {
  public:
    Aggregate();

    // Add a record, or keep a copy of it until resolve(). Needs no GIL.
    void add(const Record &record);
    bool has_unresolved() const { return !waiting_.empty(); }
    // Name what is unknown and add what was waiting. Needs the GIL.
    void resolve();
    // The code object's address may soon mean another one.
    void forget_code(uintptr_t code) { codes_.erase(code); }

    const Totals &totals() const { return totals_; }
    // Everything so far: sample types samples/count and cpu/nanoseconds.
    Profile profile() const;

  private:
    static constexpr size_t MAX_NODES = 2'000'000;
    static constexpr size_t MAX_THREAD_NAMES = 1'000;

    struct PairHash {
        size_t operator()(uint64_t key) const {
            key ^= key >> 32;
            key *= 0x9E3779B97F4A7C15ULL;
            return key ^ (key >> 29);
        }
    };
    template <class V> using Map = std::unordered_map<uint64_t, V, PairHash>;

    struct Code {
        uint32_t function;
        std::unordered_map<int64_t, uint32_t> locations; // instruction offset -> location
    };
    struct Location {
        uint32_t function;
        int64_t line;
    };
    struct Node {
        uint32_t parent; // 0 is the root
        uint32_t location;
    };
    struct SampleKey {
        uint32_t node, thread, labels;
        bool operator==(const SampleKey &) const = default;
    };
    struct SampleKeyHash {
        size_t operator()(const SampleKey &k) const {
            return PairHash()((uint64_t{k.node} << 32) ^ (uint64_t{k.thread} << 18) ^ k.labels);
        }
    };
    struct Sample {
        int64_t count = 0, cpu_ns = 0;
    };

    bool known(const Record &record) const;
    void add_known(const Record &record);
    void resolve_threads(const Record &record, std::unordered_map<pid_t, std::string> *names);
    Code &resolve_code(uintptr_t address);
    uint32_t function_id(FunctionName name);
    uint32_t location_id(uint32_t function, int64_t line);
    uint32_t thread_name_id(const std::string &name);
    uint32_t child(uint32_t node, uint32_t location);
    uint32_t pseudo_location(const char *name);

    FunctionNamer namer_;
    std::unordered_map<uintptr_t, Code> codes_;
    std::unordered_map<std::string, uint32_t> function_ids_;
    std::vector<FunctionName> functions_;
    Map<uint32_t> location_ids_;
    std::vector<Location> locations_;
    Map<uint32_t> node_ids_;
    std::vector<Node> nodes_;
    std::unordered_map<uint32_t, uint32_t> thread_of_serial_;
    std::unordered_map<std::string, uint32_t> thread_name_ids_;
    std::vector<std::string> thread_names_;
    std::unordered_map<SampleKey, Sample, SampleKeyHash> samples_;
    std::vector<uint64_t> waiting_; // copies of records, one after the other
    uint32_t truncated_, rejected_, native_, foreign_;
    Totals totals_;
};

} // namespace whet::probe

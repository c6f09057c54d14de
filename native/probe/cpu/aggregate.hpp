// CPU samples by stack, thread and labels, and their way into a Profile.
//
// Records whose code objects and thread are known are added without the GIL; the others wait
// until resolve() is called with it. Not thread-safe: the sampler's mutex is held around every call.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "probe/common/stack_table.hpp"
#include "probe/common/thread_names.hpp"
#include "probe/cpu/sample_ring.hpp"

namespace whet::probe {

struct Totals {
    uint64_t samples = 0;
    int64_t cpu_ns = 0;
    double cpu_ns_squared = 0; // of single samples, for the design effect
    uint64_t truncated = 0, rejected = 0, native = 0, foreign = 0;
    uint64_t folded = 0; // samples whose stack lost its leaf end to the node budget
    uint64_t lost = 0;   // samples for which there was no memory
    int64_t lost_cpu_ns = 0;
};

class Aggregate {
  public:
    // Add a record, or keep a copy of it until resolve(). Needs no GIL.
    void add(const Record &record);
    bool has_unresolved() const { return !waiting_.empty(); }
    // Name what is unknown and add what was waiting. Needs the GIL.
    void resolve();
    void forget_code(uintptr_t code) { stacks_.forget_code(code); }

    const Totals &totals() const { return totals_; }
    // Everything so far: sample types samples/count and cpu/nanoseconds.
    ProfileWriter write(int64_t period_ns) const;

  private:
    static constexpr size_t MAX_NODES = 2'000'000;

    struct Key {
        uint32_t node, thread, labels;
        bool operator==(const Key &) const = default;
    };
    struct KeyHash {
        size_t operator()(const Key &k) const {
            uint64_t key = (uint64_t{k.node} << 32) ^ (uint64_t{k.thread} << 18) ^ k.labels;
            key *= 0x9E3779B97F4A7C15ULL;
            return key ^ (key >> 29);
        }
    };
    struct Sample {
        int64_t count = 0, cpu_ns = 0;
    };

    void keep_until_resolved(const Record &record);
    void add_known(const Record &record);
    void lose(const Record &record);

    StackTable stacks_{MAX_NODES};
    ThreadNames threads_;
    std::unordered_map<Key, Sample, KeyHash> samples_;
    std::vector<uint64_t> waiting_; // copies of records, one after the other
    Totals totals_;
};

} // namespace whet::probe

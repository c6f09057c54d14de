// Waits by stack, thread, labels and reason, and who caused them; their way into two Profiles.
//
// Not thread-safe: the collector's mutex is held around every call.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "probe/blocking_log.hpp"
#include "probe/blocking_reason.hpp"
#include "probe/stack_table.hpp"
#include "probe/thread_names.hpp"

namespace whet::probe {

struct BlockingTotals {
    uint64_t events = 0, unlocks = 0;
    uint64_t truncated = 0, rejected = 0, foreign = 0;
    uint64_t folded = 0; // events whose stack lost its leaf end to the node budget
    int64_t reason_ns[static_cast<size_t>(Reason::count)] = {};
    uint64_t reason_waits[static_cast<size_t>(Reason::count)] = {};
};

// A wait that goes on, read by another thread.
struct RunningWait {
    uint32_t thread; // serial
    int32_t tid;
    uint32_t wait_number;
    uint32_t labels;
    uint32_t stack_flags;
    Reason reason;
    int64_t ticks; // so far
    std::vector<Frame> frames;
};

class BlockingTable {
  public:
    explicit BlockingTable(int64_t threshold_ns) : stacks_(MAX_NODES), threshold_ns_(threshold_ns) {}

    // Add a record, or keep a copy of it until resolve(). Needs no GIL.
    void add(const BlockingRecord &record);
    bool has_unresolved() const { return !waiting_.empty(); }
    // Name what is unknown and add what was waiting. Needs the GIL.
    void resolve();
    // With the GIL: the code object's address may soon mean another one.
    void forget_code(uintptr_t code);

    // With the GIL: these waits are running now; they are part of profiles until the next call.
    void set_running(const std::vector<RunningWait> &waits);
    // What runs now is all there will be of it.
    void keep_running();

    // Drop the charges for waits that ended without an event; now and then.
    void sweep();

    const BlockingTotals &totals() const { return totals_; }
    ProfileWriter write_waits() const;
    ProfileWriter write_holders() const;

  private:
    static constexpr size_t MAX_NODES = 2'000'000;
    static constexpr size_t MAX_CHARGES = 100'000;

    struct Key {
        uint32_t node, thread, labels;
        Reason reason;
        bool unfinished;
        bool operator==(const Key &) const = default;
    };
    struct KeyHash {
        size_t operator()(const Key &key) const;
    };
    struct Sum {
        int64_t count = 0, ns = 0;
        void operator+=(const Sum &other) { count += other.count, ns += other.ns; }
    };
    using Sums = std::unordered_map<Key, Sum, KeyHash>;

    // What the holder of a lock did to a wait that has not ended.
    struct Charge {
        Key holder;
        int64_t ns;
    };
    struct Charges {
        std::vector<Charge> list;
        uint32_t sweeps = 0;
    };
    static uint64_t wait_id(uint32_t thread, uint32_t number) { return uint64_t{thread} << 32 | number; }

    bool known(const BlockingRecord &record) const;
    void add_known(const BlockingRecord &record);
    void add_wait(const BlockingRecord &record, const Key &key, WaitingCode code, int64_t ns);
    void add_holder(Key holder, Sum sum);
    WaitingCode code_of(const Frame *frames, size_t count) const;
    void resolve_stack(const Frame *frames, size_t count);
    ProfileWriter write(const Sums &sums, const Sums *more) const;

    StackTable stacks_;
    ThreadNames threads_;
    int64_t threshold_ns_;
    std::unordered_map<uintptr_t, WaitingCode> codes_; // of the functions that made the calls
    Sums waits_, holders_, running_;
    std::unordered_map<uint64_t, Charges> charges_; // by wait_id
    std::vector<uint64_t> waiting_;                 // copies of records, one after the other
    std::vector<uint64_t> running_ids_;
    BlockingTotals totals_;
};

} // namespace whet::probe

// Waits by stack, thread, labels and reason, and who caused them; their way into two Profiles.
//
// Not thread-safe: the collector's mutex is held around every call.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "probe/common/stack_table.hpp"
#include "probe/common/thread_names.hpp"
#include "probe/waits/blocking_log.hpp"
#include "probe/waits/blocking_reason.hpp"
#include "probe/waits/blocking_record.hpp"

namespace whet::probe {

// Nanoseconds by reason.
using ReasonTimes = std::array<int64_t, static_cast<size_t>(Reason::count)>;

// What threads of one name did with their time; what is left of their life is waiting for a
// processor (at most delay_ns) and short waits.
struct ThreadRow {
    int64_t threads = 0, life_ns = 0, cpu_ns = 0, delay_ns = 0;
    ReasonTimes waits_ns{};
};
using ThreadRows = std::map<std::string, ThreadRow>;

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
    // Name what is unknown and add what was waiting. Needs the GIL. What comes after an event of a
    // thread that is too new to have its name goes on waiting, unless this is the `last` time.
    void resolve(bool last);
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

    bool names_thread(uint32_t thread) const { return threads_.knows(thread); }
    // With the GIL: this thread is there, and has done so far.
    void add_thread(ThreadRows *rows, uint32_t thread, int32_t tid, const ThreadAccount &account);
    // All is said of the thread.
    void end_thread(uint32_t thread, const ThreadAccount &account);
    // Threads that have ended.
    const ThreadRows &ended_threads() const { return ended_; }

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
    void keep_until_resolved(const BlockingRecord &record);
    void resolve_record(const BlockingRecord &record, int32_t tid);
    void add_known(const BlockingRecord &record);
    void add_wait(const BlockingRecord &record, const Key &key, WaitingCode code, int64_t ns);
    void add_holder(Key holder, Sum sum);
    void name_threads();
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
    struct Running {
        uint32_t thread, wait_number;
        Reason reason;
        int64_t ns;
    };
    std::vector<Running> running_waits_;
    std::unordered_map<uint32_t, ReasonTimes> waits_of_; // by thread that has not ended
    ThreadRows ended_;
    BlockingTotals totals_;
};

} // namespace whet::probe

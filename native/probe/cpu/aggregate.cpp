#include "probe/cpu/aggregate.hpp"

#include <cstring>

#include "probe/common/memory_fails.hpp"
#include "probe/cpu/threads.hpp"

namespace whet::probe {
namespace {

// Who took the sample, if the thread is still known; 0 if it has ended.
pid_t sampled_tid(const Record &record) {
    const ThreadSlot &slot = ThreadTable::instance().slots()[record.thread_slot];
    return slot.serial == record.thread_serial && slot.state.load() == SlotState::live ? slot.tid : 0;
}

} // namespace

void Aggregate::add(const Record &record) {
    unless_memory_fails(
        [&] {
            if (threads_.knows(record.thread_serial) && stacks_.knows(record.frames(), record.frame_count))
                add_known(record);
            else
                keep_until_resolved(record);
        },
        [&] { lose(record); });
}

void Aggregate::lose(const Record &record) {
    ++totals_.lost;
    totals_.lost_cpu_ns += record.cpu_ns;
}

void Aggregate::keep_until_resolved(const Record &record) {
    size_t words = record.bytes.load(std::memory_order_relaxed) / sizeof(uint64_t);
    size_t at = waiting_.size();
    waiting_.resize(at + words);
    std::memcpy(waiting_.data() + at, static_cast<const void *>(&record), words * sizeof(uint64_t));
}

void Aggregate::add_known(const Record &record) {
    auto [node, folded] = stacks_.intern(record.frames(), record.frame_count, record.flags);
    Sample &sample = samples_[{node, threads_.id(record.thread_serial), record.label_set}];
    totals_.truncated += (record.flags & STACK_TRUNCATED) != 0;
    totals_.rejected += (record.flags & STACK_REJECTED) != 0;
    totals_.native += (record.flags & STACK_NATIVE) != 0;
    totals_.foreign += (record.flags & STACK_FOREIGN) != 0;
    totals_.folded += folded;
    ++totals_.samples;
    totals_.cpu_ns += record.cpu_ns;
    totals_.cpu_ns_squared += static_cast<double>(record.cpu_ns) * static_cast<double>(record.cpu_ns);
    sample.count += 1;
    sample.cpu_ns += record.cpu_ns;
}

void Aggregate::resolve() {
    threads_.refresh();
    for (size_t at = 0; at < waiting_.size();) {
        auto &record = *reinterpret_cast<const Record *>(waiting_.data() + at);
        at += record.bytes.load(std::memory_order_relaxed) / sizeof(uint64_t);
        unless_memory_fails(
            [&] {
                threads_.resolve(record.thread_serial, sampled_tid(record));
                stacks_.resolve(record.frames(), record.frame_count);
                add_known(record);
            },
            [&] { lose(record); });
    }
    waiting_.clear();
    if (waiting_.capacity() > (1u << 20))
        waiting_.shrink_to_fit();
}

ProfileWriter Aggregate::write(int64_t period_ns) const {
    ProfileWriter out(stacks_);
    out.sample_type("samples", "count");
    out.sample_type("cpu", "nanoseconds");
    out.period("cpu", "nanoseconds", period_ns);
    out.default_sample_type("cpu");
    for (const auto &[key, sample] : samples_) {
        out.stack(key.node);
        out.value(sample.count);
        out.value(sample.cpu_ns);
        out.label("thread", threads_.name(key.thread));
        out.labels(key.labels);
        out.end();
    }
    return out;
}

} // namespace whet::probe

#include "probe/waits/blocking_table.hpp"

#include <algorithm>
#include <cstring>

#include "probe/common/clock.hpp"
#include "probe/common/memory_fails.hpp"
#include "probe/common/names.hpp"
#include "probe/waits/blocking_threads.hpp"
#include "probe/waits/ticks.hpp"

namespace whet::probe {
namespace {

// Is this wait still going on?
bool goes_on(uint64_t id) {
    auto serial = static_cast<uint32_t>(id >> 32), number = static_cast<uint32_t>(id);
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t)
        if (t->serial.load() == serial)
            return t->begin.load() && t->wait_number.load() == number;
    return false;
}

// A thread that has just begun has its name of Python's in a moment.
constexpr int64_t YOUNG_NS = SECOND / 20;

// The thread that recorded this, or nullptr if it has ended.
const WaitingThread *recorder(uint32_t serial) {
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t)
        if (t->serial.load() == serial)
            return t;
    return nullptr;
}

bool is_young(const WaitingThread &thread) { return clock_ns(CLOCK_MONOTONIC) - thread.born_ns < YOUNG_NS; }

// Somebody held the lock that was waited for, and can be charged with it.
bool is_held(Reason reason, WaitingCode code) {
    return (reason == Reason::lock || reason == Reason::process_lock || reason == Reason::import_lock) &&
           code != WaitingCode::event;
}

} // namespace

size_t BlockingTable::KeyHash::operator()(const Key &key) const {
    uint64_t h = uint64_t{key.node} << 32 ^ uint64_t { key.thread } << 14 ^ key.labels ^
                 uint64_t{static_cast<uint8_t>(key.reason)} << 56 ^ uint64_t { key.unfinished } << 55;
    h ^= h >> 32;
    h *= 0x9E3779B97F4A7C15ULL;
    return h ^ (h >> 29);
}

// Records are added in their order: a lock's release comes before the end of the wait for it.
void BlockingTable::add(const BlockingRecord &record) {
    unless_memory_fails(
        [&] {
            if (waiting_.empty() && known(record))
                add_known(record);
            else
                keep_until_resolved(record);
        },
        [&] { blocking_lose(record.ticks); });
}

void BlockingTable::keep_until_resolved(const BlockingRecord &record) {
    size_t at = waiting_.size();
    waiting_.resize(at + record.bytes / sizeof(uint64_t));
    std::memcpy(waiting_.data() + at, static_cast<const void *>(&record), record.bytes);
}

bool BlockingTable::known(const BlockingRecord &record) const {
    return threads_.knows(record.thread) && stacks_.knows(record.frames(), record.frame_count) &&
           (!record.frame_count || codes_.contains(record.frames()[0].code));
}

WaitingCode BlockingTable::code_of(const Frame *frames, size_t count) const {
    return count ? codes_.find(frames[0].code)->second : WaitingCode::any;
}

void BlockingTable::add_known(const BlockingRecord &record) {
    auto [node, folded] = stacks_.intern(record.frames(), record.frame_count, record.stack_flags);
    totals_.truncated += (record.stack_flags & STACK_TRUNCATED) != 0;
    totals_.rejected += (record.stack_flags & STACK_REJECTED) != 0;
    totals_.foreign += (record.stack_flags & STACK_FOREIGN) != 0;
    totals_.folded += folded;
    Key key{node, threads_.id(record.thread), record.labels, record.reason, false};
    int64_t ns = ticks_to_ns(record.ticks) - record.cpu_ns;
    switch (record.event) {
    case BlockingEvent::thread_end:
        end_thread(record.thread, {ticks_to_ns(record.ticks), record.cpu_ns, record.delay_ns});
        break;
    case BlockingEvent::wait:
        if (ns >= threshold_ns_)
            add_wait(record, key, code_of(record.frames(), record.frame_count), ns);
        break;
    case BlockingEvent::unlock:
        ++totals_.unlocks;
        if (charges_.size() < MAX_CHARGES)
            charges_[wait_id(record.waiter, record.wait_number)].list.push_back({key, ns});
        break;
    case BlockingEvent::gil_release:
        ++totals_.unlocks;
        add_holder(key, {1, ns});
        break;
    }
}

void BlockingTable::add_wait(const BlockingRecord &record, const Key &key, WaitingCode code, int64_t ns) {
    Key told = key;
    told.reason = reason_in(code, key.reason);
    Sum &sum = waits_[told];
    waits_of_[record.thread][static_cast<size_t>(told.reason)] += ns;
    sum += {record.contentions, ns};
    ++totals_.events;
    totals_.reason_waits[static_cast<size_t>(told.reason)] += record.contentions;
    totals_.reason_ns[static_cast<size_t>(told.reason)] += ns;
    auto charges = charges_.find(wait_id(record.thread, record.wait_number));
    if (charges == charges_.end())
        return;
    if (is_held(told.reason, code))
        for (Charge &charge : charges->second.list) {
            charge.holder.reason = told.reason;
            add_holder(charge.holder, {1, charge.ns});
        }
    charges_.erase(charges);
}

void BlockingTable::add_holder(Key holder, Sum sum) { holders_[holder] += sum; }

void BlockingTable::resolve_stack(const Frame *frames, size_t count) {
    stacks_.resolve(frames, count);
    if (count && !codes_.contains(frames[0].code))
        codes_.emplace(frames[0].code, waiting_code(frames[0].code));
}

void BlockingTable::name_threads() {
    std::unordered_map<pid_t, std::string> names;
    for (WaitingThread *t = waiting_threads_begin(); t != waiting_threads_end(); ++t) {
        uint32_t serial = t->serial.load();
        if (!serial || threads_.knows(serial))
            continue;
        if (names.empty())
            names = python_thread_names();
        if (names.contains(t->tid) || !is_young(*t))
            threads_.resolve(serial, t->tid);
    }
}

void BlockingTable::resolve(bool last) {
    threads_.refresh();
    name_threads();
    size_t at = 0;
    while (at < waiting_.size()) {
        auto &record = *reinterpret_cast<const BlockingRecord *>(waiting_.data() + at);
        const WaitingThread *thread = threads_.knows(record.thread) ? nullptr : recorder(record.thread);
        if (thread && is_young(*thread) && !last)
            break;
        unless_memory_fails([&] { resolve_record(record, thread ? record.tid : 0); },
                            [&] { blocking_lose(record.ticks); });
        at += record.bytes / sizeof(uint64_t);
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(at));
    if (waiting_.capacity() > (1u << 20))
        waiting_.shrink_to_fit();
}

void BlockingTable::resolve_record(const BlockingRecord &record, int32_t tid) {
    threads_.resolve(record.thread, tid);
    resolve_stack(record.frames(), record.frame_count);
    if (!was_disowned(record.thread))
        add_known(record);
}

void BlockingTable::forget_code(uintptr_t code) {
    stacks_.forget_code(code);
    codes_.erase(code);
}

void BlockingTable::set_running(const std::vector<RunningWait> &waits) {
    running_.clear();
    running_waits_.clear();
    for (const RunningWait &wait : waits) {
        threads_.resolve(wait.thread, wait.tid);
        resolve_stack(wait.frames.data(), wait.frames.size());
        uint32_t node = stacks_.intern(wait.frames.data(), wait.frames.size(), wait.stack_flags).node;
        Reason reason = reason_in(code_of(wait.frames.data(), wait.frames.size()), wait.reason);
        int64_t ns = ticks_to_ns(wait.ticks);
        running_[{node, threads_.id(wait.thread), wait.labels, reason, true}] += {1, ns};
        running_waits_.push_back({wait.thread, wait.wait_number, reason, ns});
    }
}

void BlockingTable::keep_running() {
    for (const auto &[key, sum] : running_) {
        waits_[key] += sum;
        totals_.events += static_cast<uint64_t>(sum.count);
        totals_.reason_waits[static_cast<size_t>(key.reason)] += static_cast<uint64_t>(sum.count);
        totals_.reason_ns[static_cast<size_t>(key.reason)] += sum.ns;
    }
    running_.clear();
    for (const Running &wait : running_waits_) {
        waits_of_[wait.thread][static_cast<size_t>(wait.reason)] += wait.ns;
        auto charges = charges_.find(wait_id(wait.thread, wait.wait_number));
        if (charges != charges_.end())
            for (const Charge &charge : charges->second.list)
                add_holder(charge.holder, {1, charge.ns});
    }
    running_waits_.clear();
    charges_.clear();
}

namespace {

void add_up(ThreadRow *row, const ThreadAccount &account, const ReasonTimes &waits) {
    row->threads += 1;
    row->life_ns += account.life_ns;
    row->cpu_ns += account.cpu_ns;
    row->delay_ns += account.delay_ns;
    for (size_t i = 0; i < waits.size(); ++i)
        row->waits_ns[i] += waits[i];
}

} // namespace

void BlockingTable::add_thread(ThreadRows *rows, uint32_t thread, int32_t tid, const ThreadAccount &account) {
    threads_.resolve(thread, tid);
    ReasonTimes waits = waits_of_.contains(thread) ? waits_of_[thread] : ReasonTimes{};
    for (const Running &wait : running_waits_)
        if (wait.thread == thread)
            waits[static_cast<size_t>(wait.reason)] += wait.ns;
    add_up(&(*rows)[threads_.name(threads_.id(thread))], account, waits);
}

void BlockingTable::end_thread(uint32_t thread, const ThreadAccount &account) {
    auto waits = waits_of_.find(thread);
    add_up(&ended_[threads_.name(threads_.id(thread))], account,
           waits == waits_of_.end() ? ReasonTimes{} : waits->second);
    waits_of_.erase(thread);
}

// An event comes at most some moments after its wait has ended, or never when it was short.
void BlockingTable::sweep() {
    for (auto entry = charges_.begin(); entry != charges_.end();)
        entry =
            !goes_on(entry->first) && ++entry->second.sweeps > 2 ? charges_.erase(entry) : std::next(entry);
}

ProfileWriter BlockingTable::write(const Sums &sums, const Sums *more) const {
    ProfileWriter out(stacks_);
    out.sample_type("contentions", "count");
    out.sample_type("delay", "nanoseconds");
    out.period("contentions", "count", 1);
    out.default_sample_type("delay");
    auto add = [&](const Sums &from) {
        for (const auto &[key, sum] : from) {
            out.stack(key.node);
            out.value(sum.count);
            out.value(sum.ns);
            out.label("thread", threads_.name(key.thread));
            out.label("reason", reason_text(key.reason));
            if (key.unfinished)
                out.label("state", "unfinished");
            out.labels(key.labels);
            out.end();
        }
    };
    add(sums);
    if (more)
        add(*more);
    return out;
}

ProfileWriter BlockingTable::write_waits() const { return write(waits_, &running_); }
ProfileWriter BlockingTable::write_holders() const { return write(holders_, nullptr); }

} // namespace whet::probe

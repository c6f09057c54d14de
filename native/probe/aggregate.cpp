#include "probe/aggregate.hpp"

#include <cstring>
#include <fstream>
#include <unistd.h>

#include "probe/labels.hpp"

namespace whet::probe {
namespace {

// The kernel's name of a thread that Python has no name for.
std::string kernel_thread_name(pid_t tid) {
    std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

} // namespace

Aggregate::Aggregate() : nodes_{{0, 0}} {
    truncated_ = pseudo_location("[stack truncated here]");
    rejected_ = pseudo_location("[unreadable stack]");
    native_ = pseudo_location("[no Python frame]");
    foreign_ = pseudo_location("[another interpreter]");
}

void Aggregate::add(const Record &record) {
    if (known(record)) {
        add_known(record);
        return;
    }
    size_t words = record.bytes.load(std::memory_order_relaxed) / sizeof(uint64_t);
    size_t at = waiting_.size();
    waiting_.resize(at + words);
    std::memcpy(waiting_.data() + at, static_cast<const void *>(&record), words * sizeof(uint64_t));
}

bool Aggregate::known(const Record &record) const {
    if (!thread_of_serial_.contains(record.thread_serial))
        return false;
    const Frame *frames = record.frames();
    for (uint32_t i = 0; i < record.frame_count; ++i) {
        auto code = codes_.find(frames[i].code);
        if (code == codes_.end() || !code->second.locations.contains(frames[i].instr_off))
            return false;
    }
    return true;
}

void Aggregate::add_known(const Record &record) {
    uint32_t node = 0;
    bool folded = false;
    auto step = [&](uint32_t location) {
        uint32_t next = folded ? node : child(node, location);
        folded |= next == node;
        node = next;
    };
    if (record.flags & RECORD_TRUNCATED)
        step(truncated_), ++totals_.truncated;
    const Frame *frames = record.frames();
    for (uint32_t i = record.frame_count; i-- > 0;) {
        Code &code = codes_.find(frames[i].code)->second;
        step(code.locations.find(frames[i].instr_off)->second);
    }
    if (record.flags & RECORD_REJECTED)
        step(rejected_), ++totals_.rejected;
    if (record.flags & RECORD_NATIVE)
        step(native_), ++totals_.native;
    if (record.flags & RECORD_FOREIGN)
        step(foreign_), ++totals_.foreign;
    totals_.folded += folded;
    ++totals_.samples;
    totals_.cpu_ns += record.cpu_ns;
    totals_.cpu_ns_squared += static_cast<double>(record.cpu_ns) * static_cast<double>(record.cpu_ns);
    Sample &sample = samples_[{node, thread_of_serial_.find(record.thread_serial)->second, record.label_set}];
    sample.count += 1;
    sample.cpu_ns += record.cpu_ns;
}

void Aggregate::resolve() {
    std::unordered_map<pid_t, std::string> names;
    for (size_t at = 0; at < waiting_.size();) {
        auto &record = *reinterpret_cast<const Record *>(waiting_.data() + at);
        at += record.bytes.load(std::memory_order_relaxed) / sizeof(uint64_t);
        resolve_threads(record, &names);
        const Frame *frames = record.frames();
        for (uint32_t i = 0; i < record.frame_count; ++i) {
            Code &code = resolve_code(frames[i].code);
            auto [slot, fresh] = code.locations.try_emplace(frames[i].instr_off, 0);
            if (fresh)
                slot->second = location_id(code.function, source_line(frames[i].code, frames[i].instr_off));
        }
        add_known(record);
    }
    waiting_.clear();
    if (waiting_.capacity() > (1u << 20))
        waiting_.shrink_to_fit();
}

void Aggregate::resolve_threads(const Record &record, std::unordered_map<pid_t, std::string> *names) {
    auto [id, fresh] = thread_of_serial_.try_emplace(record.thread_serial, 0);
    if (!fresh)
        return;
    if (names->empty())
        *names = python_thread_names();
    const ThreadSlot &slot = ThreadTable::instance().slots()[record.thread_slot];
    bool same = slot.serial == record.thread_serial;
    std::string name;
    if (same) {
        if (auto found = names->find(slot.tid); found != names->end())
            name = found->second;
        else if (slot.tid == getpid())
            name = "MainThread";
        else if (slot.state.load() == SlotState::live)
            name = kernel_thread_name(slot.tid);
    }
    id->second = thread_name_id(name.empty() ? "(ended thread)" : name);
}

Aggregate::Code &Aggregate::resolve_code(uintptr_t address) {
    auto [slot, fresh] = codes_.try_emplace(address);
    if (fresh)
        slot->second.function = function_id(namer_.name(address));
    return slot->second;
}

uint32_t Aggregate::function_id(FunctionName name) {
    std::string key = name.name + '\0' + name.filename + '\0' + std::to_string(name.start_line);
    auto [slot, fresh] = function_ids_.try_emplace(std::move(key), functions_.size());
    if (fresh)
        functions_.push_back(std::move(name));
    return slot->second;
}

uint32_t Aggregate::location_id(uint32_t function, int64_t line) {
    uint64_t key = (uint64_t{function} << 32) | static_cast<uint32_t>(line);
    auto [slot, fresh] = location_ids_.try_emplace(key, locations_.size());
    if (fresh)
        locations_.push_back({function, line});
    return slot->second;
}

uint32_t Aggregate::pseudo_location(const char *name) {
    return location_id(function_id({name, name, "", 0}), 0);
}

uint32_t Aggregate::thread_name_id(const std::string &name) {
    bool full = thread_names_.size() >= MAX_THREAD_NAMES && !thread_name_ids_.contains(name);
    const std::string &shown = full ? std::string("(other threads)") : name;
    auto [slot, fresh] = thread_name_ids_.try_emplace(shown, thread_names_.size());
    if (fresh)
        thread_names_.push_back(shown);
    return slot->second;
}

// The node budget bounds memory: beyond it a stack ends at the deepest node it already has.
uint32_t Aggregate::child(uint32_t node, uint32_t location) {
    uint64_t key = (uint64_t{node} << 32) | location;
    if (auto found = node_ids_.find(key); found != node_ids_.end())
        return found->second;
    if (nodes_.size() >= MAX_NODES)
        return node;
    auto id = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back({node, location});
    node_ids_.emplace(key, id);
    return id;
}

Profile Aggregate::profile() const {
    Profile out;
    std::unordered_map<std::string, int32_t> interned{{"", 0}};
    auto text = [&](const std::string &value) {
        auto [slot, fresh] = interned.try_emplace(value, 0);
        if (fresh)
            slot->second = out.strings.add(value);
        return slot->second;
    };
    out.sample_type = {{text("samples"), text("count")}, {text("cpu"), text("nanoseconds")}};
    out.period_type = ValueType{text("cpu"), text("nanoseconds")};
    out.default_sample_type = text("cpu");

    // Only locations and functions that a sample uses are written.
    std::vector<int32_t> location_row(locations_.size(), -1), function_row(functions_.size(), -1);
    auto function = [&](uint32_t id) {
        if (function_row[id] >= 0)
            return function_row[id];
        function_row[id] = static_cast<int32_t>(out.functions.size());
        const FunctionName &f = functions_[id];
        out.functions.id.push_back(out.functions.size() + 1);
        out.functions.name.push_back(text(f.name));
        out.functions.system_name.push_back(text(f.qualname));
        out.functions.filename.push_back(text(f.filename));
        out.functions.start_line.push_back(f.start_line);
        return function_row[id];
    };
    auto location = [&](uint32_t id) {
        if (location_row[id] >= 0)
            return location_row[id];
        location_row[id] = static_cast<int32_t>(out.locations.size());
        out.locations.id.push_back(out.locations.size() + 1);
        out.locations.mapping.push_back(0);
        out.locations.address.push_back(0);
        out.locations.is_folded.push_back(0);
        out.locations.line_function.push_back(function(locations_[id].function));
        out.locations.line.push_back(locations_[id].line);
        out.locations.column.push_back(0);
        out.locations.line_start.push_back(static_cast<int64_t>(out.locations.line.size()));
        return location_row[id];
    };
    auto label = [&](const std::string &key, const std::string &value) {
        if (value.empty())
            return; // profile.proto cannot tell an empty text from none
        out.samples.labels.key.push_back(text(key));
        out.samples.labels.text.push_back(text(value));
        out.samples.labels.number.push_back(0);
        out.samples.labels.unit.push_back(0);
    };
    for (const auto &[key, sample] : samples_) {
        for (uint32_t node = key.node; node; node = nodes_[node].parent)
            out.samples.stack.push_back(location(nodes_[node].location));
        out.samples.stack_start.push_back(static_cast<int64_t>(out.samples.stack.size()));
        out.samples.values.push_back(sample.count);
        out.samples.values.push_back(sample.cpu_ns);
        label("thread", thread_names_[key.thread]);
        for (const auto &[name, value] : label_set(key.labels))
            label(name, value);
        out.samples.label_start.push_back(static_cast<int64_t>(out.samples.labels.key.size()));
    }
    return out;
}

} // namespace whet::probe

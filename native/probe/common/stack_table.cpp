#include <Python.h>

#include "probe/common/stack_table.hpp"

#include <algorithm>
#include <unistd.h>

#include "probe/common/labels.hpp"
#include "probe/common/locked.hpp"
#include "probe/tasks/task_labels.hpp"

namespace whet::probe {
namespace {

constexpr size_t HASHED = 64; // what a hash table's entry takes beside its value, about

} // namespace

StackTable::StackTable(size_t max_nodes) : max_nodes_(max_nodes) {
    truncated_ = pseudo_location("[stack truncated here]");
    rejected_ = pseudo_location("[unreadable stack]");
    native_ = pseudo_location("[no Python frame]");
    foreign_ = pseudo_location("[another interpreter]");
}

bool StackTable::knows(const Frame *frames, size_t count) const {
    for (size_t i = 0; i < count; ++i) {
        auto code = codes_.find(frames[i].code);
        if (code == codes_.end() || !code->second.locations.contains(frames[i].instr_off))
            return false;
    }
    return true;
}

void StackTable::resolve(const Frame *frames, size_t count) {
    for (size_t i = 0; i < count; ++i)
        location(frames[i]);
}

uint32_t StackTable::location(const Frame &frame) {
    Code &code = resolve_code(frame.code);
    if (auto known = code.locations.find(frame.instr_off); known != code.locations.end())
        return known->second;
    uint32_t id = location_id(code.function, source_line(frame.code, frame.instr_off));
    code.locations.emplace(frame.instr_off, id);
    return id;
}

uint32_t StackTable::adopt(const StackTable &other, uint32_t location) {
    const Location &from = other.locations_[location];
    return location_id(function_id(other.functions_[from.function]), from.line);
}

size_t StackTable::bytes() const {
    size_t bytes = location_ids_.bytes() + locations_.capacity() * sizeof(Location);
    // A code object has a table of its locations.
    bytes += codes_.size() * (sizeof(Code) + HASHED) + locations_.size() * HASHED;
    // A function's texts are there twice, as its key too.
    for (const FunctionName &f : functions_)
        bytes += 2 * (f.name.capacity() + f.qualname.capacity() + f.filename.capacity()) + sizeof f + HASHED;
    return bytes;
}

StackTable::Interned StackTable::intern(const Frame *frames, size_t count, uint32_t flags) {
    Interned at{0, false};
    auto step = [&](uint32_t location) {
        if (!at.folded)
            at = child(at.node, location);
    };
    if (flags & STACK_TRUNCATED)
        step(truncated_);
    for (size_t i = count; i-- > 0;) {
        Code &code = codes_.find(frames[i].code)->second;
        step(code.locations.find(frames[i].instr_off)->second);
    }
    if (flags & STACK_REJECTED)
        step(rejected_);
    if (flags & STACK_NATIVE)
        step(native_);
    if (flags & STACK_FOREIGN)
        step(foreign_);
    return at;
}

StackTable::Code &StackTable::resolve_code(uintptr_t address) {
    if (auto known = codes_.find(address); known != codes_.end())
        return known->second;
    uint32_t function = function_id(namer_.name(address));
    return codes_.emplace(address, Code{function, {}}).first->second;
}

uint32_t StackTable::function_id(FunctionName name) {
    std::string key = name.name + '\0' + name.filename + '\0' + std::to_string(name.start_line);
    if (auto known = function_ids_.find(key); known != function_ids_.end())
        return known->second;
    auto id = static_cast<uint32_t>(functions_.size());
    functions_.push_back(std::move(name));
    function_ids_.emplace(std::move(key), id);
    return id;
}

uint32_t StackTable::location_id(uint32_t function, int64_t line) {
    uint64_t key = (uint64_t{function} << 32) | static_cast<uint32_t>(line);
    uint32_t location = location_ids_.find(key);
    if (location == FlatMap::NONE) {
        location = static_cast<uint32_t>(locations_.size());
        locations_.push_back({function, line});
        location_ids_.put(key, location);
    }
    return location;
}

uint32_t StackTable::pseudo_location(const char *name) {
    return location_id(function_id({name, name, "", 0}), 0);
}

StackTable::Interned StackTable::child(uint32_t node, uint32_t location) {
    uint64_t key = (uint64_t{node} << 32) | location;
    if (uint32_t found = node_ids_.find(key); found != FlatMap::NONE)
        return {found, false};
    if (nodes_.size() >= max_nodes_)
        return {node, true};
    auto id = static_cast<uint32_t>(nodes_.size());
    nodes_.push_back({node, location});
    node_ids_.put(key, id);
    return {id, false};
}

// ---- writing ----------------------------------------------------------------------------------

namespace {

std::string &process_label() {
    static auto *label = new std::string;
    return *label;
}

} // namespace

void set_process_label(const std::string &text) { process_label() = text; }

ProfileWriter::ProfileWriter(const StackTable &stacks)
    : stacks_(stacks), location_row_(stacks.locations_.size(), -1),
      function_row_(stacks.functions_.size(), -1) {}

int32_t ProfileWriter::text(const std::string &value) {
    auto [slot, fresh] = texts_.try_emplace(value, 0);
    if (fresh)
        slot->second = out_.strings.add(value);
    return slot->second;
}

void ProfileWriter::sample_type(const char *type, const char *unit) {
    int32_t name = text(type);
    out_.sample_type.push_back({name, text(unit)});
}

void ProfileWriter::period(const char *type, const char *unit, int64_t period) {
    int32_t name = text(type);
    out_.period_type = ValueType{name, text(unit)};
    out_.period = period;
}

void ProfileWriter::comments(const std::vector<std::string> &lines) {
    for (const std::string &line : lines)
        out_.comments.push_back(out_.strings.add(line));
}

void ProfileWriter::stack(uint32_t node) {
    for (; node; node = stacks_.nodes_[node].parent)
        frame(stacks_.nodes_[node].location);
    end_stack();
}

void ProfileWriter::label(const std::string &key, const std::string &value) {
    if (value.empty())
        return; // profile.proto cannot tell an empty text from none
    out_.samples.labels.key.push_back(text(key));
    out_.samples.labels.text.push_back(text(value));
    out_.samples.labels.number.push_back(0);
    out_.samples.labels.unit.push_back(0);
}

void ProfileWriter::label(const std::string &key, int64_t value, const std::string &unit) {
    out_.samples.labels.key.push_back(text(key));
    out_.samples.labels.text.push_back(0);
    out_.samples.labels.number.push_back(value);
    out_.samples.labels.unit.push_back(text(unit));
}

void ProfileWriter::labels(uint32_t set) {
    const LabelPairs &own = label_set(set & ((1u << TASK_LABEL_SHIFT) - 1));
    for (const auto &[key, value] : own)
        label(key, value);
    // A label of the program's own hides ours of the same name.
    for (const auto &[key, value] : task_label(set >> TASK_LABEL_SHIFT)) {
        bool hidden =
            std::any_of(own.begin(), own.end(), [&](const auto &pair) { return pair.first == key; });
        if (!hidden)
            label(key, value);
    }
}

void ProfileWriter::end() {
    label("process", process_label());
    out_.samples.label_start.push_back(static_cast<int64_t>(out_.samples.labels.key.size()));
}

int32_t ProfileWriter::function(uint32_t id) {
    if (function_row_[id] >= 0)
        return function_row_[id];
    function_row_[id] = static_cast<int32_t>(out_.functions.size());
    const FunctionName &f = stacks_.functions_[id];
    out_.functions.id.push_back(out_.functions.size() + 1);
    out_.functions.name.push_back(text(f.name));
    out_.functions.system_name.push_back(text(f.qualname));
    out_.functions.filename.push_back(text(f.filename));
    out_.functions.start_line.push_back(f.start_line);
    return function_row_[id];
}

int32_t ProfileWriter::location(uint32_t id) {
    if (location_row_[id] >= 0)
        return location_row_[id];
    location_row_[id] = static_cast<int32_t>(out_.locations.size());
    out_.locations.id.push_back(out_.locations.size() + 1);
    out_.locations.mapping.push_back(0);
    out_.locations.address.push_back(0);
    out_.locations.is_folded.push_back(0);
    out_.locations.line_function.push_back(function(stacks_.locations_[id].function));
    out_.locations.line.push_back(stacks_.locations_[id].line);
    out_.locations.column.push_back(0);
    out_.locations.line_start.push_back(static_cast<int64_t>(out_.locations.line.size()));
    return location_row_[id];
}

std::string ProfileWriter::encode(int64_t started_wall_ns, int64_t duration_ns) {
    out_.time_nanos = started_wall_ns;
    out_.duration_nanos = duration_ns;
    // The one mapping is the interpreter, by its bare name: the source view of `go tool pprof` disassembles
    // a file that it can open, and locations have no addresses.
    Mappings &m = out_.mappings;
    m.id.push_back(1);
    for (auto *column : {&m.memory_start, &m.memory_limit, &m.file_offset})
        column->push_back(0);
    char executable[4096];
    ssize_t size = readlink("/proc/self/exe", executable, sizeof executable);
    std::string_view path(executable, static_cast<size_t>(std::max<ssize_t>(size, 0)));
    m.filename.push_back(out_.strings.add(path.substr(path.rfind('/') + 1)));
    m.build_id.push_back(0);
    for (auto *flag : {&m.has_functions, &m.has_filenames, &m.has_line_numbers, &m.has_inline_frames})
        flag->push_back(1);
    WithoutGil unlocked;
    return whet::encode(out_);
}

} // namespace whet::probe

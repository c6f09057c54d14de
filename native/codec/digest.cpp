// See digest.hpp. Sums wrap around like those of stacks.cpp.
#include "codec/digest.hpp"

#include <map>
#include <unordered_map>
#include <utility>

namespace whet {
namespace {

template <class T> std::span<const T> span_of(const Column<T> &c) { return {c.data(), c.size()}; }

std::uint64_t bits(std::int64_t v) { return static_cast<std::uint64_t>(v); }

// |v|, where the smallest integer stays what it is.
std::int64_t magnitude(std::int64_t v) { return v < 0 ? static_cast<std::int64_t>(-bits(v)) : v; }

// The linker's name where a function has no other.
std::int32_t name_of(const Functions &f, std::size_t row) {
    return f.name[row] ? f.name[row] : f.system_name[row];
}

// Numbers the distinct nodes in order of first appearance.
class NodeIndex {
  public:
    NodeIndex(const Digest &digest, std::vector<Digest::Node> &nodes) : digest_(digest), nodes_(nodes) {
        const Functions &f = digest.profile().functions;
        function_name_.resize(f.size());
        of_name_.resize(f.size());
        for (std::size_t row = 0; row < f.size(); ++row)
            function_name_[row] = name_number(digest.text(name_of(f, row)));
    }

    std::int32_t of_line(std::int32_t function, std::int32_t mapping) {
        const Functions &f = digest_.profile().functions;
        const auto row = static_cast<std::size_t>(function);
        const std::int32_t number = function_name_[row];
        if (number < 0)
            return nameless(mapping, f.start_line[row]);
        std::int32_t &node = of_name_[static_cast<std::size_t>(number)]; // + 1
        if (!node)
            node = added({name_of(f, row), 0, 0}) + 1;
        return node - 1;
    }

    std::int32_t of_bare(std::int32_t mapping) { return nameless(mapping, 0); }

  private:
    std::int32_t name_number(std::string_view text) {
        if (text.empty())
            return -1;
        return numbers_.try_emplace(text, static_cast<std::int32_t>(numbers_.size())).first->second;
    }

    std::int32_t nameless(std::int32_t mapping, std::int64_t start_line) {
        const Column<std::int32_t> &files = digest_.profile().mappings.filename;
        const std::int32_t file = mapping < 0 ? 0 : files[static_cast<std::size_t>(mapping)];
        const auto key = std::make_pair(digest_.text(file), start_line);
        const auto found = nameless_.find(key);
        if (found != nameless_.end())
            return found->second;
        return nameless_[key] = added({0, file, start_line});
    }

    std::int32_t added(Digest::Node node) {
        nodes_.push_back(node);
        return static_cast<std::int32_t>(nodes_.size() - 1);
    }

    const Digest &digest_;
    std::vector<Digest::Node> &nodes_;
    std::unordered_map<std::string_view, std::int32_t> numbers_;
    std::vector<std::int32_t> function_name_; // number of the name's text, -1 = empty
    std::vector<std::int32_t> of_name_;       // node + 1 of each name
    std::map<std::pair<std::string_view, std::int64_t>, std::int32_t> nameless_;
};

} // namespace

Digest::Digest(Profile &&profile) : profile_(std::move(profile)) { group(); }

std::string_view Digest::text(std::int32_t string) const {
    const StringTable &s = profile_.strings;
    const auto i = static_cast<std::size_t>(string);
    const auto *data = reinterpret_cast<const char *>(s.blob.data());
    return {data + s.start[i], static_cast<std::size_t>(s.start[i + 1] - s.start[i])};
}

void Digest::group() {
    NodeIndex index(*this, nodes_);
    const Locations &l = profile_.locations;
    slot_start_.reserve(l.size() + 1);
    slot_node_.reserve(l.line_function.size());
    for (std::size_t row = 0; row < l.size(); ++row) {
        const auto first = static_cast<std::size_t>(l.line_start[row]);
        const auto end = static_cast<std::size_t>(l.line_start[row + 1]);
        has_inlines_ |= end - first > 1;
        for (std::size_t line = first; line < end; ++line)
            slot_node_.push_back(index.of_line(l.line_function[line], l.mapping[row]));
        if (first == end)
            slot_node_.push_back(index.of_bare(l.mapping[row]));
        slot_start_.push_back(static_cast<std::int64_t>(slot_node_.size()));
    }
}

std::vector<std::int32_t> Digest::linker_names() const {
    const Functions &f = profile_.functions;
    std::vector<bool> seen(profile_.strings.size());
    std::vector<std::int32_t> names;
    for (std::size_t row = 0; row < f.size(); ++row) {
        const std::int32_t name = f.system_name[row];
        if ((f.name[row] && f.name[row] != name) || seen[static_cast<std::size_t>(name)])
            continue;
        seen[static_cast<std::size_t>(name)] = true;
        names.push_back(name);
    }
    return names;
}

Values Digest::values() const {
    return {profile_.samples.values.data() + column_, static_cast<std::int64_t>(profile_.sample_type.size())};
}

std::int64_t Digest::value(std::size_t sample) const { return values()[sample]; }

Stacks Digest::stacks(const Column<std::int32_t> &nodes) const {
    const Samples &s = profile_.samples;
    return {span_of(s.stack_start), span_of(s.stack), span_of(slot_start_), span_of(nodes)};
}

void Digest::sum(std::size_t column) {
    column_ = column;
    flat_.clear();
    cum_.clear();
    flat_.resize(nodes_.size());
    cum_.resize(nodes_.size());
    flat_cum(stacks(slot_node_), values(), {flat_.data(), flat_.size()}, {cum_.data(), cum_.size()});
}

std::int64_t Digest::total() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < profile_.samples.size(); ++i)
        sum += bits(magnitude(value(i)));
    return static_cast<std::int64_t>(sum);
}

std::int64_t Digest::flat_total() const {
    std::uint64_t sum = 0;
    for (std::int64_t flat : flat_)
        sum += bits(flat);
    return static_cast<std::int64_t>(sum);
}

std::size_t Digest::present() const {
    std::size_t count = 0;
    for (std::size_t node = 0; node < nodes_.size(); ++node)
        count += has_value(node);
    return count;
}

std::vector<Digest::Row> Digest::rows(std::int64_t cutoff) const {
    std::vector<Row> rows;
    for (std::size_t node = 0; node < nodes_.size(); ++node)
        if (has_value(node) && (cutoff < 1 || magnitude(cum_[node]) >= cutoff))
            rows.push_back({static_cast<std::int32_t>(node), flat_[node], cum_[node]});
    return rows;
}

std::vector<Digest::Call> Digest::calls(const std::vector<std::int32_t> &shown, bool trimmed,
                                        std::int64_t cutoff) const {
    std::vector<bool> is_shown(nodes_.size());
    for (std::int32_t node : shown)
        is_shown[static_cast<std::size_t>(node)] = true;
    Column<std::int32_t> kept;
    kept.append(slot_node_.data(), slot_node_.size());
    for (std::int32_t &node : kept)
        if (trimmed && !is_shown[static_cast<std::size_t>(node)])
            node = -1;
    std::vector<std::uint8_t> counts(profile_.samples.size());
    for (std::size_t i = 0; i < counts.size(); ++i)
        counts[i] = value(i) != 0;
    Stacks s = stacks(kept);
    s.mask = counts.data();
    const Edges edges = edge_sums(s, values());
    std::vector<Call> calls;
    for (std::size_t e = 0; e < edges.callee.size(); ++e)
        if (is_shown[static_cast<std::size_t>(edges.callee[e])] && magnitude(edges.weight[e]) >= cutoff)
            calls.push_back({edges.callee[e], edges.inlined[e] != 0});
    return calls;
}

} // namespace whet

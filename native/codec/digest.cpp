// See digest.hpp. Samples are read when sums are made, each one's stack into a small buffer; what
// the decoder checks of them is checked here.
#include "codec/digest.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "codec/fields.hpp"

namespace whet {
namespace {

using wire::Field;
using wire::Span;

std::uint64_t bits(std::int64_t v) { return static_cast<std::uint64_t>(v); }

void add_to(std::int64_t &sum, std::int64_t v) { sum = static_cast<std::int64_t>(bits(sum) + bits(v)); }

std::int64_t negated(std::int64_t v) { return static_cast<std::int64_t>(-bits(v)); }

constexpr std::int64_t exact = std::int64_t{1} << 53; // doubles hold all integers up to here

// |v|, where the smallest integer stays what it is.
std::int64_t magnitude(std::int64_t v) { return v < 0 ? negated(v) : v; }

// The linker's name where a function has no other.
std::int32_t name_of(const Functions &f, std::size_t row) {
    return f.name[row] ? f.name[row] : f.system_name[row];
}

bool may_be_simplified(std::string_view name) {
    return name.find_first_of("<>[]") != name.npos || name.find("::") != name.npos;
}

} // namespace

Digest::Digest(Profile &&profile) : profile_(std::move(profile)) {
    const Locations &l = profile_.locations;
    largest_id_ = l.size() ? *std::max_element(l.id.begin(), l.id.end()) : 0;
    if (has_large_ids()) {
        Column<std::uint64_t> ids;
        ids.reserve(l.size());
        for (std::uint64_t id : l.id) {
            ids.push_back(id);
            rows_.add(ids);
        }
    }
    for (std::size_t row = 0; row < l.size() && !has_inlines_; ++row)
        has_inlines_ = l.line_start[row + 1] - l.line_start[row] > 1;
}

std::string_view Digest::text(std::int32_t string) const {
    const StringTable &s = profile_.strings;
    const auto i = static_cast<std::size_t>(string);
    const auto *data = reinterpret_cast<const char *>(s.blob.data());
    return {data + s.start[i], static_cast<std::size_t>(s.start[i + 1] - s.start[i])};
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
        if (may_be_simplified(text(name)))
            names.push_back(name);
    }
    return names;
}

bool Digest::has_nameless() const {
    const Functions &f = profile_.functions;
    for (std::size_t row = 0; row < f.size(); ++row)
        if (!f.name[row] && f.system_name[row])
            return true;
    return false;
}

bool Digest::has_bare() const {
    const Locations &places = profile_.locations;
    const Mappings &mappings = profile_.mappings;
    for (std::size_t row = 0; row < places.size(); ++row) {
        if (places.line_start[row] != places.line_start[row + 1] || places.mapping[row] < 0)
            continue;
        const auto mapping = static_cast<std::size_t>(places.mapping[row]);
        if (!mappings.has_functions[mapping] && !mappings.has_filenames[mapping] &&
            !mappings.has_line_numbers[mapping])
            return true;
    }
    return false;
}

// Numbers the distinct nodes in order of first appearance.
class NodeSums::NodeIndex {
  public:
    explicit NodeIndex(std::vector<Node> &nodes) : nodes_(nodes) {}

    void begin(const Digest &digest, std::size_t source) {
        digest_ = &digest;
        source_ = source;
        const Functions &f = digest.profile().functions;
        function_name_.resize(f.size());
        for (std::size_t row = 0; row < f.size(); ++row)
            function_name_[row] = name_number(digest.text(name_of(f, row)));
        of_name_.resize(numbers_.size());
    }

    std::int32_t of_line(std::int32_t function, std::int32_t mapping) {
        const Functions &f = digest_->profile().functions;
        const auto row = static_cast<std::size_t>(function);
        const std::int32_t number = function_name_[row];
        if (number < 0)
            return nameless(mapping, f.start_line[row]);
        std::int32_t &node = of_name_[static_cast<std::size_t>(number)]; // + 1
        if (!node)
            node = added({source_, name_of(f, row), 0, 0}) + 1;
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
        const Column<std::int32_t> &files = digest_->profile().mappings.filename;
        const std::int32_t file = mapping < 0 ? 0 : files[static_cast<std::size_t>(mapping)];
        const auto [found, fresh] = nameless_.try_emplace({digest_->text(file), start_line});
        if (fresh)
            found->second = added({source_, 0, file, start_line});
        return found->second;
    }

    std::int32_t added(Node node) {
        nodes_.push_back(node);
        return static_cast<std::int32_t>(nodes_.size() - 1);
    }

    const Digest *digest_ = nullptr;
    std::size_t source_ = 0;
    std::vector<Node> &nodes_;
    std::unordered_map<std::string_view, std::int32_t> numbers_;
    std::vector<std::int32_t> function_name_; // number of the name's text, -1 = empty
    std::vector<std::int32_t> of_name_;       // node + 1 of each name
    std::map<std::pair<std::string_view, std::int64_t>, std::int32_t> nameless_;
};

// A frame of a stack is the node of its location, or ~row of a location that has several nodes.
constexpr std::int32_t no_frame = std::numeric_limits<std::int32_t>::min();

// Reads the samples of one digest, with the checks of the decoder.
class NodeSums::SampleReader {
  public:
    SampleReader(const Digest &digest, const Slots &slots)
        : digest_(digest), slots_(slots), types_(digest.profile().sample_type.size()),
          strings_(digest.profile().strings.size()) {}

    std::vector<std::int64_t> values;

    // The sample's frames, leaf first.
    std::span<const std::int32_t> stack() const { return {frames_.data(), depth_}; }

    void read(Span body) {
        depth_ = 0;
        values.clear();
        if (frames_.size() < body.size()) // a frame takes a byte at least
            frames_.resize(body.size());
        wire::each_field(body, [&](const Field &f) {
            if (f.number == 1)
                frames(f);
            else if (f.number == 2)
                wire::each_number("sample", f, [&](std::uint64_t value) {
                    values.push_back(static_cast<std::int64_t>(value));
                });
            else if (f.number == 3)
                label(wire::message_of("sample", f));
        });
        if (values.empty())
            throw FormatError{"sample without values"};
        if (values.size() != types_)
            throw FormatError{"sample of " + std::to_string(values.size()) + " values"};
    }

    // Indices of the strings that are keys of labels.
    const std::vector<std::int32_t> &label_keys() const { return label_keys_; }

  private:
    void frames(const Field &f) {
        std::int32_t *const first = frames_.data() + depth_, *to = first;
        const std::int32_t *by_id = slots_.by_id.data();
        const std::size_t ids = slots_.by_id.size();
        std::int32_t worst = 0;
        wire::each_number("sample", f, [&](std::uint64_t id) {
            const std::int32_t frame = id < ids ? by_id[id] : rare_frame(id);
            worst = std::min(worst, frame);
            *to++ = frame;
        });
        if (worst == no_frame)
            throw FormatError{"a sample has a location id which does not exist"};
        depth_ += static_cast<std::size_t>(to - first);
    }

    std::int32_t rare_frame(std::uint64_t id) const {
        if (!digest_.has_large_ids())
            return no_frame;
        const std::int32_t row = digest_.location(id);
        return row < 0 ? no_frame : ~row;
    }

    void label(const Span &body) {
        const wire::LabelFields l = wire::label_fields(body);
        if (static_cast<std::size_t>(std::max({l.key, l.text, l.unit})) >= strings_)
            throw FormatError{"a label has a string that does not exist"};
        if (!l.is_empty() && (label_keys_.empty() || label_keys_.back() != l.key) &&
            std::find(label_keys_.begin(), label_keys_.end(), l.key) == label_keys_.end())
            label_keys_.push_back(l.key);
    }

    const Digest &digest_;
    const Slots &slots_;
    std::size_t types_, strings_;
    std::vector<std::int32_t> frames_;
    std::size_t depth_ = 0;
    std::vector<std::int32_t> label_keys_;
};

NodeSums::NodeSums(std::vector<Source> sources, std::size_t column)
    : sources_(std::move(sources)), column_(column), slots_(sources_.size()), totals_(sources_.size()) {
    NodeIndex index(nodes_);
    for (std::size_t source = 0; source < sources_.size(); ++source)
        group(source, index);
    flat_.resize(nodes_.size());
    cells_.resize(nodes_.size());
    for (std::size_t source = 0; source < sources_.size(); ++source)
        add(source);
}

void NodeSums::group(std::size_t source, NodeIndex &index) {
    const Digest &digest = *sources_[source].digest;
    const Locations &l = digest.profile().locations;
    Slots &slots = slots_[source];
    index.begin(digest, source);
    slots.start.reserve(l.size() + 1);
    slots.node.reserve(l.line_function.size());
    for (std::size_t row = 0; row < l.size(); ++row) {
        const auto first = static_cast<std::size_t>(l.line_start[row]);
        const auto end = static_cast<std::size_t>(l.line_start[row + 1]);
        for (std::size_t line = first; line < end; ++line)
            slots.node.push_back(index.of_line(l.line_function[line], l.mapping[row]));
        if (first == end)
            slots.node.push_back(index.of_bare(l.mapping[row]));
        slots.start.push_back(static_cast<std::int64_t>(slots.node.size()));
    }
    if (digest.has_large_ids())
        return;
    slots.by_id.resize(static_cast<std::size_t>(digest.largest_id()) + 1);
    std::fill(slots.by_id.begin(), slots.by_id.end(), no_frame);
    for (std::size_t row = 0; row < l.size(); ++row) {
        const std::int64_t first = slots.start[row], count = slots.start[row + 1] - first;
        slots.by_id[static_cast<std::size_t>(l.id[row])] =
            count == 1 ? slots.node[static_cast<std::size_t>(first)] : ~static_cast<std::int32_t>(row);
    }
}

void NodeSums::add(std::size_t source) {
    const Digest *const digest = sources_[source].digest.get();
    const bool is_negative = sources_[source].is_negative;
    Total &total = totals_[source];
    SampleReader sample(*digest, slots_[source]);
    digest->profile().samples.messages.each([&](const Span &body) {
        sample.read(body);
        const std::int64_t value = sample.values[column_];
        if (!value)
            return;
        add_to(total.magnitude, magnitude(value));
        total.adds_up = total.adds_up && value > 0 && value <= exact && total.magnitude <= exact;
        add_stack(slots_[source], sample.stack(), is_negative ? negated(value) : value);
    });
    for (std::int32_t key : sample.label_keys()) {
        const std::string_view text = digest->text(key);
        if (std::find(label_keys_.begin(), label_keys_.end(), text) == label_keys_.end())
            label_keys_.push_back(text);
    }
}

// Call use(node, is_outermost) for the nodes of a frame, innermost first.
template <class Slots, class Use> void each_node(const Slots &slots, std::int32_t frame, Use use) {
    if (frame >= 0) {
        use(frame, true);
        return;
    }
    const auto row = static_cast<std::size_t>(~frame);
    const auto first = static_cast<std::size_t>(slots.start[row]),
               end = static_cast<std::size_t>(slots.start[row + 1]);
    for (std::size_t i = first; i < end; ++i)
        use(slots.node[i], i + 1 == end);
}

void NodeSums::add_cum(std::int32_t node, std::int64_t value) {
    Cell &cell = cells_[static_cast<std::size_t>(node)];
    if (std::exchange(cell.last_sample, sample_) != sample_)
        add_to(cell.cum, value);
}

void NodeSums::add_stack(const Slots &slots, std::span<const std::int32_t> stack, std::int64_t value) {
    ++sample_;
    for (std::int32_t frame : stack)
        each_node(slots, frame, [&](std::int32_t node, bool) { add_cum(node, value); });
    if (stack.empty())
        return;
    const std::int32_t leaf = stack.front();
    const std::int32_t node =
        leaf >= 0 ? leaf : slots.node[static_cast<std::size_t>(slots.start[static_cast<std::size_t>(~leaf)])];
    add_to(flat_[static_cast<std::size_t>(node)], value);
}

std::int64_t NodeSums::flat_total() const {
    std::int64_t sum = 0;
    for (std::int64_t flat : flat_)
        add_to(sum, flat);
    return sum;
}

std::size_t NodeSums::present() const {
    std::size_t count = 0;
    for (std::size_t node = 0; node < nodes_.size(); ++node)
        count += has_value(node);
    return count;
}

bool NodeSums::has_nameless() const {
    return std::any_of(nodes_.begin(), nodes_.end(), [](const Node &node) { return !node.name; });
}

std::vector<NodeSums::Row> NodeSums::rows(std::int64_t cutoff) const {
    std::vector<Row> rows;
    for (std::size_t node = 0; node < nodes_.size(); ++node) {
        const std::int64_t cum = cells_[node].cum;
        if (has_value(node) && (cutoff < 1 || magnitude(cum) >= cutoff))
            rows.push_back({static_cast<std::int32_t>(node), flat_[node], cum});
    }
    return rows;
}

std::vector<NodeSums::Call> NodeSums::calls(const std::vector<std::int32_t> &shown, bool trimmed,
                                            std::int64_t cutoff) const {
    std::vector<bool> is_shown(nodes_.size());
    for (std::int32_t node : shown)
        is_shown[static_cast<std::size_t>(node)] = true;
    EdgeSums sums;
    auto is_hidden = [&](std::int32_t node) { return trimmed && !is_shown[static_cast<std::size_t>(node)]; };
    std::vector<std::pair<std::int32_t, bool>> nodes; // of a stack, leaf first, and: is it inlined?
    for (std::size_t source = 0; source < sources_.size(); ++source) {
        const Digest *const digest = sources_[source].digest.get();
        const bool is_negative = sources_[source].is_negative;
        SampleReader sample(*digest, slots_[source]);
        digest->profile().samples.messages.each([&](const Span &body) {
            sample.read(body);
            const std::int64_t value = sample.values[column_];
            if (!value)
                return;
            nodes.clear();
            for (std::int32_t frame : sample.stack())
                each_node(slots_[source], frame, [&](std::int32_t node, bool is_outermost) {
                    nodes.emplace_back(is_hidden(node) ? -1 : node, !is_outermost);
                });
            sums.begin_stack(is_negative ? negated(value) : value);
            for (auto node = nodes.rbegin(); node != nodes.rend(); ++node)
                sums.frame(node->first, node->second);
        });
    }
    const Edges edges = sums.sorted();
    std::vector<Call> calls;
    for (std::size_t e = 0; e < edges.callee.size(); ++e)
        if (is_shown[static_cast<std::size_t>(edges.callee[e])] && magnitude(edges.weight[e]) >= cutoff)
            calls.push_back({edges.callee[e], edges.inlined[e] != 0});
    return calls;
}

} // namespace whet

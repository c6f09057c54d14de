// See merge.hpp.
#include "codec/merge.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "codec/ids.hpp"

namespace whet {
namespace {

std::uint64_t bits(std::int64_t v) { return static_cast<std::uint64_t>(v); }

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) { return mix64(hash * 31 + word); }

std::uint64_t mixed(std::uint64_t hash, std::int32_t word) {
    return mixed(hash, std::uint64_t{static_cast<std::uint32_t>(word)});
}

std::string_view text_of(const StringTable &s, std::int32_t index) {
    const auto i = static_cast<std::size_t>(index);
    const auto *data = reinterpret_cast<const char *>(s.blob.data());
    return {data + s.start[i], static_cast<std::size_t>(s.start[i + 1] - s.start[i])};
}

std::size_t at(std::int32_t row) { return static_cast<std::size_t>(row); }

constexpr std::uint64_t page = 0x1000;

} // namespace

void RowIndex::add(std::uint64_t hash) {
    hashes_.push_back(static_cast<std::uint32_t>(hash >> 32));
    lower_.push_back(static_cast<std::uint32_t>(hash));
    if (4 * hashes_.size() <= 3 * slots_.size()) {
        place(static_cast<std::uint32_t>(hashes_.size() - 1));
        return;
    }
    const std::size_t size = slots_.empty() ? 1024 : 2 * slots_.size();
    slots_.reset();
    slots_.resize(size);
    for (std::uint32_t row = 0; row < hashes_.size(); ++row)
        place(row);
}

void RowIndex::place(std::uint32_t row) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = lower_[row] & mask;
    while (slots_[i])
        i = (i + 1) & mask;
    slots_[i] = row + 1;
}

struct Merger::Source {
    explicit Source(const Profile &profile)
        : p(profile), string(profile.strings.size(), -1), function(profile.functions.size(), -1),
          location(profile.locations.size(), -1), mapping(profile.mappings.size(), -1) {}

    const Profile &p;
    // Rows of the result, -1 = not asked for yet.
    std::vector<std::int32_t> string, function, location, mapping;
    std::int32_t empty_mapping = -1;
};

Merger::Merger() {
    strings_.add(std::hash<std::string_view>{}(""));
    out_.strings.start = Column<std::int64_t>{0, 0};
}

bool Merger::add(const Profile &p) {
    if (!is_first_ && !fits(p))
        return false;
    Source from(p);
    header(from);
    const std::size_t types = p.sample_type.size();
    for (std::size_t row = 0; row < p.samples.size(); ++row) {
        const std::int64_t *values = p.samples.values.data() + row * types;
        if (std::any_of(values, values + types, [](std::int64_t v) { return v != 0; }))
            sample(from, row);
    }
    is_first_ = false;
    return true;
}

bool Merger::fits(const Profile &p) const {
    auto equal = [&](const ValueType &a, const ValueType &b) {
        return text_of(out_.strings, a.type) == text_of(p.strings, b.type) &&
               text_of(out_.strings, a.unit) == text_of(p.strings, b.unit);
    };
    return std::equal(out_.sample_type.begin(), out_.sample_type.end(), p.sample_type.begin(),
                      p.sample_type.end(), equal) &&
           equal(out_.period_type.value_or(ValueType{}), p.period_type.value_or(ValueType{}));
}

void Merger::header(Source &from) {
    const Profile &p = from.p;
    auto type = [&](const ValueType &t) { return ValueType{string(from, t.type), string(from, t.unit)}; };
    if (is_first_) {
        for (const ValueType &t : p.sample_type)
            out_.sample_type.push_back(type(t));
        if (p.period_type)
            out_.period_type = type(*p.period_type);
        out_.drop_frames = string(from, p.drop_frames);
        out_.keep_frames = string(from, p.keep_frames);
        mapping(from, 0); // the main binary stays in front, used or not
    }
    if (p.time_nanos && (!out_.time_nanos || p.time_nanos < out_.time_nanos))
        out_.time_nanos = p.time_nanos;
    if (p.period && (!out_.period || p.period > out_.period))
        out_.period = p.period;
    out_.duration_nanos = static_cast<std::int64_t>(bits(out_.duration_nanos) + bits(p.duration_nanos));
    for (std::int32_t comment : p.comments)
        if (const std::int32_t own = string(from, comment); comments_.insert(own).second)
            out_.comments.push_back(own);
    if (!out_.default_sample_type)
        out_.default_sample_type = string(from, p.default_sample_type);
    if (!out_.doc_url)
        out_.doc_url = string(from, p.doc_url);
}

std::int32_t Merger::string(Source &from, std::int32_t index) {
    std::int32_t &known = from.string[at(index)];
    if (known >= 0)
        return known;
    const std::string_view text = text_of(from.p.strings, index);
    const std::uint64_t hash = std::hash<std::string_view>{}(text);
    known = strings_.find(hash, [&](std::uint32_t row) {
        return text_of(out_.strings, static_cast<std::int32_t>(row)) == text;
    });
    if (known < 0) {
        strings_.add(hash);
        known = out_.strings.add(text);
    }
    return known;
}

std::int32_t Merger::mapping(Source &from, std::int32_t row) {
    const Mappings &m = from.p.mappings;
    const bool is_empty = m.size() == 0;
    std::int32_t &known = is_empty ? from.empty_mapping : from.mapping[at(row)];
    if (known >= 0)
        return known;
    const std::size_t i = at(row);
    const std::uint64_t start = is_empty ? 0 : m.memory_start[i], limit = is_empty ? 0 : m.memory_limit[i];
    const std::uint64_t offset = is_empty ? 0 : m.file_offset[i];
    const std::int32_t filename = is_empty ? 0 : string(from, m.filename[i]);
    const std::int32_t build_id = is_empty ? 0 : string(from, m.build_id[i]);
    const std::uint64_t size = limit - start + (page - 1);
    const auto name = static_cast<std::uint64_t>(build_id ? build_id : filename);
    Mappings &out = out_.mappings;
    const auto [found, fresh] =
        mappings_.try_emplace({size - size % page, offset, name}, static_cast<std::int32_t>(out.size()));
    known = found->second;
    if (!fresh)
        return known;
    out.id.push_back(out.size() + 1);
    out.memory_start.push_back(start);
    out.memory_limit.push_back(limit);
    out.file_offset.push_back(offset);
    out.filename.push_back(filename);
    out.build_id.push_back(build_id);
    out.has_functions.push_back(is_empty ? 0 : m.has_functions[i]);
    out.has_filenames.push_back(is_empty ? 0 : m.has_filenames[i]);
    out.has_line_numbers.push_back(is_empty ? 0 : m.has_line_numbers[i]);
    out.has_inline_frames.push_back(is_empty ? 0 : m.has_inline_frames[i]);
    return known;
}

std::int32_t Merger::function(Source &from, std::int32_t row) {
    std::int32_t &known = from.function[at(row)];
    if (known >= 0)
        return known;
    const Functions &f = from.p.functions;
    const std::int32_t name = string(from, f.name[at(row)]);
    const std::int32_t system_name = string(from, f.system_name[at(row)]);
    const std::int32_t filename = string(from, f.filename[at(row)]);
    const std::int64_t start_line = f.start_line[at(row)];
    const std::uint64_t hash = mixed(mixed(mixed(mix64(bits(start_line)), name), system_name), filename);
    Functions &out = out_.functions;
    known = functions_.find(hash, [&](std::uint32_t i) {
        return out.start_line[i] == start_line && out.name[i] == name && out.system_name[i] == system_name &&
               out.filename[i] == filename;
    });
    if (known >= 0)
        return known;
    functions_.add(hash);
    known = static_cast<std::int32_t>(out.size());
    out.id.push_back(out.size() + 1);
    out.name.push_back(name);
    out.system_name.push_back(system_name);
    out.filename.push_back(filename);
    out.start_line.push_back(start_line);
    return known;
}

std::int32_t Merger::location(Source &from, std::int32_t row) {
    std::int32_t &known = from.location[at(row)];
    if (known < 0)
        known = location_row(from, row);
    return known;
}

// The same lines, in the same mapping, at the same place in it.
std::int32_t Merger::location_row(Source &from, std::int32_t row) {
    const Locations &l = from.p.locations;
    Locations &out = out_.locations;
    const bool has_mappings = from.p.mappings.size() != 0;
    const std::int32_t own = has_mappings ? l.mapping[at(row)] : 0;
    const std::int32_t mapped = own < 0 ? -1 : mapping(from, own);
    std::uint64_t address = l.address[at(row)];
    if (own >= 0 && has_mappings)
        address -= from.p.mappings.memory_start[at(own)];
    const std::uint8_t is_folded = l.is_folded[at(row)];
    std::uint64_t hash = mixed(mixed(mix64(address), mapped), std::uint64_t{is_folded});
    lines_.clear();
    for (std::int64_t i = l.line_start[at(row)]; i < l.line_start[at(row) + 1]; ++i) {
        const auto k = static_cast<std::size_t>(i);
        lines_.push_back({function(from, l.line_function[k]), l.line[k], l.column[k]});
        hash = mixed(mixed(mixed(hash, lines_.back().function), bits(l.line[k])), bits(l.column[k]));
    }
    const std::uint64_t start = mapped < 0 ? 0 : out_.mappings.memory_start[at(mapped)];
    const std::int32_t known = locations_.find(hash, [&](std::uint32_t i) {
        if (out.mapping[i] != mapped || out.address[i] - start != address || out.is_folded[i] != is_folded)
            return false;
        const auto first = static_cast<std::size_t>(out.line_start[i]);
        const auto count = static_cast<std::size_t>(out.line_start[i + 1]) - first;
        if (count != lines_.size())
            return false;
        for (std::size_t k = 0; k < count; ++k)
            if (lines_[k] != Line{out.line_function[first + k], out.line[first + k], out.column[first + k]})
                return false;
        return true;
    });
    if (known >= 0)
        return known;
    locations_.add(hash);
    const auto fresh = static_cast<std::int32_t>(out.size());
    out.id.push_back(out.size() + 1);
    out.mapping.push_back(mapped);
    out.address.push_back(address + start);
    out.is_folded.push_back(is_folded);
    for (const Line &line : lines_) {
        out.line_function.push_back(line.function);
        out.line.push_back(line.line);
        out.column.push_back(line.column);
    }
    out.line_start.push_back(static_cast<std::int64_t>(out.line_function.size()));
    return fresh;
}

// Labels as pprof keeps them: texts by key, then numbers by key, empty ones gone.
void Merger::read_labels(Source &from, std::size_t row) {
    const Samples &s = from.p.samples;
    labels_.clear();
    for (std::int64_t i = s.label_start[row]; i < s.label_start[row + 1]; ++i) {
        const auto k = static_cast<std::size_t>(i);
        const std::int32_t key = string(from, s.labels.key[k]), text = string(from, s.labels.text[k]);
        const std::int32_t unit = text ? 0 : string(from, s.labels.unit[k]);
        const std::int64_t number = text ? 0 : s.labels.number[k];
        if (text || number || unit)
            labels_.push_back({key, text, unit, number});
    }
    if (labels_.size() > 1)
        std::stable_sort(labels_.begin(), labels_.end(), [&](const Label &a, const Label &b) {
            if (!a.text != !b.text)
                return a.text != 0;
            return a.key != b.key && text_of(out_.strings, a.key) < text_of(out_.strings, b.key);
        });
}

void Merger::sample(Source &from, std::size_t row) {
    const Samples &s = from.p.samples;
    Samples &out = out_.samples;
    stack_.clear();
    std::uint64_t hash = 0;
    for (std::int64_t i = s.stack_start[row]; i < s.stack_start[row + 1]; ++i) {
        stack_.push_back(location(from, s.stack[static_cast<std::size_t>(i)]));
        hash = hash * 0x9E3779B97F4A7C15u + static_cast<std::uint32_t>(stack_.back());
    }
    hash = mix64(hash ^ stack_.size());
    read_labels(from, row);
    for (const Label &l : labels_)
        hash = mixed(mixed(mixed(mixed(hash, l.key), l.text), bits(l.number)), l.unit);
    const std::int32_t known = samples_.find(hash, [&](std::uint32_t i) {
        const std::int32_t *stack = out.stack.data() + out.stack_start[i];
        const std::int32_t *end = out.stack.data() + out.stack_start[i + 1];
        if (!std::equal(stack_.begin(), stack_.end(), stack, end))
            return false;
        const auto first = static_cast<std::size_t>(out.label_start[i]);
        if (static_cast<std::size_t>(out.label_start[i + 1]) - first != labels_.size())
            return false;
        const Labels &l = out.labels;
        for (std::size_t k = 0; k < labels_.size(); ++k)
            if (labels_[k] !=
                Label{l.key[first + k], l.text[first + k], l.unit[first + k], l.number[first + k]})
                return false;
        return true;
    });
    const std::size_t types = out_.sample_type.size();
    const std::span<const std::int64_t> values(s.values.data() + row * types, types);
    if (known < 0) {
        add_sample(hash, values);
        return;
    }
    std::int64_t *sums = out.values.data() + at(known) * types;
    for (std::size_t k = 0; k < types; ++k)
        sums[k] = static_cast<std::int64_t>(bits(sums[k]) + bits(values[k]));
}

void Merger::add_sample(std::uint64_t hash, std::span<const std::int64_t> values) {
    Samples &out = out_.samples;
    samples_.add(hash);
    out.stack.append(stack_.data(), stack_.size());
    out.stack_start.push_back(static_cast<std::int64_t>(out.stack.size()));
    out.values.append(values.data(), values.size());
    for (const Label &l : labels_) {
        out.labels.key.push_back(l.key);
        out.labels.text.push_back(l.text);
        out.labels.number.push_back(l.number);
        out.labels.unit.push_back(l.unit);
    }
    out.label_start.push_back(static_cast<std::int64_t>(out.labels.key.size()));
}

} // namespace whet

// See otlp.hpp. Rows are written when what they refer to has its row, so that equal rows are equal bytes.
#include "codec/otlp.hpp"

namespace whet {
namespace {

// The size of the valid UTF-8 sequence at the beginning, 0 if there is none.
std::size_t sequence(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80)
        return 1;
    const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < size)
        return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((byte(i) & 0xC0) != 0x80)
            return 0;
    // Forms that are too long, surrogates, and what is beyond U+10FFFF.
    const bool odd = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) ||
                     (lead == 0xF0 && byte(1) < 0x90) || (lead == 0xF4 && byte(1) > 0x8F);
    return odd ? 0 : size;
}

// The text with a '?' for each byte that is not UTF-8: a receiver refuses a message with such a string.
std::string valid(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t size = sequence(text);
        result += size ? text.substr(0, size) : std::string_view("?");
        text.remove_prefix(size ? size : 1);
    }
    return result;
}

std::size_t at(std::int32_t row) { return static_cast<std::size_t>(row); }
std::size_t at(std::int64_t row) { return static_cast<std::size_t>(row); }

} // namespace

std::uint64_t OtlpTable::row(std::string message) {
    const auto [place, is_new] = rows_.try_emplace(std::move(message), order_.size());
    if (is_new)
        order_.push_back(&place->first);
    return place->second;
}

void OtlpTable::write(int field, Writer &out) const {
    for (const std::string *message : order_)
        out.bytes(field, *message);
}

struct Otlp::Rows {
    std::vector<std::uint64_t> strings, mappings, functions, locations, stacks;
    std::vector<std::string> attributes; // of each sample, its field attribute_indices

    std::uint64_t string(std::int32_t index) const { return strings[at(index)]; }
};

std::string Otlp::value_type(const Rows &rows, const ValueType &type) const {
    Writer message;
    message.optional(1, rows.string(type.type));
    message.optional(2, rows.string(type.unit));
    return message.out;
}

// KeyValueAndUnit; `value` is an AnyValue.
std::uint64_t Otlp::attribute(std::uint64_t key, const Writer &value, std::uint64_t unit) {
    Writer message;
    message.optional(1, key);
    message.bytes(2, value.out);
    message.optional(3, unit);
    return attributes_.row(std::move(message.out));
}

void Otlp::mappings(const Profile &p, Rows &rows) {
    for (std::size_t i = 0; i < p.mappings.size(); ++i) {
        Writer message;
        message.optional(1, p.mappings.memory_start[i]);
        message.optional(2, p.mappings.memory_limit[i]);
        message.optional(3, p.mappings.file_offset[i]);
        message.optional(4, rows.string(p.mappings.filename[i]));
        if (p.mappings.build_id[i]) {
            Writer value;
            value.bytes(1, valid(p.strings.view(p.mappings.build_id[i])));
            message.always(5, attribute(string("process.executable.build_id.gnu"), value, 0));
        }
        rows.mappings.push_back(mappings_.row(std::move(message.out)));
    }
}

void Otlp::locations(const Profile &p, Rows &rows) {
    for (std::size_t i = 0; i < p.functions.size(); ++i) {
        Writer message;
        message.optional(1, rows.string(p.functions.name[i]));
        message.optional(2, rows.string(p.functions.system_name[i]));
        message.optional(3, rows.string(p.functions.filename[i]));
        message.optional(4, p.functions.start_line[i]);
        rows.functions.push_back(functions_.row(std::move(message.out)));
    }
    const Locations &places = p.locations;
    for (std::size_t i = 0; i < places.size(); ++i) {
        Writer message;
        if (places.mapping[i] >= 0)
            message.optional(1, rows.mappings[at(places.mapping[i])]);
        message.optional(2, places.address[i]);
        for (std::size_t k = at(places.line_start[i]); k < at(places.line_start[i + 1]); ++k) {
            Writer line;
            if (places.line_function[k] >= 0)
                line.optional(1, rows.functions[at(places.line_function[k])]);
            line.optional(2, places.line[k]);
            line.optional(3, places.column[k]);
            message.bytes(3, line.out);
        }
        rows.locations.push_back(locations_.row(std::move(message.out)));
    }
}

void Otlp::samples(const Profile &p, Rows &rows) {
    const Samples &samples = p.samples;
    Writer scratch;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const std::size_t begin = at(samples.stack_start[i]), end = at(samples.stack_start[i + 1]);
        Writer stack;
        const auto place = [&](std::size_t k) { return rows.locations[at(samples.stack[begin + k])]; };
        stack.repeated(1, end - begin, place, scratch);
        rows.stacks.push_back(stacks_.row(std::move(stack.out)));

        Writer indices;
        for (std::size_t k = at(samples.label_start[i]); k < at(samples.label_start[i + 1]); ++k) {
            const Labels &labels = samples.labels;
            Writer value;
            if (labels.text[k])
                value.bytes(1, valid(p.strings.view(labels.text[k])));
            else
                value.always(3, static_cast<std::uint64_t>(labels.number[k]));
            indices.always(2, attribute(rows.string(labels.key[k]), value, rows.string(labels.unit[k])));
        }
        rows.attributes.push_back(std::move(indices.out));
    }
}

void Otlp::add(const Profile &p, std::string_view id) {
    Rows rows;
    for (std::size_t i = 0; i < p.strings.size(); ++i)
        rows.strings.push_back(string(valid(p.strings.view(static_cast<std::int32_t>(i)))));
    mappings(p, rows);
    locations(p, rows);
    samples(p, rows);
    const std::size_t types = p.sample_type.size();
    for (std::size_t type = 0; type < types; ++type) {
        Writer profile;
        profile.bytes(1, value_type(rows, p.sample_type[type]));
        for (std::size_t i = 0; i < p.samples.size(); ++i) {
            const std::int64_t value = p.samples.values[i * types + type];
            if (!value)
                continue;
            Writer sample;
            sample.optional(1, rows.stacks[i]);
            sample.out += rows.attributes[i];
            sample.always(4, static_cast<std::uint64_t>(value));
            profile.bytes(2, sample.out);
        }
        profile.fixed(3, static_cast<std::uint64_t>(p.time_nanos));
        profile.optional(4, p.duration_nanos);
        if (p.period_type)
            profile.bytes(5, value_type(rows, *p.period_type));
        profile.optional(6, p.period);
        std::string own(id);
        own.back() = static_cast<char>(own.back() ^ static_cast<char>(type));
        profile.bytes(7, own);
        profiles_.bytes(2, profile.out);
    }
}

std::string Otlp::dictionary() const {
    Writer out;
    mappings_.write(1, out);
    locations_.write(2, out);
    functions_.write(3, out);
    OtlpTable().write(4, out); // links to traces: there are none
    strings_.write(5, out);
    attributes_.write(6, out);
    stacks_.write(7, out);
    return out.out;
}

} // namespace whet

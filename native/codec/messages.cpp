// See messages.hpp. The order of checks is that of the reference decoder.
#include "codec/messages.hpp"

#include <algorithm>
#include <string>

#include "codec/fields.hpp"

namespace whet {
namespace {

using wire::each_number;
using wire::Field;
using wire::flag_of;
using wire::message_of;
using wire::number_of;
using wire::signed_of;
using wire::Span;
using wire::string_index;
using wire::string_of;

// Return the row whose elements include `place`, in CSR form.
std::string row_of(const Column<std::int64_t> &start, std::size_t place) {
    const auto *after = std::upper_bound(start.begin(), start.end(), static_cast<std::int64_t>(place));
    return std::to_string(after - start.begin() - 1);
}

void check_string(const char *name, std::size_t row, std::int32_t index, std::size_t count) {
    if (static_cast<std::size_t>(index) < count)
        return;
    throw FormatError{std::string(name) + "[" + std::to_string(row) + "] is string " + std::to_string(index) +
                      " of " + std::to_string(count)};
}

void check_column(const char *name, const Column<std::int32_t> &column, std::size_t count) {
    for (std::size_t row = 0; row < column.size(); ++row)
        check_string(name, row, column[row], count);
}

} // namespace

void Messages::message(std::uint64_t number, std::uint64_t key_offset, Span body) {
    switch (number) {
    case 1:
        p_.sample_type.push_back(value_type(body));
        if (p_.sample_type.size() > max_sample_types)
            fail("more than " + std::to_string(max_sample_types) + " sample types", key_offset);
        break;
    case 2:
        sample(key_offset, body);
        break;
    case 3:
        mapping(key_offset, body);
        break;
    case 4:
        location(key_offset, body);
        break;
    case 5:
        function(key_offset, body);
        break;
    case 11:
        p_.period_type = value_type(body);
        break;
    default:
        break;
    }
}

void Messages::number(const Field &f) {
    switch (f.number) {
    case 7:
        p_.drop_frames = string_of("profile", f);
        break;
    case 8:
        p_.keep_frames = string_of("profile", f);
        break;
    case 9:
        if (p_.time_nanos)
            fail("second time_nanos: several profiles in one file", f.key_offset);
        p_.time_nanos = signed_of("profile", f);
        break;
    case 10:
        p_.duration_nanos = signed_of("profile", f);
        break;
    case 12:
        p_.period = signed_of("profile", f);
        break;
    case 13:
        comment(f.value, f.key_offset);
        break;
    case 14:
        p_.default_sample_type = string_of("profile", f);
        break;
    case 15:
        p_.doc_url = string_of("profile", f);
        break;
    default:
        break;
    }
}

void Messages::comment(std::uint64_t value, std::uint64_t offset) {
    p_.comments.push_back(string_index(value, offset));
    if (p_.comments.size() > max_comments)
        fail("more than " + std::to_string(max_comments) + " comments", offset);
}

void Messages::comments(Span s, std::uint64_t) {
    while (s.at != s.end) {
        const std::uint64_t offset = s.offset;
        comment(wire::varint(s), offset);
    }
}

void Messages::string_bytes(const std::uint8_t *data, std::size_t size) {
    p_.strings.blob.append(data, size);
}

void Messages::end_string() {
    if (!has_strings_) { // string 0 is there from the beginning
        has_strings_ = true;
        return;
    }
    p_.strings.start.push_back(static_cast<std::int64_t>(p_.strings.blob.size()));
}

ValueType Messages::value_type(Span body) {
    ValueType t;
    wire::each_field(body, [&](const Field &f) {
        if (f.number == 1)
            t.type = string_of("value type", f);
        if (f.number == 2)
            t.unit = string_of("value type", f);
    });
    return t;
}

void Messages::sample(std::uint64_t key_offset, Span body) {
    Samples &s = p_.samples;
    if (!needs_.samples) {
        if (body.size() > max_logged_bytes)
            fail("sample of " + std::to_string(body.size()) + " bytes", key_offset);
        s.messages.add(body);
        return;
    }
    const std::size_t before = s.values.size();
    wire::each_field(body, [&](const Field &f) {
        if (f.number == 1)
            each_number("sample", f,
                        [&](std::uint64_t id) { s.stack.push_back(locations_wanted_.pack(id)); });
        else if (f.number == 2)
            each_number("sample", f,
                        [&](std::uint64_t value) { s.values.push_back(static_cast<std::int64_t>(value)); });
        else if (f.number == 3)
            label(message_of("sample", f));
    });
    const std::uint64_t width = s.values.size() - before;
    if (!width)
        fail("sample without values", key_offset);
    if (width_ && width != width_)
        fail("sample of " + std::to_string(width) + " values after samples of " + std::to_string(width_),
             key_offset);
    width_ = width;
    s.stack_start.push_back(static_cast<std::int64_t>(s.stack.size()));
    s.label_start.push_back(static_cast<std::int64_t>(s.labels.key.size()));
}

void Messages::label(Span body) {
    const wire::LabelFields l = wire::label_fields(body);
    if (l.is_empty())
        return;
    Labels &labels = p_.samples.labels;
    labels.key.push_back(l.key);
    labels.text.push_back(l.text);
    labels.number.push_back(l.number);
    labels.unit.push_back(l.unit);
}

void Messages::add_id(const char *kind, Column<std::uint64_t> &ids, IdIndex &index, std::uint64_t id,
                      std::uint64_t key_offset) {
    if (!id)
        fail(std::string(kind) + " with the reserved id 0", key_offset);
    ids.push_back(id);
    if (!index.add(ids))
        fail("second " + std::string(kind) + " with id " + std::to_string(id), key_offset);
}

void Messages::mapping(std::uint64_t key_offset, Span body) {
    std::uint64_t id = 0, memory_start = 0, memory_limit = 0, file_offset = 0;
    std::int32_t filename = 0, build_id = 0;
    std::uint8_t flags[4] = {};
    wire::each_field(body, [&](const Field &f) {
        if (f.number == 1)
            id = number_of("mapping", f);
        if (f.number == 2)
            memory_start = number_of("mapping", f);
        if (f.number == 3)
            memory_limit = number_of("mapping", f);
        if (f.number == 4)
            file_offset = number_of("mapping", f);
        if (f.number == 5)
            filename = string_of("mapping", f);
        if (f.number == 6)
            build_id = string_of("mapping", f);
        if (f.number >= 7 && f.number <= 10)
            flags[f.number - 7] = flag_of("mapping", f);
    });
    Mappings &m = p_.mappings;
    add_id("mapping", m.id, mapping_rows_, id, key_offset);
    m.memory_start.push_back(memory_start);
    m.memory_limit.push_back(memory_limit);
    m.file_offset.push_back(file_offset);
    m.filename.push_back(filename);
    m.build_id.push_back(build_id);
    m.has_functions.push_back(flags[0]);
    m.has_filenames.push_back(flags[1]);
    m.has_line_numbers.push_back(flags[2]);
    m.has_inline_frames.push_back(flags[3]);
}

void Messages::location(std::uint64_t key_offset, Span body) {
    std::uint64_t id = 0, mapping_id = 0, address = 0;
    std::uint8_t is_folded = 0;
    wire::each_field(body, [&](const Field &f) {
        if (f.number == 1)
            id = number_of("location", f);
        if (f.number == 2)
            mapping_id = number_of("location", f);
        if (f.number == 3)
            address = number_of("location", f);
        if (f.number == 4)
            line(f.key_offset, message_of("location", f));
        if (f.number == 5)
            is_folded = flag_of("location", f);
    });
    Locations &l = p_.locations;
    add_id("location", l.id, location_rows_, id, key_offset);
    l.mapping.push_back(mappings_wanted_.pack(mapping_id));
    l.line_start.push_back(static_cast<std::int64_t>(l.line_function.size()));
    if (!needs_.places)
        return;
    l.address.push_back(address);
    l.is_folded.push_back(is_folded);
}

void Messages::line(std::uint64_t key_offset, Span body) {
    std::uint64_t function_id = 0;
    std::int64_t line = 0, column = 0;
    wire::each_field(body, [&](const Field &f) {
        if (f.number == 1)
            function_id = number_of("line", f);
        if (f.number == 2)
            line = signed_of("line", f);
        if (f.number == 3)
            column = signed_of("line", f);
    });
    if (!function_id)
        fail("line without a function", key_offset);
    Locations &l = p_.locations;
    l.line_function.push_back(functions_wanted_.pack(function_id));
    if (!needs_.places)
        return;
    l.line.push_back(line);
    l.column.push_back(column);
}

void Messages::function(std::uint64_t key_offset, Span body) {
    std::uint64_t id = 0;
    std::int32_t name = 0, system_name = 0, filename = 0;
    std::int64_t start_line = 0;
    wire::each_field(body, [&](const Field &f) {
        if (f.number == 1)
            id = number_of("function", f);
        if (f.number == 2)
            name = string_of("function", f);
        if (f.number == 3)
            system_name = string_of("function", f);
        if (f.number == 4)
            filename = string_of("function", f);
        if (f.number == 5)
            start_line = signed_of("function", f);
    });
    Functions &table = p_.functions;
    add_id("function", table.id, function_rows_, id, key_offset);
    table.name.push_back(name);
    table.system_name.push_back(system_name);
    table.filename.push_back(filename);
    table.start_line.push_back(start_line);
}

Profile Messages::resolve() {
    if (!has_strings_)
        throw FormatError{"no string table"};
    if (p_.samples.size() && width_ != p_.sample_type.size())
        throw FormatError{"samples of " + std::to_string(width_) + " values, but " +
                          std::to_string(p_.sample_type.size()) + " sample types"};
    resolve_stacks();
    resolve_mappings();
    resolve_functions();
    check_strings();
    return std::move(p_);
}

void Messages::resolve_stacks() {
    const Column<std::uint64_t> &ids = p_.locations.id;
    Column<std::int32_t> &stack = p_.samples.stack;
    for (std::size_t i = 0; i < stack.size(); ++i) {
        const std::uint64_t id = locations_wanted_.id(stack[i]);
        stack[i] = location_rows_.find(ids, id);
        if (stack[i] < 0)
            throw FormatError{"sample " + row_of(p_.samples.stack_start, i) + " has location id " +
                              std::to_string(id) + ", which does not exist"};
    }
}

void Messages::resolve_mappings() { // an unknown mapping is none, as in pprof
    for (std::int32_t &mapping : p_.locations.mapping)
        mapping = mapping_rows_.find(p_.mappings.id, mappings_wanted_.id(mapping));
}

void Messages::resolve_functions() {
    Column<std::int32_t> &wanted = p_.locations.line_function;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const std::uint64_t id = functions_wanted_.id(wanted[i]);
        wanted[i] = function_rows_.find(p_.functions.id, id);
        if (wanted[i] < 0)
            throw FormatError{"location " + row_of(p_.locations.line_start, i) + " has function id " +
                              std::to_string(id) + ", which does not exist"};
    }
}

void Messages::check_strings() const {
    const std::size_t n = p_.strings.size();
    const Labels &labels = p_.samples.labels;
    for (std::size_t row = 0; row < p_.sample_type.size(); ++row) {
        check_string("sample_type", row, p_.sample_type[row].type, n);
        check_string("sample_type", row, p_.sample_type[row].unit, n);
    }
    if (p_.period_type) {
        check_string("period_type", 0, p_.period_type->type, n);
        check_string("period_type", 0, p_.period_type->unit, n);
    }
    check_column("samples.labels.key", labels.key, n);
    check_column("samples.labels.text", labels.text, n);
    check_column("samples.labels.unit", labels.unit, n);
    check_column("mappings.filename", p_.mappings.filename, n);
    check_column("mappings.build_id", p_.mappings.build_id, n);
    check_column("functions.name", p_.functions.name, n);
    check_column("functions.system_name", p_.functions.system_name, n);
    check_column("functions.filename", p_.functions.filename, n);
    check_column("comments", p_.comments, n);
    check_string("drop_frames", 0, p_.drop_frames, n);
    check_string("keep_frames", 0, p_.keep_frames, n);
    check_string("default_sample_type", 0, p_.default_sample_type, n);
    check_string("doc_url", 0, p_.doc_url, n);
}

} // namespace whet

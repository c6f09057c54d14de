// profile.proto writer: fields ascending, zero fields absent, packed from three elements on.
// default_sample_type is written even where it is 0 and period_type wherever it is present,
// so that a profile read back is the same one.
#include "codec/encode.hpp"

#include "codec/writer.hpp"

namespace whet {
namespace {

constexpr std::size_t piece_size = std::size_t{1} << 16;

template <class T> std::span<const T> span_of(const Column<T> &c) { return {c.data(), c.size()}; }

class Encoder {
  public:
    Encoder(const ProfileView &profile, const Write &write) : p_(profile), write_(write) {}

    void run() {
        for (const ValueType &t : p_.sample_type)
            value_type(1, t);
        samples();
        mappings();
        locations();
        functions();
        strings();
        top_.optional(7, p_.drop_frames);
        top_.optional(8, p_.keep_frames);
        top_.optional(9, p_.time_nanos);
        top_.optional(10, p_.duration_nanos);
        if (p_.period_type)
            value_type(11, *p_.period_type);
        top_.optional(12, p_.period);
        auto comment = [&](std::size_t i) { return static_cast<std::uint64_t>(p_.comments[i]); };
        top_.repeated(13, p_.comments.size(), comment, packed_);
        top_.always(14, static_cast<std::uint64_t>(p_.default_sample_type));
        top_.optional(15, p_.doc_url);
        write_(top_.out);
    }

  private:
    // A message or a string of Profile.
    void put(int field, std::string_view content) {
        if (top_.out.size() >= piece_size) {
            write_(top_.out);
            top_.out.clear();
        }
        top_.bytes(field, content);
    }

    void value_type(int field, const ValueType &t) {
        body_.out.clear();
        body_.optional(1, t.type);
        body_.optional(2, t.unit);
        put(field, body_.out);
    }

    void samples() {
        const auto &s = p_.samples;
        const std::size_t types = p_.sample_type.size();
        for (std::size_t row = 0; row + 1 < s.stack_start.size(); ++row) {
            body_.out.clear();
            const std::int32_t *stack = s.stack.data() + s.stack_start[row];
            const auto depth = static_cast<std::size_t>(s.stack_start[row + 1] - s.stack_start[row]);
            auto location_id = [&](std::size_t i) {
                return p_.locations.id[static_cast<std::size_t>(stack[i])];
            };
            body_.repeated(1, depth, location_id, packed_);
            const std::int64_t *values = s.values.data() + row * types;
            auto value = [&](std::size_t i) { return static_cast<std::uint64_t>(values[i]); };
            body_.repeated(2, types, value, packed_);
            for (auto i = s.label_start[row]; i < s.label_start[row + 1]; ++i)
                label(static_cast<std::size_t>(i));
            put(2, body_.out);
        }
    }

    void label(std::size_t i) {
        nested_.out.clear();
        nested_.optional(1, p_.samples.key[i]);
        nested_.optional(2, p_.samples.text[i]);
        nested_.optional(3, p_.samples.number[i]);
        nested_.optional(4, p_.samples.unit[i]);
        body_.bytes(3, nested_.out);
    }

    void mappings() {
        const auto &m = p_.mappings;
        for (std::size_t row = 0; row < m.id.size(); ++row) {
            body_.out.clear();
            body_.optional(1, m.id[row]);
            body_.optional(2, m.memory_start[row]);
            body_.optional(3, m.memory_limit[row]);
            body_.optional(4, m.file_offset[row]);
            body_.optional(5, m.filename[row]);
            body_.optional(6, m.build_id[row]);
            body_.optional(7, m.has_functions[row]);
            body_.optional(8, m.has_filenames[row]);
            body_.optional(9, m.has_line_numbers[row]);
            body_.optional(10, m.has_inline_frames[row]);
            put(3, body_.out);
        }
    }

    void locations() {
        const auto &l = p_.locations;
        for (std::size_t row = 0; row < l.id.size(); ++row) {
            body_.out.clear();
            body_.optional(1, l.id[row]);
            if (l.mapping[row] >= 0)
                body_.optional(2, p_.mappings.id[static_cast<std::size_t>(l.mapping[row])]);
            body_.optional(3, l.address[row]);
            for (auto i = l.line_start[row]; i < l.line_start[row + 1]; ++i)
                line(static_cast<std::size_t>(i));
            body_.optional(5, l.is_folded[row]);
            put(4, body_.out);
        }
    }

    void line(std::size_t i) {
        const auto &l = p_.locations;
        nested_.out.clear();
        nested_.optional(1, p_.functions.id[static_cast<std::size_t>(l.line_function[i])]);
        nested_.optional(2, l.line[i]);
        nested_.optional(3, l.column[i]);
        body_.bytes(4, nested_.out);
    }

    void functions() {
        const auto &f = p_.functions;
        for (std::size_t row = 0; row < f.id.size(); ++row) {
            body_.out.clear();
            body_.optional(1, f.id[row]);
            body_.optional(2, f.name[row]);
            body_.optional(3, f.system_name[row]);
            body_.optional(4, f.filename[row]);
            body_.optional(5, f.start_line[row]);
            put(5, body_.out);
        }
    }

    void strings() {
        const char *blob = reinterpret_cast<const char *>(p_.blob.data());
        for (std::size_t i = 0; i + 1 < p_.string_start.size(); ++i) {
            const auto begin = p_.string_start[i], end = p_.string_start[i + 1];
            const auto length = static_cast<std::size_t>(end - begin);
            put(6, length ? std::string_view(blob + begin, length) : std::string_view());
        }
    }

    const ProfileView &p_;
    const Write &write_;
    Writer top_, body_, nested_, packed_;
};

} // namespace

ProfileView view(const Profile &p) {
    const Labels &labels = p.samples.labels;
    const Mappings &m = p.mappings;
    ProfileView v;
    v.blob = span_of(p.strings.blob);
    v.string_start = span_of(p.strings.start);
    v.sample_type = p.sample_type;
    v.samples = {span_of(p.samples.stack_start), span_of(p.samples.stack), span_of(p.samples.values),
                 span_of(p.samples.label_start), span_of(labels.key),      span_of(labels.text),
                 span_of(labels.number),         span_of(labels.unit)};
    v.mappings = {span_of(m.id),
                  span_of(m.memory_start),
                  span_of(m.memory_limit),
                  span_of(m.file_offset),
                  span_of(m.filename),
                  span_of(m.build_id),
                  span_of(m.has_functions),
                  span_of(m.has_filenames),
                  span_of(m.has_line_numbers),
                  span_of(m.has_inline_frames)};
    v.locations = {span_of(p.locations.id),         span_of(p.locations.mapping),
                   span_of(p.locations.address),    span_of(p.locations.is_folded),
                   span_of(p.locations.line_start), span_of(p.locations.line_function),
                   span_of(p.locations.line),       span_of(p.locations.column)};
    v.functions = {span_of(p.functions.id), span_of(p.functions.name), span_of(p.functions.system_name),
                   span_of(p.functions.filename), span_of(p.functions.start_line)};
    v.drop_frames = p.drop_frames;
    v.keep_frames = p.keep_frames;
    v.time_nanos = p.time_nanos;
    v.duration_nanos = p.duration_nanos;
    v.period_type = p.period_type;
    v.period = p.period;
    v.comments = span_of(p.comments);
    v.default_sample_type = p.default_sample_type;
    v.doc_url = p.doc_url;
    return v;
}

void encode(const ProfileView &profile, const Write &write) { Encoder(profile, write).run(); }

std::string encode(const ProfileView &profile) {
    std::string whole;
    encode(profile, [&](std::string_view piece) { whole.append(piece); });
    return whole;
}

std::string encode(const Profile &profile) { return encode(view(profile)); }

} // namespace whet

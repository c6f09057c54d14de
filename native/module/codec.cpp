// Bindings of native/codec: the pprof codec. Columns are a dict keyed by the path of the field in
// model.profile.Profile, as in kernels/reference/pprof.py.
#include <nanobind/nanobind.h>

#include <memory>
#include <string_view>
#include <vector>

#include "codec/decode.hpp"
#include "codec/digest.hpp"
#include "codec/encode.hpp"
#include "module/arrays.hpp"
#include "module/columns.hpp"
#include "module/errors.hpp"

namespace nb = nanobind;
using namespace whet;

void bind_digest(nb::module_ &m);
void bind_folded(nb::module_ &m);
void bind_gunzip(nb::module_ &m);
void bind_merge(nb::module_ &m);
void bind_results(nb::module_ &m);
void bind_stacks(nb::module_ &m);
void bind_steps(nb::module_ &m);
void bind_trees(nb::module_ &m);

namespace {

nb::object pair(const ValueType &t) { return nb::make_tuple(t.type, t.unit); }

void put_samples(nb::dict &out, Samples &s, std::size_t types) {
    const std::size_t count = s.size();
    out["samples.stack_start"] = to_numpy(std::move(s.stack_start));
    out["samples.stack"] = to_numpy(std::move(s.stack));
    out["samples.values"] = to_numpy<std::int64_t>(std::move(s.values), {count, types});
    out["samples.label_start"] = to_numpy(std::move(s.label_start));
    out["samples.labels.key"] = to_numpy(std::move(s.labels.key));
    out["samples.labels.text"] = to_numpy(std::move(s.labels.text));
    out["samples.labels.number"] = to_numpy(std::move(s.labels.number));
    out["samples.labels.unit"] = to_numpy(std::move(s.labels.unit));
}

void put_tables(nb::dict &out, Profile &p) {
    Mappings &m = p.mappings;
    out["mappings.id"] = to_numpy(std::move(m.id));
    out["mappings.memory_start"] = to_numpy(std::move(m.memory_start));
    out["mappings.memory_limit"] = to_numpy(std::move(m.memory_limit));
    out["mappings.file_offset"] = to_numpy(std::move(m.file_offset));
    out["mappings.filename"] = to_numpy(std::move(m.filename));
    out["mappings.build_id"] = to_numpy(std::move(m.build_id));
    out["mappings.has_functions"] = to_flags(std::move(m.has_functions));
    out["mappings.has_filenames"] = to_flags(std::move(m.has_filenames));
    out["mappings.has_line_numbers"] = to_flags(std::move(m.has_line_numbers));
    out["mappings.has_inline_frames"] = to_flags(std::move(m.has_inline_frames));
    Locations &l = p.locations;
    out["locations.id"] = to_numpy(std::move(l.id));
    out["locations.mapping"] = to_numpy(std::move(l.mapping));
    out["locations.address"] = to_numpy(std::move(l.address));
    out["locations.is_folded"] = to_flags(std::move(l.is_folded));
    out["locations.line_start"] = to_numpy(std::move(l.line_start));
    out["locations.line_function"] = to_numpy(std::move(l.line_function));
    out["locations.line"] = to_numpy(std::move(l.line));
    out["locations.column"] = to_numpy(std::move(l.column));
    Functions &f = p.functions;
    out["functions.id"] = to_numpy(std::move(f.id));
    out["functions.name"] = to_numpy(std::move(f.name));
    out["functions.system_name"] = to_numpy(std::move(f.system_name));
    out["functions.filename"] = to_numpy(std::move(f.filename));
    out["functions.start_line"] = to_numpy(std::move(f.start_line));
}

} // namespace

nb::dict whet::columns_of(Profile &&p) {
    nb::dict out;
    nb::list sample_type, comments;
    for (const ValueType &t : p.sample_type)
        sample_type.append(pair(t));
    for (std::int32_t c : p.comments)
        comments.append(c);
    out["strings.blob"] = to_numpy(std::move(p.strings.blob));
    out["strings.start"] = to_numpy(std::move(p.strings.start));
    out["sample_type"] = sample_type;
    put_samples(out, p.samples, p.sample_type.size());
    put_tables(out, p);
    out["drop_frames"] = p.drop_frames;
    out["keep_frames"] = p.keep_frames;
    out["time_nanos"] = p.time_nanos;
    out["duration_nanos"] = p.duration_nanos;
    out["period_type"] = p.period_type ? pair(*p.period_type) : nb::none();
    out["period"] = p.period;
    out["comments"] = comments;
    out["default_sample_type"] = p.default_sample_type;
    out["doc_url"] = p.doc_url;
    return out;
}

namespace {

void feed(Decoder &decoder, nb::bytes block) {
    const auto *data = static_cast<const std::uint8_t *>(block.data());
    const std::size_t size = block.size();
    guarded([&] { decoder.feed(data, size); });
}

nb::dict finish(Decoder &decoder) {
    return columns_of(guarded([&] { return decoder.finish(); }));
}

// Call write(piece) for all of an encoded profile.
void encode_to(const ProfileView &profile, const nb::object &write) {
    nb::gil_scoped_release unlocked;
    encode(profile, [&](std::string_view piece) {
        nb::gil_scoped_acquire locked;
        write(nb::bytes(piece.data(), piece.size()));
    });
}

// Reads columns out of the dict and keeps the arrays alive.
class Columns {
  public:
    explicit Columns(const nb::dict &columns) : columns_(columns) {}

    template <class T> std::span<const T> array(const char *name) {
        nb::ndarray<nb::ro> any = nb::cast<nb::ndarray<nb::ro>>(columns_[name]);
        kept_.push_back(any);
        return {static_cast<const T *>(any.data()), any.size()};
    }
    std::span<const std::uint8_t> flags(const char *name) { return array<std::uint8_t>(name); }
    std::int64_t number(const char *name) { return nb::cast<std::int64_t>(columns_[name]); }

    static ValueType value_type(nb::handle pair) {
        return {nb::cast<std::int32_t>(pair[0]), nb::cast<std::int32_t>(pair[1])};
    }

  private:
    const nb::dict &columns_;
    std::vector<nb::ndarray<nb::ro>> kept_;
};

void view_samples(ProfileView &v, Columns &c) {
    v.samples = {
        c.array<std::int64_t>("samples.stack_start"),   c.array<std::int32_t>("samples.stack"),
        c.array<std::int64_t>("samples.values"),        c.array<std::int64_t>("samples.label_start"),
        c.array<std::int32_t>("samples.labels.key"),    c.array<std::int32_t>("samples.labels.text"),
        c.array<std::int64_t>("samples.labels.number"), c.array<std::int32_t>("samples.labels.unit")};
}

void view_tables(ProfileView &v, Columns &c) {
    v.mappings = {c.array<std::uint64_t>("mappings.id"),
                  c.array<std::uint64_t>("mappings.memory_start"),
                  c.array<std::uint64_t>("mappings.memory_limit"),
                  c.array<std::uint64_t>("mappings.file_offset"),
                  c.array<std::int32_t>("mappings.filename"),
                  c.array<std::int32_t>("mappings.build_id"),
                  c.flags("mappings.has_functions"),
                  c.flags("mappings.has_filenames"),
                  c.flags("mappings.has_line_numbers"),
                  c.flags("mappings.has_inline_frames")};
    v.locations = {
        c.array<std::uint64_t>("locations.id"),        c.array<std::int32_t>("locations.mapping"),
        c.array<std::uint64_t>("locations.address"),   c.flags("locations.is_folded"),
        c.array<std::int64_t>("locations.line_start"), c.array<std::int32_t>("locations.line_function"),
        c.array<std::int64_t>("locations.line"),       c.array<std::int64_t>("locations.column")};
    v.functions = {c.array<std::uint64_t>("functions.id"), c.array<std::int32_t>("functions.name"),
                   c.array<std::int32_t>("functions.system_name"),
                   c.array<std::int32_t>("functions.filename"),
                   c.array<std::int64_t>("functions.start_line")};
}

// The caller has checked dtypes, lengths and row numbers (kernels/reference/columns.py).
void encode_pprof(const nb::dict &columns, nb::object write) {
    Columns c(columns);
    std::vector<ValueType> sample_type;
    for (nb::handle t : nb::cast<nb::sequence>(columns["sample_type"]))
        sample_type.push_back(Columns::value_type(t));
    std::vector<std::int32_t> comments;
    for (nb::handle index : nb::cast<nb::sequence>(columns["comments"]))
        comments.push_back(nb::cast<std::int32_t>(index));
    ProfileView v;
    v.blob = c.array<std::uint8_t>("strings.blob");
    v.string_start = c.array<std::int64_t>("strings.start");
    v.sample_type = sample_type;
    view_samples(v, c);
    view_tables(v, c);
    v.drop_frames = c.number("drop_frames");
    v.keep_frames = c.number("keep_frames");
    v.time_nanos = c.number("time_nanos");
    v.duration_nanos = c.number("duration_nanos");
    if (nb::object t = columns["period_type"]; !t.is_none())
        v.period_type = Columns::value_type(t);
    v.period = c.number("period");
    v.comments = comments;
    v.default_sample_type = c.number("default_sample_type");
    v.doc_url = c.number("doc_url");
    encode_to(v, write);
}

// A profile that is only decoded to be written again: nothing of it becomes an array.
class PprofCopy {
  public:
    void feed(nb::bytes block) { ::feed(*decoder_, block); }
    void finish() {
        const auto done = std::exchange(decoder_, std::make_unique<Decoder>());
        digest_ = guarded([&] { return std::make_unique<Digest>(done->finish()); });
    }
    nb::dict facts() const { return facts_of(whole()); }
    void encode(nb::object write) const { encode_to(view(whole().profile()), write); }

  private:
    const Digest &whole() const {
        if (!digest_)
            throw nb::type_error("the profile is not finished");
        return *digest_;
    }

    std::unique_ptr<Decoder> decoder_ = std::make_unique<Decoder>();
    std::unique_ptr<Digest> digest_;
};

} // namespace

void bind_codec(nb::module_ &m) {
    nb::class_<Decoder>(m, "PprofDecoder")
        .def(nb::init<>())
        .def("feed", &feed, nb::arg("block"))
        .def("finish", &finish);
    m.def("encode_pprof", &encode_pprof, nb::arg("columns"), nb::arg("write"));
    nb::class_<PprofCopy>(m, "PprofCopy")
        .def(nb::init<>())
        .def("feed", &PprofCopy::feed, nb::arg("block"))
        .def("finish", &PprofCopy::finish)
        .def("facts", &PprofCopy::facts)
        .def("encode", &PprofCopy::encode, nb::arg("write"));
    bind_digest(m);
    bind_folded(m);
    bind_gunzip(m);
    bind_merge(m);
    bind_results(m);
    bind_stacks(m);
    bind_steps(m);
    bind_trees(m);
}

// Bindings of native/codec/digest: plain Python numbers, bytes and tuples, so that NumPy is not needed.
#include <nanobind/nanobind.h>

#include <string_view>
#include <vector>

#include "codec/decode.hpp"
#include "codec/digest.hpp"
#include "module/errors.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

nb::bytes bytes_of(std::string_view text) { return nb::bytes(text.data(), text.size()); }

nb::tuple texts_of(const Digest &d, const ValueType &t) {
    return nb::make_tuple(bytes_of(d.text(t.type)), bytes_of(d.text(t.unit)));
}

template <class Strings> nb::list texts_of(const Digest &d, const Strings &strings) {
    nb::list texts;
    for (auto string : strings)
        texts.append(bytes_of(d.text(static_cast<std::int32_t>(string))));
    return texts;
}

// Decodes like PprofDecoder, but keeps no more than a digest needs.
class DigestDecoder {
  public:
    void feed(nb::bytes block) {
        const auto *data = static_cast<const std::uint8_t *>(block.data());
        const std::size_t size = block.size();
        guarded([&] { decoder_.feed(data, size); });
    }
    Digest *finish() {
        Digest *digest = nullptr;
        guarded([&] { digest = new Digest(decoder_.finish()); });
        return digest;
    }

  private:
    template <class Work> static void guarded(Work work) {
        try {
            nb::gil_scoped_release unlocked;
            work();
        } catch (const FormatError &error) {
            raise_format_error(error);
        }
    }

    Decoder decoder_{Needs{.labels = false, .places = false}};
};

nb::dict facts(const Digest &d) {
    const Profile &p = d.profile();
    const bool has_main = !p.mappings.id.empty();
    nb::list sample_type;
    for (const ValueType &t : p.sample_type)
        sample_type.append(texts_of(d, t));
    nb::dict out;
    out["sample_type"] = sample_type;
    out["default_sample_type"] = bytes_of(d.text(p.default_sample_type));
    out["file"] = bytes_of(has_main ? d.text(p.mappings.filename[0]) : "");
    out["build_id"] = bytes_of(has_main ? d.text(p.mappings.build_id[0]) : "");
    out["comments"] = texts_of(d, p.comments);
    out["doc_url"] = bytes_of(d.text(p.doc_url));
    out["drop_frames"] = bytes_of(d.text(p.drop_frames));
    out["time_nanos"] = p.time_nanos;
    out["duration_nanos"] = p.duration_nanos;
    out["period"] = p.period;
    out["period_type"] = p.period_type ? nb::object(texts_of(d, *p.period_type)) : nb::none();
    out["samples"] = p.samples.size();
    out["label_keys"] = texts_of(d, p.samples.label_keys);
    out["linker_names"] = texts_of(d, d.linker_names());
    return out;
}

nb::tuple sum(Digest &d, std::size_t column) {
    if (column >= d.profile().sample_type.size())
        throw nb::value_error("no such value column");
    {
        nb::gil_scoped_release unlocked;
        d.sum(column);
    }
    return nb::make_tuple(d.total(), d.flat_total(), d.present());
}

nb::list rows(const Digest &d, std::int64_t cutoff) {
    nb::list rows;
    for (const Digest::Row &row : d.rows(cutoff))
        rows.append(nb::make_tuple(row.node, row.flat, row.cum));
    return rows;
}

std::size_t checked(const Digest &d, std::int64_t number) {
    if (number < 0 || static_cast<std::size_t>(number) >= d.node_count())
        throw nb::index_error("no such node");
    return static_cast<std::size_t>(number);
}

nb::tuple node(const Digest &d, std::int64_t number) {
    const Digest::Node &node = d.node(checked(d, number));
    return nb::make_tuple(bytes_of(d.text(node.name)), bytes_of(d.text(node.object_file)), node.start_line);
}

nb::list calls(const Digest &d, nb::list shown, bool trimmed, std::int64_t cutoff) {
    std::vector<std::int32_t> numbers;
    for (nb::handle number : shown)
        numbers.push_back(static_cast<std::int32_t>(checked(d, nb::cast<std::int64_t>(number))));
    std::vector<Digest::Call> found;
    {
        nb::gil_scoped_release unlocked;
        found = d.calls(numbers, trimmed, cutoff);
    }
    nb::list calls;
    for (const Digest::Call &call : found)
        calls.append(nb::make_tuple(call.callee, call.inlined));
    return calls;
}

} // namespace

void bind_digest(nb::module_ &m) {
    nb::class_<DigestDecoder>(m, "DigestDecoder")
        .def(nb::init<>())
        .def("feed", &DigestDecoder::feed, nb::arg("block"))
        .def("finish", &DigestDecoder::finish, nb::rv_policy::take_ownership);
    nb::class_<Digest>(m, "Digest")
        .def_prop_ro("has_inlines", &Digest::has_inlines)
        .def("facts", &facts)
        .def("sum", &sum, nb::arg("column"))
        .def("rows", &rows, nb::arg("cutoff"))
        .def("node", &node, nb::arg("number"))
        .def("calls", &calls, nb::arg("shown"), nb::arg("trimmed"), nb::arg("cutoff"));
}

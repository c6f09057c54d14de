// Bindings of native/codec/digest: plain Python numbers, bytes and tuples, so that NumPy is not needed.
#include <nanobind/nanobind.h>
#include <nanobind/stl/shared_ptr.h>

#include <memory>
#include <string_view>
#include <vector>

#include "codec/decode.hpp"
#include "codec/digest.hpp"
#include "module/columns.hpp"
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
    for (std::int32_t string : strings)
        texts.append(bytes_of(d.text(string)));
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
    std::shared_ptr<Digest> finish() {
        return guarded([&] { return std::make_shared<Digest>(decoder_.finish()); });
    }

  private:
    Decoder decoder_{Needs{.samples = false, .places = false}};
};

} // namespace

nb::dict whet::facts_of(const Digest &d) {
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
    out["samples"] = p.samples.size() + p.samples.messages.count();
    out["mappings"] = p.mappings.size();
    out["nameless"] = d.has_nameless();
    out["bare"] = d.has_bare();
    out["linker_names"] = texts_of(d, d.linker_names());
    return out;
}

namespace {

std::shared_ptr<NodeSums> node_sums(nb::list digests, nb::list negative, std::size_t column) {
    if (digests.size() != negative.size())
        throw nb::type_error("digests and negative differ in length");
    std::vector<NodeSums::Source> sources;
    for (std::size_t i = 0; i < digests.size(); ++i) {
        auto digest = nb::cast<std::shared_ptr<Digest>>(digests[i]);
        if (column >= digest->profile().sample_type.size())
            throw nb::index_error("no such value column");
        sources.push_back({std::move(digest), nb::cast<bool>(negative[i])});
    }
    return guarded([&] { return std::make_shared<NodeSums>(std::move(sources), column); });
}

nb::list totals(const NodeSums &s) {
    nb::list out;
    for (const NodeSums::Total &total : s.totals())
        out.append(nb::make_tuple(total.magnitude, total.adds_up));
    return out;
}

nb::list label_keys(const NodeSums &s) {
    nb::list out;
    for (std::string_view key : s.label_keys())
        out.append(bytes_of(key));
    return out;
}

nb::list rows(const NodeSums &s, std::int64_t cutoff) {
    nb::list out;
    for (const NodeSums::Row &row : s.rows(cutoff))
        out.append(nb::make_tuple(row.node, row.flat, row.cum));
    return out;
}

std::size_t checked(const NodeSums &s, std::int64_t number) {
    if (number < 0 || static_cast<std::size_t>(number) >= s.node_count())
        throw nb::index_error("no such node");
    return static_cast<std::size_t>(number);
}

nb::tuple node(const NodeSums &s, std::int64_t number) {
    const NodeSums::Node &node = s.node(checked(s, number));
    return nb::make_tuple(bytes_of(s.text(node, node.name)), bytes_of(s.text(node, node.object_file)),
                          node.start_line);
}

nb::list calls(const NodeSums &s, nb::list shown, bool trimmed, std::int64_t cutoff) {
    std::vector<std::int32_t> numbers;
    for (nb::handle number : shown)
        numbers.push_back(static_cast<std::int32_t>(checked(s, nb::cast<std::int64_t>(number))));
    nb::list out;
    for (const NodeSums::Call &call : guarded([&] { return s.calls(numbers, trimmed, cutoff); }))
        out.append(nb::make_tuple(call.callee, call.inlined));
    return out;
}

} // namespace

void bind_digest(nb::module_ &m) {
    nb::class_<DigestDecoder>(m, "DigestDecoder")
        .def(nb::init<>())
        .def("feed", &DigestDecoder::feed, nb::arg("block"))
        .def("finish", &DigestDecoder::finish);
    nb::class_<Digest>(m, "Digest").def_prop_ro("has_inlines", &Digest::has_inlines).def("facts", &facts_of);
    nb::class_<NodeSums>(m, "NodeSums")
        .def_prop_ro("totals", &totals)
        .def_prop_ro("label_keys", &label_keys)
        .def_prop_ro("flat_total", &NodeSums::flat_total)
        .def_prop_ro("present", &NodeSums::present)
        .def_prop_ro("has_nameless", &NodeSums::has_nameless)
        .def("rows", &rows, nb::arg("cutoff"))
        .def("node", &node, nb::arg("number"))
        .def("calls", &calls, nb::arg("shown"), nb::arg("trimmed"), nb::arg("cutoff"));
    m.def("node_sums", &node_sums, nb::arg("digests"), nb::arg("negative"), nb::arg("column"));
}

// Bindings of native/codec/folded.
#include <nanobind/nanobind.h>

#include "codec/folded.hpp"
#include "module/arrays.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

bool feed(FoldedReader &reader, nb::bytes block) {
    const auto *data = static_cast<const char *>(block.data());
    const std::size_t size = block.size();
    nb::gil_scoped_release unlocked;
    return reader.feed(data, size);
}

nb::tuple finish(FoldedReader &reader) {
    {
        nb::gil_scoped_release unlocked;
        reader.finish();
    }
    nb::dict out;
    Folded &c = reader.columns;
    out["blob"] = to_numpy(std::move(c.blob));
    out["string_start"] = to_numpy(std::move(c.string_start));
    out["name"] = to_numpy(std::move(c.name));
    out["filename"] = to_numpy(std::move(c.filename));
    out["function"] = to_numpy(std::move(c.function));
    out["line"] = to_numpy(std::move(c.line));
    out["stack_start"] = to_numpy(std::move(c.stack_start));
    out["stack"] = to_numpy(std::move(c.stack));
    out["value"] = to_numpy(std::move(c.value));
    return nb::make_tuple(static_cast<int>(reader.problem), reader.line_number,
                          nb::bytes(reader.bad_line.data(), reader.bad_line.size()), out);
}

} // namespace

void bind_folded(nb::module_ &m) {
    nb::class_<FoldedReader>(m, "FoldedReader")
        .def(nb::init<std::uint64_t>(), nb::arg("seed"))
        .def("feed", &feed, nb::arg("block"))
        .def("finish", &finish);
}

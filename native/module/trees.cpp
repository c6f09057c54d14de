// Bindings of native/codec/trees.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <algorithm>
#include <optional>

#include "codec/stacks.hpp"
#include "codec/trees.hpp"
#include "module/arrays.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

using Matrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

nb::object py_grow_tree(Array<std::int32_t> frames, std::size_t frame_count, Array<std::int64_t> first,
                        Array<std::int64_t> length, std::int64_t step, Matrix mass, Array<double> cutoff,
                        Array<std::int32_t> path, double share, std::size_t max_nodes) {
    if (mass.shape(1) != cutoff.size())
        throw nb::value_error("cutoff does not fit mass");
    const Walks walks{span_of(frames), frame_count, span_of(first),
                      span_of(length), step,        {mass.data(), mass.size()},
                      cutoff.size()};
    if (const char *problem = check(walks))
        throw nb::value_error(problem);
    const Cut cut{span_of(cutoff), span_of(path), share, max_nodes};
    GrownTree tree;
    {
        nb::gil_scoped_release unlocked;
        tree = grow_tree(walks, cut);
    }
    if (tree.bad_frame)
        throw nb::value_error("a frame is not below frame_count");
    if (tree.too_large)
        return nb::none();
    return nb::make_tuple(to_numpy(std::move(tree.parent)), to_numpy(std::move(tree.frame)),
                          to_numpy(std::move(tree.folded)), to_numpy(std::move(tree.node_of_sample)),
                          to_numpy(std::move(tree.sample)), tree.branch);
}

using Rows = std::optional<Array<std::int32_t>>;

Flags flags_of(const Array<std::int64_t> &start, const Array<bool> &flags, const Rows &rows) {
    const Flags found{{reinterpret_cast<const std::uint8_t *>(flags.data()), flags.size()},
                      rows ? rows->data() : nullptr};
    if (!is_csr(span_of(start), rows ? rows->size() : flags.size()))
        throw nb::value_error("start does not fit flags");
    if (!rows)
        return found;
    std::uint32_t largest = 0; // a negative row is a large number
    for (std::int32_t row : span_of(*rows))
        largest = std::max(largest, static_cast<std::uint32_t>(row));
    if (rows->size() && largest >= flags.size())
        throw nb::value_error("rows has a row that has no flag");
    return found;
}

nb::object py_count_flags(Array<std::int64_t> start, Array<bool> flags, Rows rows) {
    const Flags found = flags_of(start, flags, rows);
    Column<std::int64_t> counts;
    {
        nb::gil_scoped_release unlocked;
        counts = count_flags(span_of(start), found);
    }
    return to_numpy(std::move(counts));
}

nb::tuple py_flag_ends(Array<std::int64_t> start, Array<bool> flags, Rows rows) {
    const Flags found = flags_of(start, flags, rows);
    FlagEnds ends;
    {
        nb::gil_scoped_release unlocked;
        ends = flag_ends(span_of(start), found);
    }
    return nb::make_tuple(to_numpy(std::move(ends.first)), to_numpy(std::move(ends.last)));
}

} // namespace

void bind_trees(nb::module_ &m) {
    m.def("grow_tree", &py_grow_tree, nb::arg("frames"), nb::arg("frame_count"), nb::arg("first"),
          nb::arg("length"), nb::arg("step"), nb::arg("mass"), nb::arg("cutoff"), nb::arg("path"),
          nb::arg("share"), nb::arg("max_nodes"));
    m.def("count_flags", &py_count_flags, nb::arg("start"), nb::arg("flags"), nb::arg("rows") = nb::none());
    m.def("flag_ends", &py_flag_ends, nb::arg("start"), nb::arg("flags"), nb::arg("rows") = nb::none());
}

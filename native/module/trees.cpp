// Bindings of native/codec/trees.
#include <nanobind/nanobind.h>

#include "codec/stacks.hpp"
#include "codec/trees.hpp"
#include "module/arrays.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

using Matrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

nb::object py_grow_tree(Array<std::int32_t> frames, Array<std::int64_t> first, Array<std::int64_t> length,
                        std::int64_t step, Matrix mass, Array<double> cutoff, Array<std::int32_t> path,
                        double share, std::size_t max_nodes) {
    if (mass.shape(1) != cutoff.size())
        throw nb::value_error("cutoff does not fit mass");
    const Walks walks{span_of(frames), span_of(first), span_of(length), step, {mass.data(), mass.size()},
                      cutoff.size()};
    if (const char *problem = check(walks))
        throw nb::value_error(problem);
    const Cut cut{span_of(cutoff), span_of(path), share, max_nodes};
    GrownTree tree;
    {
        nb::gil_scoped_release unlocked;
        tree = grow_tree(walks, cut);
    }
    if (tree.too_large)
        return nb::none();
    return nb::make_tuple(to_numpy(std::move(tree.parent)), to_numpy(std::move(tree.frame)),
                          to_numpy(std::move(tree.folded)), to_numpy(std::move(tree.node_of_sample)),
                          to_numpy(std::move(tree.sample)), tree.branch);
}

nb::object py_count_flags(Array<std::int64_t> start, Array<bool> flags) {
    if (!is_csr(span_of(start), flags.size()))
        throw nb::value_error("start does not fit flags");
    Column<std::int64_t> counts;
    {
        nb::gil_scoped_release unlocked;
        counts =
            count_flags(span_of(start), {reinterpret_cast<const std::uint8_t *>(flags.data()), flags.size()});
    }
    return to_numpy(std::move(counts));
}

nb::tuple py_flag_ends(Array<std::int64_t> start, Array<bool> flags) {
    if (!is_csr(span_of(start), flags.size()))
        throw nb::value_error("start does not fit flags");
    FlagEnds ends;
    {
        nb::gil_scoped_release unlocked;
        ends =
            flag_ends(span_of(start), {reinterpret_cast<const std::uint8_t *>(flags.data()), flags.size()});
    }
    return nb::make_tuple(to_numpy(std::move(ends.first)), to_numpy(std::move(ends.last)));
}

} // namespace

void bind_trees(nb::module_ &m) {
    m.def("grow_tree", &py_grow_tree, nb::arg("frames"), nb::arg("first"), nb::arg("length"), nb::arg("step"),
          nb::arg("mass"), nb::arg("cutoff"), nb::arg("path"), nb::arg("share"), nb::arg("max_nodes"));
    m.def("count_flags", &py_count_flags, nb::arg("start"), nb::arg("flags"));
    m.def("flag_ends", &py_flag_ends, nb::arg("start"), nb::arg("flags"));
}

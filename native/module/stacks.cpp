// Bindings of native/codec/stacks.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <optional>

#include "codec/stacks.hpp"
#include "module/arrays.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

using ValueColumn = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::device::cpu>;
using Mask = std::optional<Array<bool>>;

Stacks stacks_of(const Array<std::int64_t> &stack_start, const Array<std::int32_t> &stack,
                 const Array<std::int64_t> &node_start, const Array<std::int32_t> &nodes, const Mask &mask,
                 std::int64_t node_count) {
    Stacks s{span_of(stack_start), span_of(stack), span_of(node_start), span_of(nodes)};
    if (const char *problem = check(s, node_count))
        throw nb::value_error(problem);
    if (!mask)
        return s;
    if (mask->size() != s.size())
        throw nb::value_error("mask does not fit stack_start");
    s.mask = reinterpret_cast<const std::uint8_t *>(mask->data());
    return s;
}

Values values_of(const ValueColumn &values, std::size_t count) {
    if (values.size() != count)
        throw nb::value_error("values does not fit the samples");
    return {values.data(), values.stride(0)};
}

Column<std::int64_t> zeros(std::int64_t count) {
    if (count < 0)
        throw nb::value_error("node_count is negative");
    Column<std::int64_t> column;
    column.resize(static_cast<std::size_t>(count));
    return column;
}

nb::tuple py_flat_cum(Array<std::int64_t> stack_start, Array<std::int32_t> stack,
                      Array<std::int64_t> node_start, Array<std::int32_t> nodes, ValueColumn values,
                      std::int64_t node_count, Mask mask) {
    const Stacks s = stacks_of(stack_start, stack, node_start, nodes, mask, node_count);
    const Values v = values_of(values, s.size());
    Column<std::int64_t> flat = zeros(node_count), cum = zeros(node_count);
    {
        nb::gil_scoped_release unlocked;
        flat_cum(s, v, {flat.data(), flat.size()}, {cum.data(), cum.size()});
    }
    return nb::make_tuple(to_numpy(std::move(flat)), to_numpy(std::move(cum)));
}

nb::tuple py_edge_sums(Array<std::int64_t> stack_start, Array<std::int32_t> stack,
                       Array<std::int64_t> node_start, Array<std::int32_t> nodes, ValueColumn values,
                       std::int64_t node_count, Mask mask) {
    const Stacks s = stacks_of(stack_start, stack, node_start, nodes, mask, node_count);
    const Values v = values_of(values, s.size());
    Edges e;
    {
        nb::gil_scoped_release unlocked;
        e = edge_sums(s, v);
    }
    return nb::make_tuple(to_numpy(std::move(e.caller)), to_numpy(std::move(e.callee)),
                          to_numpy(std::move(e.weight)), to_flags(std::move(e.residual)),
                          to_flags(std::move(e.inlined)));
}

nb::tuple py_call_tree(Array<std::int64_t> stack_start, Array<std::int32_t> stack,
                       Array<std::int64_t> node_start, Array<std::int32_t> nodes, Mask mask) {
    const Stacks s = stacks_of(stack_start, stack, node_start, nodes, mask, std::int64_t{1} << 31);
    CallTree t;
    {
        nb::gil_scoped_release unlocked;
        t = call_tree(s);
    }
    return nb::make_tuple(to_numpy(std::move(t.parent)), to_numpy(std::move(t.node)),
                          to_numpy(std::move(t.sample_row)));
}

nb::tuple py_tree_values(Array<std::int32_t> parent, Array<std::int32_t> sample_row, ValueColumn values) {
    const Values v = values_of(values, sample_row.size());
    const auto up = span_of(parent), rows = span_of(sample_row);
    for (std::size_t row = 1; row < up.size(); ++row)
        if (up[row] < 0 || up[row] >= static_cast<std::int64_t>(row))
            throw nb::value_error("parent does not come before its child");
    for (std::int32_t row : rows)
        if (row >= static_cast<std::int64_t>(up.size()))
            throw nb::value_error("sample_row has a row that is not in the tree");
    Column<std::int64_t> own = zeros(static_cast<std::int64_t>(up.size()));
    Column<std::int64_t> total;
    tree_values(up, rows, v, own, total);
    return nb::make_tuple(to_numpy(std::move(own)), to_numpy(std::move(total)));
}

nb::object py_row_groups(Array<std::int64_t> start, Array<std::int32_t> cells) {
    if (!is_csr(span_of(start), cells.size()))
        throw nb::value_error("start does not fit cells");
    Column<std::int32_t> groups;
    {
        nb::gil_scoped_release unlocked;
        groups = row_groups(span_of(start), span_of(cells));
    }
    return to_numpy(std::move(groups));
}

} // namespace

void bind_stacks(nb::module_ &m) {
    m.def("flat_cum", &py_flat_cum, nb::arg("stack_start"), nb::arg("stack"), nb::arg("node_start"),
          nb::arg("nodes"), nb::arg("values"), nb::arg("node_count"), nb::arg("mask") = nb::none());
    m.def("edge_sums", &py_edge_sums, nb::arg("stack_start"), nb::arg("stack"), nb::arg("node_start"),
          nb::arg("nodes"), nb::arg("values"), nb::arg("node_count"), nb::arg("mask") = nb::none());
    m.def("call_tree", &py_call_tree, nb::arg("stack_start"), nb::arg("stack"), nb::arg("node_start"),
          nb::arg("nodes"), nb::arg("mask") = nb::none());
    m.def("tree_values", &py_tree_values, nb::arg("parent"), nb::arg("sample_row"), nb::arg("values"));
    m.def("row_groups", &py_row_groups, nb::arg("start"), nb::arg("cells"));
}

// Bindings of native/codec/steps.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <optional>

#include "codec/steps.hpp"
#include "module/arrays.hpp"

namespace nb = nanobind;
using namespace whet;

namespace {

using ValueColumn = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::device::cpu>;

nb::tuple py_visible_steps(Array<std::int64_t> begin, Array<std::int64_t> end, Array<std::int32_t> stack,
                           Array<std::int64_t> node_start, Array<std::int32_t> nodes) {
    const Ranges ranges{span_of(begin), span_of(end), span_of(stack), span_of(node_start), span_of(nodes)};
    if (const char *problem = check(ranges))
        throw nb::value_error(problem);
    Steps steps;
    {
        nb::gil_scoped_release unlocked;
        steps = visible_steps(ranges);
    }
    if (steps.bad_row)
        throw nb::value_error("stack has a row that is no location");
    return nb::make_tuple(to_numpy(std::move(steps.start)), to_numpy(std::move(steps.step)));
}

nb::tuple py_step_sums(Array<std::int64_t> start, Array<std::int32_t> step, ValueColumn values,
                       std::size_t node_count, std::optional<Array<bool>> mask) {
    if (!is_csr(span_of(start), step.size()))
        throw nb::value_error("start does not fit step");
    if (values.size() + 1 != start.size() || (mask && mask->size() != values.size()))
        throw nb::value_error("values or mask does not fit start");
    Column<std::int64_t> flat, cum;
    flat.resize(node_count);
    cum.resize(node_count);
    const auto *flags = mask ? reinterpret_cast<const std::uint8_t *>(mask->data()) : nullptr;
    bool known;
    {
        nb::gil_scoped_release unlocked;
        known = step_sums(span_of(start), span_of(step), {values.data(), values.stride(0)}, flags,
                          {flat.data(), flat.size()}, {cum.data(), cum.size()});
    }
    if (!known)
        throw nb::value_error("step has a number that is no node");
    return nb::make_tuple(to_numpy(std::move(flat)), to_numpy(std::move(cum)));
}

} // namespace

void bind_steps(nb::module_ &m) {
    m.def("visible_steps", &py_visible_steps, nb::arg("begin"), nb::arg("end"), nb::arg("stack"),
          nb::arg("node_start"), nb::arg("nodes"));
    m.def("step_sums", &py_step_sums, nb::arg("start"), nb::arg("step"), nb::arg("values"),
          nb::arg("node_count"), nb::arg("mask") = nb::none());
}

// The compiled module whet._load: the fast lane of `whet load`. Bindings only.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

#include "load/lane.hpp"

namespace nb = nanobind;
using namespace whet::load;

namespace {

constexpr size_t columns = sizeof(Row) / sizeof(int64_t);

std::string text(nb::bytes data) { return {data.c_str(), data.size()}; }

// Hand a vector over as int64[n] or int64[n, columns].
template <class T> nb::object as_array(std::vector<T> &from) {
    auto *taken = new std::vector<T>(std::move(from));
    from = {};
    nb::capsule owner(taken, [](void *p) noexcept { delete static_cast<std::vector<T> *>(p); });
    auto *data = reinterpret_cast<int64_t *>(taken->data());
    if constexpr (sizeof(T) == sizeof(int64_t))
        return nb::cast(nb::ndarray<nb::numpy, int64_t>(data, {taken->size()}, owner));
    else
        return nb::cast(nb::ndarray<nb::numpy, int64_t>(data, {taken->size(), columns}, owner));
}

nb::list take_events(Lane &lane) {
    nb::list result;
    for (Event &e : lane.events()) {
        const Row &t = e.times;
        result.append(nb::make_tuple(static_cast<int>(e.kind), e.slot, static_cast<int>(e.was), e.heard,
                                     e.error, e.at, e.answers,
                                     nb::make_tuple(t.intended, t.start, t.ready, t.written),
                                     nb::bytes(e.data.data(), e.data.size())));
    }
    lane.events().clear();
    return result;
}

nb::list step(Lane &lane) {
    {
        nb::gil_scoped_release unlocked;
        lane.step();
    }
    return take_events(lane);
}

void translate(const std::exception_ptr &thrown, void *) {
    try {
        std::rethrow_exception(thrown);
    } catch (const std::system_error &error) {
        errno = error.code().value();
        PyErr_SetFromErrno(PyExc_OSError);
    }
}

} // namespace

NB_MODULE(_load, m) {
    nb::set_leak_warnings(false);
    nb::register_exception_translator(translate);
    nb::class_<Lane>(m, "Lane")
        .def(
            "__init__",
            [](Lane *self, nb::bytes request, int slots) { new (self) Lane(text(request), slots); },
            nb::arg("request"), nb::arg("slots"))
        .def("descriptor", &Lane::descriptor)
        .def("watch", &Lane::watch)
        .def("unwatch", &Lane::unwatch)
        .def("learn", [](Lane &lane, nb::bytes head, int64_t body_bytes,
                         int status) { lane.learn({text(head), body_bytes, status}); })
        .def("attach", &Lane::attach)
        .def("detach", &Lane::detach)
        .def("begin", [](Lane &lane, int64_t begin, int64_t end, int64_t left, double rate_hz,
                         int64_t interval) { lane.begin({begin, end, left, rate_hz, interval}); })
        .def("stop", &Lane::stop)
        .def("ask", &Lane::ask)
        .def("send", [](Lane &lane, int slot, nb::bytes data) { return lane.send(slot, text(data)); })
        .def("next", &Lane::next)
        .def("step", &step)
        .def("expire",
             [](Lane &lane, int64_t before, int64_t now) {
                 const int64_t oldest = lane.expire(before, now);
                 return nb::make_tuple(oldest, take_events(lane));
             })
        .def("is_over", &Lane::is_over)
        .def("started", &Lane::started)
        .def("waited", &Lane::waited)
        .def("pending", [](Lane &lane) { return lane.rows().size(); })
        .def("rows", [](Lane &lane) { return as_array(lane.rows()); })
        .def("late", [](Lane &lane) { return as_array(lane.late()); });
}

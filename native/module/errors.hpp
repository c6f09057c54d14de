// Malformed input reaches Python as ValueError(message, offset or None).
#pragma once

#include <nanobind/nanobind.h>

#include "codec/wire.hpp"

namespace whet {

[[noreturn]] inline void raise_format_error(const FormatError &error) {
    namespace nb = nanobind;
    nb::object offset = error.offset < 0 ? nb::none() : nb::object(nb::int_(error.offset));
    PyErr_SetObject(PyExc_ValueError, nb::make_tuple(error.message.c_str(), offset).ptr());
    throw nb::python_error();
}

// Run work without the interpreter's lock; what it refuses becomes a ValueError.
template <class Work> auto guarded(Work work) {
    try {
        nanobind::gil_scoped_release unlocked;
        return work();
    } catch (const FormatError &error) {
        raise_format_error(error);
    }
}

} // namespace whet

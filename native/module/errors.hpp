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

} // namespace whet

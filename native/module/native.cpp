// The compiled module whet._native: the kernels. Bindings only.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_codec(nb::module_ &m);

NB_MODULE(_native, m) {
    m.doc() = "compiled kernels; reached through whet.kernels only";
    nb::set_leak_warnings(false);
    bind_codec(m);
}

// Profiles as Python sees them.
#pragma once

#include <nanobind/nanobind.h>

#include "codec/digest.hpp"
#include "codec/profile.hpp"

namespace whet {

// Columns, keyed by the path of the field.
nanobind::dict columns_of(Profile &&profile);

// What a profile says about itself, texts as bytes (kernels/reference/digest.py).
nanobind::dict facts_of(const Digest &digest);

} // namespace whet

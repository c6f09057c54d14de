// A Profile's columns as Python sees them: a dict keyed by the path of the field.
#pragma once

#include <nanobind/nanobind.h>

#include "codec/profile.hpp"

namespace whet {

nanobind::dict columns_of(Profile &&profile);

} // namespace whet

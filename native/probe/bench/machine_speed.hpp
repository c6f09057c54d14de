#pragma once

#include <cstdint>

namespace whet::probe {

// Nanoseconds that a fixed piece of work takes now, about 30 µs of it: how fast the machine is at this
// moment, whatever is measured. It does what an interpreter does, in little memory: branches that hang
// on data, loads, additions.
int64_t reference_work_ns();

} // namespace whet::probe

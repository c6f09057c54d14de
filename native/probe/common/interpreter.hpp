// May collectors run in this interpreter?
#pragma once

#include <string>

#include "layout/layout.h"

namespace whet::probe {

// Install the fault guard and return the interpreter's layout; or nullptr, without the guard, and the
// reason why not. With the GIL; who has a layout calls fault_guard_remove() in the end.
const whet_layout *guarded_interpreter(std::string *why_not);

} // namespace whet::probe

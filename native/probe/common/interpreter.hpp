// Is this interpreter one that collectors may run in?
#pragma once

#include <string>

#include "layout/layout.h"

namespace whet::probe {

// Return its layout, or nullptr and the reason why not. With the GIL; reads memory, so the fault
// guard must be installed.
const whet_layout *known_interpreter(std::string *why_not);

} // namespace whet::probe

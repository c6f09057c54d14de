// The task that runs in this thread, and its labels.
#pragma once

#include <cstdint>

namespace whet::probe {

// Label number (task_labels.hpp) of the asyncio task that runs in the calling thread, 0 if there
// is none. With the GIL; runs no Python code, so that no signal handler can interrupt it.
uint32_t running_task_label();

} // namespace whet::probe

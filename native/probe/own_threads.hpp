// The threads of our own in the measured process: the service, and at high rates the ticker.
#pragma once

#include "probe/session.hpp"

namespace whet::probe {

// With the GIL: start those of our threads that do not run.
bool start_own_threads(Session &s);

// With the GIL, which is given up meanwhile: end our threads and wait until they are gone.
void end_own_threads(Session &s);

} // namespace whet::probe

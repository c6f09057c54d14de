// libc's blocking calls, redirected: each tells how long it took when that was long.
//
// The replacements of one table of calls are put into all objects' GOTs (got.hpp). Below the
// threshold a call costs two readings of a counter; above it the thread takes its own stack right
// after the call, when it still is what it was during the call, and leaves an event in the log.
// A call behaves as before: arguments, result, errno, cancellation and signals pass through.
#pragma once

#include <cstdint>

namespace whet::probe {

// Redirect the calls of all objects that are loaded, and of those to come as soon as something
// is looked up in them. False when libc lacks what every recording needs.
bool blocking_calls_patch();
// Put all calls back; threads that are inside one come back through our code.
void blocking_calls_restore();
// Redirect the calls of objects that were loaded since by other means. Needs no GIL.
void blocking_calls_rescan();
// GOT entries that another tool holds, whose calls are not seen.
uint64_t blocking_calls_foreign();
// In a forked child: calls stay redirected and pass.
void blocking_calls_forget_after_fork();
// What a redirected call costs that does not block, in ns, measured now. While recording.
double blocking_calls_cost_ns();

} // namespace whet::probe

// The service thread: one for all collectors of the process, there while any of them runs.
#pragma once

#include <sys/types.h>

#include "probe/common/collector.hpp"

namespace whet::probe {

// All with the GIL, which is given up while a thread is waited for.

// Serve `collector` from now on; false if no thread can be started.
bool service_join(Collector &collector);
// Serve it no longer. Call after its last resolve().
void service_leave(Collector &collector);
// Collectors that are served, by place; nullptr where there is none.
Collector *service_collector(size_t place);

// End the service thread and the collectors' own threads; start them again. Around fork (CPython
// 3.12+ warns of forking with several threads) and around changes that they must not see half of.
void service_pause();
bool service_resume();

// Name all that was collected so far, and let go of code objects that nothing refers to any more.
void service_resolve();

// Have the service thread drain every 0.25 s instead of every 0.1 s, which costs less, until no collector is
// served any more.
void service_take_time();

// Have the service thread drain soon. Async-signal-safe.
void service_wake();

} // namespace whet::probe

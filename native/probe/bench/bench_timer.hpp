// The loop of a benchmark: `for _ in b` and `while b.loop()`, timed in slices.
//
// Iterating costs what a C iterator costs: a counter goes down. When it reaches zero a slice ends:
// its time and the time its thread stood in the run queue meanwhile are kept, and the length
// of the next slice is chosen, so that the code under test runs once, set-up included.
//
// Run-queue delay: the second field of /proc/thread-self/schedstat, in ns; Linux
// Documentation/scheduler/sched-stats.rst.
#pragma once

namespace whet::probe {

// Add the type BenchTimer to the module (PyObject *). False with a Python error set.
bool bench_timer_register(void *module);

} // namespace whet::probe

// Steps of asyncio tasks: whose they are, how long they block the loop, what tasks wait for.
//
// The coroutine type's am_send slot is replaced: C tasks send into their coroutine through it, on
// every event loop. The hook knows a task by its coroutine, finds its name at its first step, and
// leaves a label number for whoever takes a sample in this thread (task_labels.hpp). Python's own
// Task class, generator-based coroutines, the first step of an eager task, and a step into which
// an exception is thrown (a cancellation) do not go through the slot.
//
// Between two steps a task waits: its suspended coroutines are the stack of what it waits for. A
// wait is recorded with a probability of wait/threshold, and counted so much more; longer
// ones always. A step that is longer than the slow threshold is recorded one by one, with the stack
// that the service thread found while it lasted; where it came too late, with the chain of
// coroutines at the step's end.
//
// All functions need the GIL, as the hook itself has it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whet::probe {

struct TaskOptions {
    int64_t wait_threshold_ns = 1'000'000;
    int64_t slow_threshold_ns = 100'000'000;
};

// Start watching: '' or the reason why not.
std::string tasks_start(const TaskOptions &options);
// `waiting`: coroutines of tasks that are not done; what they wait for at this moment counts too.
void tasks_stop(const std::vector<void *> &waiting);
bool tasks_running();

struct TaskProfiles {
    std::string waits; // waits/count, delay/nanoseconds
    std::string slow;  // steps/count, blocked/nanoseconds
};
// Everything so far, as profile.proto bytes; `waiting` as above, unused once watching is over.
TaskProfiles tasks_profiles(const std::vector<std::string> &comments, const std::vector<void *> &waiting);
// For each coroutine of a task, how long its step has run, or it has waited since its last one, in ns; -1
// where that is not known: it has not begun, or was not watched, or nothing is.
std::vector<int64_t> tasks_lasted(const std::vector<void *> &coroutines);
// Counters by name; times in ns.
std::map<std::string, double> tasks_statistics();

} // namespace whet::probe

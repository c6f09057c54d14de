// Labels of the asyncio task whose step a thread is running: `task` and `coroutine`.
//
// They travel in the upper half of a sample's label number: the lower half is the set that the
// program's own `whet.labels` chose. So every collector carries both without knowing of tasks.
#pragma once

#include <cstdint>

#include "probe/common/labels.hpp"

namespace whet::probe {

constexpr unsigned TASK_LABEL_SHIFT = 16;
static_assert(MAX_LABEL_SETS <= (1u << TASK_LABEL_SHIFT));
constexpr uint32_t MAX_TASK_LABELS = 1 << 16;
// From this many on, tasks that the program named are told by their coroutine only.
constexpr uint32_t MAX_TASK_NAMES = 3 << 14;

// What a thread's task hook leaves for whoever takes a sample in this thread. Read by signal
// handlers: the initial-exec model allocates nothing.
extern thread_local uint32_t current_task_label __attribute__((tls_model("initial-exec")));
// The frame of its outermost coroutine, where the stack of a sample ends: the loop's machinery below it
// is the same for all tasks. 0: no step runs.
extern thread_local uintptr_t current_task_frame __attribute__((tls_model("initial-exec")));

// Number of the labels of a task; the same for the life of the process, 0 when there are too many.
// `name` may be empty: the task is then called as its coroutine is.
uint32_t task_label_intern(const std::string &name, const std::string &coroutine);
const LabelPairs &task_label(uint32_t number);
// Tasks that were told by their coroutine, or not at all, because there were too many.
uint64_t task_labels_refused();

inline uint32_t with_task(uint32_t label_set) { return label_set | current_task_label << TASK_LABEL_SHIFT; }

} // namespace whet::probe

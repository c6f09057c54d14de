// Sample labels: which set of key/value pairs the interrupted code runs under.
//
// `whet.labels(...)` keeps a LabelSet object in a context variable, so that labels follow threads
// and asyncio tasks as contextvars do. The signal handler looks the variable up in the running
// thread's context by itself: contexts are immutable HAMTs that only their own thread replaces.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "layout/layout.h"
#include "probe/common/safe_read.hpp"

namespace whet::probe {

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

constexpr uint32_t NO_LABELS = 0;

// Id of an equal set of pairs, the same for the life of the process; at most MAX_LABEL_SETS,
// then 0 (and counted by label_sets_refused).
constexpr uint32_t MAX_LABEL_SETS = 1 << 16;
uint32_t label_set_intern(const LabelPairs &pairs);
const LabelPairs &label_set(uint32_t id);
uint64_t label_sets_refused();

// The Python side: a tiny object that holds an id, and the variable to look for.
bool labels_register(void *module); // PyObject *, adds LabelSet and set_label_variable
uint32_t labels_current(const whet_layout &layout, const Reader &reader, uintptr_t tstate);

} // namespace whet::probe

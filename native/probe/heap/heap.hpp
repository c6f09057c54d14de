// The heap collector: which code allocated what, and what of it is still in use.
//
// Hooks on Python's allocators, and on libc's as extension modules call them, sample blocks by a Poisson
// process over bytes (poisson.hpp); a sampled block's stack is taken by the thread that allocates it, and the
// block is watched until it is freed (heap_book.hpp). Names are resolved later by the service thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

struct _object; // PyObject

namespace whet::probe {

struct HeapOptions {
    int64_t mean_bytes;  // 1: every block
    size_t budget_bytes; // what the collector itself may take, about
    bool native;         // what extension modules get from libc, too
};

// Start. Needs the GIL. Returns an empty string, or the reason why not.
std::string heap_start(const HeapOptions &options);
// Stop and take the hooks away. Needs the GIL. Idempotent; what was collected stays readable until
// the next start. `get_objects` is gc.get_objects, which finds the types of what is in use; or nullptr.
void heap_stop(_object *get_objects = nullptr);
bool heap_running();
// Look at small requests in one of 1 << shift slots of time only, until another call. Needs the GIL.
void heap_take_turns(unsigned shift);
// Double the mean interval, now and later, where it gives more samples than this for some seconds; what is
// in use is thinned accordingly. Such a heap stays on, and its memory over time is not kept. 0: never.
// Needs the GIL.
void heap_keep_pace(double samples_per_s);
// In a forked child, with the GIL: take away hooks that the parent's recording left.
void heap_forget_hooks();

// As uncompressed profile.proto messages. Need the GIL.
// alloc_objects, alloc_space, inuse_objects, inuse_space. With `ends_window`, allocations are those since
// the last profile that ended a window; with `merges`, see HeapBook::end_window().
std::string heap_profile(const std::vector<std::string> &comments, _object *get_objects, bool ends_window,
                         bool merges);
// inuse_objects, inuse_space at the moment when most was in use.
std::string heap_peak_profile(const std::vector<std::string> &comments);

// Counters by name; times in ns.
std::map<std::string, double> heap_statistics();

// Memory over time.
struct HeapMoment {
    double seconds; // after the start
    double resident_bytes, live_bytes;
};
std::vector<HeapMoment> heap_series();

} // namespace whet::probe

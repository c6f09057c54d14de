// Garbage collections of this interpreter, seen by a C function in gc.callbacks.
//
// A C function, not a Python one: Python code in a callback may run signal handlers, and a
// KeyboardInterrupt raised there would be swallowed; it also costs ten times as much.
// The hook allocates nothing. What it keeps is bounded: exact totals and a histogram of pauses
// for each generation, and a series of entries in order of time. When the series is full,
// neighbours are merged; full collections stay by themselves as long as they can.
//
// All functions need the GIL. Objects are counted without a walk over them: 3.14 and newer keep a
// count; before, full and middle collections leave the number of their survivors in the
// interpreter's state, and the youngest generation's count of allocations is an estimate.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whet::probe {

constexpr size_t GC_GENERATIONS = 3;

// A collection, or neighbours in time merged into one.
struct GcEntry {
    uint64_t first, last;                        // numbers, from 1
    int64_t begin_ns, end_ns;                    // since the start of recording; end of the last one
    int64_t pause_ns;                            // sum
    int64_t longest_ns;                          // of one collection
    int64_t total_pause_ns;                      // of all collections up to the last one here
    int64_t before, after;                       // objects of the last collection; -1: unknown
    int64_t collected, uncollectable;            // sums
    int64_t rss_bytes;                           // resident memory, 0: not read
    std::array<uint32_t, GC_GENERATIONS> counts; // collections by generation
    int32_t thread;                              // kernel's id of the last collection's thread
    bool estimated;                              // `before` and `after` are estimates
};

// Begin to record: '' or the reason why not.
std::string gc_start();
// Take the hook out, unless lines are being printed; what was recorded stays readable.
void gc_stop();
bool gc_running();
// In a forked child: forget the parent's recording.
void gc_forget();
// Write a line to stderr for every collection from now on: '' or the reason why not.
std::string gc_print_lines();
// Counters by name; times in ns. Of each generation `g`: collections_g, pause_g_ns, longest_g_ns.
std::map<std::string, double> gc_statistics();
// How many pauses took [2^(i+3), 2^(i+4)) ns, by i; the first has shorter ones, too.
std::vector<uint64_t> gc_pauses();
// The series as text, a line an entry; `names` are those of threads by the kernel's id.
std::string gc_lines(const std::map<int, std::string> &names);

} // namespace whet::probe

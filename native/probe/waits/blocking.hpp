// The off-CPU collector: what the process's threads wait for, exactly, and who keeps them waiting.
//
// Every blocking libc call that the interpreter and its extension modules make is timed
// (blocking_calls.hpp); those that took longer than a threshold are events with their reason and
// stack. Two profiles come of them, as Go's: of waits (block) and of those who held what others
// waited for (mutex). Waits inside libc itself or by bare system calls are not seen.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace whet::probe {

// Start. Needs the GIL. Returns an empty string, or the reason why not.
std::string blocking_start(int64_t threshold_ns);
// Stop and put everything back. Needs the GIL (released while waiting). Idempotent; what was
// collected stays readable until the next start.
void blocking_stop();
bool blocking_running();

struct BlockingProfiles {
    std::string block, mutex; // uncompressed profile.proto messages
};
// All waits so far, those that are running included. Needs the GIL.
BlockingProfiles blocking_profiles(const std::vector<std::string> &comments);
// Counters by name; times in ns.
std::map<std::string, double> blocking_statistics();

// What threads of one name did with their time, in ns.
struct ThreadTimes {
    std::string name;
    int64_t threads, life, computing, without_processor;
    std::map<std::string, int64_t> waits; // by reason
};
// Needs the GIL. `without_processor` counts all delays, also those at the end of waits.
std::vector<ThreadTimes> blocking_threads();

// Of threads that are in a call that can block: the kernel's id -> ns since the call began (for the GIL:
// since the thread first wanted it). Calls from before the recording, of which only their end is known, are
// left out; empty while nothing is recorded. Needs the GIL.
std::map<uint64_t, int64_t> blocking_waiting();

} // namespace whet::probe

// What the kernel says of the interpreter's threads while the GIL is ours: reading /proc from
// Python would give the GIL to the very threads that are looked at.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace whet::probe {

struct ThreadState {
    uint64_t ident;     // Python's identifier
    uint64_t native_id; // the kernel's
    std::string call;   // of /proc/self/task/TID/syscall, without its end of line
    std::string letter; // the scheduler's state, of /proc/self/task/TID/stat
};

// With the GIL.
std::vector<ThreadState> thread_states();
// Address of the GIL's condition variable, 0 where it is not known. With the GIL.
uintptr_t gil_condition();

} // namespace whet::probe

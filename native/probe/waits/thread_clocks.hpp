// What the kernel knows of a thread of this process: its CPU time, its wait for a CPU, what blocks it.
//
// Plain system calls, no allocation: also for threads that begin or end.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <sys/types.h>
#include <vector>

namespace whet::probe {

struct ThreadClocks {
    int64_t cpu_ns = 0;   // has been running
    int64_t delay_ns = 0; // could have been running, had there been a processor
};

// Zeros for a thread that has ended.
ThreadClocks thread_clocks(pid_t tid);
int64_t thread_cpu_ns(pid_t tid);
bool thread_is_gone(pid_t tid);

struct BlockedCall {
    long number; // SYS_*
    std::array<uint64_t, 3> arguments;
};

// The system call that a thread is blocked in, if it is in one and the kernel tells.
std::optional<BlockedCall> blocked_call(pid_t tid);

// The threads of this process, ours excluded.
std::vector<pid_t> program_threads();

} // namespace whet::probe

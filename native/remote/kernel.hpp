// What the kernel says of another process's threads: when they ran, where, and what they wait for.
// Source: proc(5), files below /proc/PID/task/TID.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace whet::remote {

struct RunTimes {
    uint64_t run_ns = 0; // on a CPU; of a thread that runs at this moment as of its last tick
    uint64_t runs = 0;   // how many times it was put on a CPU
    bool operator==(const RunTimes &) const = default;
};

struct Standing {
    char letter = '?'; // R: runs or could run
    int cpu = -1;      // where it runs, or ran last
};

struct SystemCall {
    long number = -1;
    uint64_t first = 0; // its first argument
};

// One thread; keeps files open for what is asked at every sample.
class Task {
  public:
    Task(pid_t process, pid_t thread);
    ~Task();
    Task(const Task &) = delete;
    Task &operator=(const Task &) = delete;

    bool run_times(RunTimes *to) const;
    bool standing(Standing *to) const;
    bool system_call(SystemCall *to) const;
    std::string name() const;
    // Let go of the files; nothing is known of the thread from now on but its name.
    void close_files();

  private:
    std::string directory_;
    int schedstat_, stat_;
};

// The kernel's id here of the thread that calls itself `inner` in its own pid namespace; 0 if there is none.
pid_t thread_here(pid_t process, pid_t inner);
// Whether the process lives in a pid namespace below ours.
bool in_inner_namespace(pid_t process);

} // namespace whet::remote

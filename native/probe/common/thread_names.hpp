// Threads as events know them, and the names they are shown by.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <unordered_map>
#include <vector>

namespace whet::probe {

// What a thread knows of itself without asking anybody.
struct ThisThread {
    pid_t tid = 0;
    uint32_t serial = 0; // unique over the life of the process; a tid is not
    bool ours = false;   // the service thread or a ticker: not part of the program
};

// The calling thread's own, once it has been met. Initial-exec and constant-initialised: reading it calls
// nothing.
extern constinit thread_local ThisThread this_thread_record __attribute__((tls_model("initial-exec")));
ThisThread &meet_this_thread();

// The calling thread's own. Allocates nothing; a system call at a thread's first time.
inline ThisThread &this_thread() { return this_thread_record.tid ? this_thread_record : meet_this_thread(); }

// The process's threads as the kernel lists them; empty where it does not.
std::vector<pid_t> listed_tids();

// Thread serials and the names they got when they were first met. Not thread-safe.
class ThreadNames {
  public:
    bool knows(uint32_t serial) const { return name_of_.contains(serial); }
    // Name a thread; `tid` is 0 for one that has ended. Needs the GIL.
    void resolve(uint32_t serial, pid_t tid);
    // Look at the names of now, for the resolve() calls that follow. A thread that was met before
    // Python had a name for it gets it now. Needs the GIL.
    void refresh();

    // The name's number; knows(serial) must hold.
    uint32_t id(uint32_t serial) const { return name_of_.find(serial)->second; }
    const std::string &name(uint32_t id) const { return names_[id]; }

  private:
    static constexpr size_t MAX_NAMES = 1'000;

    struct Provisional {
        pid_t tid;
        uint32_t id;
        int looks; // at Python's names so far
    };
    static constexpr int MAX_LOOKS = 20; // then it is a thread of native code

    uint32_t intern(const std::string &name);
    uint32_t provisional(const std::string &name, pid_t tid);

    std::vector<Provisional> provisional_; // threads with the kernel's name only
    std::unordered_map<pid_t, std::string> python_names_;
    std::unordered_map<uint32_t, uint32_t> name_of_;
    std::unordered_map<std::string, uint32_t> ids_;
    std::vector<std::string> names_;
};

} // namespace whet::probe

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

// The calling thread's own. Allocates nothing; a system call at a thread's first time.
ThisThread &this_thread();

// Thread serials and the names they got when they were first met. Not thread-safe.
class ThreadNames {
  public:
    bool knows(uint32_t serial) const { return name_of_.contains(serial); }
    // Name a thread, once and for all; 0 for a thread that has ended. Needs the GIL.
    void resolve(uint32_t serial, pid_t tid);
    // Names are those of now again at the next resolve(). Call before a series of them.
    void refresh() { python_names_.clear(); }

    // The name's number; knows(serial) must hold.
    uint32_t id(uint32_t serial) const { return name_of_.find(serial)->second; }
    const std::string &name(uint32_t id) const { return names_[id]; }

  private:
    static constexpr size_t MAX_NAMES = 1'000;

    uint32_t intern(const std::string &name);

    std::unordered_map<pid_t, std::string> python_names_;
    std::unordered_map<uint32_t, uint32_t> name_of_;
    std::unordered_map<std::string, uint32_t> ids_;
    std::vector<std::string> names_;
};

} // namespace whet::probe

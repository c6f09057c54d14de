#include <Python.h>

#include "probe/common/thread_names.hpp"

#include <cstdlib>
#include <dirent.h>
#include <fstream>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe/common/names.hpp"

namespace whet::probe {

constinit thread_local ThisThread this_thread_record __attribute__((tls_model("initial-exec")));

namespace {

std::atomic<uint32_t> next_serial{1};

// The kernel's name of a thread that Python has no name for; empty if it is gone.
std::string kernel_thread_name(pid_t tid) {
    std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

} // namespace

ThisThread &meet_this_thread() {
    this_thread_record.tid = static_cast<pid_t>(syscall(SYS_gettid));
    this_thread_record.serial = next_serial.fetch_add(1, std::memory_order_relaxed);
    return this_thread_record;
}

std::vector<pid_t> listed_tids() {
    std::vector<pid_t> tids;
    DIR *directory = opendir("/proc/self/task");
    if (!directory)
        return tids;
    while (dirent *entry = readdir(directory)) {
        int tid = std::atoi(entry->d_name);
        if (tid > 0)
            tids.push_back(tid);
    }
    closedir(directory);
    return tids;
}

void ThreadNames::refresh() {
    python_names_.clear();
    if (provisional_.empty())
        return;
    python_names_ = python_thread_names();
    std::erase_if(provisional_, [&](Provisional &one) {
        auto found = python_names_.find(one.tid);
        if (found == python_names_.end())
            return ++one.looks >= MAX_LOOKS;
        names_[one.id] = found->second;
        return true;
    });
}

void ThreadNames::resolve(uint32_t serial, pid_t tid) {
    if (name_of_.contains(serial))
        return;
    if (python_names_.empty())
        python_names_ = python_thread_names();
    uint32_t id;
    if (auto found = python_names_.find(tid); found != python_names_.end()) {
        id = intern(found->second);
    } else if (tid == getpid()) {
        id = intern("MainThread");
    } else {
        std::string name = tid ? kernel_thread_name(tid) : "";
        id = name.empty() ? intern("(ended thread)") : provisional(name, tid);
    }
    name_of_.emplace(serial, id);
}

// A name that may change is nobody else's.
uint32_t ThreadNames::provisional(const std::string &name, pid_t tid) {
    if (names_.size() >= MAX_NAMES)
        return intern(name);
    names_.push_back(name);
    auto id = static_cast<uint32_t>(names_.size() - 1);
    provisional_.push_back({tid, id, 0});
    return id;
}

uint32_t ThreadNames::intern(const std::string &name) {
    bool full = names_.size() >= MAX_NAMES && !ids_.contains(name);
    const std::string &shown = full ? std::string("(other threads)") : name;
    if (auto known = ids_.find(shown); known != ids_.end())
        return known->second;
    auto id = static_cast<uint32_t>(names_.size());
    names_.push_back(shown);
    ids_.emplace(shown, id);
    return id;
}

} // namespace whet::probe

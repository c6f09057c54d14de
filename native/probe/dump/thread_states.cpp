#include <Python.h>

#include "probe/dump/thread_states.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "layout/layout.h"

namespace whet::probe {
namespace {

std::string read_task_file(uint64_t tid, const char *name) {
    std::string path = "/proc/self/task/" + std::to_string(tid) + "/" + name;
    int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return {};
    char text[1024];
    ssize_t size = read(file, text, sizeof text);
    close(file);
    std::string content(text, size > 0 ? static_cast<size_t>(size) : 0);
    while (!content.empty() && content.back() == '\n')
        content.pop_back();
    return content;
}

// The command may hold spaces and parentheses; the state follows the last one.
std::string state_letter(const std::string &stat) {
    size_t end = stat.rfind(')');
    return end == std::string::npos || end + 2 >= stat.size() ? std::string() : stat.substr(end + 2, 1);
}

} // namespace

std::vector<ThreadState> thread_states() {
    std::vector<ThreadState> states;
    PyThreadState *thread = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; thread; thread = PyThreadState_Next(thread)) {
        uint64_t tid = thread->native_thread_id;
        states.push_back({thread->thread_id, tid, read_task_file(tid, "syscall"),
                          state_letter(read_task_file(tid, "stat"))});
    }
    return states;
}

uintptr_t gil_condition() {
    const char *reason;
    return whet_layout_get(&reason) ? whet_gil_condition(PyInterpreterState_Get()) : 0;
}

} // namespace whet::probe

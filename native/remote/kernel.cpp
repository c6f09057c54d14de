#include "remote/kernel.hpp"

#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace whet::remote {
namespace {

// The beginning of a small file, "" where it cannot be read.
std::string content(const std::string &path) {
    int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return {};
    char buffer[2048];
    ssize_t bytes = read(file, buffer, sizeof buffer);
    close(file);
    return bytes > 0 ? std::string(buffer, static_cast<size_t>(bytes)) : std::string();
}

// The ids of a process or thread, from our pid namespace to its own, as text; "" if unknown.
std::string namespace_ids(const std::string &directory) {
    std::string status = content(directory + "/status");
    size_t at = status.find("\nNSpid:");
    if (at == std::string::npos)
        return {};
    size_t end = status.find('\n', at + 1);
    return status.substr(at + 7, end - at - 7);
}

pid_t last_number(const std::string &text) {
    size_t at = text.find_last_of(" \t");
    return at == std::string::npos ? 0 : static_cast<pid_t>(strtol(text.c_str() + at, nullptr, 10));
}

} // namespace

Task::Task(pid_t process, pid_t thread)
    : directory_("/proc/" + std::to_string(process) + "/task/" + std::to_string(thread)),
      schedstat_(open((directory_ + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC)),
      stat_(open((directory_ + "/stat").c_str(), O_RDONLY | O_CLOEXEC)) {}

Task::~Task() { close_files(); }

void Task::close_files() {
    for (int *file : {&schedstat_, &stat_}) {
        if (*file >= 0)
            close(*file);
        *file = -1;
    }
}

bool Task::run_times(RunTimes *to) const {
    char text[128];
    ssize_t bytes = schedstat_ < 0 ? -1 : pread(schedstat_, text, sizeof text - 1, 0);
    if (bytes <= 0)
        return false;
    text[bytes] = 0;
    char *at;
    to->run_ns = strtoull(text, &at, 10);
    strtoull(at, &at, 10); // how long it waited for a CPU
    to->runs = strtoull(at, nullptr, 10);
    return true;
}

bool Task::standing(Standing *to) const {
    char text[1024];
    ssize_t bytes = stat_ < 0 ? -1 : pread(stat_, text, sizeof text - 1, 0);
    if (bytes <= 0)
        return false;
    text[bytes] = 0;
    const char *at = strrchr(text, ')'); // the name before it may hold anything
    if (!at || !at[1])
        return false;
    at += 2; // field 3, the state
    to->letter = *at;
    for (int number = 3; at && number < 39; ++number)
        at = strchr(at + 1, ' ');
    if (!at)
        return false;
    to->cpu = atoi(at);
    return true;
}

bool Task::system_call(SystemCall *to) const {
    std::string text = content(directory_ + "/syscall");
    char *end;
    to->number = strtol(text.c_str(), &end, 10);
    if (end == text.c_str())
        return false; // "running", or nothing
    to->first = strtoull(end, nullptr, 16);
    return true;
}

std::string Task::name() const {
    std::string text = content(directory_ + "/comm");
    if (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

bool in_inner_namespace(pid_t process) {
    std::string ids = namespace_ids("/proc/" + std::to_string(process));
    return last_number(ids) != process && !ids.empty();
}

pid_t thread_here(pid_t process, pid_t inner) {
    std::string tasks = "/proc/" + std::to_string(process) + "/task";
    DIR *directory = opendir(tasks.c_str());
    if (!directory)
        return 0;
    pid_t found = 0;
    while (const dirent *entry = readdir(directory)) {
        if (entry->d_name[0] != '.' && last_number(namespace_ids(tasks + "/" + entry->d_name)) == inner) {
            found = static_cast<pid_t>(atoi(entry->d_name));
            break;
        }
    }
    closedir(directory);
    return found;
}

} // namespace whet::remote

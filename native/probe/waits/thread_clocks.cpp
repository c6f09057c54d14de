#include "probe/waits/thread_clocks.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "probe/common/clock.hpp"
#include "probe/common/thread_names.hpp"

namespace whet::probe {
namespace {

// /proc/self/task/TID/NAME as text; its size, or 0.
template <size_t N> size_t read_task(pid_t tid, const char *name, char (&text)[N]) {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/%s", static_cast<int>(tid), name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, N - 1);
    close(fd);
    text[size > 0 ? size : 0] = 0;
    return static_cast<size_t>(size > 0 ? size : 0);
}

} // namespace

int64_t thread_cpu_ns(pid_t tid) { return clock_ns(thread_cpu_clock(tid)); }

bool thread_is_gone(pid_t tid) {
    timespec now;
    return clock_gettime(thread_cpu_clock(tid), &now) != 0;
}

ThreadClocks thread_clocks(pid_t tid) {
    ThreadClocks clocks{thread_cpu_ns(tid), 0};
    char text[96];
    if (read_task(tid, "schedstat", text)) {
        char *rest;
        std::strtoll(text, &rest, 10);
        clocks.delay_ns = std::strtoll(rest, nullptr, 10);
    }
    return clocks;
}

std::optional<BlockedCall> blocked_call(pid_t tid) {
    char text[256];
    if (!read_task(tid, "syscall", text) || text[0] < '0' || text[0] > '9')
        return std::nullopt; // running, or blocked outside of a call
    BlockedCall call{};
    char *at;
    call.number = std::strtol(text, &at, 10);
    for (uint64_t &argument : call.arguments)
        argument = std::strtoull(at, &at, 16);
    return call;
}

std::vector<pid_t> program_threads() {
    std::vector<pid_t> tids = listed_tids();
    std::erase_if(tids, [](pid_t tid) {
        char name[32];
        return !read_task(tid, "comm", name) || std::strncmp(name, "whet-", 5) == 0;
    });
    return tids;
}

} // namespace whet::probe

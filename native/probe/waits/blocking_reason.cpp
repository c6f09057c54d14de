#include <Python.h>

#include "probe/waits/blocking_reason.hpp"

#include <array>
#include <cerrno>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>

namespace whet::probe {
namespace {

constexpr std::array<const char *, static_cast<size_t>(Reason::count)> TEXTS = {
    "gil",
    "lock",
    "multiprocessing lock",
    "import lock",
    "thread join",
    "socket read",
    "socket write",
    "socket connect",
    "socket accept",
    "pipe read",
    "pipe write",
    "file read",
    "file write",
    "file open",
    "file lock",
    "fsync",
    "sleep",
    "select",
    "subprocess wait",
    "getaddrinfo",
    "signal",
    "other",
};

// Marks a poll_object() that names one descriptor of a socket with a timeout; else the object is 0.
constexpr uintptr_t ONE_SOCKET = uintptr_t{1} << 63;
// How far below the caller's frame its variables may lie.
constexpr uintptr_t CALLERS_STACK = 8192;

struct Descriptor {
    bool socket = false, pipe = false, file = false;
};

Descriptor look_at(int fd) {
    struct stat status{};
    if (fstat(fd, &status) != 0)
        return {};
    return {.socket = S_ISSOCK(status.st_mode),
            .pipe = S_ISFIFO(status.st_mode),
            .file = S_ISREG(status.st_mode) || S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)};
}

bool listens(int fd) {
    int on = 0;
    socklen_t size = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on;
}

Reason transfer(int fd, bool reads) {
    Descriptor d = look_at(fd);
    if (d.socket)
        return reads ? Reason::socket_read : Reason::socket_write;
    if (d.pipe)
        return reads ? Reason::pipe_read : Reason::pipe_write;
    if (d.file)
        return reads ? Reason::file_read : Reason::file_write;
    return Reason::other;
}

Reason polled(uintptr_t object) {
    auto fd = static_cast<int>(object & 0xffffffff);
    auto events = static_cast<unsigned>(object >> 32) & 0xffff;
    if (!(object & ONE_SOCKET) || !look_at(fd).socket)
        return Reason::select;
    if (events & POLLIN)
        return listens(fd) ? Reason::socket_accept : Reason::socket_read;
    return events & POLLERR ? Reason::socket_connect : Reason::socket_write;
}

// glibc's semaphores say at byte 8 whether processes share them (struct new_sem, FUTEX_SHARED).
bool is_shared(uintptr_t semaphore, const Reader &reader) {
    constexpr uint32_t SHARED = 128;
    uintptr_t word = 0;
    return reader.word(&word, semaphore + 8) && static_cast<uint32_t>(word) == SHARED;
}

std::string_view text_of(PyObject *text) {
    Py_ssize_t size = 0;
    const char *data = text && PyUnicode_Check(text) ? PyUnicode_AsUTF8AndSize(text, &size) : nullptr;
    if (!data) {
        PyErr_Clear();
        return {};
    }
    return {data, static_cast<size_t>(size)};
}

} // namespace

const char *reason_text(Reason reason) { return TEXTS[static_cast<size_t>(reason)]; }

uintptr_t poll_object(const void *fds, uint64_t count) {
    auto at = reinterpret_cast<uintptr_t>(fds);
    auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
    if (count != 1 || at < here || at > here + CALLERS_STACK)
        return 0;
    const auto *one = static_cast<const pollfd *>(fds);
    return ONE_SOCKET | uintptr_t{static_cast<uint16_t>(one->events)} << 32 | static_cast<uint32_t>(one->fd);
}

Reason reason_of(CallKind kind, uintptr_t object, const Reader &reader) {
    auto fd = static_cast<int>(object);
    switch (kind) {
    case CallKind::gil:
        return Reason::gil;
    case CallKind::semaphore:
        return is_shared(object, reader) ? Reason::process_lock : Reason::lock;
    case CallKind::condition:
    case CallKind::mutex:
        return Reason::lock;
    case CallKind::join:
        return Reason::thread_join;
    case CallKind::fd_read:
        return transfer(fd, true);
    case CallKind::fd_write:
        return transfer(fd, false);
    case CallKind::fd_connect:
        return Reason::socket_connect;
    case CallKind::fd_accept:
        return Reason::socket_accept;
    case CallKind::poll:
        return polled(object);
    case CallKind::select:
        return Reason::select;
    case CallKind::sleep:
        return Reason::sleep;
    case CallKind::child:
        return Reason::child;
    case CallKind::sync:
        return Reason::sync;
    case CallKind::lookup:
        return Reason::lookup;
    case CallKind::file_lock:
        return Reason::file_lock;
    case CallKind::open:
        return Reason::file_open;
    case CallKind::signal:
        return Reason::signal;
    case CallKind::nothing:
        break;
    }
    return Reason::other;
}

WaitingCode waiting_code(uintptr_t address) {
    auto *code = reinterpret_cast<PyCodeObject *>(address);
    std::string_view file = text_of(code->co_filename);
    if (file == "<frozen importlib._bootstrap>")
        return WaitingCode::import_lock;
    std::string_view name = text_of(code->co_qualname);
    if (file.ends_with("/threading.py")) {
        if (name == "Condition.wait")
            return WaitingCode::event;
        if (name == "Thread.join" || name == "Thread._wait_for_tstate_lock")
            return WaitingCode::thread_join;
    }
    if (file.ends_with("/subprocess.py") && name == "Popen._wait")
        return WaitingCode::child;
    return WaitingCode::any;
}

Reason reason_in(WaitingCode code, Reason reason) {
    if (reason == Reason::lock && code == WaitingCode::import_lock)
        return Reason::import_lock;
    if (reason == Reason::lock && code == WaitingCode::thread_join)
        return Reason::thread_join;
    if (reason == Reason::sleep && code == WaitingCode::child)
        return Reason::child;
    return reason;
}

} // namespace whet::probe

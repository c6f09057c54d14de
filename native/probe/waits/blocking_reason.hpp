// Why a thread waits: told from the libc call, its arguments, and the code that called it.
#pragma once

#include <cstdint>

#include "probe/common/safe_read.hpp"

namespace whet::probe {

// What a patched call does, as far as its name says.
enum class CallKind : uint8_t {
    semaphore,
    condition,
    mutex,
    join,
    fd_read,
    fd_write,
    fd_connect,
    fd_accept,
    poll, // object: see poll_object()
    select,
    sleep,
    child,
    sync,
    lookup,
    file_lock,
    open,
    signal,
    gil,
    nothing, // a call made to learn what watching one costs
};

enum class Reason : uint8_t {
    gil,
    lock,
    process_lock,
    import_lock,
    thread_join,
    socket_read,
    socket_write,
    socket_connect,
    socket_accept,
    pipe_read,
    pipe_write,
    file_read,
    file_write,
    file_open,
    file_lock,
    sync,
    sleep,
    select,
    child,
    lookup,
    signal,
    other,
    count, // how many there are
};

// As the profile's label `reason` says it.
const char *reason_text(Reason reason);

// What a poll of `count` descriptors waits for. Python's sockets with a timeout poll their one
// descriptor in an array on the caller's stack before they read, write, connect or accept.
uintptr_t poll_object(const void *fds, uint64_t count);

// Right after the call, in its thread; `object` is its descriptor or the address of its lock.
// Async-signal-safe; may change errno.
Reason reason_of(CallKind kind, uintptr_t object, const Reader &reader);

// What code is known to wait for, by the function that made the call. Needs the GIL.
enum class WaitingCode : uint8_t {
    any,
    import_lock, // importlib's own functions
    event,       // waits for somebody's sign (Condition.wait), not for a lock that somebody holds
    thread_join,
    child, // subprocess polls for the child's end between sleeps
};
WaitingCode waiting_code(uintptr_t code);
Reason reason_in(WaitingCode code, Reason reason);

} // namespace whet::probe

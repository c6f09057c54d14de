"""Words for what the kernel says of a thread: running, or waiting for what.

Sources: proc(5), /proc/PID/task/TID/syscall and stat, read by native/probe/dump/thread_states.hpp. A
futex in the GIL's condition variables means that the thread wants the GIL, any other one is a lock.
"""

import os

__all__ = ["thread_state"]

_PROCESS, _SIGNAL = "wait for a process", "wait for a signal"
_X86_64 = {
    0: "read", 1: "write", 7: "poll", 19: "read", 20: "write", 23: "select", 34: _SIGNAL, 35: "sleep",
    42: "connect", 43: "accept", 44: "send", 45: "receive", 46: "send", 47: "receive", 61: _PROCESS,
    73: "file lock", 74: "fsync", 75: "fsync", 128: _SIGNAL, 130: _SIGNAL, 202: "lock", 230: "sleep",
    232: "epoll", 247: _PROCESS, 270: "select", 271: "poll", 281: "epoll", 288: "accept", 441: "epoll",
}  # fmt: skip
_AARCH64 = {
    22: "epoll", 32: "file lock", 63: "read", 64: "write", 65: "read", 66: "write", 72: "select", 73: "poll",
    82: "fsync", 83: "fsync", 95: _PROCESS, 98: "lock", 101: "sleep", 115: "sleep", 133: _SIGNAL,
    137: _SIGNAL, 202: "accept", 203: "connect", 206: "send", 207: "receive", 211: "send", 212: "receive",
    242: "accept", 260: _PROCESS, 441: "epoll",
}  # fmt: skip
# The condition variable (48), its mutex (40), and those of forced switches behind them.
_GIL_BYTES = 176
_SCHEDULER = {"R": "running", "S": "waiting", "D": "disk", "T": "stopped", "t": "stopped"}


def thread_state(call: str, letter: str, gil_condition: int) -> str:
    """Return what a thread of this process does: `running`, `GIL`, `lock`, `sleep`, `epoll` ...

    Args:
        call: the content of /proc/self/task/TID/syscall.
        letter: the state in /proc/self/task/TID/stat.
        gil_condition: address of the GIL's condition variable, 0 if it is not known.
    """
    words = call.split()
    # A stopped thread has its system call before it, to be begun again.
    if not words or letter in ("T", "t"):
        return _SCHEDULER.get(letter, "unknown")
    if words[0] == "running":
        return "running"
    number = int(words[0])
    table = _AARCH64 if os.uname().machine == "aarch64" else _X86_64
    state = table.get(number, "waiting" if number < 0 else f"system call {number}")
    if state == "lock" and gil_condition <= int(words[1], 16) < gil_condition + _GIL_BYTES:
        return "GIL"
    return state

"""Numbers of this process that the kernel keeps. Linux; elsewhere there are few."""

import os
import resource

from whet.collect.procfs import start_ticks

__all__ = ["memory_bytes", "open_files", "start_time_s", "threads"]

_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_bytes() -> tuple[int, int]:
    """Return (resident, virtual)."""
    try:
        with open("/proc/self/statm", "rb") as file:
            virtual, resident = file.read().split()[:2]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, 0
    return int(resident) * _PAGE, int(virtual) * _PAGE


def open_files() -> tuple[int, int]:
    """Return (open, the most that may be)."""
    try:
        count = len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        count = 0
    return count, resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def threads() -> int:
    """Return the number of threads, Python's or not."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 0


def start_time_s() -> float:
    """Return when the process began, seconds since 1970; 0 if that is not known."""
    try:
        with open("/proc/stat", "rb") as file:
            boot_s = next(int(line.split()[1]) for line in file if line.startswith(b"btime "))
    except (OSError, StopIteration):
        return 0.0
    return boot_s + start_ticks("self") / os.sysconf("SC_CLK_TCK")

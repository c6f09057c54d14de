"""What /proc/PID/stat says of a process. Format: proc(5).

The program's name, in parentheses, may hold anything; what comes after the last one is split.
"""

__all__ = ["start_ticks", "stat_fields"]

_STARTTIME = 22
# The first field after the name.
_STATE = 3


def stat_fields(pid: "int | str") -> list[bytes]:
    """Return the fields after the program's name: the state's letter, the parent, ...

    Args:
        pid: the process; `self` is this one.

    Raises:
        OSError: there is no such process, or no /proc.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def start_ticks(pid: "int | str") -> int:
    """Return when a process was started, in clock ticks since boot; 0 where that is not known.

    A process number that comes again has another one.
    """
    try:
        return int(stat_fields(pid)[_STARTTIME - _STATE])
    except (OSError, IndexError, ValueError):
        return 0

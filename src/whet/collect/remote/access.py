"""Why a process cannot be read, and what would help.

The kernel's rules are those of ptrace(2), "Ptrace access mode checking", and of
Documentation/admin-guide/LSM/Yama.rst. Nothing is tried here; who failed to read asks.
"""

import os

from whet.collect.procfs import stat_fields
from whet.errors import CollectError

__all__ = ["process_of", "refusal", "run_counts_exist", "why_no_memory"]

_CAP_SYS_PTRACE = 1 << 19
_PF_KTHREAD = 0x0020_0000
_HINT = "sudo whet attach, or the capability CAP_SYS_PTRACE (in a container: --cap-add=SYS_PTRACE)"


def process_of(number: int) -> int:
    """Return the process that a thread belongs to; a process's own number, or an unknown one, is returned."""
    text = _status(number).get("Tgid", "")
    return int(text) if text.isdigit() else number


def run_counts_exist() -> bool:
    """Tell whether this kernel says how often a thread was put on a CPU, without which nothing is proved."""
    try:
        with open("/proc/self/schedstat", "rb") as file:
            return len(file.read().split()) >= 3
    except OSError:
        return False


def why_no_memory(pid: int) -> CollectError:
    """Return the error for a process of which the kernel shows no memory."""
    try:
        fields = stat_fields(pid)
    except OSError:
        fields = []
    if len(fields) > 6 and int(fields[6]) & _PF_KTHREAD:
        return CollectError(f"process {pid} is a thread of the kernel: it runs no Python")
    if fields and fields[0] == b"Z":
        parent = int(fields[1])
        return CollectError(
            f"process {pid} has ended: it is a zombie",
            hint=f"its parent, process {parent}, has not asked for its exit status yet",
        )
    return CollectError(f"process {pid} has ended")


def refusal(pid: int) -> CollectError:
    """Return the error for a process that may not be read: whose it is, and what would help."""
    try:
        owner = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return CollectError(f"process {pid} has ended")
    may_trace = int(_status(os.getpid()).get("CapEff", "0"), 16) & _CAP_SYS_PTRACE
    scope = _ptrace_scope()
    if scope >= 3:
        return CollectError(
            f"process {pid} may not be read: kernel.yama.ptrace_scope is {scope}, which forbids it to all",
            hint="only a restart of the machine takes that back; whet run or whet.profile need no such right",
        )
    if may_trace:
        return CollectError(
            f"process {pid} may not be read even with CAP_SYS_PTRACE: it lies in another user namespace,"
            " or a security module forbids it",
            hint="run whet on the host, outside of containers; AppArmor and SELinux tell in the kernel's log",
        )
    if owner != os.geteuid():
        return CollectError(
            f"process {pid} belongs to user {_user(owner)} and may not be read by user {_user(os.geteuid())}",
            hint=_HINT,
        )
    if scope > 0:
        return CollectError(
            f"process {pid} may not be read: kernel.yama.ptrace_scope is {scope}",
            hint="sudo sysctl kernel.yama.ptrace_scope=0, or sudo whet attach, or CAP_SYS_PTRACE",
        )
    return CollectError(
        f"process {pid} may not be read: it has more rights than this one, or forbids it (PR_SET_DUMPABLE)",
        hint=_HINT,
    )


def _status(number: int) -> dict[str, str]:
    try:
        with open(f"/proc/{number}/status", encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def _ptrace_scope() -> int:
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def _user(number: int) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(number).pw_name} ({number})"
    except KeyError:
        return str(number)

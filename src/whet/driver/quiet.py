"""Quieting the machine for a measurement, and putting everything back.

What belongs to the whole machine (CPU frequency limits, turbo) is changed by writing to sysfs
and put back by a *guardian*: a process that waits for the end of the one that asked for quiet,
however that comes, kill -9 included. What belongs to a process (CPU affinity, address space
randomization) is set in this process, so that the command it starts inherits it; it ends with them.

Sources: Linux Documentation/admin-guide/pm/cpufreq.rst and intel_pstate.rst; personality(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Setting", "keep_quiet", "quiet_process", "settings_for"]

_ADDR_NO_RANDOMIZE = 0x0040000
_SYS = Path("/sys")


@dataclass(frozen=True)
class Setting:
    """One file of sysfs, what it says and what it shall say."""

    path: Path
    before: str
    wanted: str


def settings_for(
    *, governor_percent: int | None, no_turbo: bool, sysfs: Path = _SYS
) -> tuple[list[Setting], list[str]]:
    """Return what has to be written to quiet this machine, and why parts of it cannot be.

    Args:
        governor_percent: pin every CPU's frequency this far (0 to 100) between its lowest and
            its highest, or None to leave it.
        no_turbo: forbid frequencies above the nominal one.
        sysfs: where sysfs is mounted.
    """
    settings: list[Setting] = []
    troubles: list[str] = []
    cpus = sysfs / "devices/system/cpu"
    if no_turbo:
        turbo = [(cpus / "intel_pstate/no_turbo", "1"), (cpus / "cpufreq/boost", "0")]
        found = [Setting(path, _read(path), wanted) for path, wanted in turbo if path.exists()]
        settings += found
        if not found:
            troubles.append("turbo: this machine has no switch for it")
    if governor_percent is not None:
        pinned = [
            s for folder in sorted(cpus.glob("cpu[0-9]*/cpufreq")) for s in _pin(folder, governor_percent)
        ]
        settings += pinned
        if not pinned:
            troubles.append("governor: this machine does not let CPU frequencies be set")
    writable = [setting for setting in settings if os.access(setting.path, os.W_OK)]
    troubles += [f"{s.path}: not writable for this user" for s in settings if s not in writable]
    return writable, troubles


@contextmanager
def keep_quiet(settings: list[Setting]) -> Iterator[list[str]]:
    """Write `settings` for the length of the block; yield the list of what went wrong.

    When the block ends, everything is as it was, or the list says what is not. When the process is
    killed, the guardian does that right after; it keeps this process's open files open until then.
    """
    if not settings:
        yield []
        return
    done, alive = os.pipe()
    guardian = os.fork()
    if guardian == 0:
        _guard(settings, done, alive)
    os.close(done)
    troubles = [trouble for s in settings if (trouble := _write(s.path, s.wanted))]
    try:
        yield troubles
    finally:
        os.close(alive)
        if os.waitpid(guardian, 0)[1]:
            troubles.append("what was changed could not all be put back")


def quiet_process(*, cpus: set[int] | None, no_aslr: bool) -> list[str]:
    """Set this process's CPUs and address space layout; return why parts of that cannot be done."""
    troubles = []
    if cpus:
        try:
            os.sched_setaffinity(0, cpus)
        except OSError as error:
            troubles.append(
                f"cpus: {error.strerror}; this process may use CPUs {sorted(os.sched_getaffinity(0))}"
            )
    if no_aslr:
        libc = ctypes.CDLL(None, use_errno=True)
        now = libc.personality(0xFFFFFFFF)
        if now == -1 or libc.personality(now | _ADDR_NO_RANDOMIZE) == -1:
            troubles.append(f"address space randomization: {os.strerror(ctypes.get_errno())}")
    return troubles


def _pin(folder: Path, percent: int) -> list[Setting]:
    """Return the settings that pin one CPU, in an order in which lowest never passes highest."""
    try:
        lowest, highest = (int(_read(folder / f"cpuinfo_{end}_freq")) for end in ("min", "max"))
        low, high = (folder / f"scaling_{end}_freq" for end in ("min", "max"))
        target = str(lowest + (highest - lowest) * percent // 100)
        pinned = [Setting(low, _read(low), target), Setting(high, _read(high), target)]
    except (OSError, ValueError):
        return []
    return pinned if int(target) <= int(pinned[1].before) else pinned[::-1]


def _guard(settings: list[Setting], done: int, alive: int) -> None:
    """Wait for the end of the parent, put `settings` back, and end. Does not return."""
    status = 1
    try:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        os.close(alive)
        while os.read(done, 1):
            pass
        failures = [_write(setting.path, setting.before) for setting in reversed(settings)]
        status = int(any(failures))
    finally:
        os._exit(status)


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace").strip()


def _write(path: Path, text: str) -> str:
    """Write a setting; return why it could not be written, or nothing."""
    try:
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""

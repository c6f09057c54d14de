"""`whet attach`: record running Python processes from outside, or tell what they do at this moment.

Finds the processes, has each of them looked at on a thread of its own, and makes the recording whole.
It does not print; who calls is told how far it is.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from contextlib import suppress
from pathlib import Path

from whet.collect.procfs import stat_fields
from whet.collect.recording import (
    CPU,
    WALL,
    claim,
    fresh_directory,
    metadata,
    release,
)
from whet.collect.remote.access import process_of
from whet.collect.remote.process import RemoteProcess
from whet.collect.remote.profiles import cpu_profile, wall_profile
from whet.collect.remote.runtime import command_line
from whet.driver.run import Recorded, write_meta
from whet.driver.sources import write_output
from whet.errors import CollectError, SourceError
from whet.formats import pprof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Attachment", "Watching", "attach", "lowered_hz", "reached_hz", "record"]

_RESCAN_S = 1.0
_MOST_TRIES = 3
_OF_RUNNING = ("proved", "unproved", "moved")
_POLL_S = 0.1
# A rate that is lower by less than that, or was reached by fewer looks, is no news.
_CLEARLY_LOWER = 0.9
_TELLING_LOOKS = 20
# What a counter means to a reader of the profile; shown where something happened.
_DOUBTS = {
    "moved": "looks at which the GIL's holder moved at every try; left out",
    "rejected": "stacks that could not be read; left out",
    "unproved": "looks that rest on equal copies, no proof that the thread stood still",
}


class Attachment:
    """The processes that are looked at, the one that was named first.

    Args:
        pid: the process.
        subprocesses: whether those that it started, and theirs, belong to it.
    """

    def __init__(self, pid: int, *, subprocesses: bool) -> None:
        self.pid = pid
        self.processes: list[RemoteProcess] = []
        self._subprocesses = subprocesses
        self._known: set[int] = set()
        self._refused: dict[int, tuple[str, int]] = {}  # reason, how often it was tried
        self.short_lived = 0  # processes that had ended before they could be looked at

    def find(self) -> list[RemoteProcess]:
        """Find processes that were not known before, and return them.

        Raises:
            CollectError: the named process cannot be read and has no child that can.
        """
        fresh = []
        for pid in [self.pid, *(_descendants(self.pid) if self._subprocesses else [])]:
            _, tries = self._refused.get(pid, ("", 0))
            if pid in self._known or pid == os.getpid() or tries >= _MOST_TRIES:
                continue
            try:
                process = RemoteProcess(pid)
                process.check()
            except CollectError as error:
                if not self._subprocesses:
                    raise
                if pid != self.pid and _has_ended(pid):
                    self._forget(pid)
                    continue
                self._refused[pid] = str(error), tries + 1  # it may be a Python that starts at this moment
                continue
            self._refused.pop(pid, None)
            self._known.add(pid)
            fresh.append(process)
        self.processes += fresh
        if not self.processes:
            raise CollectError(
                self._refused[self.pid][0], hint="none of its child processes can be read either"
            )
        return fresh

    def forget_ended(self) -> None:
        """Count those as `short_lived` that ended before they could be tried again."""
        for pid, (_, tries) in list(self._refused.items()):
            if pid != self.pid and tries < _MOST_TRIES and _has_ended(pid):
                self._forget(pid)

    def _forget(self, pid: int) -> None:
        self._refused.pop(pid, None)
        self.short_lived += 1

    @property
    def refused(self) -> dict[int, str]:
        """Why processes of the tree are not looked at."""
        return {pid: reason for pid, (reason, _) in self._refused.items()}


class Watching:
    """Processes being looked at, each on a thread of its own; to be used in a `with` statement."""

    def __init__(
        self, attachment: Attachment, *, rate_hz: float, duration_s: float, budget_share: float
    ) -> None:
        self.attachment = attachment
        self._budget_share = budget_share
        self._rate_hz = rate_hz
        self._begin_s = time.monotonic()
        self._duration_s = duration_s
        self._threads: list[threading.Thread] = []
        self._scanned_s = self._begin_s

    def __enter__(self) -> Watching:
        for process in self.attachment.processes:
            self._start(process)
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self.attachment.processes:
            process.stop()
        for thread in self._threads:
            thread.join()
        self.attachment.forget_ended()

    def elapsed_s(self) -> float:
        """Return for how long it has gone on."""
        return time.monotonic() - self._begin_s

    def wait(self, seconds: float) -> bool:
        """Wait a while at most; tell whether there is more to see."""
        now_s = time.monotonic()
        if now_s - self._scanned_s > _RESCAN_S:
            self._scanned_s = now_s
            for process in self.attachment.find():
                self._start(process)
        running = [thread for thread in self._threads if thread.is_alive()]
        if running:
            running[0].join(seconds)
        return bool(running)

    def _start(self, process: RemoteProcess) -> None:
        left_s = self._duration_s - self.elapsed_s()
        thread = threading.Thread(
            target=process.run, args=(self._rate_hz, left_s, self._budget_share), daemon=True
        )
        thread.start()
        self._threads.append(thread)


def attach(pid: int, *, subprocesses: bool = False) -> Attachment:
    """Find a process, and with `subprocesses` the tree below it, and check that it can be read.

    Raises:
        CollectError: it cannot; the error says why and what would help.
    """
    pid = process_of(pid)
    if pid == os.getpid():
        raise CollectError(f"process {pid} is this one", hint="whet.dump_threads() tells what its threads do")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # two files a thread are kept open
    attachment = Attachment(pid, subprocesses=subprocesses)
    attachment.find()
    return attachment


def record(
    attachment: Attachment,
    *,
    rate_hz: float,
    duration_s: float,
    budget_share: float,
    directory: str | None,
    progress: Callable[[float], None],
) -> Recorded:
    """Record for a while, or until the processes end or Ctrl-C; what was seen by then is kept.

    Args:
        attachment: the processes.
        rate_hz: looks per second at each process.
        duration_s: for how long.
        budget_share: what looking at a process may take of a CPU; the rate is lowered to keep within it.
        directory: where to record; None makes a new directory.
        progress: called now and then with the seconds so far.

    Raises:
        SourceError: the directory cannot be used.
    """
    first = attachment.processes[0]
    name = Path(_program(first.command)).name or "process"
    directory = (
        fresh_directory(f"{name}-{first.pid}") if directory is None else str(Path(directory).absolute())
    )
    made = claim(directory)
    start_ns, is_interrupted = time.time_ns(), False
    with Watching(attachment, rate_hz=rate_hz, duration_s=duration_s, budget_share=budget_share) as watching:
        try:
            while watching.wait(_POLL_S):
                progress(watching.elapsed_s())
        except KeyboardInterrupt:
            is_interrupted = True
    try:
        return _finish(
            attachment,
            rate_hz=rate_hz,
            budget_share=budget_share,
            directory=directory,
            start_ns=start_ns,
            partial_reason=_why_partial(attachment, duration_s, watching.elapsed_s(), is_interrupted),
        )
    except (OSError, SourceError):
        release(directory, made=made)
        raise


def _finish(
    attachment: Attachment,
    *,
    rate_hz: float,
    budget_share: float,
    directory: str,
    start_ns: int,
    partial_reason: str | None,
) -> Recorded:
    processes, first = attachment.processes, attachment.processes[0]
    comments = _comments(processes, rate_hz)
    for file, make in ((CPU, cpu_profile), (WALL, wall_profile)):
        profile = make(
            processes,
            rate_hz=lowered_hz(attachment, rate_hz) or rate_hz,
            start_ns=start_ns,
            comments=comments,
        )
        write_output(str(Path(directory, file)), [pprof.encode(profile)])
    meta = metadata(
        directory,
        made_by="whet attach",
        partial_reason=partial_reason,
        program={"command": first.command, "pid": first.pid},
        facts={
            "python": {
                "implementation": "cpython",
                "version": first.version,
                "executable": first.interpreter.file,
            },
            "attach": {
                "rate_hz": rate_hz,
                "reached_hz": reached_hz(attachment),
                "budget_share": budget_share,
                "start_time_ns": start_ns,
                "processes": _describe(attachment),
                "short_lived": attachment.short_lived,
            },
        },
    )
    outcome = Recorded(directory, _cwd(first.pid), meta)
    write_meta(outcome)
    return outcome


def reached_hz(attachment: Attachment) -> float:
    """Return how often a second each process was looked at, the slowest one's of those that tell."""
    statistics = [process.statistics() for process in attachment.processes]
    telling = [s for s in statistics if s["ticks"] >= _TELLING_LOOKS]
    return min(s["ticks"] / s["elapsed_ns"] * 1e9 if s["elapsed_ns"] else 0.0 for s in telling or statistics)


def lowered_hz(attachment: Attachment, rate_hz: float) -> float | None:
    """Return the rate that was reached where it is clearly lower than what was asked for, else None.

    Looks become fewer so that they cost no more than they may, or because this machine is busy.
    """
    looks = max(process.statistics()["ticks"] for process in attachment.processes)
    reached = reached_hz(attachment)
    return reached if looks >= _TELLING_LOOKS and reached < _CLEARLY_LOWER * rate_hz else None


def _describe(attachment: Attachment) -> list[dict[str, object]]:
    known: list[dict[str, object]] = [
        {
            "pid": process.pid,
            "command": process.command,
            "python": process.version,
            "ended": process.ended() or None,
            "threads": [{"id": number, "name": name} for number, name in process.thread_names()],
            "statistics": process.statistics(),
        }
        for process in attachment.processes
    ]
    return known + [{"pid": pid, "refused": reason} for pid, reason in attachment.refused.items()]


def _comments(processes: list[RemoteProcess], rate_hz: float) -> list[str]:
    sums: dict[str, float] = {}
    for process in processes:
        for name, value in process.statistics().items():
            sums[name] = sums.get(name, 0.0) + value
    elapsed_ns = max(sums["elapsed_ns"], 1e9 / rate_hz)  # a single look stands for one period
    lines = [
        f"whet: attached to {' '.join(str(process.pid) for process in processes)}",
        f"whet: rate_hz={rate_hz:g}",
        f"whet: reached_hz={sums['ticks'] / elapsed_ns * 1e9:.1f}",
        "whet: interval_cv2=0.1667",  # each look at a random moment of its period: two uniform distances
        f"whet: looks={sums['ticks']:.0f}",
        f"whet: proved_share={sums['proved'] / max(sum(sums[name] for name in _OF_RUNNING), 1):.4f}",
        f"whet: target_cpu_taken={sums['window_ns'] / elapsed_ns:.6f}",
        f"whet: overhead_share={sums['own_cpu_ns'] / elapsed_ns:.6f}",
    ]
    return lines + [f"whet: {name}={sums[name]:.0f} ({text})" for name, text in _DOUBTS.items() if sums[name]]


def _why_partial(
    attachment: Attachment, duration_s: float, elapsed_s: float, is_interrupted: bool
) -> str | None:
    if is_interrupted:
        return f"stopped by Ctrl-C after {elapsed_s:.1f} s of {duration_s:g} s"
    first = attachment.processes[0]
    if first.ended():
        return f"process {first.pid} {first.ended()} after {elapsed_s:.1f} s of {duration_s:g} s"
    return None


def _program(command: list[str]) -> str:
    """Return the script or program in a command line."""
    return next((word for word in command[1:] if not word.startswith("-")), (command or [""])[0])


def _cwd(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


def _has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or only waits for its parent to ask for its exit status."""
    try:
        return stat_fields(pid)[0] in (b"Z", b"X")
    except OSError:
        return True


def _descendants(pid: int) -> list[int]:
    """Return the processes below one, parents before their children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int(stat_fields(entry.name)[1])
        except OSError:
            continue  # it has ended
        children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        below = sorted(children.get(queue.pop(0), []))
        found += below
        queue += below
    return [one for one in found if command_line(one)]

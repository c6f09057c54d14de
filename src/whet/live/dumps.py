"""Profiles that are dumps of threads and tasks: goroutine, goroutineleak and threadcreate.

Each has three forms: a profile, equal stacks with their number (debug=1), and everything
(debug=2). A thread or a task is what a goroutine is in Go.
"""

import os
import time

from whet.collect.leaks import leaked_stacks
from whet.collect.probe import load_probe
from whet.collect.threads import Stack, take_stacks
from whet.collect.threads_profile import encode_counts
from whet.collect.threads_text import counted_text, full_text
from whet.errors import CollectError

__all__ = ["DUMPS", "count", "delta", "dump"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from whet.collect.threads import Frame

    Counts = dict[tuple[tuple[tuple[str, str], ...], tuple[Frame, ...]], int]

DUMPS = ("goroutine", "goroutineleak", "threadcreate")
# The outermost frames of a thread: the interpreter's beginning of it, and its function.
_BEGINNING = 4
_OWN_NAME = "whet-service"


def dump(name: str, debug: int) -> bytes:
    """Return a dump as a profile (debug=0) or as text."""
    stacks, notes = _stacks(name)
    if debug == 0:
        return encode_counts(name, _counted(stacks), comments=[f"whet: {note}" for note in notes])
    # Where there are none, their number says more than an empty page.
    text = full_text(stacks) if debug >= 2 and stacks else counted_text(stacks)
    return "\n".join([text, *notes]).encode("utf-8", "backslashreplace")


def delta(name: str, seconds: float, wait: "Callable[[float], bool]") -> bytes | None:
    """Return the profile of what is more, or less, after `seconds`; None if it was given up."""
    begin_ns = time.monotonic_ns()
    before = _counted(_stacks(name)[0])
    if not wait(seconds):
        return None
    after = _counted(_stacks(name)[0])
    counts = {key: after.get(key, 0) - before.get(key, 0) for key in {**after, **before}}
    changed = {key: value for key, value in counts.items() if value}
    return encode_counts(name, changed, duration_ns=time.monotonic_ns() - begin_ns)


def count(name: str) -> int:
    """Return how many there are."""
    return len(_stacks(name)[0])


def _stacks(name: str) -> tuple[list[Stack], list[str]]:
    """Return the stacks, and what a reader should know of them."""
    if name == "goroutineleak":
        leaked, unknown = leaked_stacks()
        return leaked, [f"tasks that were not looked at for want of time: {unknown}"] if unknown else []
    stacks = take_stacks()
    if name == "goroutine":
        return stacks, []
    threads = [stack for stack in stacks if stack.kind == "thread"]
    for stack in threads:
        stack.frames = stack.frames[-_BEGINNING:]
    return threads + _native_threads(), []


def _native_threads() -> list[Stack]:
    """Return the threads that run no Python."""
    try:
        known = {native_id for _, native_id, _, _ in load_probe().thread_states()}
    except CollectError:
        return []  # nothing tells which of them Python knows
    found = []
    for entry in os.listdir("/proc/self/task"):
        name = _kernel_name(entry)
        if int(entry) in known or name == _OWN_NAME:
            continue
        stack = Stack("thread", name, "unknown", [("[native thread]", "", 0, 0)])
        stack.native_id = int(entry)
        found.append(stack)
    return found


def _kernel_name(entry: str) -> str:
    try:
        with open(f"/proc/self/task/{entry}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _counted(stacks: list[Stack]) -> "Counts":
    counts: Counts = {}
    for stack in stacks:
        key = (((stack.kind, stack.name), ("state", stack.state)), tuple(stack.frames))
        counts[key] = counts.get(key, 0) + 1
    return counts

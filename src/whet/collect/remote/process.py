"""One Python process that is looked at from outside.

A thin face of native/remote/sampler.hpp, which says how it is done and why its stacks are true. It knows
no files and no reports: it gives what was seen as plain records, from which `stacks` makes a dump and
`profiles.py` profiles.
"""

import math

from whet.collect.procfs import start_ticks
from whet.collect.remote.access import run_counts_exist
from whet.collect.remote.door import load_remote
from whet.collect.remote.modules import FileNames
from whet.collect.remote.runtime import Interpreter, command_line, find_interpreter
from whet.collect.thread_states import thread_state
from whet.collect.threads import Stack
from whet.errors import CollectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from whet.collect.threads import Frame

__all__ = ["RemoteProcess", "Seen"]

# How much of a budget may be taken from the process.
PROGRAM_PART = 0.25
_GIL_CONDITION = 1 << 62  # stands for the address that the native side has compared already
_MOST_LOOKS = 50


class Seen:
    """How often and how long a thread was seen with one stack in one state.

    Attributes:
        node: of the tree of stacks, -1 for none.
        thread: its name.
        state: `running`, or what it waited for.
        gil: `holds`, `waits` or ''.
        samples, wall_ns: all looks, and the time between them.
        cpu_samples, cpu_ns: those at which it ran, and the CPU time they stand for.
    """

    __slots__ = ("cpu_ns", "cpu_samples", "gil", "node", "samples", "state", "thread", "wall_ns")

    def __init__(
        self, node: int, thread: str, state: tuple[str, str], samples: int, times: tuple[int, int, int]
    ) -> None:
        self.node = node
        self.thread = thread
        self.state, self.gil = state
        self.samples = samples
        self.wall_ns, self.cpu_samples, self.cpu_ns = times


class RemoteProcess:
    """A Python process, found and known.

    Raises:
        CollectError: there is none, it may not be read, or it is none that whet knows.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.interpreter: Interpreter = find_interpreter(pid)
        self.command = command_line(pid)
        self._started = start_ticks(pid)
        self._files = FileNames(pid)
        self._sampler = load_remote().Sampler(pid, self.interpreter.runtime, self.interpreter.layout)

    def check(self) -> None:
        """Look until it can be seen what one thread does.

        Raises:
            CollectError: nothing could be read.
        """
        for look in range(_MOST_LOOKS):
            seen = self._sampler.look() and self._sampler.last()
            if seen and self.statistics()["moved"] <= look:  # not in vain every time
                return
        if not run_counts_exist():
            raise CollectError(
                f"process {self.pid}: this kernel does not count how often threads ran (/proc/PID/schedstat)",
                hint="a kernel without CONFIG_SCHED_INFO, or a sandbox such as gVisor: use whet run there",
            )
        if self.statistics()["moved"] >= _MOST_LOOKS:
            raise CollectError(
                f"process {self.pid}: its Python did not stand still at any of {_MOST_LOOKS} looks",
                hint="try again: this machine may be busy, or a stack too deep (tens of thousands of frames)",
            )
        raise CollectError(
            f"process {self.pid}: no thread of its Python {self.version} has a stack that makes sense",
            hint="it may be starting or ending at this moment; if not, please report its build of Python",
        )

    @property
    def version(self) -> str:
        return ".".join(map(str, self.interpreter.version))

    def run(self, rate_hz: float, duration_s: float, budget_share: float | None = None) -> None:
        """Look `rate_hz` times a second, until the time is over, `stop()` or the process's end.

        Args:
            rate_hz: looks per second; fewer where they would cost more than they may.
            duration_s: for how long.
            budget_share: what looking may take of a CPU; None is without limit. It may take
                `PROGRAM_PART` of that from the process.
        """
        budget = math.inf if budget_share is None else budget_share
        self._sampler.run(rate_hz, duration_s, budget, PROGRAM_PART * budget)

    def stop(self) -> None:
        """Have `run` return, from any thread."""
        self._sampler.stop()

    def ended(self) -> str:
        """Return '' or why there is no more to see: `exited`, or `became another program`."""
        reason: str = self._sampler.ended()
        if reason == "unreadable":
            return "became another program" if start_ticks(self.pid) == self._started else "exited"
        return reason

    def statistics(self) -> dict[str, float]:
        """Return counters by name; names that end in _ns are nanoseconds."""
        statistics: dict[str, float] = self._sampler.statistics()
        return statistics

    def thread_names(self) -> list[tuple[int, str]]:
        """Return (the kernel's id, name) of all threads that were seen, by their index."""
        names: list[tuple[int, str]] = self._sampler.names()
        own = next((name for number, name in names if number == self.pid), "")
        return [(number, _thread_name(number, name, own, self.pid)) for number, name in names]

    def codes(self) -> list[tuple[str, str, int]]:
        """Return (module.function, file, its first line) of all code that was seen, by number."""
        found = []
        for name, file, first_line in self._sampler.codes():
            path = self._files.absolute(file)
            found.append((self._files.function(name, path), path, first_line))
        return found

    def nodes(self) -> list[tuple[int, int, int]]:
        """Return the tree of stacks: (parent or -1, number of the code, line) of each node."""
        nodes: list[tuple[int, int, int]] = self._sampler.nodes()
        return nodes

    def seen(self) -> "Iterator[Seen]":
        """Yield all that was counted."""
        rows = self._sampler.counts()
        names = self.thread_names()
        for node, thread, state, samples, wall_ns, cpu_samples, cpu_ns in rows:
            yield Seen(node, names[thread][1], _words(state), samples, (wall_ns, cpu_samples, cpu_ns))

    def unseen_cpu_ns(self) -> dict[str, int]:
        """Return the CPU time of threads, by name, that no sample has told the place of."""
        names = self.thread_names()
        return {names[thread][1]: ns for thread, ns in self._sampler.unseen().items() if ns > 0}

    def stacks(self) -> list[Stack]:
        """Return what each thread did at the last look, the holder of the GIL first."""
        last = self._sampler.last()
        names, codes, nodes = self.thread_names(), self.codes(), self.nodes()
        found = []
        for node, thread, state in last:
            text, gil = _words(state)
            native_id, name = names[thread]
            shown = f"{text}, holds the GIL" if gil == "holds" else text
            stack = Stack("thread", name, shown, _frames(node, nodes, codes), native_id)
            stack.native_id = native_id
            found.append((gil != "holds", native_id, stack))
        return [stack for _, _, stack in sorted(found, key=lambda row: row[:2])]


def _frames(node: int, nodes: list[tuple[int, int, int]], codes: list[tuple[str, str, int]]) -> "list[Frame]":
    frames = []
    while node >= 0:
        node, code, line = nodes[node]
        name, file, first_line = codes[code]
        frames.append((name, file, line, first_line))
    return frames


def _words(state: tuple[str, int, int]) -> tuple[str, str]:
    letter, call, gil = state
    first = _GIL_CONDITION if gil == 2 else 0
    text = thread_state(f"{call} {first:#x}" if call >= 0 else "", letter, _GIL_CONDITION)
    return "running" if letter == "R" else text, ("", "holds", "waits")[gil]


def _thread_name(native_id: int, name: str, own: str, pid: int) -> str:
    """Return what a thread is called: by the kernel's name for it where that is its own, and its number."""
    if native_id == pid:
        return "MainThread"
    return f"thread {native_id}" if not name or name == own else f"{name} {native_id}"

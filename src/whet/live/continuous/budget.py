"""How often the agent samples, so that all of it stays within its budget.

The agent knows what it costs: its collectors and threads count their own CPU time. What they cannot
count, above all what their memory takes of the program's caches, has two fifths of the budget: that is
what requests of a web server show (benchmarks/agent_cost.py).

After each window in which the rest was too little, what costs most gives way. CPU samples become half as
many, and come back by doubling where there is room for twice as many. They begin with half of those
that are wanted, for a first window has more to do: all that it meets is named. Others give way when it
is the second window running: the heap by its steps first (`windows.coarsen_heap`), which it does not
take back; then, as the waits do at once, it rests for as many windows as bring the whole within the
rest of the budget. Types of what is in use are looked for only once less than half of that was spent,
and no longer from the first window on that was above it.
"""

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HEAP_STEPS", "LEAST_RATE_HZ", "MOST_REST_WINDOWS", "WITHOUT_TYPES", "WITH_TYPES", "Budget"]

LEAST_RATE_HZ = 10.0
# Of the budget, what may be counted.
COUNTED_PART = 0.6
# Of that, what twice as many samples have to fit into, so that the rate does not swing.
ROOM_PART = 0.9
# Of one processor, what is always allowed: in an idle process a share of its CPU time is nothing.
IDLE_SHARE = 0.002
# The heap's steps: with types, without, and its last one.
WITH_TYPES, WITHOUT_TYPES, HEAP_STEPS = range(3)
MOST_REST_WINDOWS = 40
# Of the budget, what a collector always has, however much the others take.
LEAST_PART = 0.25


class Budget:
    """The rate, and the heap's step, of the next window.

    Args:
        rate_hz: the wanted rate, samples per second of CPU time.
        share: of the process's CPU time, what profiling may take.
    """

    def __init__(self, *, rate_hz: float, share: float) -> None:
        self.wanted_hz = rate_hz
        self.share = share
        self.rate_hz = rate_hz
        self._halve_rate()
        self.spent_share = 0.0
        self.heap_step = WITHOUT_TYPES
        self._may_have_types = True
        self._is_above = False
        self._resters: set[str] = set()

    def account(
        self, *, spent_ns: "Mapping[str, float]", own_ns: float, program_ns: float, wall_ns: float
    ) -> dict[str, int]:
        """Take a window's costs into account; return which collectors rest now, for how many windows.

        Args:
            spent_ns: CPU time of each collector.
            own_ns: that of the agent itself.
            program_ns: CPU time of the rest of the process.
            wall_ns: length of the window.
        """
        allowed_ns = max(COUNTED_PART * self.share * program_ns, IDLE_SHARE * wall_ns)
        total_ns = sum(spent_ns.values()) + own_ns
        self.spent_share = total_ns / program_ns if program_ns > 0 else 0.0
        was_above, self._is_above = self._is_above, total_ns > allowed_ns
        if not self._is_above:
            if total_ns + spent_ns.get("cpu", 0.0) < ROOM_PART * allowed_ns:
                self.rate_hz = min(self.wanted_hz, self.rate_hz * 2)
            if total_ns < allowed_ns / 2 and self._may_have_types:
                self.heap_step = WITH_TYPES
            return {}
        if "heap" in spent_ns and self.heap_step == WITH_TYPES:
            self.heap_step, self._may_have_types = WITHOUT_TYPES, False
            return {}
        most = max(spent_ns, key=lambda name: spent_ns[name], default="cpu")
        if most == "cpu":
            self._halve_rate()
        elif not was_above and most not in self._resters:
            pass  # what is new is named in its first window
        elif most == "heap" and self.heap_step < HEAP_STEPS:
            self.heap_step, self._may_have_types = self.heap_step + 1, False
        else:
            self._resters.add(most)
            room_ns = max(allowed_ns - (total_ns - spent_ns[most]), LEAST_PART * allowed_ns)
            return {most: min(MOST_REST_WINDOWS, math.ceil(spent_ns[most] / room_ns) - 1)}
        return {}

    def _halve_rate(self) -> None:
        self.rate_hz = max(min(LEAST_RATE_HZ, self.wanted_hz), self.rate_hz / 2)

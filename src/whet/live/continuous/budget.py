"""How often the agent samples, so that all of it stays within its budget.

The agent knows what it costs: its collectors and threads count their own CPU time. What they cannot
count, above all what their memory takes of the program's caches, has half of the budget: that is
what requests of a web server show (benchmarks/agent_cost.py).

The first window has more to do than others, for all that it meets is named. So the agent begins
with a quarter of the CPU samples that are wanted and with the heap's coarsest step
(`windows.set_heap_step`). Samples come by doubling, where there is room for twice as many; the heap is
looked at one step closer, at the end even with the types of what is in use, after each window that took
less than half of what it might.

After each window that took too much, what costs most gives way. CPU samples become half as many.
Others give way when it is the second window running: the heap by its steps first, which do not come
back; then, as the waits do at once, it rests for as many windows as bring the whole within the budget.
Types cost nothing before they are looked for, so they go at once.
"""

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COARSEST", "LEAST_RATE_HZ", "MOST_REST_WINDOWS", "WITH_TYPES", "Budget"]

LEAST_RATE_HZ = 10.0
# Of the budget, what may be counted.
COUNTED_PART = 0.5
# Of that, what twice as many samples have to fit into, so that the rate does not swing.
ROOM_PART = 0.9
# Of one processor, what is always allowed: in an idle process a share of its CPU time is nothing.
IDLE_SHARE = 0.002
# The heap's steps, each cheaper than the one before; the first one has types.
WITH_TYPES, COARSEST = 0, 2
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
        self._halve_rate()
        self.spent_share = 0.0
        self.heap_step = COARSEST
        self._finest_step = WITH_TYPES  # of those that were not too much
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
            if total_ns < allowed_ns / 2:
                self.heap_step = max(self._finest_step, self.heap_step - 1)
            return {}
        if "heap" in spent_ns and self.heap_step == WITH_TYPES:
            self._coarsen_heap()
            return {}
        most = max(spent_ns, key=lambda name: spent_ns[name], default="cpu")
        if most == "cpu":
            self._halve_rate()
        elif not was_above and most not in self._resters:
            pass  # what is new is named in its first window
        elif most == "heap" and self.heap_step < COARSEST:
            self._coarsen_heap()
        else:
            self._resters.add(most)
            room_ns = max(allowed_ns - (total_ns - spent_ns[most]), LEAST_PART * allowed_ns)
            return {most: min(MOST_REST_WINDOWS, math.ceil(spent_ns[most] / room_ns) - 1)}
        return {}

    def _halve_rate(self) -> None:
        self.rate_hz = max(min(LEAST_RATE_HZ, self.wanted_hz), self.rate_hz / 2)

    def _coarsen_heap(self) -> None:
        self.heap_step = self._finest_step = self.heap_step + 1

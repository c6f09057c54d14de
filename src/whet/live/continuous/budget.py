"""How often the agent samples, so that all of it stays within its budget.

The agent knows what it costs: its collectors and threads count their own CPU time. After each
window in which that was too much, what costs most gives way: the heap a step (`windows.coarsen_heap`), or
the sampling rate by half. The rate comes back by doubling when less than half of the budget was
spent, so that it does not swing; the heap's steps do not, since what was thinned out is gone.
"""

__all__ = ["HEAP_STEPS", "LEAST_RATE_HZ", "Budget"]

LEAST_RATE_HZ = 10.0
# Of the wall time, what is always allowed: in an idle process a share of its CPU time is nothing.
IDLE_SHARE = 0.001
# The heap's last step: sixteen times the interval.
HEAP_STEPS = 6


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
        self.spent_share = 0.0
        self.heap_step = 0
        self._is_above = False

    def allowed_ns(self, *, program_ns: float, wall_ns: float) -> float:
        """Return what may be spent in a window in which the program itself took `program_ns`."""
        return max(self.share * program_ns, IDLE_SHARE * wall_ns)

    def account(self, *, spent_ns: float, program_ns: float, wall_ns: float, heap_ns: float = 0.0) -> None:
        """Take a window's costs into account.

        Args:
            spent_ns: CPU time of the agent and its collectors.
            program_ns: CPU time of the rest of the process.
            wall_ns: length of the window.
            heap_ns: what of `spent_ns` is the heap's.
        """
        allowed_ns = self.allowed_ns(program_ns=program_ns, wall_ns=wall_ns)
        self.spent_share = spent_ns / program_ns if program_ns > 0 else 0.0
        was_above, self._is_above = self._is_above, spent_ns > allowed_ns
        if self._is_above:
            # What is new is named in its first window; that comes back, a step does not.
            if was_above and heap_ns > spent_ns / 2 and self.heap_step < HEAP_STEPS:
                self.heap_step += 1
            else:
                self.rate_hz = max(min(LEAST_RATE_HZ, self.wanted_hz), self.rate_hz / 2)
        elif spent_ns < allowed_ns / 2:
            self.rate_hz = min(self.wanted_hz, self.rate_hz * 2)

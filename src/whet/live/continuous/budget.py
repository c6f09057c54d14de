"""How often the agent samples, so that all of it stays within its budget.

The agent knows what it costs: its collectors and threads count their own CPU time. After each
window the sampling rate is halved while the cost is above the budget, and doubled again towards
the wanted rate when less than half of the budget was spent, so that it does not swing.
"""

__all__ = ["LEAST_RATE_HZ", "Budget"]

LEAST_RATE_HZ = 10.0
# Of the wall time, what is always allowed: in an idle process a share of its CPU time is nothing.
IDLE_SHARE = 0.001


class Budget:
    """The rate of the next window.

    Args:
        rate_hz: the wanted rate, samples per second of CPU time.
        share: of the process's CPU time, what profiling may take.
    """

    def __init__(self, *, rate_hz: float, share: float) -> None:
        self.wanted_hz = rate_hz
        self.share = share
        self.rate_hz = rate_hz
        self.spent_share = 0.0

    def allowed_ns(self, *, program_ns: float, wall_ns: float) -> float:
        """Return what may be spent in a window in which the program itself took `program_ns`."""
        return max(self.share * program_ns, IDLE_SHARE * wall_ns)

    def account(self, *, spent_ns: float, program_ns: float, wall_ns: float) -> None:
        """Take a window's costs into account.

        Args:
            spent_ns: CPU time of the agent and its collectors.
            program_ns: CPU time of the rest of the process.
            wall_ns: length of the window.
        """
        allowed_ns = self.allowed_ns(program_ns=program_ns, wall_ns=wall_ns)
        self.spent_share = spent_ns / program_ns if program_ns > 0 else 0.0
        if spent_ns > allowed_ns:
            self.rate_hz = max(min(LEAST_RATE_HZ, self.wanted_hz), self.rate_hz / 2)
        elif spent_ns < allowed_ns / 2:
            self.rate_hz = min(self.wanted_hz, self.rate_hz * 2)

"""How long requests of the application took, by method and status: a histogram for `metrics`."""

import _thread
from bisect import bisect_left

__all__ = ["BOUNDS_S", "RequestTimes", "times"]

# Those of most Prometheus clients, and two below: Python answers in less than 5 ms, too.
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}


class RequestTimes:
    """A histogram for each (method, status); there is no more than one for each that HTTP knows."""

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._counts: dict[tuple[str, int], list[int]] = {}
        self._sums_s: dict[tuple[str, int], float] = {}

    def add(self, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method if method in _METHODS else "other", status if 100 <= status < 600 else 0)
        with self._lock:
            counts = self._counts.get(key)
            if counts is None:
                counts = self._counts[key] = [0] * (len(BOUNDS_S) + 1)
                self._sums_s[key] = 0.0
            counts[bisect_left(BOUNDS_S, seconds)] += 1
            self._sums_s[key] += seconds

    def rows(self) -> list[tuple[str, int, list[int], float]]:
        """Return (method, status, counts of each bucket, sum of seconds)."""
        with self._lock:
            return [(*key, list(counts), self._sums_s[key]) for key, counts in sorted(self._counts.items())]


times = RequestTimes()

"""What everybody who times in slices agrees upon; nothing is needed to import it."""

from __future__ import annotations

__all__ = ["SLICE_NS", "Slice"]

SLICE_NS = 2_000_000

# (iterations, elapsed_ns, delay_ns in the run queue or -1, end_ns on the monotonic clock)
Slice = tuple[int, int, int, int]

"""What everybody who times in slices agrees upon; nothing is needed to import it."""

from __future__ import annotations

__all__ = ["SLICE_NS", "Slice"]

SLICE_NS = 2_000_000

# (iterations, elapsed_ns, delay_ns without a CPU or -1, end_ns on the monotonic clock, reference_ns or 0);
# the last is what a fixed piece of work took just before or after: how fast the machine was
Slice = tuple[int, int, int, int, int]

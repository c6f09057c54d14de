"""What-if lines: what the whole would gain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whet.analyze.profile.speedup import Speedup
from whet.render.profile.intervals import bound_text

__all__ = ["speedup_lines"]


def speedup_lines(speedups: Sequence[Speedup]) -> Iterator[str]:
    """Yield a line for each speedup."""
    for speedup in speedups:
        yield f"Speedup {speedup.text}: the whole {_gain_text(speedup)}, {_saved_text(speedup)}"


def _gain_text(speedup: Speedup) -> str:
    gain = _times(speedup.gain)
    interval = speedup.gain_interval
    return f"{gain} as fast" + (f" ({_times(interval.low)}..{_times(interval.high)})" if interval else "")


def _times(gain: float) -> str:
    text = bound_text(gain)
    return "infinitely" if text == "all" else text


def _saved_text(speedup: Speedup) -> str:
    interval = speedup.interval
    sign, word = (-1, "more") if speedup.saved < 0 else (1, "less")
    text = f"{100 * abs(speedup.saved):.1f}% {word}"
    if interval is None:
        return text
    ends = sorted((sign * interval.low, sign * interval.high))
    return f"{text} ({100 * ends[0]:.1f}..{100 * ends[1]:.1f}%)"

"""How times and the ends of intervals of ratios are written in tables of verdicts."""

from __future__ import annotations

import math

__all__ = ["end_text", "time_text"]


def end_text(value: float) -> str:
    """Write an end of the interval of a ratio."""
    return "∞" if math.isinf(value) else f"{value:.3f}"


def time_text(ns: float) -> str:
    """Write a time with four digits."""
    for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if ns >= limit:
            return f"{ns / limit:.4g} {unit}"
    return f"{ns:.4g} ns"

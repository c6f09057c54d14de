"""Means of integers, as reports divide them. Imports no NumPy."""

from __future__ import annotations

__all__ = ["quotient"]


def quotient(value: int, divisor: int) -> int:
    """Divide as 64-bit integers, towards zero; a divisor of 0 leaves the value alone."""
    if divisor == 0:
        return value
    size = abs(value) // abs(divisor)
    return size if (value < 0) == (divisor < 0) else -size

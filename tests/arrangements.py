"""Tests of two sides by going through all arrangements: slow, plain, and therefore the truth."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations


def two_u(first, second):
    """Return twice the number of pairs in which the first is greater, equal ones counting a half."""
    return sum((a > b) * 2 + (a == b) for a in first for b in second)


def enumerated_p(first, second):
    """Return twice the share of arrangements with a U as small, or as large, whichever is rarer."""
    pooled = [*first, *second]
    seen = two_u(first, second)
    lower = upper = total = 0
    for chosen in combinations(range(len(pooled)), len(first)):
        one = [pooled[i] for i in chosen]
        other = [pooled[i] for i in range(len(pooled)) if i not in chosen]
        lower += two_u(one, other) <= seen
        upper += two_u(one, other) >= seen
        total += 1
    centered = seen == len(first) * len(second)
    return 1.0 if centered else min(1.0, float(Fraction(2 * min(lower, upper), total)))

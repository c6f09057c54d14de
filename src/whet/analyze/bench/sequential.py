"""Deciding between two versions while the measurements still come in.

Looking after every pair and stopping when a p-value is small finds differences that are not there. The
test here may be looked at as often as one likes: it bets against the hypothesis that the median of the
pairs' log ratios is `theta`, and its winnings, an *e-value*, exceed 1/alpha with a probability of at most
alpha, ever (Ville 1939). The bets are those of Krichevsky and Trofimov (1981) on the signs of what is above
and below theta, so nothing is assumed of the noise but that pairs are independent. All theta that are not
rejected make an interval that holds at every look (a confidence sequence; Howard et al. 2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ALPHA", "Decision", "decide", "log_e_value", "median_interval"]

ALPHA = 0.05
DIFFERENT, SAME, OPEN = "different", "same", "cannot tell"


@dataclass(frozen=True)
class Decision:
    """What is known after some pairs.

    Attributes:
        verdict: `different`, `same` (no difference of more than the margin) or `cannot tell`.
        ratio: the median of new over old.
        low, high: interval of that ratio at every look at once; 0 and infinity while it has no end.
        pairs: how many were measured.
        pairs_needed: an estimate of how many would decide, 0 where it is decided or unknown.
    """

    verdict: str
    ratio: float
    low: float
    high: float
    pairs: int
    pairs_needed: int = 0


def log_e_value(above: int, below: int) -> float:
    """Return ln of the winnings against a fair coin after so many signs above and below."""
    n = above + below
    return (
        math.lgamma(above + 0.5) + math.lgamma(below + 0.5) - math.lgamma(n + 1) - math.log(math.pi)
        + n * math.log(2)
    )  # fmt: skip


def median_interval(values: Sequence[float], alpha: float = ALPHA) -> tuple[float, float]:
    """Return the interval of all medians that the signs of `values` do not reject at `alpha`."""
    ordered = sorted(values)
    n, limit = len(ordered), math.log(1 / alpha)
    # So few values below a median are too few; the interval ends at the next one.
    rejected = next((k for k in range(n // 2 + 1) if log_e_value(n - k, k) < limit), 0)
    if rejected == 0:
        return -math.inf, math.inf
    return ordered[rejected - 1], ordered[n - rejected]


def decide(log_ratios: Sequence[float], margin: float, alpha: float = ALPHA) -> Decision:
    """Say what the pairs measured so far tell.

    Args:
        log_ratios: ln(new / old) of each pair, in the order in which they were measured; at least one.
        margin: a relative difference that does not matter, for example 0.02.
        alpha: the probability of a wrong verdict of each kind, over all looks.
    """
    low, high = median_interval(log_ratios, alpha)
    ordered = sorted(log_ratios)
    n = len(ordered)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    verdict = OPEN
    if low > 0 or high < 0:
        verdict = DIFFERENT
    elif low > math.log1p(-margin) and high < math.log1p(margin):
        verdict = SAME
    return Decision(
        verdict,
        math.exp(middle),
        math.exp(low),
        math.exp(high) if high < math.inf else math.inf,
        n,
        0 if verdict != OPEN else _needed(n, low, high, margin),
    )


def _needed(n: int, low: float, high: float, margin: float) -> int:
    """Estimate how many pairs narrow the interval to the margin: its width goes with 1/sqrt(n)."""
    if math.isinf(low) or math.isinf(high) or margin <= 0:
        return 0
    return math.ceil(n * max(1.0, (high - low) / (2 * math.log1p(margin))) ** 2)

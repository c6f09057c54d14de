"""Deciding between two versions while the measurements still come in.

Looking after every pair and stopping when a p-value is small finds differences that are not there. The
test here may be looked at as often as one likes: it bets against the hypothesis that the median of the
pairs' log ratios is `theta`, and its winnings, an *e-value*, exceed 1/alpha with a probability of at most
alpha, ever (Ville 1939). The bets are those of Krichevsky and Trofimov (1981) on the signs of what is above
and below theta, so nothing is assumed of the noise but that pairs are independent. All theta that are not
rejected make an interval that holds at every look (a confidence sequence; Howard et al. 2021). Half of the
stake is bet on pairs that nobody disturbed.
"""

from __future__ import annotations

import functools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ALPHA", "DIFFERENT", "OPEN", "SAME", "Decision", "decide", "log_e_value", "median_interval"]

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


def median_interval(
    values: Sequence[float], quiet: Sequence[float] | None = None, alpha: float = ALPHA
) -> tuple[float, float]:
    """Return the interval of all medians that the signs of `values` do not reject at `alpha`.

    Args:
        values: at least one.
        quiet: those of them that are less noisy; half of the stake is bet on these alone. The mean of two
            e-values is one, too.
        alpha: the probability that the interval ever leaves out the median.
    """
    ordered, calm = sorted(values), sorted(values if quiet is None else quiet)
    n = len(ordered)

    def is_kept(below: int) -> bool:
        # Between two neighbours the signs, and so the winnings, do not change.
        calm_below = bisect_right(calm, ordered[below - 1]) if below else 0
        return _winnings(n, below, len(calm), calm_below) < 1 / alpha

    # Winnings fall towards the medians of both, from either side.
    middles = n // 2, bisect_right(ordered, calm[len(calm) // 2]) if calm else n // 2
    first = bisect_left(range(min(middles)), True, key=is_kept)
    last = n - bisect_left(range(n - max(middles)), True, key=lambda above: is_kept(n - above))
    while not is_kept(first):
        first += 1
    while not is_kept(last):
        last -= 1
    return ordered[first - 1] if first else -math.inf, ordered[last] if last < n else math.inf


@functools.cache
def _winnings(n: int, below: int, calm: int, calm_below: int) -> float:
    both = math.exp(min(700.0, log_e_value(n - below, below)))
    return (both + math.exp(min(700.0, log_e_value(calm - calm_below, calm_below)))) / 2


def decide(
    log_ratios: Sequence[float],
    margin: float,
    alpha: float = ALPHA,
    *,
    quiet: Sequence[bool] | None = None,
) -> Decision:
    """Say what the pairs measured so far tell.

    Args:
        log_ratios: ln(new / old) of each pair, in the order in which they were measured; at least one.
        margin: a relative difference that does not matter, for example 0.02.
        alpha: the probability of a wrong verdict of each kind, over all looks.
        quiet: for each pair, whether nobody disturbed it; None: all are alike.
    """
    calm = [ratio for ratio, is_quiet in zip(log_ratios, quiet, strict=True) if is_quiet] if quiet else None
    low, high = median_interval(log_ratios, calm, alpha)
    ordered = sorted(calm or log_ratios)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    verdict = OPEN
    if low > 0 or high < 0:
        verdict = DIFFERENT
    elif low > math.log1p(-margin) and high < math.log1p(margin):
        verdict = SAME
    n = len(log_ratios)
    return Decision(
        verdict,
        math.exp(min(max(middle, low), high)),
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

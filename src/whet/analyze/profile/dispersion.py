"""How much a value varies from run to run: sampling, and what sampling does not explain.

A run's share p has two sources of variance: that of sampling, p(1-p)/n with n the effective
number of samples, and that of the runs themselves (hash seeds, memory layout, neighbours on
the machine). The second is modelled on the scale of the logit, with one standard deviation c
for all nodes of a comparison, so that it is (c p(1-p))^2 for a share (D. A. Williams, Appl.
Stat. 31, 1982) and (c u)^2 for a value u in time.

- c comes from all nodes of all replicated sides together: it makes the weighted squares add
  up to their degrees of freedom (R. C. Paule and J. Mandel, J. Res. NBS 87, 1982).
- A node that varies more than the others do gets a factor of its own, shrunk towards 1 with a
  strength that the nodes themselves tell (G. K. Smyth, Stat. Appl. Genet. Mol. Biol. 3, 2004;
  with counts: S. P. Lund et al., ibid. 11, 2012). That is what makes three runs a side useful.
- Without replicates nothing can be estimated, and `ASSUMED_SPREAD` stands for c. Its value is
  what benchmarks/compare_errors.py finds on one machine that is not quiet.

No variance is ever taken to be less than that of sampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.distributions import trigamma

__all__ = ["ASSUMED_SPREAD", "Dispersion", "Measured", "estimate_dispersion"]

F64 = npt.NDArray[np.float64]

ASSUMED_SPREAD = 0.01
_LARGEST_SPREAD = 10.0
_MOST_NODES = 1000  # the largest ones; the rest say little and cost time
_FEWEST_SAMPLES = 20.0  # of a node, over all runs, to take part in the estimate


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of nodes in runs of two sides, with what sampling explains of their variance.

    Attributes:
        values: float64[runs, nodes].
        sampling: float64[runs, nodes], variance by sampling under the null hypothesis.
        scale: float64[nodes], what the spread c is multiplied with.
        side: int[runs], 0 or 1.
        samples: float64[nodes], effective samples over all runs; infinite where unknown.
    """

    values: F64
    sampling: F64
    scale: F64
    side: npt.NDArray[np.int64]
    samples: F64

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the runs around the means of their sides."""
        return len(self.side) - len(np.unique(self.side))


@dataclass(frozen=True, slots=True)
class Dispersion:
    """The estimate.

    Attributes:
        spread: c, the relative standard deviation from run to run of a small share.
        factor: float64[nodes], of the variance of each node.
        prior: degrees of freedom that the common variance is worth; infinite without replicates.
        degrees: those of the runs themselves.
    """

    spread: float
    factor: F64
    prior: float
    degrees: int

    def variance(self, measured: Measured) -> F64:
        """Return the variance of each value: float64[runs, nodes]."""
        modelled = self.factor * (measured.sampling + (self.spread * measured.scale) ** 2)
        return np.maximum(modelled, measured.sampling)

    def df(self, measured: Measured) -> F64:
        """Return the degrees of freedom of the variance of each node: float64[nodes].

        The variance of sampling is known. That of the runs is common to the nodes of a run (a
        slow run is slow everywhere), so that many nodes tell no more of it than one; the two are
        weighed as in F. E. Satterthwaite, Biometrics Bull. 2, 1946.
        """
        if math.isinf(self.prior):
            return np.full(measured.values.shape[1], math.inf)
        between = (self.spread * measured.scale) ** 2
        part = np.median(between / np.maximum(measured.sampling + between, 1e-30), axis=0)
        df: F64 = 1.0 / (part**2 / self.degrees + 1.0 / (self.prior + self.degrees))
        return df


def estimate_dispersion(measured: Measured) -> Dispersion:
    """Estimate how much nodes vary from run to run."""
    nodes = measured.values.shape[1]
    if measured.degrees == 0:
        return Dispersion(ASSUMED_SPREAD, np.ones(nodes), math.inf, 0)
    used = _informative(measured)
    if not len(used):
        return Dispersion(ASSUMED_SPREAD, np.ones(nodes), 0.0, measured.degrees)
    spread = _spread(measured, used)
    ratio = _squares(measured, slice(None), spread) / measured.degrees
    prior = _prior_degrees(ratio[used], measured.degrees)
    factor = (prior + measured.degrees * ratio) / (prior + measured.degrees)
    return Dispersion(spread, factor, prior, measured.degrees)


def _informative(measured: Measured) -> npt.NDArray[np.int64]:
    enough = np.flatnonzero((measured.samples >= _FEWEST_SAMPLES) & (measured.scale > 0.0))
    return enough[np.argsort(-measured.scale[enough], kind="stable")[:_MOST_NODES]]


def _spread(measured: Measured, used: npt.NDArray[np.int64]) -> float:
    """Find the c at which the weighted squares are as large as they should be."""
    wanted = measured.degrees * len(used)
    low, high = 0.0, _LARGEST_SPREAD
    if _squares(measured, used, 1e-9).sum() <= wanted:
        return 0.0
    for _ in range(50):
        middle = (low + high) / 2.0
        if _squares(measured, used, middle).sum() > wanted:
            low = middle
        else:
            high = middle
    return high


def _squares(measured: Measured, nodes: npt.NDArray[np.int64] | slice, spread: float) -> F64:
    """Return the squared distances from the means of the sides, over the modelled variances."""
    values = measured.values[:, nodes]
    variance = measured.sampling[:, nodes] + (spread * measured.scale[nodes]) ** 2
    weight = 1.0 / np.maximum(variance, 1e-30)
    total = np.zeros(values.shape[1])
    for side in (0, 1):
        rows = measured.side == side
        mean = (weight[rows] * values[rows]).sum(axis=0) / weight[rows].sum(axis=0)
        total += (weight[rows] * (values[rows] - mean) ** 2).sum(axis=0)
    return total


def _prior_degrees(ratio: F64, degrees: int) -> float:
    """Return how many degrees of freedom the common variance is worth, by the spread of the logs.

    At most as many as the other nodes have together: nodes say nothing about each other that
    they have not measured.
    """
    most = float(degrees * max(len(ratio) - 1, 1))
    if len(ratio) < 2:
        return 0.0
    logs = np.log(np.maximum(ratio, 1e-5 * max(float(np.median(ratio)), 1e-30)))
    excess = float(np.var(logs, ddof=1)) - trigamma(degrees / 2.0)
    if excess <= 0.0:
        return most
    return min(2.0 * _inverse_trigamma(excess), most)


def _inverse_trigamma(value: float) -> float:
    low, high = 1e-3, 1e6
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if trigamma(middle) > value else (low, middle)
    return high

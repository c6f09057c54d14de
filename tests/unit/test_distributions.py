"""Tails and quantiles agree with exact sums, closed forms and published tables."""

import math
from fractions import Fraction

import numpy as np
import pytest

from whet.analyze.distributions import (
    beta_cdf,
    binomial_two_sided,
    normal_deviates,
    student_quantile,
    student_two_sided,
    trigamma,
)


def exact_binomial(count, total, share):
    terms = [math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(total + 1)]
    return float(min(1, 2 * min(sum(terms[count:]), sum(terms[: count + 1]))))


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(1, 11), Fraction(9, 10)])
@pytest.mark.parametrize("total", [1, 7, 60, 400])
def test_binomial_test_agrees_with_exact_sums(total, share):
    counts = sorted({0, 1, total // 10, total // 2, total})
    found = binomial_two_sided(
        np.array(counts, float), np.full(len(counts), float(total)), np.full(len(counts), float(share))
    )
    assert found == pytest.approx([exact_binomial(c, total, share) for c in counts], rel=1e-9, abs=1e-300)


def test_binomial_test_passes_into_the_normal_one_without_a_step():
    below, above = binomial_two_sided(
        np.array([49_200.0, 49_200.5]), np.array([100_000.0, 100_001.0]), np.array([0.5, 0.5])
    )
    assert below == pytest.approx(above, rel=0.02)


def test_nothing_out_of_nothing_is_no_evidence():
    assert binomial_two_sided(np.zeros(1), np.zeros(1), np.full(1, 0.3)).tolist() == [1.0]


def test_incomplete_beta_agrees_with_its_closed_forms():
    x = np.linspace(0, 1, 21)
    assert beta_cdf(x, 1, 3) == pytest.approx(1 - (1 - x) ** 3)
    assert beta_cdf(x, 4, 1) == pytest.approx(x**4)
    assert beta_cdf(x, 0.5, 0.5) == pytest.approx(2 / math.pi * np.arcsin(np.sqrt(x)))
    assert beta_cdf(x, 2.5, 7.25) + beta_cdf(1 - x, 7.25, 2.5) == pytest.approx(np.ones(21))


def test_student_agrees_with_tables_and_closed_forms():
    df = np.array([1.0, 4.0, 30.0, math.inf])
    assert student_quantile(0.975, df) == pytest.approx([12.7062, 2.77645, 2.04227, 1.95996], abs=1e-4)
    t = np.array([0.0, 0.5, 3.0])
    assert student_two_sided(t, 1.0) == pytest.approx(1 - 2 / math.pi * np.arctan(t))
    assert student_two_sided(t, 2.0) == pytest.approx(1 - t / np.sqrt(2 + t * t))


def test_deviates_undo_the_normal_tail():
    z = np.array([0.0, 1.0, 5.0, 8.0])
    assert normal_deviates(student_two_sided(z, math.inf)) == pytest.approx(z, rel=1e-6)


def test_trigamma_at_known_points():
    assert trigamma(1.0) == pytest.approx(math.pi**2 / 6)
    assert trigamma(0.5) == pytest.approx(math.pi**2 / 2)

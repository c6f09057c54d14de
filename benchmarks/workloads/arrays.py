"""NumPy: long C calls that release or hold the interpreter lock, with little Python between."""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import numpy.typing as npt
from measured import measured

Matrix = npt.NDArray[np.float64]


def smooth(field: Matrix) -> Matrix:
    """Take the mean of four neighbours."""
    neighbours = [np.roll(field, step, axis) for step in (1, -1) for axis in (0, 1)]
    return np.mean(neighbours, axis=0, dtype=np.float64)  # type: ignore[no-any-return]


def project(field: Matrix, basis: Matrix) -> Matrix:
    """Multiply matrices."""
    return basis @ field


def work(scale: float) -> float:
    rng = np.random.default_rng(1)
    field = rng.random((300, 300))
    basis = np.linalg.qr(rng.random((300, 300)))[0]
    for _ in range(int(500 * scale)):
        field = smooth(field)
        field = np.sort(project(field, basis), axis=1)
        # Kept at unit size: numbers that fade to denormals cost more, unless a library turned those off.
        field = (field - field.mean()) / field.std()
    return float(field.sum())


if __name__ == "__main__":
    measured(work)

"""Answers as CSV with hey's columns, in seconds with six decimals where hey has four. Blocks in, text out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["HEADER", "csv_rows"]

HEADER = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n"


def csv_rows(block: npt.NDArray[np.int64], begin_ns: int) -> str:
    """Return a line for each answer.

    Args:
        block: as `analyze.load.totals` has it.
        begin_ns: what offsets count from.
    """
    lines = []
    for row in block.tolist():
        intended, start, ready, written, first, end, status, _ = row
        times = end - intended, ready - start, 0, written - ready, max(0, first - written), end - first
        cells = ",".join(f"{ns / 1e9:.6f}" for ns in times)
        lines.append(f"{cells},{status},{(intended - begin_ns) / 1e9:.6f}\n")
    return "".join(lines)

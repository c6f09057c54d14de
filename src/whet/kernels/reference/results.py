"""Scanning Go's benchmark format for plain result lines: the twin of native/codec/results.

A plain line is ASCII and reads `Benchmark<name> <iterations> (<number> <unit>)+` with spaces or
tabs between, where iterations have at most 18 digits and numbers are decimal without a sign or
an exponent, 15 digits at most: those are exact in one division. It has 32 values at most. Every
other line that could mean something is handed back by its place, for the format's own reader to
judge: lines that begin with `Benchmark` (but hold more than a name), `U`, a byte above 127, or a
lower-case letter and hold a colon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ScannedResults", "scan_results"]

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_PLAIN = re.compile(
    rb"Benchmark([!-~]+)[ \t]+([0-9]{1,18})"
    rb"((?:[ \t]+(?=[0-9.]{1,16}[ \t])[0-9]{1,15}(?:\.[0-9]{1,15})?[ \t]+[!-~]+)+)[ \t]*\Z"
)
_MOST_DIGITS = 15
_MOST_VALUES = 32


@dataclass(slots=True)
class ScannedResults:
    """What a block held; names and units are numbered in order of first appearance.

    Attributes:
        line, name, iterations: int64, int32, int64[results]; lines count from 0.
        value_start: int64[results + 1]; value, unit: float64, int32[values].
        names, units: the numbered texts.
        other_line, other_start, other_end: int64[others]; places of lines that were not judged.
        lines: how many the block has.
    """

    line: I64
    name: I32
    iterations: I64
    value_start: I64
    value: F64
    unit: I32
    names: list[bytes]
    units: list[bytes]
    other_line: I64
    other_start: I64
    other_end: I64
    lines: int


def scan_results(block: bytes) -> ScannedResults:
    """Scan a block of whole lines; a carriage return before the end of a line belongs to the end."""
    names: dict[bytes, int] = {}
    units: dict[bytes, int] = {}
    rows: list[tuple[int, int, int]] = []
    counts, values, value_units = [0], list[float](), list[int]()
    others: list[tuple[int, int, int]] = []
    at = number = 0
    while at < len(block):
        end = block.find(b"\n", at)
        end = len(block) if end == -1 else end
        line = block[at:end].removesuffix(b"\r")
        plain = _plain(line)
        if plain:
            name, iterations, pairs = plain
            rows.append((number, names.setdefault(name, len(names)), iterations))
            values += map(float, pairs[::2])
            value_units += (units.setdefault(unit, len(units)) for unit in pairs[1::2])
            counts.append(len(values))
        elif _may_mean_something(line):
            others.append((number, at, at + len(line)))
        at = end + 1
        number += 1
    table, places = np.array(rows, np.int64).reshape(-1, 3), np.array(others, np.int64).reshape(-1, 3)
    return ScannedResults(
        line=table[:, 0].copy(),
        name=table[:, 1].astype(np.int32),
        iterations=table[:, 2].copy(),
        value_start=np.array(counts, np.int64),
        value=np.array(values, np.float64),
        unit=np.array(value_units, np.int32),
        names=list(names),
        units=list(units),
        other_line=places[:, 0].copy(),
        other_start=places[:, 1].copy(),
        other_end=places[:, 2].copy(),
        lines=number,
    )


def _plain(line: bytes) -> tuple[bytes, int, list[bytes]] | None:
    found = _PLAIN.match(line)
    if found is None:
        return None
    pairs = found[3].split()
    if len(pairs) > 2 * _MOST_VALUES or any(
        len(number) - (b"." in number) > _MOST_DIGITS for number in pairs[::2]
    ):
        return None
    return found[1], int(found[2]), pairs


def _may_mean_something(line: bytes) -> bool:
    if not line:
        return False
    first = line[0]
    if first >= 0x80 or first == ord("U"):
        return True
    if ord("a") <= first <= ord("z"):
        return b":" in line
    return line.startswith(b"Benchmark") and re.fullmatch(rb"[!-~]+", line) is None

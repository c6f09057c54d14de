"""Callers, callees and source lines of one node, from an index of stacks.

Nothing is formatted here. A sample counts once for each caller, callee and line, as in
pprof's graphs; calls of a node to itself are no calls.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.callindex import CallIndex
from whet.analyze.profile.nodes import slots

__all__ = ["Calls", "LineSums", "line_sums", "node_calls"]

I64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class Calls:
    """(node, value) of the callers and the callees of a node, largest first."""

    callers: list[tuple[int, int]]
    callees: list[tuple[int, int]]


@dataclass(slots=True)
class LineSums:
    """Values of source lines.

    Attributes:
        function: int64[l], rows of functions, -1 for none.
        line: int64[l].
        flat, cum: int64[l].
    """

    function: I64
    line: I64
    flat: I64
    cum: I64


def node_calls(index: CallIndex, nodes: list[int]) -> list[tuple[int, Calls]]:
    """Return who calls each of some nodes and whom it calls."""
    if not nodes:
        return []
    wanted = np.zeros(len(index.nodes), np.bool_)
    wanted[nodes] = True
    places, samples = index.places(wanted)
    at = index.step[places]
    found = []
    for node in nodes:
        place, sample = places[at == node], samples[at == node]
        has_caller = place + 1 < index.start[sample + 1]
        has_callee = place > index.start[sample]
        calls = Calls(
            callers=_sums(index, node, place[has_caller] + 1, sample[has_caller]),
            callees=_sums(index, node, place[has_callee] - 1, sample[has_callee]),
        )
        found.append((node, calls))
    return found


def _sums(index: CallIndex, node: int, place: I64, sample: I64) -> list[tuple[int, int]]:
    other = index.step[place].astype(np.int64)
    apart = other != node
    once = _distinct(other[apart] * len(index.values) + sample[apart])
    found, first = np.unique(once // max(1, len(index.values)), return_index=True)
    values = index.values[once % max(1, len(index.values))]
    sums = np.add.reduceat(values, first) if len(found) else values
    name = index.nodes.printable_names
    pairs = zip(found.tolist(), sums.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: (-abs(pair[1]), name[pair[0]]))


def _distinct(numbers: I64) -> I64:
    """Return the different ones of some numbers, in order: by sorting, which is quicker than by hashing."""
    ordered = np.sort(numbers)
    different: I64 = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    return different


def line_sums(index: CallIndex, node: int) -> LineSums:
    """Add up flat and cum of the source lines of a node."""
    place, sample = index.places_of(node)
    slot = index.slots(place)
    locations = index.report.profile.locations
    line = np.append(locations.line, 0)[slots(index.report.profile)[1][slot]]
    function = index.nodes.slot_function[slot].astype(np.int64)
    key, row = np.unique(np.stack([function, line], axis=1), axis=0, return_inverse=True)
    row = row.reshape(-1)
    leaf = place == index.start[sample]
    flat, cum = np.zeros(len(key), np.int64), np.zeros(len(key), np.int64)
    np.add.at(flat, row[leaf], index.values[sample[leaf]])
    once = np.unique(sample * max(1, len(key)) + row)
    np.add.at(cum, once % max(1, len(key)), index.values[once // max(1, len(key))])
    return LineSums(key[:, 0], key[:, 1], flat, cum)

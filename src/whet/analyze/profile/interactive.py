"""Everything an interactive report shows, small enough to be sent to a browser.

Two call trees (from the roots and from the leaves), flat and cum of functions and lines, all
split by label set, so that choosing labels or a sample type is a sum over rows that are there
and never needs the profile again. What is below the cutoff is summed up in rest nodes and a
rest row; every sum stays exact. Nothing is formatted here and no source file is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.calltree import CallTree, build_call_tree
from whet.analyze.profile.frames import Frames, stack_frames
from whet.analyze.profile.intervals import Intervals, build_intervals
from whet.analyze.profile.labelsets import LabelSets, label_sets
from whet.errors import WhetError
from whet.model.profile import Profile

__all__ = ["Interactive", "Rows", "interactive"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

CUTOFF_SHARE = 0.00005
LINE_CUTOFF_SHARE = 0.001
MAX_NODES = 150_000
MAX_CELLS = 2_000_000
MAX_EXACT = 2**53
_CHUNK_STEPS = 2_000_000


@dataclass(slots=True)
class Rows:
    """Sums of values by row and label set: row int64[r], group int64[r], values int64[r, v]."""

    row: I64
    group: I64
    values: I64


@dataclass(slots=True)
class Interactive:
    """The content of an interactive report.

    Attributes:
        frames: all frames of the profile.
        used: int64[u], the frames that are shown, heaviest first; rows below count in these.
        groups: label sets.
        cutoff_share: what the trees are complete down to, as a share of the total.
        callees, callers: the trees from the roots and from the leaves.
        callees_self, callers_self: what ends in each node; t values a row.
        functions: t flat and then t cum values for each row of `used`.
        hidden_functions: how many functions are below the cutoff.
        line_key: int64[l, 2], (row of `used`, source line).
        lines: t flat and then t cum values for each row of `line_key`.
        intervals: what the intervals of each sample type rest upon.
    """

    frames: Frames
    used: I64
    groups: LabelSets
    cutoff_share: float
    callees: CallTree
    callers: CallTree
    callees_self: Rows
    callers_self: Rows
    functions: Rows
    hidden_functions: int
    line_key: I64
    lines: Rows
    intervals: list[Intervals]


def interactive(profile: Profile) -> Interactive:
    """Prepare a profile for an interactive report.

    Raises:
        WhetError: the values are too large to be added up exactly in a browser.
    """
    values = profile.samples.values
    mass = np.abs(values.astype(np.float64))
    total = mass.sum(axis=0)
    if total.size and float(total.max()) >= MAX_EXACT:
        raise WhetError(
            "the values of this profile add up to more than 2^53 and cannot be shown exactly",
            hint="use a text report, or divide the values",
        )
    frames = stack_frames(profile)
    groups = label_sets(profile, max_groups=max(1, MAX_CELLS // max(1, len(frames))))
    share, callees, callers = _trees(frames, mass, total)
    flat, cum = _flat_cum(frames.stack_start, frames.stack_frame, len(frames), groups, values)
    kept = _heavy(np.concatenate([flat, cum]), total, share)
    used_set = np.union1d(np.flatnonzero(kept), callees.frame[callees.frame >= 0])
    used_set = np.union1d(used_set, callers.frame[callers.frame >= 0]).astype(np.int64)
    weight = np.abs(cum[-1].sum(axis=1))[used_set] if len(cum) else np.zeros(len(used_set))
    used = used_set[np.argsort(-weight, kind="stable")]
    for tree in (callees, callers):
        tree.frame = _renumber(tree.frame, used, len(frames))
    line_key, lines = _lines(frames, used, groups, values, cum, total)
    return Interactive(
        frames=frames,
        used=used,
        groups=groups,
        cutoff_share=share,
        callees=callees,
        callers=callers,
        callees_self=_self_rows(callees, groups, values),
        callers_self=_self_rows(callers, groups, values),
        functions=_rows(flat[:, used], cum[:, used]),
        hidden_functions=int((np.abs(cum).sum(axis=(0, 2)) > 0).sum()) - len(used) if len(cum) else 0,
        line_key=line_key,
        lines=lines,
        intervals=[build_intervals(profile, t, int(sums)) for t, sums in enumerate(total)],
    )


def _trees(frames: Frames, mass: F64, total: F64) -> tuple[float, CallTree, CallTree]:
    """Build both trees; the cutoff grows only if they would be too large for a browser."""
    share = CUTOFF_SHARE
    while True:
        cutoff = np.maximum(total * share, 1.0)
        start, frame = frames.stack_start, frames.stack_frame
        callees = build_call_tree(start, frame, mass, cutoff, max_nodes=MAX_NODES)
        if callees is not None:
            callers = build_call_tree(start, frame, mass, cutoff, inverted=True, max_nodes=MAX_NODES)
            if callers is not None:
                return share, callees, callers
        share *= 2


def _heavy(sums: F64, total: F64, share: float) -> npt.NDArray[np.bool_]:
    """Tell which rows of [2t, rows, groups] reach the cutoff in any value."""
    if not len(sums):
        return np.zeros(sums.shape[1], np.bool_)
    cutoff = np.maximum(np.tile(total, 2) * share, 1.0)
    heavy: npt.NDArray[np.bool_] = (np.abs(sums).sum(axis=2) >= cutoff[:, None]).any(axis=0)
    return heavy


def _flat_cum(
    start: I64, step_key: npt.NDArray[np.integer], keys: int, groups: LabelSets, values: I64
) -> tuple[F64, F64]:
    """Add up flat and cum of each key and label set; a key counts once a sample.

    A key of -1 is left out. Sums are exact: no total reaches 2^53.

    Returns:
        float64[t, keys, groups] twice.
    """
    types, width = values.shape[1], len(groups.value)
    flat = np.zeros((types, keys * width))
    cum = np.zeros((types, keys * width))
    weights = values.astype(np.float64)
    group = groups.of_sample.astype(np.int64)
    samples = np.flatnonzero(np.diff(start) > 0)
    leaf = step_key[start[samples]].astype(np.int64)
    samples, leaf = samples[leaf >= 0], leaf[leaf >= 0]
    for t in range(types):
        flat[t] += np.bincount(leaf * width + group[samples], weights[samples, t], minlength=keys * width)
    for low, high in _chunks(start):
        steps = step_key[start[low] : start[high]].astype(np.int64)
        owner = np.repeat(np.arange(low, high), np.diff(start[low : high + 1]))
        once = _distinct((owner * keys + steps)[steps >= 0])
        owner, key = once // max(keys, 1), once % max(keys, 1)
        cell = key * width + group[owner]
        for t in range(types):
            cum[t] += np.bincount(cell, weights[owner, t], minlength=keys * width)
    return flat.reshape(types, keys, width), cum.reshape(types, keys, width)


def _distinct(values: I64) -> I64:
    """Return the distinct values; sorting is ten times faster here than `np.unique`'s hashing."""
    values.sort()
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def _chunks(start: I64) -> list[tuple[int, int]]:
    """Cut the samples into runs of a bounded number of steps."""
    count = len(start) - 1
    bounds = [0]
    while bounds[-1] < count:
        limit = int(start[bounds[-1]]) + _CHUNK_STEPS
        end = int(np.searchsorted(start, limit, side="right")) - 1
        bounds.append(min(count, max(end, bounds[-1] + 1)))
    return list(pairwise(bounds))


def _renumber(column: npt.NDArray[np.integer], used: I64, size: int) -> I32:
    """Turn frame rows into rows of `used`; negative marks stay."""
    row = np.full(size + 1, -1, np.int32)
    row[used] = np.arange(len(used), dtype=np.int32)
    return np.where(column >= 0, row[np.maximum(column, 0)], column).astype(np.int32)


def _self_rows(tree: CallTree, groups: LabelSets, values: I64) -> Rows:
    """Add up the samples that end in each node, by label set."""
    width = len(groups.value)
    cell = tree.node_of_sample.astype(np.int64) * width + groups.of_sample
    found, index = np.unique(cell, return_inverse=True)
    sums = np.zeros((len(found), values.shape[1]), np.int64)
    np.add.at(sums, index.reshape(-1), values)
    return Rows(found // width, found % width, sums)


def _rows(flat: F64, cum: F64) -> Rows:
    """Turn [t, rows, groups] sums into rows, without those that are all zero."""
    both = np.concatenate([flat, cum]).astype(np.int64)
    row, group = np.nonzero((both != 0).any(axis=0))
    return Rows(row, group, both[:, row, group].T)


def _lines(
    frames: Frames, used: I64, groups: LabelSets, values: I64, cum: F64, total: F64
) -> tuple[I64, Rows]:
    """Add up flat and cum of the source lines of the heavier functions."""
    heavy = _heavy(np.concatenate([cum, cum]), total, LINE_CUTOFF_SHARE)
    wanted = np.zeros(len(frames), np.bool_)
    wanted[used] = heavy[used]
    wanted &= frames.name != 0
    row = _renumber(np.arange(len(frames)), used, len(frames)).astype(np.int64)
    place = np.flatnonzero(wanted[frames.place_frame] & (frames.place_line > 0))
    line = frames.place_line[place].astype(np.int64)
    found, index = np.unique((row[frames.place_frame[place]] << 32) | line, return_inverse=True)
    key = np.full(len(frames.place_frame), -1, np.int64)
    key[place] = index.reshape(-1)
    if len(found) * len(groups.value) > 4 * MAX_CELLS:
        return np.zeros((0, 2), np.int64), _rows(cum[:, :0], cum[:, :0])
    flat_sums, cum_sums = _flat_cum(frames.stack_start, key[frames.stack_place], len(found), groups, values)
    return np.stack([found >> 32, found & 0xFFFFFFFF], axis=1), _rows(flat_sums, cum_sums)

"""The stacks of a report laid out once, so that every view of them is an array operation.

An index holds what the web UI asks for again and again: the node of every step, flat and cum of
every node. From it come the trees that fit on a screen: complete down to a share of what is
looked at, with the rest summed up in rest nodes, so that a node is always itself plus its
children. Nothing is formatted here.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from whet import kernels
from whet.analyze.profile.calltree import CallTree, Walk, Zoom, build_tree
from whet.analyze.profile.chosen import Chosen
from whet.analyze.profile.nodes import Nodes, slots
from whet.analyze.profile.report import Report
from whet.analyze.profile.select import first_in_row
from whet.analyze.profile.values import base_samples
from whet.errors import WhetError

__all__ = ["SCREEN_SHARE", "CallIndex", "ScreenTree", "build_call_index"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SCREEN_SHARE = 0.0005  # half a pixel of a screen a thousand pixels wide
MAX_EXACT = 2**53


@dataclass(slots=True)
class ScreenTree:
    """A tree with its sums.

    Attributes:
        tree: the nodes; frames are nodes of the index.
        own: int64[nodes], what ends in each node.
        own_mass: int64[nodes], the same of absolute values.
    """

    tree: CallTree
    own: I64
    own_mass: I64


@dataclass
class CallIndex:
    """The filtered samples of a report.

    Attributes:
        nodes: what a step may be.
        start: int64[n + 1], CSR over `step`.
        step: int32[steps], rows of `nodes`, leaf first.
        values: int64[n].
        sums: flat and cum, int64[nodes] each, which are added up while trees grow.
        chosen: what filters left; None for all. Other samples have no value.
    """

    report: Report
    nodes: Nodes
    start: I64
    step: I32
    values: I64
    sums: Future[tuple[I64, I64]]
    chosen: Chosen | None = None

    @property
    def flat(self) -> I64:
        """The value of the samples that end in each node: int64[nodes]."""
        return self.sums.result()[0]

    @property
    def cum(self) -> I64:
        """The value of the samples that pass each node: int64[nodes]."""
        return self.sums.result()[1]

    def narrowed(self, chosen: Chosen, report: Report | None = None) -> CallIndex:
        """Return the index of a part of this one; nodes and what was not cut are shared.

        `report` is that of other values of the same samples.
        """
        report = report or self.report
        values = np.where(chosen.keep, _values(report), 0)
        start, step = self.start, self.step
        if chosen.cuts_frames:
            start, step = _steps(report, self.nodes, chosen, self.nodes.slot_node)
        sums = _sums(start, step, values, len(self.nodes), chosen.keep)
        return CallIndex(report, self.nodes, start, step, values, sums, chosen)

    @property
    def keep(self) -> Mask | None:
        """The samples that count: bool[n]; None for all."""
        return None if self.chosen is None else self.chosen.keep

    def slots(self, place: I64) -> I64:
        """Return the slots (see `Nodes`) of some steps, given by their places in `step`."""
        nodes = self.nodes
        every = np.arange(len(nodes.slot_node), dtype=np.int32)
        cut = self.chosen if self.chosen is not None and self.chosen.cuts_frames else None
        found: I64 = _steps(self.report, nodes, cut, every)[1][place].astype(np.int64)
        return found

    @cached_property
    def mass(self) -> F64:
        """The absolute value of each sample: float64[n, 1]."""
        return np.abs(self.values.astype(np.float64)).reshape(-1, 1)

    @cached_property
    def total_mass(self) -> int:
        """The sum of absolute values."""
        return int(np.abs(self.values).sum())

    @property
    def is_difference(self) -> bool:
        """Whether values of both signs may occur."""
        return bool(self.values.size and self.values.min() < 0)

    @cached_property
    def base(self) -> npt.NDArray[np.bool_] | None:
        """Flags of the samples that are a base's; None where the profile does not tell."""
        return base_samples(self.report.profile)

    def tree(self, *, inverted: bool = False, path: I32 | None = None) -> ScreenTree:
        """Return the tree from the roots or the leaves, complete for the screen.

        `path` leads to a branch that is to be complete for a screen of its own.
        """
        zoom = Zoom(path, SCREEN_SHARE) if path is not None and len(path) else None
        walk = _walk(self.start, inverted=inverted)
        if self.keep is not None:
            walk.length[~self.keep] = 0
        return self._grown(walk, zoom)

    def path(self, sample: int, depth: int, *, inverted: bool = False) -> I32 | None:
        """Return the first `depth` steps of a sample, or None if there are not so many."""
        if not 0 <= sample < len(self.values):
            return None
        low, high = int(self.start[sample]), int(self.start[sample + 1])
        if not 0 < depth <= high - low:
            return None
        return self.step[low : low + depth] if inverted else self.step[high - depth : high][::-1]

    def around(self, node: int) -> tuple[ScreenTree, ScreenTree]:
        """Return the trees of callers and of callees of a node: of its outermost occurrences."""
        place, sample = self.places_of(node)
        outermost = np.append(sample[1:] != sample[:-1], True) if len(place) else np.zeros(0, np.bool_)
        sample, place = sample[outermost], place[outermost]
        callers = Walk(place + 1, self.start[sample + 1] - place - 1, 1)
        callees = Walk(place - 1, place - self.start[sample], -1)
        return self._grown(callers, None, sample), self._grown(callees, None, sample)

    def places_of(self, node: int) -> tuple[I64, I64]:
        """Return where a node is in `step`, and in which samples; a sample may have it twice."""
        return self._samples_at(np.flatnonzero(self.step == node))

    def places(self, wanted: Mask) -> tuple[I64, I64]:
        """Return the same of all flagged nodes."""
        return self._samples_at(np.flatnonzero(wanted[self.step]))

    def _samples_at(self, place: I64) -> tuple[I64, I64]:
        sample = np.searchsorted(self.start, place, side="right") - 1
        if self.keep is None:
            return place, sample
        counts = self.keep[sample]
        return place[counts], sample[counts]

    def matching(self, flags: npt.NDArray[np.bool_]) -> int:
        """Return the sum of absolute values of the samples with a flagged node in them."""
        through = first_in_row(flags, self.start, self.step) >= 0
        return int(np.abs(self.values[through]).sum())

    def heaviest(self, count: int) -> I64:
        """Return the nodes that are among the `count` largest by flat or by cum."""
        seen = np.flatnonzero((self.flat != 0) | (self.cum != 0))
        chosen = []
        for column in (np.abs(self.flat), np.abs(self.cum)):
            order = np.argsort(-column[seen], kind="stable")
            chosen.append(seen[order[:count]])
        return np.union1d(chosen[0], chosen[1]).astype(np.int64)

    def _grown(self, walk: Walk, zoom: Zoom | None, samples: I64 | None = None) -> ScreenTree:
        values = self.values if samples is None else self.values[samples]
        mass = self.mass if samples is None else self.mass[samples]
        cutoff = np.maximum(mass.sum(axis=0) * SCREEN_SHARE, 1.0)
        tree = build_tree(self.step, len(self.nodes), walk, mass, cutoff, zoom=zoom)
        assert tree is not None
        size = len(tree)
        # Sums are below 2^53, so adding them up in float64 is exact.
        own = np.bincount(tree.node_of_sample, values, minlength=size).astype(np.int64)
        own_mass = np.bincount(tree.node_of_sample, mass[:, 0], minlength=size).astype(np.int64)
        return ScreenTree(tree, own, own_mass)


def build_call_index(report: Report, known: CallIndex | None = None) -> CallIndex:
    """Lay out the filtered profile of a report; `known` is an index of the same functions and places.

    Raises:
        WhetError: the values are too large to be added up exactly in a browser.
    """
    values = _values(report)
    nodes = report.nodes() if known is None else known.nodes
    if known is not None and known.chosen is None and known.report.profile.samples is report.profile.samples:
        start, step = known.start, known.step
    else:
        start, step = _steps(report, nodes, None, nodes.slot_node)
    return CallIndex(report, nodes, start, step, values, _sums(start, step, values, len(nodes)))


def _sums(
    start: I64, step: I32, values: I64, count: int, keep: Mask | None = None
) -> Future[tuple[I64, I64]]:
    """Begin to add up flat and cum in a thread; kernels run beside Python."""
    worker = ThreadPoolExecutor(1)
    sums = worker.submit(kernels.step_sums, start, step, values, count, keep)
    worker.shutdown(wait=False)
    return sums


def _values(report: Report) -> I64:
    values = np.ascontiguousarray(report.divided_profile().samples.values[:, report.index])
    if float(np.abs(values.astype(np.float64)).sum()) >= MAX_EXACT:
        raise WhetError(
            "the values of this profile add up to more than 2^53 and cannot be shown exactly",
            hint="use a text report, or divide_by",
        )
    return values


def _steps(report: Report, nodes: Nodes, chosen: Chosen | None, numbers: I32) -> tuple[I64, I32]:
    """Return the CSR starts of what is left of the stacks, and the number of each step's slot."""
    samples = report.profile.samples
    begin, end = samples.stack_start[:-1], samples.stack_start[1:]
    if chosen is not None:
        begin, end = chosen.begin, np.where(chosen.keep, chosen.end, chosen.begin)
        numbers = np.where(_visible(report, chosen), numbers, np.int32(-1))
    return kernels.visible_steps(begin, end, samples.stack, nodes.slot_start, numbers)


def _visible(report: Report, chosen: Chosen) -> Mask:
    """Flag the slots that are left: those of lines, and of locations without lines."""
    start, line = slots(report.profile)
    bare = line < 0
    visible: Mask = np.append(chosen.line, True)[line]
    visible[bare] = ~np.repeat(chosen.hidden, np.diff(start))[bare]
    return visible


def _walk(start: I64, *, inverted: bool) -> Walk:
    length = np.diff(start)
    return Walk(start[:-1], length, 1) if inverted else Walk(start[1:] - 1, length, -1)

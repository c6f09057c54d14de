"""What is kept of one measured test, with the attributes that suites use."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from whet.analyze.bench.estimate import (
    Estimate,
    ProcessValue,
    estimate,
    full_speed,
    process_value,
    undisturbed,
)
from whet.analyze.bench.rounds import FIELDS, RoundStatistics
from whet.collect.bench_calls import Rounds
from whet.collect.bench_slices import Slice

__all__ = ["Record", "Test", "record_of"]

# Fewer rounds than this say more than a selection of them.
MIN_KEPT = 3
_SHOWN_OPTIONS = (
    "disable_gc", "timer", "min_rounds", "max_time", "min_time", "precision", "confidence", "warmup",
)  # fmt: skip


@dataclass(frozen=True)
class Test:
    """Which test.

    Attributes:
        name, fullname: as pytest shows them.
        param, params: the parameters' id and values, None without parameters.
        place: file, without its suffix, relative to the root directory.
        go_name: name in Go's benchmark format, `Benchmark` included.
    """

    __test__ = False

    name: str
    fullname: str
    param: str | None
    params: dict[str, Any] | None
    place: str
    go_name: str


class Named(Protocol):
    """What a test may have changed in its fixture."""

    name: str
    fullname: str
    group: str | None
    param: str | None
    params: dict[str, Any] | None
    extra_info: dict[str, Any]
    has_error: bool


@dataclass
class Record:
    """A measured test; `record["mean"]` is `record.stats.mean`.

    Attributes:
        stats: of the rounds, in seconds per call.
        iterations: calls in a round.
        value: nanoseconds per call as `whet bench` counts them, and how noisy it was.
        allocations: (iterations, objects, bytes), or None.
    """

    fixture: Named
    test: Test
    stats: RoundStatistics
    iterations: int
    options: dict[str, Any]
    value: ProcessValue
    allocations: tuple[int, int, int] | None = None
    cprofile_stats: Any = None
    name: str = field(init=False)
    fullname: str = field(init=False)
    param: str | None = field(init=False)
    params: dict[str, Any] | None = field(init=False)
    extra_info: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.fullname = self.fixture.name, self.fixture.fullname
        self.param, self.params = self.fixture.param, self.fixture.params
        self.extra_info = self.fixture.extra_info

    @property
    def group(self) -> str | None:
        """The group: a test may name it after measuring."""
        return self.fixture.group

    @property
    def has_error(self) -> bool:
        return self.fixture.has_error

    @property
    def estimate(self) -> Estimate:
        """The value with its certificate."""
        return estimate([self.value])

    @property
    def go_name(self) -> str:
        """The name in Go's benchmark format; a name that the test chose comes first."""
        if self.fixture.name == self.test.name:
            return self.test.go_name
        return "Benchmark" + re.sub(r"-(\d+)$", r"_\1", "_".join(str(self.fixture.name).split()))

    def __getitem__(self, key: str) -> Any:
        if key in FIELDS:
            return getattr(self.stats, key)
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None

    def get(self, key: str, default: Any = None) -> Any:
        """Return what `record[key]` is, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def as_dict(
        self,
        include_data: bool = True,
        flat: bool = False,
        stats: bool = True,
        cprofile: object = None,  # noqa: ARG002 (suites pass it)
    ) -> dict[str, Any]:
        """Return what JSON says of it.

        Args:
            include_data: with all rounds.
            flat: statistics beside the rest.
            stats: with statistics.
            cprofile: taken; profiles are in files of their own.
        """
        result: dict[str, Any] = {
            "group": self.group,
            "name": self.fixture.name,
            "fullname": self.fixture.fullname,
            "params": self.params,
            "param": self.param,
            "extra_info": self.extra_info,
            "options": {key: self.options[key] for key in _SHOWN_OPTIONS},
        }
        if not stats:
            return result
        numbers: dict[str, Any] = {**self.stats.as_dict(), "iterations": self.iterations}
        if include_data:
            numbers["data"] = self.stats.data
        return {**result, **numbers} if flat else {**result, "stats": numbers}


def record_of(
    fixture: Named,
    test: Test,
    found: Rounds,
    options: Mapping[str, Any],
    full_speed_ns: float,
    *,
    exact: bool,
) -> Record:
    """Make a record of what was timed.

    Args:
        fixture: the test's.
        test: which one.
        found: what was timed; at least one slice.
        options: how it was measured.
        full_speed_ns: of the machine's reference work; 0 where nobody knows.
        exact: so many rounds were asked for, so disturbed ones are kept among the statistics.
    """
    value = process_value(found.slices, found.overhead, full_speed_ns)
    least = int(options["min_rounds"])
    kept = found.slices if exact else _kept(found.slices, least, full_speed_ns)
    data = [max(0.0, (s[1] / s[0] - value.loop_ns)) / 1e9 for s in kept]
    return Record(
        fixture, test, RoundStatistics(data), found.slices[-1][0], dict(options), value, found.allocations
    )


def _kept(slices: Sequence[Slice], least: int, full_speed_ns: float) -> Sequence[Sequence[int]]:
    """Return the undisturbed slices, if there are enough of them, or at least those that had a CPU."""
    choices = (undisturbed(slices, full_speed_ns or full_speed(slices)), undisturbed(slices, 0))
    return next((kept for kept in choices if len(kept) >= max(MIN_KEPT, least)), slices)

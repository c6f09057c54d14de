"""Results of benchmarks: the record behind every benchmark format, as columns.

A result is a configuration (keys that held for it), a name, a number of iterations and values
with units; a set of repeated values is `measurements`. One `Results` is what one input held.
Strings are numbered per input; rows are in the order of the input. The words are those of
https://go.dev/design/14313-benchmark-format. No statistics and no grouping here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet.units import tidy_unit

__all__ = ["Configuration", "Problem", "Result", "Results", "ResultsBuilder", "UnitMetadata"]

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

# Keys with their values, in the order in which a reader meets them.
Configuration = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in an input that was not taken as it stands.

    Attributes:
        source: the name of the input.
        line: counted from 1; 0 where the input has no lines.
        message: what is wrong, in benchstat's words where it has some.
        loses_data: whether a measurement is missing because of it.
    """

    source: str
    line: int
    message: str
    loses_data: bool = True

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Result:
    """One result as a record of its own.

    Attributes:
        name: with sub-benchmarks and the `-N` of GOMAXPROCS, without `Benchmark`.
        iterations: the values are means over so many.
        values: (value, unit) as they were written.
        configuration: what held when it was measured.
        line: counted from 1; 0 where the input has no lines.
    """

    name: str
    iterations: int
    values: tuple[tuple[float, str], ...]
    configuration: Configuration = ()
    line: int = 0


@dataclass(slots=True)
class Results:
    """All results of one input, as columns.

    Attributes:
        source: the name of the input, for messages.
        names, configurations, units: what the numbered columns stand for.
        name, configuration: int32[results].
        iterations, line: int64[results].
        value_start: int64[results + 1]; result i has the values value_start[i] .. value_start[i + 1].
        value: float64[values], as written, in `unit`: int32[values].
        problems: in the order of the input.
    """

    source: str
    names: list[str]
    configurations: list[Configuration]
    units: list[str]
    name: I32
    configuration: I32
    iterations: I64
    line: I64
    value_start: I64
    value: F64
    unit: I32
    problems: list[Problem] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.name)

    def __getitem__(self, row: int) -> Result:
        values = range(int(self.value_start[row]), int(self.value_start[row + 1]))
        return Result(
            self.names[self.name[row]],
            int(self.iterations[row]),
            tuple((float(self.value[i]), self.units[self.unit[i]]) for i in values),
            self.configurations[self.configuration[row]],
            int(self.line[row]),
        )


class ResultsBuilder:
    """Collects results one by one; for inputs that are not worth a kernel."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.results: list[Result] = []
        self.problems: list[Problem] = []

    def add(self, result: Result) -> None:
        """Add a result."""
        self.results.append(result)

    def problem(self, message: str, *, line: int = 0, loses_data: bool = True) -> None:
        """Add a problem."""
        self.problems.append(Problem(self.source, line, message, loses_data))

    def finish(self) -> Results:
        """Return everything that was added."""
        names: dict[str, int] = {}
        configurations: dict[Configuration, int] = {}
        units: dict[str, int] = {}
        found = self.results
        values = [pair for result in found for pair in result.values]
        return Results(
            source=self.source,
            name=np.array([names.setdefault(r.name, len(names)) for r in found], np.int32),
            configuration=np.array(
                [configurations.setdefault(r.configuration, len(configurations)) for r in found], np.int32
            ),
            iterations=np.array([r.iterations for r in found], np.int64),
            line=np.array([r.line for r in found], np.int64),
            value_start=np.cumsum([0, *(len(r.values) for r in found)], dtype=np.int64),
            value=np.array([value for value, _ in values], np.float64),
            unit=np.array([units.setdefault(unit, len(units)) for _, unit in values], np.int32),
            names=list(names),
            configurations=list(configurations),
            units=list(units),
            problems=self.problems,
        )


class UnitMetadata:
    """What `Unit` lines said about units; it holds across inputs and is keyed by tidied units."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], str] = {}

    def set(self, unit: str, key: str, value: str) -> str:
        """Note a value; return the one that was there before where it contradicts, else ''."""
        have = self._values.setdefault((tidy_unit(unit)[0], key), value)
        return "" if have == value else have

    def get(self, unit: str, key: str) -> str:
        """Return a value, '' where none was given."""
        return self._values.get((tidy_unit(unit)[0], key), "")

    def is_exact(self, unit: str) -> bool:
        """Whether values of this unit have no distribution (`assume=exact`)."""
        return self.get(unit, "assume") == "exact"

    def direction(self, unit: str) -> int:
        """Return 1 where higher is better, -1 where lower is, 0 where nobody knows."""
        named = self.get(unit, "better")
        if named:
            return {"higher": 1, "lower": -1}.get(named, 0)
        return _DIRECTIONS.get(tidy_unit(unit)[0], 0)


_DIRECTIONS = {"sec/op": -1, "B/op": -1, "allocs/op": -1, "B/s": 1, "sec": -1}

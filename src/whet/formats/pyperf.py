"""pyperf's JSON: a benchmark has runs (processes), a run has values in one unit.

Specified by https://pyperf.readthedocs.io/en/latest/api.html#pyperf-json-format. Warm-ups and
calibrations hold no values and are passed over. Values of one process are alike (same memory layout,
same hash seed), so a process counts as one measurement, the median of its values; only where there
is a single process each of its values is one.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from whet.errors import FormatError
from whet.formats.result_json import as_value, benchmark_name, configuration_of
from whet.formats.text import as_list, as_object
from whet.model.result import Result, Results, ResultsBuilder

__all__ = ["decode"]

_UNITS = {"second": "sec/op", "byte": "B", "integer": "count"}
# Not the version of Python: comparing two of them is what people do.
_SHOWN = ("platform", "cpu_model_name")


def decode(document: dict[str, Any], source: str) -> Results:
    """Read a document.

    Raises:
        FormatError: it is not what pyperf writes.
    """
    builder = ResultsBuilder(source)
    common = as_object(document.get("metadata", {}), "metadata")
    for number, entry in enumerate(as_list(document["benchmarks"], "benchmarks")):
        benchmark = as_object(entry, f"benchmark {number}")
        metadata = {**common, **as_object(benchmark.get("metadata", {}), "metadata")}
        _add(builder, benchmark, metadata, number)
    return builder.finish()


def _add(builder: ResultsBuilder, benchmark: dict[str, Any], metadata: dict[str, Any], number: int) -> None:
    runs = [as_object(run, "a run") for run in as_list(benchmark.get("runs", []), "runs")]
    for run in runs[:1]:
        metadata = {**as_object(run.get("metadata", {}), "metadata of a run"), **metadata}
    unit = metadata.get("unit", "second")
    if not isinstance(unit, str) or unit not in _UNITS:
        raise FormatError(f"benchmark {number} has the unknown unit {unit!r}")
    name = benchmark_name(metadata.get("name"), number)
    loops = metadata.get("loops", 1)
    iterations = loops if isinstance(loops, int) and 0 < loops < 1 << 62 else 1
    shown = configuration_of(metadata, _SHOWN)
    values = _measurements(runs, name)
    if not values:
        builder.problem(f"benchmark {name} has no values")
    for value in values:
        builder.add(Result(name, iterations, ((value, _UNITS[unit]),), shown))


def _measurements(runs: list[dict[str, Any]], name: str) -> list[float]:
    """Return one value for each process, or those of a single one."""
    lists = [as_list(run.get("values", []), "values of a run") for run in runs]
    processes = [[as_value(v, f"a value of {name}") for v in values] for values in lists if values]
    return processes[0] if len(processes) == 1 else [median(values) for values in processes]

"""pyperf's JSON: a benchmark has runs (processes), a run has values in one unit.

Specified by https://pyperf.readthedocs.io/en/latest/api.html#pyperf-json-format. Warm-ups and
calibrations hold no values and are passed over. Metadata becomes configuration where all of a
benchmark's runs agree in it.
"""

from __future__ import annotations

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
    if unit not in _UNITS:
        raise FormatError(f"benchmark {number} has the unknown unit {unit!r}")
    name = benchmark_name(metadata.get("name"), number)
    loops = metadata.get("loops", 1)
    found = 0
    for run in runs:
        for value in as_list(run.get("values", []), "values of a run"):
            found += 1
            pair = (as_value(value, f"a value of {name}"), _UNITS[unit])
            iterations = loops if isinstance(loops, int) and 0 < loops < 1 << 62 else 1
            builder.add(Result(name, iterations, (pair,), configuration_of(metadata, _SHOWN)))
    if not found:
        builder.problem(f"benchmark {name} has no values")

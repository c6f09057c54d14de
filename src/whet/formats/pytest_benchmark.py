"""pytest-benchmark's JSON, best with its raw data (`--benchmark-save-data`).

Written by `--benchmark-json FILE` and in `.benchmarks/`; described at
https://pytest-benchmark.readthedocs.io. Each round is a value: seconds per call. Without raw
data a benchmark has one value, its median, and that is said.
"""

from __future__ import annotations

from typing import Any

from whet.formats.result_json import as_value, benchmark_name, configuration_of
from whet.formats.text import as_list, as_object
from whet.model.result import Configuration, Result, Results, ResultsBuilder

__all__ = ["decode"]

# Not the version of Python: comparing two of them is what people do.
_SHOWN = ("system", "machine")


def decode(document: dict[str, Any], source: str) -> Results:
    """Read a document.

    Raises:
        FormatError: it is not what pytest-benchmark writes.
    """
    builder = ResultsBuilder(source)
    machine = as_object(document["machine_info"], "machine_info")
    configuration = configuration_of(machine, _SHOWN)
    for number, entry in enumerate(as_list(document["benchmarks"], "benchmarks")):
        _add(builder, as_object(entry, f"benchmark {number}"), configuration, number)
    return builder.finish()


def _add(
    builder: ResultsBuilder, benchmark: dict[str, Any], configuration: Configuration, number: int
) -> None:
    name = benchmark_name(benchmark.get("fullname") or benchmark.get("name"), number)
    stats = as_object(benchmark.get("stats"), f"stats of {name}")
    iterations = stats.get("iterations", 1)
    iterations = iterations if isinstance(iterations, int) and 0 < iterations < 1 << 62 else 1
    values = as_list(stats.get("data") or [], f"data of {name}")
    if not values:
        builder.problem(
            f"{name} has no raw data, only its median is used; save with --benchmark-save-data",
            loses_data=False,
        )
        values = [stats.get("median")]
    for value in values:
        pair = (as_value(value, f"a value of {name}"), "sec/op")
        builder.add(Result(name, iterations, (pair,), configuration))

"""hyperfine's JSON (`--export-json`): a result is a command, a value is one run of it.

Times are seconds; peak memory, where hyperfine has it, is bytes. Parameters become parts of the
name, `command/size=10`. A run whose exit code is not 0 counts all the same, and is said.
"""

from __future__ import annotations

from typing import Any

from whet.formats.result_json import as_value, benchmark_name
from whet.formats.text import as_list, as_object
from whet.model.result import Result, Results, ResultsBuilder

__all__ = ["decode"]


def decode(document: dict[str, Any], source: str) -> Results:
    """Read a document.

    Raises:
        FormatError: it is not what hyperfine writes.
    """
    builder = ResultsBuilder(source)
    for number, entry in enumerate(as_list(document["results"], "results")):
        _add(builder, as_object(entry, f"result {number}"), number)
    return builder.finish()


def _add(builder: ResultsBuilder, result: dict[str, Any], number: int) -> None:
    name = benchmark_name(result.get("command"), number)
    parameters = as_object(result.get("parameters", {}), f"parameters of {name}")
    name += "".join(f"/{benchmark_name(f'{key}={value}', 0)}" for key, value in parameters.items())
    times = as_list(result.get("times") or [], f"times of {name}")
    memory = as_list(result.get("memory_usage_byte") or [], f"memory_usage_byte of {name}")
    if not times:
        builder.problem(f"{name} has no times of single runs, only its median is used", loses_data=False)
        times = [result.get("median", result.get("mean"))]
    for run, value in enumerate(times):
        values = [(as_value(value, f"a time of {name}"), "sec/op")]
        if run < len(memory):
            values.append((as_value(memory[run], f"memory of {name}"), "peak-B"))
        builder.add(Result(name, 1, tuple(values)))
    failed = sum(code != 0 for code in as_list(result.get("exit_codes") or [], f"exit_codes of {name}"))
    if failed:
        builder.problem(f"{failed} runs of {name} failed", loses_data=False)

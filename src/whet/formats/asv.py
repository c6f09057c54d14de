"""Results files of airspeed velocity (asv), as in `results/MACHINE/COMMIT-ENVIRONMENT.json`.

`results` maps a benchmark to a row of columns that `result_columns` names: `result` is a value for
each combination of `params`, `samples` the single ones where asv was told to record them. A result of
null failed, one of NaN was skipped. Units are those that asv's prefixes of names stand for. The
layout is that of asv 0.6's version 2.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

from whet.formats.result_json import as_value, benchmark_name, configuration_of
from whet.formats.text import as_list, as_object
from whet.model.result import Configuration, Result, Results, ResultsBuilder

__all__ = ["decode"]

_UNITS = {"time": "sec/op", "timeraw": "sec/op", "mem": "B", "peakmem": "peak-B", "track": "tracked"}


def decode(document: dict[str, Any], source: str) -> Results:
    """Read a document.

    Raises:
        FormatError: it is not what asv writes.
    """
    builder = ResultsBuilder(source)
    columns = [str(column) for column in as_list(document["result_columns"], "result_columns")]
    # Not the environment: comparing two of them is what people do.
    configuration = configuration_of(as_object(document.get("params") or {}, "params"), ("machine",))
    for number, (name, row) in enumerate(as_object(document["results"], "results").items()):
        cells = dict(zip(columns, as_list(row, f"row of {name}"), strict=False))
        _add(builder, benchmark_name(name, number), cells, configuration)
    return builder.finish()


def _add(builder: ResultsBuilder, name: str, cells: dict[str, Any], configuration: Configuration) -> None:
    if cells.get("result") is None:
        builder.problem(f"{name} has no result: it failed or was not run")
        return
    results = as_list(cells["result"], f"result of {name}")
    samples = as_list(cells.get("samples") or [], f"samples of {name}")
    unit = _UNITS.get(name.rpartition(".")[2].partition("_")[0], "value")
    for number, parameters in enumerate(_combinations(cells.get("params") or [], name)):
        full = "".join([name, *(f"/{benchmark_name(str(p), 0)}" for p in parameters)])
        single = samples[number] if number < len(samples) else None
        value = results[number] if number < len(results) else None
        if value is None:
            builder.problem(f"{full} has no result: it failed")
            continue
        if isinstance(value, float) and math.isnan(value):
            builder.problem(f"{full} was skipped", loses_data=False)
            continue
        for one in as_list(single, f"samples of {full}") if single else [value]:
            pair = (as_value(one, f"a value of {full}"), unit)
            builder.add(Result(full, 1, (pair,), configuration))


def _combinations(params: Any, name: str) -> list[tuple[Any, ...]]:
    lists = [as_list(values, f"params of {name}") for values in as_list(params, f"params of {name}")]
    return list(itertools.product(*lists))

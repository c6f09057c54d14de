"""Results and comparisons of benchmarks as one JSON document; docs/bench-json.schema.json describes it.

Numbers are as measured, not rounded; what is unknown or infinite is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from whet.analyze.bench.estimate import Certificate
from whet.render.bench.versus import Row

__all__ = ["SCHEMA_VERSION", "comparison_document", "result_record", "results_document"]

SCHEMA_VERSION = 1


def result_record(
    name: str,
    configuration: Mapping[str, str],
    iterations: int,
    values: Sequence[tuple[float, str]],
    certificate: Certificate | None,
    error: str = "",
) -> dict[str, object]:
    """Return one result of the document.

    Args:
        name: with `Benchmark` before it.
        configuration: what the result was measured with, by key.
        iterations: the values are means over so many.
        values: (value, unit).
        certificate: how noisy it was, or None where nobody knows.
        error: why there are no values.
    """
    return {
        "name": name,
        "configuration": dict(configuration),
        "iterations": iterations,
        "values": {unit: _finite(value) for value, unit in values},
        "certificate": {key: _finite(value) for key, value in asdict(certificate).items()}
        if certificate
        else None,
        "error": error,
    }


def results_document(records: Sequence[Mapping[str, object]]) -> str:
    """Return the document of measured benchmarks."""
    return _document({"results": list(records)})


def comparison_document(rows: Sequence[Row], margin: float) -> str:
    """Return the document of two versions side by side; `margin` is the share that does not matter."""
    return _document({"margin": margin, "comparisons": [_comparison(row) for row in rows]})


def _comparison(row: Row) -> dict[str, object]:
    name, old_ns, new_ns, quiet, decision, error = row
    return {
        "name": name,
        "old_ns": list(old_ns),
        "new_ns": list(new_ns),
        "quiet": list(quiet),
        "decision": {key: _finite(value) for key, value in asdict(decision).items()} if decision else None,
        "error": error,
    }


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _document(content: Mapping[str, object]) -> str:
    text = json.dumps(
        {"schema_version": SCHEMA_VERSION, **content}, ensure_ascii=False, allow_nan=False, indent=1
    )
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace") + "\n"

"""A load's report as one JSON document. Times are ns; what is unknown is left out."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from whet.analyze.load.doubts import Client, Doubt, Effort
from whet.analyze.load.summary import Phase, Summary
from whet.render.load.text import doubt_text

__all__ = ["SCHEMA_VERSION", "document", "report_record"]

SCHEMA_VERSION = 1


def report_record(
    summary: Summary,
    effort: Effort,
    doubts: list[Doubt],
    settings: dict[str, Any],
    *,
    client: Client,
    partial_reason: str,
) -> dict[str, Any]:
    """Return the report of one load.

    Args:
        summary: its numbers.
        effort: what the client did.
        doubts: reasons to doubt the numbers.
        settings: what was asked for, as JSON can hold it.
        client: what served the connections.
        partial_reason: why it ended early; empty if it did not.
    """
    return {
        "settings": settings,
        "partial_reason": partial_reason or None,
        "wall_ns": summary.wall_ns,
        "answers": summary.answers,
        "failures": summary.failures,
        "answers_per_s": summary.answers_per_s,
        "size_bytes": summary.size_bytes,
        "latency": _phase(summary.latency),
        "service": _phase(summary.service) if summary.service else None,
        "histogram": [asdict(bar) for bar in summary.picture],
        "phases": {name: _phase(phase) for name, phase in summary.phases.items()},
        "statuses": {str(status): _phase(phase) for status, phase in summary.statuses.items()},
        "errors": summary.errors,
        "connections": summary.connections,
        "retries": summary.retries,
        "client": {**asdict(client), **asdict(effort), "cpu_share": effort.cpu_share},
        "doubts": [{**asdict(doubt), "text": doubt_text(doubt, client)[0]} for doubt in doubts],
    }


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "count": phase.count,
        "mean_ns": phase.mean_ns,
        "lowest_ns": phase.lowest_ns,
        "highest_ns": phase.highest_ns,
        "percentiles_ns": {f"{percent:g}": value for percent, value in phase.percentiles.items()},
    }


def document(record: dict[str, Any]) -> str:
    """Return the document of a report."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **record}, allow_nan=False, indent=1) + "\n"

"""Loads in Go's benchmark format: a result is one run, so that `whet stat` can compare several."""

from __future__ import annotations

import re

from whet.analyze.load.summary import Summary
from whet.render.bench.lines import configuration_lines, result_line

__all__ = ["header_lines", "load_line"]

_UNITS = (
    ("ns/op", "lower"),
    ("p50-ns", "lower"),
    ("p90-ns", "lower"),
    ("p99-ns", "lower"),
    ("p99.9-ns", "lower"),
)
_SHOWN = (50.0, 90.0, 99.0, 99.9)


def header_lines(url: str, configuration: dict[str, str]) -> str:
    """Return what stands before results; the address is a comment, so that two can be compared."""
    lines = [f"# {url}", *configuration_lines(configuration)]
    lines += [f"Unit {unit} better={better}" for unit, better in (*_UNITS[1:], ("req/s", "higher"))]
    return "\n".join(lines) + "\n"


def load_line(method: str, path: str, summary: Summary) -> str:
    """Return one run's result: mean, rate and percentiles of the latency, and a share of failures."""
    name = "BenchmarkLoad/" + re.sub(r"[^\w.=-]+", "_", f"{method}{path.partition('?')[0]}").rstrip("_")
    latency = summary.latency
    values = [(latency.mean_ns, "ns/op"), (summary.answers_per_s, "req/s")]
    values += [(float(latency.percentiles[p]), f"p{p:g}-ns") for p in _SHOWN if p in latency.percentiles]
    if summary.failures:
        values.append((100 * summary.failures / (summary.failures + summary.answers), "failed-%"))
    return result_line(name, len(name), summary.answers, values) + "\n"

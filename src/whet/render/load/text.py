"""A load's report as text: hey's sections in hey's order, with more in them. It computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from whet.analyze.load.doubts import Client, Doubt
from whet.analyze.load.summary import Phase, Summary

__all__ = ["doubt_text", "duration_text", "progress_text", "report_text", "size_text"]

_BAR_WIDTH = 40
_FASTER = "uvloop (pip install 'whet[load]', and no --loop asyncio) makes this client faster"
_SLOWEST = Client("python", "asyncio")
_ONE_CORE = "a second whet load beside this one uses another core"
_PARTS = " ▏▎▍▌▋▊▉"
_NAMES = {
    "dial": "DNS+dialup",
    "tls": "TLS handshake",
    "write": "req write",
    "wait": "resp wait",
    "read": "resp read",
}


def report_text(summary: Summary, *, client: Client, rate_hz: float = 0.0) -> str:
    """Return the report of one load.

    Args:
        summary: its numbers.
        client: what served the connections.
        rate_hz: what was asked for, 0 if nothing was.
    """
    lines = [*_head(summary, client, rate_hz)]
    if summary.answers:
        lines += _picture(summary)
        lines += _distribution(summary)
        lines += _details(summary)
        lines += _statuses(summary)
    if summary.errors:
        lines += ["", "Error distribution:"]
        lines += [f"  [{count}]\t{kind}" for kind, count in summary.errors.items()]
    return "\n".join(lines) + "\n"


def _head(summary: Summary, client: Client, rate_hz: float) -> Iterator[str]:
    latency = summary.latency
    yield "Summary:"
    yield f"  Total:\t{summary.wall_ns / 1e9:.4f} secs"
    if summary.answers:
        yield f"  Slowest:\t{latency.highest_ns / 1e9:.6f} secs"
        yield f"  Fastest:\t{latency.lowest_ns / 1e9:.6f} secs"
        yield f"  Average:\t{latency.mean_ns / 1e9:.6f} secs"
    asked = f" of {rate_hz:g} asked for" if rate_hz else ""
    yield f"  Requests/sec:\t{summary.answers_per_s:.4f}{asked}"
    if summary.answers:
        yield ""
        yield f"  Total data:\t{size_text(summary.size_bytes)}, {size_text(summary.bytes_per_s)}/s"
        yield f"  Size/request:\t{size_text(summary.size_bytes / summary.answers)}"
    retried = f", {summary.retries} requests sent again" if summary.retries else ""
    yield f"  Connections:\t{summary.connections} made{retried}"
    yield f"  Client:\t{client.kind}, on {client.loop}"


def _picture(summary: Summary) -> Iterator[str]:
    yield ""
    yield "Response time histogram:"
    most = max(bar.count for bar in summary.picture)
    for bar in summary.picture:
        yield f"  {duration_text(bar.low_ns):>8} {bar.count:>10} |{_bar(bar.count / most)}".rstrip()


def _bar(share: float) -> str:
    eighths = round(share * _BAR_WIDTH * 8)
    if share and not eighths:
        eighths = 1
    return "█" * (eighths // 8) + (_PARTS[eighths % 8] if eighths % 8 else "")


def _distribution(summary: Summary) -> Iterator[str]:
    yield ""
    if summary.service is None:
        yield "Latency distribution:"
        for percent, value in summary.latency.percentiles.items():
            yield f"  {percent:g}% in {value / 1e9:.6f} secs"
        return
    yield "Latency distribution:  from the intended start   from the actual start (service time)"
    for percent, value in summary.latency.percentiles.items():
        service = summary.service.percentiles.get(percent, 0)
        yield f"  {f'{percent:g}%':<8} in  {value / 1e9:>17.6f} secs  {service / 1e9:>21.6f} secs"


def _details(summary: Summary) -> Iterator[str]:
    yield ""
    yield "Details (average, fastest, slowest, 99%):"
    for name, phase in summary.phases.items():
        yield f"  {_NAMES[name] + ':':<15}\t{_four(phase)}"


def _four(phase: Phase) -> str:
    values = phase.mean_ns, phase.lowest_ns, phase.highest_ns
    shown = [f"{value / 1e9:.6f} secs" for value in values]
    last = f"{phase.percentiles[99.0] / 1e9:.6f} secs" if 99.0 in phase.percentiles else "-"
    return ", ".join([*shown, last])


def _statuses(summary: Summary) -> Iterator[str]:
    yield ""
    yield "Status code distribution:"
    for status, phase in summary.statuses.items():
        times = f"median {duration_text(phase.percentiles[50.0])}, slowest {duration_text(phase.highest_ns)}"
        yield f"  [{status or 'others'}]\t{phase.count} responses\t{times}{_phrase(status)}"


def _phrase(status: int) -> str:
    if 200 <= status < 300:
        return ""
    try:
        return f"  {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def doubt_text(doubt: Doubt, client: Client) -> tuple[str, str]:
    """Return what a doubt means, and what to do about it; `client` is as in `report_text`."""
    value, bound = doubt.value, doubt.bound
    if doubt.kind == "client busy":
        return (
            f"the client was the bottleneck: it used {value:.0%} of a core; the server may be faster",
            f"--rate below this rate measures latency; {_FASTER if client == _SLOWEST else _ONE_CORE}",
        )
    if doubt.kind == "client late":
        return (
            f"the client was late: 1 % of requests started {duration_text(value)} or more after due",
            "is the machine busy? latencies from the intended start hold that delay, too",
        )
    if doubt.kind == "schedule missed":
        return (
            f"the schedule was missed: {int(value):,} of {int(bound):,} requests were sent in time",
            "the server, or -c, is too small for this rate",
        )
    if doubt.kind == "connections busy":
        return (
            f"{value / bound:.1%} of requests were due when all connections were busy; they waited",
            "more connections: -c",
        )
    return f"all {int(value):,} requests failed", "the error distribution says why"


def progress_text(elapsed_ns: int, total_s: float, requests: int | None, summary: Summary) -> str:
    """Return the line that is shown while a load runs."""
    of = f" of {total_s:g} s" if total_s else ""
    number = f"{summary.answers:,}" + (f" of {requests:,}" if requests and not total_s else "")
    parts = [f"{elapsed_ns / 1e9:.1f} s{of}: {number} answers, {summary.answers_per_s:,.0f}/s"]
    known = summary.latency.percentiles
    parts += [f"p{p:g} {duration_text(known[p])}" for p in (50.0, 99.0) if p in known]
    if summary.failures:
        parts.append(f"{summary.failures:,} failed")
    return ", ".join(parts)


def duration_text(ns: float) -> str:
    """Write a duration with three digits."""
    for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if ns >= limit:
            return f"{ns / limit:.3g} {unit}" if ns < 1000 * limit else f"{ns / limit:.0f} {unit}"
    return f"{ns:.0f} ns"


def size_text(size_bytes: float) -> str:
    """Write a size in bytes, and in a larger unit from 10 kB on."""
    for limit, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if size_bytes >= 10 * limit or (size_bytes >= limit and unit != "kB"):
            return f"{size_bytes / limit:.2f} {unit}"
    return f"{size_bytes:.0f} bytes"

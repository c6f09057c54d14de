"""Whether the agent grows in a server under load: memory, descriptors, threads and queue over an hour.

    benchmarks/agent_soak.py [--seconds S] [--rate N] [--quick]

One service twice under gunicorn (two workers of four threads), with the agent and without, each under
`whet load` at a constant rate. The agent pushes CPU, heap, block and mutex profiles to a receiver here
that speaks Pyroscope's protocol and is away (503) for one minute in ten. All processes of a service
are looked at every ten seconds. Growth is the slope of a line through the means of twelve stretches,
with its 95 % interval (Student's t, 10 degrees of freedom): after a warm-up of a sixth of the time, and
in the second half, when caches have filled and stacks have been met.
Writes results/agent_soak.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import http.server
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from machine import HERE, describe_machine, machine_line, publish, save
from service import service

GUNICORN = (
    sys.executable, "-m", "gunicorn", "--workers", "2", "--threads", "4", "--chdir", str(HERE / "programs"),
    "--log-level", "error", "steady:app",
)  # fmt: skip
# In a run of an hour; shorter ones have as many looks and absences.
LOOK_EVERY_S = 10.0
AWAY_EVERY_S, AWAY_S = 600.0, 60.0
STRETCHES = 12
WARM_PARTS = (1 / 6, 1 / 2)
# The 0.975 quantile of Student's t with STRETCHES - 2 degrees of freedom.
T_QUANTILE = 2.2281
MIB = 1 << 20


class Receiver:
    """Takes what Pyroscope takes; counts series, and those that come twice."""

    def __init__(self) -> None:
        self.away = False
        self.seen: set[str] = set()
        self.doubled = self.refusals = self.requests = self.bytes = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(outer.take(body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body: bytes) -> int:
        if self.away:
            self.refusals += 1
            return 503
        self.requests += 1
        self.bytes += len(body)
        for series in json.loads(body)["series"]:
            for sample in series["samples"]:
                self.doubled += sample["ID"] in self.seen
                self.seen.add(sample["ID"])
        return 200


@contextmanager
def load(url: str, rate: float, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "whet", "load", "--rate", str(rate), "-z", f"{seconds}s", "-c", "4"]
    with subprocess.Popen([*command, "--quiet", "--json", url], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [pid, *map(int, children.split())]


def look(pid: int, spool: Path) -> dict[str, float]:
    """Return what the processes of a service have together."""
    found = {"resident_bytes": 0.0, "descriptors": 0, "threads": 0, "cpu_s": 0.0}
    processes = tree(pid)
    for one in processes:
        folder = Path(f"/proc/{one}")
        found["resident_bytes"] += int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        found["descriptors"] += len(list((folder / "fd").iterdir()))
        found["threads"] += len(list((folder / "task").iterdir()))
        for task in (folder / "task").iterdir():
            found["cpu_s"] += int((task / "schedstat").read_text().split()[0]) / 1e9
    found["processes"] = len(processes)
    found["queue_bytes"] = sum(_size(path) for path in spool.glob("*/*.batch"))
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # sent meanwhile


def slope(rows: Sequence[tuple[float, float]], warm_part: float) -> tuple[float, float]:
    """Return the growth in an hour of (seconds, value), and half the width of its 95 % interval."""
    warm_s = rows[-1][0] * warm_part
    kept = [row for row in rows if row[0] >= warm_s]
    size = len(kept) / STRETCHES
    stretches = [kept[int(i * size) : int((i + 1) * size)] for i in range(STRETCHES)]
    hours = [statistics.fmean(at_s for at_s, _ in rows) / 3600 for rows in stretches]
    values = [statistics.fmean(value for _, value in rows) for rows in stretches]
    fit = statistics.linear_regression(hours, values)
    rest = sum((y - fit.intercept - fit.slope * x) ** 2 for x, y in zip(hours, values, strict=True))
    middle = statistics.fmean(hours)
    spread = sum((x - middle) ** 2 for x in hours)
    return fit.slope, T_QUANTILE * math.sqrt(rest / (STRETCHES - 2) / spread)


def table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| | start | end | growth in an hour, 95 % interval | the same of the second half |",
        "|---|---|---|---|---|",
    ]
    measures = (
        ("resident memory, MiB", "resident_bytes", 1 / MIB, 2),
        ("descriptors", "descriptors", 1, 1),
        ("threads", "threads", 1, 1),
        ("queue on disk, KiB", "queue_bytes", 1 / 1024, 0),
    )
    for name in ("without", "agent"):
        series = [{"at_s": row["at_s"], **row[name]} for row in rows]
        for label, key, scale, digits in measures[: None if name == "agent" else 3]:
            first, last = series[0][key] * scale, series[-1][key] * scale
            points = [(row["at_s"], row[key] * scale) for row in series]
            slopes = (slope(points, warm_part) for warm_part in WARM_PARTS)
            growths = (f"{per_hour:+.{digits}f} ± {half:.{digits}f}" for per_hour, half in slopes)
            lines.append(
                f"| {name}: {label} | {first:.{digits}f} | {last:.{digits}f} | {' | '.join(growths)} |"
            )
    return "\n".join(lines)


def watch(
    services: Mapping[str, int], spool: Path, receiver: Receiver, seconds: float
) -> list[dict[str, Any]]:
    scale = min(1.0, seconds / 3600)
    look_every_s = max(1.0, LOOK_EVERY_S * scale)
    begin, rows = time.monotonic(), []
    while (at_s := time.monotonic() - begin) < seconds:
        receiver.away = at_s % (AWAY_EVERY_S * scale) > (AWAY_EVERY_S - AWAY_S) * scale
        rows.append({"at_s": at_s, **{name: look(pid, spool) for name, pid in services.items()}})
        time.sleep(max(0.0, len(rows) * look_every_s - (time.monotonic() - begin)))
    receiver.away = False
    return rows


def soak(seconds: float, rate: float) -> dict[str, Any]:
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="whet-soak-") as name, ExitStack() as stack:
        folder = Path(name)
        spool = folder / "spool"
        agent = {
            "WHET_AGENT": receiver.address,
            "WHET_AGENT_SPOOL": str(spool),
            "WHET_AGENT_PROFILES": "cpu,heap,block",
        }
        services = {
            "without": stack.enter_context(service(GUNICORN, {}, folder / "log0")),
            "agent": stack.enter_context(service(GUNICORN, agent, folder / "log1")),
        }
        loads = {which: stack.enter_context(load(url, rate, seconds)) for which, (_, url) in services.items()}
        pids = {which: pid for which, (pid, _) in services.items()}
        rows = watch(pids, spool, receiver, seconds)
        answers = {which: json.loads(process.communicate()[0]) for which, process in loads.items()}
        said = (folder / "log1").read_text(encoding="utf-8")
        stack.close()
        left = len(list(spool.glob("*/*.batch")))
    return {
        "rows": rows,
        "answers": {which: [one["answers"], one["failures"]] for which, one in answers.items()},
        "said": said,
        "left": left,
        "received": {
            "requests": receiver.requests,
            "series": len(receiver.seen),
            "doubled": receiver.doubled,
            "refusals": receiver.refusals,
            "bytes": receiver.bytes,
        },
    }


def summary(found: Mapping[str, Any], seconds: float, rate: float) -> str:
    got, rows = found["received"], found["rows"]
    answered = ", ".join(
        f"{which} {count} ({failed} failed)" for which, (count, failed) in found["answers"].items()
    )
    cpu = {name: rows[-1][name]["cpu_s"] - rows[0][name]["cpu_s"] for name in ("without", "agent")}
    return (
        f"{seconds / 60:.0f} minutes at {rate:g} requests/s; answered: {answered}. "
        f"Received: {got['requests']} windows with {got['series']} profiles, {got['bytes'] / MIB:.1f} MiB, "
        f"{got['doubled']} of them twice, after {got['refusals']} refusals; "
        f"{found['left']} windows left in the queue. "
        f"CPU time without {cpu['without']:.1f} s, with {cpu['agent']:.1f} s."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="some minutes, nothing is written")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--rate", type=float, default=200.0)
    options = parser.parse_args()
    seconds = min(options.seconds, 180.0) if options.quick else options.seconds
    machine = describe_machine()
    found = soak(seconds, options.rate)
    text = f"{table(found['rows'])}\n\n{summary(found, seconds, options.rate)}"
    print(text)
    if found["said"]:
        print(f"the service with the agent has said:\n{found['said']}")
    if not options.quick:
        save("agent_soak", {"machine": machine, "rate": options.rate, **found})
        publish("agent_soak", f"{text} {machine_line(machine)}")


if __name__ == "__main__":
    main()

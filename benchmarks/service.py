"""What recording costs a real service: requests a second of Flask under gunicorn, four workers and SQLite.

    benchmarks/service.py [--rounds N] [--seconds S] [--quick]

The same service runs several times at once, on ports of its own: bare, bare again, under `whet run --all`
and with the agent. They take turns: a round loads each one for some seconds, in random order, with
`whet load` at eight connections; a ratio is that of requests a second within a round. What is shown is the
median over rounds and its 95 % interval (bootstrap), and how many requests failed.
Writes results/service.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from machine import HERE, describe_machine, machine_line, publish, save
from profilers import VENV, prepare

CONNECTIONS = 8
GUNICORN = (
    "-m", "gunicorn", "--workers", "4", "--chdir", str(HERE / "programs"), "--log-level", "error",
    "shop:app",
)  # fmt: skip
WITHIN_S = 60.0


def commands(python: str, folder: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return each row's command line, without its address, and its variables."""
    bare = [python, *GUNICORN]
    recorded = [python, "-m", "whet", "run", "-q", "--no-report", "--all", "-o", str(folder / "recording")]
    agent = {"WHET_AGENT": str(folder / "windows"), "WHET_AGENT_SPOOL": str(folder / "spool")}
    return {
        "bare": (bare, {}),
        "bare again": (bare, {}),
        "whet run --all": ([*recorded, *GUNICORN], {}),
        "the agent": (bare, agent),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def service(command: Sequence[str], variables: Mapping[str, str], log: Path) -> Iterator[tuple[int, str]]:
    """Run gunicorn's command with an address to bind; give its process and what it serves there."""
    address = f"127.0.0.1:{free_port()}"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--bind", address],
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            await_answer(f"http://{address}/", log)
            yield process.pid, f"http://{address}/"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(WITHIN_S)


def await_answer(url: str, log: Path) -> None:
    give_up = time.monotonic() + WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=WITHIN_S):
                return
        except OSError:
            if time.monotonic() > give_up:
                raise SystemExit(f"the service does not answer: {log.read_text()}") from None
            time.sleep(0.05)


def load(whet: str, url: str, seconds: float) -> tuple[float, int]:
    """Return requests a second, and how many failed."""
    command = [whet, "load", "-z", f"{seconds}s", "-c", str(CONNECTIONS), "--quiet", "--json", url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    good = answer["statuses"].get("200", {"count": 0})["count"]
    rate: float = answer["answers_per_s"]
    return rate, answer["failures"] + answer["answers"] - good


def interval(values: list[float], order: random.Random) -> tuple[float, float]:
    drawn = sorted(statistics.median(order.choices(values, k=len(values))) for _ in range(2000))
    return drawn[50], drawn[1949]


def table(ratios: dict[str, list[float]], failed: dict[str, int], rate: float) -> str:
    order = random.Random(1)
    lines = [
        f"**Requests a second, ratio to bare ({rate:.0f} a second): median and its 95 % interval**",
        "",
        "| | ratio | failed requests |",
        "|---|---|---|",
    ]
    for name, values in ratios.items():
        low, high = interval(values, order)
        lines.append(f"| {name} | {statistics.median(values):.3f} ({low:.3f}–{high:.3f}) | {failed[name]} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="what recording costs a real service")
    parser.add_argument("--quick", action="store_true", help="few turns, nothing written")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    rounds = 4 if options.quick else options.rounds

    machine = describe_machine()
    python = prepare(also=("flask", "gunicorn"))
    whet = str(VENV / "bin" / "whet")
    order = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="whet-service-") as name, ExitStack() as stack:
        folder = Path(name)
        os.environ["SHOP_DB"] = str(folder / "shop.db")
        subprocess.run([python, str(HERE / "programs" / "shop.py")], check=True)
        urls = {
            row: stack.enter_context(service(command, variables, folder / f"log{number}"))[1]
            for number, (row, (command, variables)) in enumerate(commands(python, folder).items())
        }
        failed = dict.fromkeys(urls, 0)
        rates: dict[str, list[float]] = {row: [] for row in urls}
        for number in range(rounds + 1):
            for row in order.sample(list(urls), len(urls)):
                rate, errors = load(whet, urls[row], options.seconds)
                failed[row] += errors
                if number:  # the first round warms up
                    rates[row].append(rate)
            print(f"round {number} of {rounds}", flush=True)
    ratios = {
        row: [rate / bare for rate, bare in zip(found, rates["bare"], strict=True)]
        for row, found in rates.items()
        if row != "bare"
    }
    text = table(ratios, failed, statistics.median(rates["bare"]))
    print(text)
    if not options.quick:
        save("service", {"machine": machine, "rates": rates, "failed": failed})
        publish("service", f"{text}\n\n{rounds} rounds. {machine_line(machine)}")


if __name__ == "__main__":
    main()

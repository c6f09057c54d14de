"""What the agent costs a busy server: CPU time of a request, all threads of the process counted.

    benchmarks/agent_cost.py [--quick] [--more] [--profiles cpu|heap|cpu,heap|request]
                             [--pairs N] [--settle S] [--windows N]

Two processes of the smallest ASGI application on uvicorn, one with the agent (windows of 15 s, pushed to a
receiver here), the other without, are asked in turns of 50 requests; then they change roles. Both have the
same processor, so that what disturbs one disturbs the other. Each half is as long as one window, or
`--windows`, so that it has the cost of them: all CPU time that a process has taken between its ends, for
each request that it answered. A pair's ratio is the geometric mean of its halves', in which neither the
moment nor the process counts. Shown is the mean of the pairs and its 95 % interval (Student's t); for the
noise, the same with the processes' difference instead. A half begins with the agent's first window, in
which all is named, and nothing has given way to the budget yet; with `--settle` later. With `--profiles
request` there is no agent: whet.live is mounted in one of the processes, and a CPU profile of it is being
asked for. Writes results/agent_cost.json and the table in README.md (not with --quick); --more adds to what
is there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent_soak import Receiver
from live_cost import Server
from machine import RESULTS, describe_machine, machine_line, publish, save

TURN = 50
REQUEST = "request"
WINDOW_S = 15.0
# The 0.975 quantile of Student's t by degrees of freedom.
T_QUANTILES = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
)


def ask_in_turns(servers: Sequence[Server], seconds: float) -> int:
    """Return how many requests each has answered."""
    asked, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        for server in servers:
            server.ask(TURN)
        asked += TURN
    return asked


def half(
    servers: Sequence[Server], with_agent: int, state: str, settle_s: float, windows: int
) -> list[float]:
    """Return the CPU time of a request of each process, ns; one of them has the agent."""
    for number, server in enumerate(servers):
        server.connect()
        chosen = "mounted" if state == REQUEST else state
        server.choose(chosen if number == with_agent else "without")
        server.ask(20 * TURN)
    with servers[with_agent].profiled() if state == REQUEST else contextlib.nullcontext():
        ask_in_turns(servers, settle_s)
        before = [server.cpu_ns() for server in servers]
        asked = ask_in_turns(servers, windows * WINDOW_S)
        return [(server.cpu_ns() - begin) / asked for server, begin in zip(servers, before, strict=True)]


def interval(logarithms: Sequence[float]) -> str:
    """Return the ratio and its interval as text."""
    middle = statistics.fmean(logarithms)
    quantile = T_QUANTILES[min(len(logarithms) - 2, len(T_QUANTILES) - 1)]
    spread = quantile * statistics.stdev(logarithms) / math.sqrt(len(logarithms))
    return f"{math.exp(middle):.4f} ({math.exp(middle - spread):.4f}–{math.exp(middle + spread):.4f})"


def rows(state: str, pairs: Sequence[Sequence[Sequence[float]]]) -> str:
    agent, process = [], []
    for (first_with, second_without), (first_without, second_with) in pairs:
        agent.append(math.log(first_with * second_with / second_without / first_without) / 2)
        process.append(math.log(first_with * first_without / second_without / second_with) / 2)
    cpu_us = statistics.median(one for pair in pairs for one in (pair[0][1], pair[1][0])) / 1e3
    return (
        f"| {state} | {len(pairs)} | with the agent to without ({cpu_us:.0f} us) | {interval(agent)} |\n"
        f"| {state} | {len(pairs)} | one process to the other | {interval(process)} |"
    )


def table(results: Mapping[str, Sequence[Sequence[Sequence[float]]]]) -> str:
    head = "| profiles | pairs | CPU time of a request | ratio, 95 % interval |\n|---|---|---|---|"
    return "\n".join([head, *(rows(state, pairs) for state, pairs in sorted(results.items()))])


def measure(state: str, pairs: int, settle_s: float, windows: int) -> list[list[list[float]]]:
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="whet-agent-") as folder:
        all_processors = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(all_processors)})
        servers = [Server(receiver.address, f"{folder}/{number}") for number in range(2)]
        os.sched_setaffinity(0, all_processors - {max(all_processors)} or all_processors)
        found = [[half(servers, which, state, settle_s, windows) for which in range(2)] for _ in range(pairs)]
        for server in servers:
            server.close()
    if state != REQUEST and receiver.requests < pairs:
        raise SystemExit(f"the agent has pushed {receiver.requests} windows only")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="two pairs, nothing is written")
    parser.add_argument("--profiles", default="cpu", choices=("cpu", "heap", "cpu,heap", REQUEST))
    parser.add_argument("--pairs", type=int, default=10, help="each takes half a minute")
    parser.add_argument("--settle", type=float, default=0.0, help="seconds with the agent before each half")
    parser.add_argument("--windows", type=int, default=1, help="how long each half is, windows")
    parser.add_argument("--more", action="store_true", help="add to the results that are there")
    options = parser.parse_args()
    machine = describe_machine()
    saved = Path(RESULTS, "agent_cost.json")
    results = {}
    if options.more and saved.exists():
        results = json.loads(saved.read_text(encoding="utf-8"))["pairs"]
    count = 2 if options.quick else options.pairs
    pairs = measure(options.profiles, count, options.settle, options.windows)
    name = options.profiles + (f", after {options.settle:g} s" if options.settle else "")
    name += f", {options.windows} windows" if options.windows > 1 else ""
    results[name] = [*results.get(name, []), *pairs]
    text = table(results)
    print(text)
    if not options.quick:
        save("agent_cost", {"machine": machine, "pairs": results})
        lengths = f"A pair is twice {WINDOW_S:g} s, or the windows that are named."
        publish("agent_cost", f"{text}\n\n{lengths} {machine_line(machine)}")


if __name__ == "__main__":
    main()

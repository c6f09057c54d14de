"""What whet.live costs a server that it is mounted in: CPU time and requests/s, and memory.

    benchmarks/live_cost.py [--quick] [--rounds N]

One client asks the smallest ASGI application on uvicorn over one connection, as fast as it is
answered: without whet.live, without it in another process, with it mounted, and while a CPU
profile is taken (100 Hz). The states take turns in random order; a ratio is taken within its
round. CPU time is that of all threads of the server. "without again" shows how much of a ratio is
noise. Writes results/live_cost.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from machine import describe_machine, machine_line, publish, save, spread

import whet.live

PROGRAM = Path(__file__).parent / "programs" / "live_asgi.py"
STATES = ("without", "without again", "mounted", "during a CPU profile")
REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
MIB = 1 << 20


class Server:
    """A server process and one connection to it."""

    def __init__(self, *, live: bool) -> None:
        environment = {**os.environ, "LIVE": "1" if live else "", "PYTHONHASHSEED": "0"}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connection = socket.create_connection(("127.0.0.1", self.port))
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
        self.ask(500)

    def connect(self) -> None:
        """Have a new connection: the server closes those that were idle for some seconds."""
        self.connection.close()
        self.connection = socket.create_connection(("127.0.0.1", self.port))

    def ask(self, count: int) -> None:
        for _ in range(count):
            self.connection.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"\r\n\r\nhello"):
                part = self.connection.recv(4096)
                if not part:
                    raise SystemExit("the server has closed the connection")
                answer += part

    def cpu_ns(self) -> int:
        """Return the CPU time of all threads."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) * 1024 if found else 0

    @contextlib.contextmanager
    def profiled(self) -> Iterator[None]:
        """Have a CPU profile taken meanwhile."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"GET /debug/pprof/profile?seconds=250 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            yield
            connection.settimeout(0.0)
            with contextlib.suppress(BlockingIOError):
                raise SystemExit(f"no profile was being taken: {connection.recv(1000)!r}")
        time.sleep(0.5)

    def close(self) -> None:
        self.connection.close()
        self.process.kill()
        self.process.wait()


def turn(server: Server, count: int) -> tuple[float, float]:
    """Return (ns of CPU time for a request, requests/s)."""
    server.connect()
    # A profile needs a moment to begin; every state gets it, and the same warming up after it.
    time.sleep(0.2)
    server.ask(count // 2)
    cpu_ns, begin = server.cpu_ns(), time.perf_counter()
    server.ask(count)
    return (server.cpu_ns() - cpu_ns) / count, count / (time.perf_counter() - begin)


def measure(rounds: int, count: int) -> tuple[list[dict[str, tuple[float, float]]], dict[str, int]]:
    servers = {state: Server(live=not state.startswith("without")) for state in STATES[:3]}
    servers[STATES[3]] = servers["mounted"]
    memory = {state: server.resident_bytes() for state, server in servers.items()}
    rows = []
    # Turns are short: what disturbs the machine lasts longer than a round.
    for _ in range(rounds):
        row = {}
        for state in random.sample(STATES, len(STATES)):
            with servers[state].profiled() if state == STATES[3] else contextlib.nullcontext():
                row[state] = turn(servers[state], count)
        rows.append(row)
    for state in STATES[:3]:
        servers[state].close()
    return rows, memory


def passing_ns(rounds: int, calls: int = 20_000) -> list[float]:
    """Return, round by round, what a request that is not for whet.live pays to get past it."""

    async def app(_scope: object, _receive: object, _send: object) -> None:
        pass

    scope = {"type": "http", "path": "/hello/world"}

    def call_ns(called: Callable[..., Any]) -> float:
        begin_ns = time.perf_counter_ns()
        for _ in range(calls):
            with contextlib.suppress(StopIteration):
                called(scope, None, None).send(None)
        return (time.perf_counter_ns() - begin_ns) / calls

    mounted = whet.live.asgi(app)
    return [call_ns(mounted) - call_ns(app) for _ in range(rounds)]


def table(rows: list[dict[str, tuple[float, float]]], memory_mib: float, passing: list[float]) -> str:
    lines = [
        "| | CPU time of a request, us | ratio to without | requests/s, ratio |",
        "|---|---|---|---|",
    ]
    for state in STATES:
        cpu = [row[state][0] / 1e3 for row in rows]
        ratios = [row[state][0] / row["without"][0] for row in rows]
        rates = [row[state][1] / row["without"][1] for row in rows]
        lines.append(f"| {state} | {spread(cpu, 1)} | {spread(ratios, 3)} | {spread(rates, 3)} |")
    lines += ["", f"Getting past the endpoints, in one process: {spread(passing, 0)} ns a request."]
    return "\n".join([*lines, f"Resident memory when mounted and idle: {memory_mib:+.1f} MiB."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing is written")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    machine = describe_machine()
    rows, memory = measure(2 if options.quick else options.rounds, 400)
    added_mib = (memory["mounted"] - statistics.mean([memory[state] for state in STATES[:2]])) / MIB
    passing = passing_ns(len(rows))
    text = table(rows, added_mib, passing)
    print(text)
    if not options.quick:
        save(
            "live_cost", {"machine": machine, "rounds": rows, "resident_bytes": memory, "passing_ns": passing}
        )
        publish("live_cost", f"{text}\n\n{len(rows)} rounds of 400 requests. {machine_line(machine)}")


if __name__ == "__main__":
    main()

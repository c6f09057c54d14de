"""What whet.live costs a server that it is mounted in: CPU time and requests/s, and memory.

    benchmarks/live_cost.py [--quick] [--rounds N]

One client asks the smallest ASGI application on uvicorn over one connection, as fast as it is
answered: without whet.live, without it again, with it mounted, and while a CPU profile is taken
(100 Hz). All are states of one process, since two processes of the same program differ by more than
what is looked for; they take turns in random order; a ratio is taken within its
round. CPU time is that of all threads of the server. Ratios are medians with their 95 % interval
(bootstrap); "without again" shows how much of one is noise.
Writes results/live_cost.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from machine import describe_machine, machine_line, publish, save, spread
from service import interval

import whet.live

PROGRAM = Path(__file__).parent / "programs" / "live_asgi.py"
STATES = ("without", "without again", "mounted", "during a CPU profile")
MIB = 1 << 20
# asyncio receives into 256 KiB. Whether glibc has a free piece as large as that, or maps one for each
# request, which takes a fifth of its time, is chance, and may change with whatever else a process allocates.
# Here there always is one.
ALLOCATOR = {
    "MALLOC_TOP_PAD_": str(16 * MIB),
    "MALLOC_TRIM_THRESHOLD_": str(256 * MIB),
    "MALLOC_MMAP_THRESHOLD_": str(256 * MIB),
}


class Server:
    """A server process and one connection to it."""

    def __init__(self, *arguments: str) -> None:
        """Start it; the arguments are the agent's, where to push and where to queue."""
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ALLOCATOR},
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

    def choose(self, state: str) -> None:
        self.ask(1, f"/state/{state}")

    def ask(self, count: int, path: str = "/hello/world") -> None:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        for _ in range(count):
            self.connection.sendall(request)
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


def measure(rounds: int, count: int) -> list[dict[str, tuple[float, float]]]:
    server = Server()
    rows = []
    # Turns are short: what disturbs the machine lasts longer than a round.
    for _ in range(rounds):
        row = {}
        for state in random.sample(STATES, len(STATES)):
            server.connect()
            server.choose("without" if state.startswith("without") else "mounted")
            with server.profiled() if state == STATES[3] else contextlib.nullcontext():
                row[state] = turn(server, count)
        rows.append(row)
    server.close()
    return rows


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


def importing_bytes() -> int:
    """Return what mounting adds to the memory of a process that has uvicorn loaded."""
    code = (
        "import re, uvicorn, uvicorn.protocols.http.auto, asyncio, pathlib\n"
        "def resident(): return int(re.search(r'VmRSS:\\s+(\\d+)', pathlib.Path('/proc/self/status')"
        ".read_text())[1]) * 1024\n"
        "before = resident()\n"
        "import whet.live; whet.live.asgi(print); import whet.live.endpoints\n"
        "print(resident() - before)\n"
    )
    done = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(5)]
    return int(statistics.median(int(one.stdout) for one in done))


def table(rows: list[dict[str, tuple[float, float]]], memory_mib: float, passing: list[float]) -> str:
    lines = [
        "| | CPU time of a request, us | ratio to without | requests/s, ratio |",
        "|---|---|---|---|",
    ]
    order = random.Random(1)

    def shown(ratios: list[float]) -> str:
        low, high = interval(ratios, order)
        return f"{statistics.median(ratios):.3f} ({low:.3f}–{high:.3f})"

    for state in STATES:
        cpu = [row[state][0] / 1e3 for row in rows]
        ratios = [row[state][0] / row["without"][0] for row in rows]
        rates = [row[state][1] / row["without"][1] for row in rows]
        lines.append(f"| {state} | {spread(cpu, 1)} | {shown(ratios)} | {shown(rates)} |")
    lines += ["", f"Getting past the endpoints, in one process: {spread(passing, 0)} ns a request."]
    return "\n".join([*lines, f"Resident memory when mounted and idle: {memory_mib:+.1f} MiB."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing is written")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    machine = describe_machine()
    rows = measure(2 if options.quick else options.rounds, 400)
    added_mib = importing_bytes() / MIB
    passing = passing_ns(len(rows))
    text = table(rows, added_mib, passing)
    print(text)
    if not options.quick:
        save("live_cost", {"machine": machine, "rounds": rows, "added_mib": added_mib, "passing_ns": passing})
        publish("live_cost", f"{text}\n\n{len(rows)} rounds of 400 requests. {machine_line(machine)}")


if __name__ == "__main__":
    main()

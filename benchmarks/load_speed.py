"""How many requests a second `whet load` sends, beside hey, wrk, ab and locust.

    benchmarks/load_speed.py [--quick | --more]

All tools load the same server over 50 connections that stay open, in turns and in random order; client and
server share the machine. There are two servers. Go's net/http costs more than most clients do, so that on a
small machine all good clients reach the same rate: its own. The barest one, in Go too, reads and answers in
one loop without looking at what it reads; there clients are what limits. Tools that are not on PATH are left
out and named. Rates are what each tool says of itself. `--more` adds rounds to those of the last run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from machine import describe_machine, machine_line, publish, save
from machine import load as saved

CONNECTIONS = 50
OPTIONS = [
    "--loop uvloop",
    "--loop asyncio",
    "--client python --loop uvloop",
    "--client python --loop asyncio",
]
NET_HTTP = """package main

import (
	"fmt"
	"net"
	"net/http"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { panic(err) }
	fmt.Println(l.Addr())
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("hello, world"))
	})))
}
"""
# An epoll loop on one thread. A request comes in one piece and is answered by the same bytes.
BAREST = """package main

import (
	"fmt"
	"net"
	"runtime"
	"syscall"
)

func check(err error) {
	if err != nil { panic(err) }
}

func main() {
	runtime.LockOSThread()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	file, err := l.(*net.TCPListener).File()
	check(err)
	door := int(file.Fd())
	check(syscall.SetNonblock(door, true))
	poll, err := syscall.EpollCreate1(0)
	check(err)
	watch := func(fd int) {
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
		check(syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, fd, &event))
	}
	watch(door)
	fmt.Println(l.Addr())
	answer := []byte("HTTP/1.1 200 OK\\r\\nConnection: keep-alive\\r\\nContent-Length: 5\\r\\n\\r\\nhello")
	events, request := make([]syscall.EpollEvent, 256), make([]byte, 65536)
	for {
		n, err := syscall.EpollWait(poll, events, -1)
		if err == syscall.EINTR { continue }
		check(err)
		for _, event := range events[:n] {
			fd := int(event.Fd)
			if fd == door {
				if made, _, err := syscall.Accept4(door, syscall.SOCK_NONBLOCK); err == nil {
					syscall.SetsockoptInt(made, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
					watch(made)
				}
				continue
			}
			if got, err := syscall.Read(fd, request); err == syscall.EAGAIN {
				continue
			} else if err != nil || got == 0 {
				syscall.Close(fd)
				continue
			}
			syscall.Write(fd, answer)
		}
	}
}
"""
SERVERS = {"Go's net/http": NET_HTTP, "the barest server": BAREST}
LOCUSTFILE = """from locust import constant, task
from locust.contrib.fasthttp import FastHttpUser

class One(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/")
"""

Command = Callable[[str, int], list[str]]


@contextmanager
def server(folder: Path, source: str) -> Iterator[str]:
    """Compile and run a server; yield its address."""
    (folder / "main.go").write_text(source, encoding="utf-8")
    subprocess.run(["go", "build", "-o", "server", "main.go"], cwd=folder, check=True)
    with subprocess.Popen([folder / "server"], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield f"http://{child.stdout.readline().strip()}/"
        finally:
            child.kill()


def whet(options: str) -> Command:
    base = [sys.executable, *f"-m whet load --quiet --json -c {CONNECTIONS} {options}".split()]
    return lambda url, seconds: [*base, "-z", f"{seconds}s", url]


def locust(folder: Path) -> Command:
    path = folder / "locustfile.py"
    path.write_text(LOCUSTFILE, encoding="utf-8")
    base = ["locust", "-f", str(path), "--headless", "--json", "-u", str(CONNECTIONS), "-r", "1000"]
    return lambda url, seconds: [*base, "-t", f"{seconds + 2}s", "--host", url.rstrip("/")]


def commands(folder: Path) -> dict[str, Command]:
    """Return what is measured: a call for an address and a number of seconds, by name."""
    connections = str(CONNECTIONS)
    return {
        "hey": lambda url, s: ["hey", "-z", f"{s}s", "-c", connections, url],
        **{f"whet load {options}": whet(options) for options in OPTIONS},
        "wrk -t1": lambda url, s: ["wrk", "-t1", "-c", connections, "-d", f"{s}s", url],
        "ab -k": lambda url, s: ["ab", "-q", "-k", "-c", connections, "-t", str(s), "-n", "100000000", url],
        "locust, FastHttpUser": locust(folder),
    }


def rate(name: str, output: str) -> float:
    """Return the requests a second that a tool reports."""
    if name.startswith("whet"):
        record = json.loads(output)
        assert not record["failures"], record["errors"]
        return float(record["answers_per_s"])
    if name.startswith("locust"):
        # Its best second: those in which it starts and ends are not whole.
        return float(max(json.loads(output)[0]["num_reqs_per_sec"].values()))
    found = re.search(r"Requests(?:/sec| per second):\s*([\d.]+)", output)
    if not found:
        raise SystemExit(f"{name}: no rate in its output:\n{output}")
    return float(found[1])


def measure(source: str, rounds: int, seconds: int) -> tuple[dict[str, list[float]], list[str]]:
    """Return rates by tool, round after round, and the tools that are not there."""
    with tempfile.TemporaryDirectory(prefix="whet-load-") as name, server(Path(name), source) as url:
        listed = commands(Path(name))
        missing = [tool for tool, command in listed.items() if not shutil.which(command(url, 1)[0])]
        for tool in missing:
            del listed[tool]
        rates: dict[str, list[float]] = {tool: [] for tool in listed}
        for _ in range(rounds):
            for tool in random.sample(list(listed), len(listed)):
                done = subprocess.run(listed[tool](url, seconds), check=False, capture_output=True, text=True)
                rates[tool].append(rate(tool, done.stdout))
    return rates, missing


def table(rates: dict[str, list[float]]) -> str:
    """Return the table: the ratio is that of each round, its median and range."""
    lines = ["| | requests/s, median | ratio to hey: median (lowest–highest) |", "|---|---|---|"]
    for name, values in rates.items():
        ratios = [value / hey for value, hey in zip(values, rates["hey"], strict=True)]
        middle = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
        lines.append(f"| `{name}` | {statistics.median(values):,.0f} | {middle} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="requests a second, beside other tools")
    parser.add_argument("--quick", action="store_true", help="few runs, nothing written")
    parser.add_argument("--more", action="store_true", help="add rounds to those of the last run")
    asked = parser.parse_args()
    rounds, seconds = (1, 1) if asked.quick else (3, 2)
    machine = describe_machine()
    if not shutil.which("go") or not shutil.which("hey"):
        print("load_speed: nothing measured: go makes the server and hey is compared with; one is missing")
        return
    earlier = saved("load_speed").get("rates_hz", {}) if asked.more else {}
    found = {}
    text = ""
    for name, source in SERVERS.items():
        now, missing = measure(source, rounds, seconds)
        found[name] = {tool: earlier.get(name, {}).get(tool, []) + rates for tool, rates in now.items()}
        text += f"**{name}**\n\n{table(found[name])}\n\n"
        if missing:
            text += f"Not installed here: {', '.join(missing)}.\n\n"
        print(text)
    if not asked.quick:
        rounds = len(found[name]["hey"])
        save("load_speed", {"machine": machine, "connections": CONNECTIONS, "rates_hz": found})
        note = f"{rounds} interleaved rounds of {seconds} s, {CONNECTIONS} connections."
        publish("load_speed", f"{text}{note} {machine_line(machine)}")


if __name__ == "__main__":
    main()

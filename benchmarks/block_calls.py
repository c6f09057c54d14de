"""What the off-CPU collector costs loops that call blocking functions of libc all the time.

    benchmarks/block_calls.py [--quick] [--rounds N]

Each loop runs in turns with the collector and without it, in one process, in random order; a ratio
is taken within its round. "without again" shows how much of a ratio is noise. Writes
results/block_calls.json and the table in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import socket
import statistics
import threading
import time
from collections.abc import Callable

from machine import describe_machine, machine_line, publish, save, spread

from whet.collect.blocking import BlockCollector

Loop = Callable[[int], None]
STATES = ("without", "without again", "with")


def lock_and_unlock(count: int) -> None:
    lock = threading.Lock()
    for _ in range(count):
        with lock:
            pass


def write_and_read(count: int) -> None:
    r, w = os.pipe()
    for _ in range(count):
        os.write(w, b"x")
        os.read(r, 1)
    os.close(r)
    os.close(w)


def give_up_the_gil(count: int) -> None:
    for _ in range(count):
        time.sleep(0)


def ask_and_answer(count: int) -> None:
    """Two threads send each other a byte: every read waits."""
    a, b = socket.socketpair()

    def answer() -> None:
        for _ in range(count):
            b.send(b.recv(1))

    thread = threading.Thread(target=answer)
    thread.start()
    for _ in range(count):
        a.send(b"x")
        a.recv(1)
    thread.join()
    a.close()
    b.close()


def hand_over(count: int) -> None:
    items: queue.Queue[int] = queue.Queue(8)

    def take() -> None:
        for _ in range(count):
            items.get()

    thread = threading.Thread(target=take)
    thread.start()
    for i in range(count):
        items.put(i)
    thread.join()


def fight_for_the_gil(count: int) -> None:
    def compute() -> None:
        for _ in range(count):
            sum(range(100))
            time.sleep(0)

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# Name, loop, iterations of a turn.
LOOPS: tuple[tuple[str, Loop, int], ...] = (
    ("Lock, nobody waits", lock_and_unlock, 100_000),
    ("write and read of a pipe", write_and_read, 20_000),
    ("sleep(0)", give_up_the_gil, 20_000),
    ("two threads over a socket", ask_and_answer, 1_000),
    ("queue of two threads", hand_over, 2_000),
    ("4 threads and the GIL", fight_for_the_gil, 500),
)


def turn(loop: Loop, count: int, state: str) -> float:
    """Return the nanoseconds of an iteration."""
    collector = BlockCollector() if state == "with" else None
    if collector:
        collector.start()
    begin_ns = time.perf_counter_ns()
    loop(count)
    took_ns = time.perf_counter_ns() - begin_ns
    if collector:
        collector.stop()
    return took_ns / count


def main() -> None:
    parser = argparse.ArgumentParser(description="the off-CPU collector's cost for each call")
    parser.add_argument("--quick", action="store_true", help="few rounds, nothing written")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    machine = describe_machine()
    measured: dict[str, dict[str, list[float]]] = {}
    for _ in range(3 if options.quick else options.rounds):
        for name, loop, count in LOOPS:
            turns = measured.setdefault(name, {state: [] for state in STATES})
            for state in random.sample(STATES, len(STATES)):
                turns[state].append(turn(loop, count, state))
    lines = ["| loop | ns without | ratio with | ratio without again | ns added |", "|---|---|---|---|---|"]
    for name, turns in measured.items():
        bare = turns["without"]
        pairs = [
            [b / a for a, b in zip(bare, turns[state], strict=True)] for state in ("with", "without again")
        ]
        added = statistics.median(b - a for a, b in zip(bare, turns["with"], strict=True))
        ratios = " | ".join(spread(ratios, 3) for ratios in pairs)
        lines.append(f"| {name} | {statistics.median(bare):.0f} | {ratios} | {added:.0f} |")
    text = "\n".join(lines)
    print(text)
    if not options.quick:
        save("block_calls", {"machine": machine, "ns of an iteration": measured})
        publish("block_calls", f"{text}\n\n{options.rounds} rounds in turns. {machine_line(machine)}")


if __name__ == "__main__":
    main()

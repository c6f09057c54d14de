"""A program that the agent profiles: agent.py PUSH SPOOL SECONDS WHAT [WINDOW]."""

import itertools
import os
import signal
import sys
import time

import whet.live

PUSH, SPOOL, SECONDS, WHAT = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4]
WINDOW = float(sys.argv[5]) if len(sys.argv) > 5 else 1.0


def burn(seconds):
    # Allocates next to nothing.
    end = time.process_time() + seconds
    while time.process_time() < end:
        all(itertools.repeat(True, 100_000))


# A third of what the heap takes of such a program, and more.
BUDGET = 0.04


def allocate(agent, windows):
    """Allocate for so many windows; return what share profiling took in each."""
    shares = []
    while len(shares) < windows:
        for number in range(1000):
            str(number) * 100
        if agent.statistics()["windows"] > len(shares):
            shares.append(agent.statistics()["overhead_share"])
    return shares


def main():
    agent = whet.live.agent(
        PUSH, service="shop", tags={"zone": "eu"}, window_s=WINDOW, spool=SPOOL,
        budget=BUDGET if WHAT == "heavy" else 1.0, profiles=("cpu", "heap", "block"),
    )  # fmt: skip
    if WHAT == "heavy":
        print(*allocate(agent, 15))
    elif WHAT == "kept":
        kept = [bytearray(1_000_000) for _ in range(40)]
        for _ in range(40):
            bytearray(1_000_000)
        burn(SECONDS)
        print(len(kept), time.process_time())
    elif WHAT == "clock":
        real = time.time_ns
        time.time_ns = lambda: real() - 3600 * 10**9
        burn(SECONDS)
    elif WHAT == "fork":
        if child := os.fork():
            burn(SECONDS)
            assert os.waitpid(child, 0)[1] == 0
        else:
            burn(SECONDS)
            return
    elif WHAT == "exit":
        burn(SECONDS)
        os._exit(0)
    elif WHAT == "exec":
        burn(SECONDS)
        os.execv(sys.executable, [sys.executable, *sys.argv[:4], "kept", *sys.argv[5:]])
    elif WHAT == "killed":
        burn(SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)
    begin = time.monotonic()
    agent.close()
    print(agent.statistics()["sent"], time.monotonic() - begin)


main()

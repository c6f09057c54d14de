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


# What the types of half a million objects cost is about that in windows of a second; the rest is less.
BUDGET = 0.04


def allocate_until_settled(agent):
    """Return the objects held when two windows running were within the budget."""
    held = [{number: []} for number in range(250_000)]
    shares = []
    while len(shares) < 3 or max(shares[-2:]) > BUDGET:
        for number in range(1000):
            str(number) * 100
        if agent.statistics()["windows"] > len(shares):
            shares.append(agent.statistics()["overhead_share"])
    return len(held)


def main():
    agent = whet.live.agent(
        PUSH, service="shop", tags={"zone": "eu"}, window_s=WINDOW, spool=SPOOL,
        budget=BUDGET if WHAT == "heavy" else 1.0, profiles=("cpu", "heap", "block"),
    )  # fmt: skip
    if WHAT == "heavy":
        allocate_until_settled(agent)
        print(agent.statistics()["windows"], agent.statistics()["resting"])
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

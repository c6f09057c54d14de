"""Functions that use known shares of the CPU time, called from several callers.

    python shares_program.py OUT RATE_HZ ROUNDS THREADS

A round is 40 ms of CPU time: 10 % in f10, 20 % in f20 (all of it in C), 30 % in f30 (by many
small calls), 40 % in f40. Each is called from both `even` and `odd`, which get 40 % and 60 % of
the rounds. What was really spent is measured by time.thread_time and printed as JSON, in
seconds: {"functions": {name: s}, "threads": {name: s}, "handler": s}; the functions' time holds
that of the signal handler, which the profile charges to nobody. OUT gets the profile.
"""

import json
import sys
import threading
import time
from collections import Counter

from whet.collect.cpu import CpuCollector

OUT, RATE_HZ, ROUNDS, THREADS = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
UNIT = 0.004
NUMBERS = list(range(300, 0, -1))
clock = time.thread_time


def f10(until):
    while clock() < until:
        x = 0
        for i in range(200):
            x += i * i


def f20(until):
    while clock() < until:
        sorted(NUMBERS)


def tiny(n):
    return n + 1


def f30(until):
    while clock() < until:
        for i in range(50):
            tiny(i)


def f40(until):
    while clock() < until:
        x = 1.0
        for _ in range(300):
            x = x * 1.0000001


def spend(spent, caller, function, units):
    begin = clock()
    function(begin + units * UNIT)
    used = clock() - begin
    spent[function.__name__] += used
    spent[caller] += used


def even(spent):
    for function, units in ((f10, 1), (f20, 2), (f30, 3), (f40, 4)):
        spend(spent, "even", function, units)


def odd(spent):
    for function, units in ((f40, 4), (f30, 3), (f20, 2), (f10, 1)):
        spend(spent, "odd", function, units)


def work(spent):
    for i in range(ROUNDS):
        (even if i % 5 < 2 else odd)(spent)


def main():
    spents = [Counter() for _ in range(THREADS)]
    collector = CpuCollector(rate_hz=RATE_HZ)
    collector.start()
    if THREADS == 1:
        work(spents[0])
    else:
        threads = [
            threading.Thread(target=work, args=(spent,), name=f"worker-{i}") for i, spent in enumerate(spents)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    collector.stop()
    with open(OUT, "wb") as file:
        file.write(collector.snapshots()["cpu.pb.gz"])
    by_thread = {f"worker-{i}": spent["even"] + spent["odd"] for i, spent in enumerate(spents)}
    handler_s = collector.statistics()["handler_ns"] / 1e9
    print(json.dumps({"functions": sum(spents, Counter()), "threads": by_thread, "handler": handler_s}))


main()

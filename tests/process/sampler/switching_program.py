"""Threads that start and stop collectors beside each other, and one that pauses them as a fork does."""

import sys
import threading
import time

from whet.collect.blocking import BlockCollector
from whet.collect.cpu import CpuCollector
from whet.collect.heap import HeapCollector
from whet.collect.probe import load_probe

END = time.monotonic() + float(sys.argv[1])


def switch(make):
    while time.monotonic() < END:
        collector = make()
        collector.start()
        collector.stop()


def pause():
    probe = load_probe()
    while time.monotonic() < END:
        probe.pause_threads()
        probe.resume_threads()


jobs = [(switch, (make,)) for make in (CpuCollector, HeapCollector, BlockCollector)] + [(pause, ())]
threads = [threading.Thread(target=job, args=args) for job, args in jobs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("ended")

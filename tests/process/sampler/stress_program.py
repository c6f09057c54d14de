"""A program that does everything a sampler could trip over, while it is sampled very fast.

    python stress_program.py SECONDS RATE_HZ SEED THREADS [STORM]

Several threads run random jobs (stress_jobs.py) and the collector is stopped and started in
between. STORM is storm.c as a shared library: it sends sampling signals far beyond any rate. The
last line of output is a JSON object with the collector's totals; anything else than exit status 0
is a failure.
"""

import ctypes
import json
import sys
import time

from stress_jobs import Workers, probe

SECONDS, RATE_HZ, SEED, THREADS = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
END = time.monotonic() + SECONDS
STORM = ctypes.CDLL(sys.argv[5]) if len(sys.argv) > 5 else None
STORM_INTERVAL_NS = 5000


def main():
    totals: dict[str, float] = {}
    workers = Workers(THREADS, SEED, END)
    if STORM:
        assert STORM.storm_start(STORM_INTERVAL_NS) == 0
    while time.monotonic() < END:
        reason = probe.sampler_start(RATE_HZ, 10_000)
        assert not reason, reason
        pause = time.monotonic() + min(5.0, SECONDS / 4)
        while time.monotonic() < pause:
            time.sleep(0.3)
            probe.sampler_profile(["checkpoint"])
        probe.sampler_stop()
        assert len(probe.sampler_profile([])) > 100
        for name, value in probe.sampler_statistics().items():
            totals[name] = totals.get(name, 0) + value
    if STORM:
        STORM.storm_stop()
    workers.join()
    print(json.dumps(totals))


main()

"""1,000 tasks that use CPU time and wait in known amounts, while tasks and CPU time are recorded.

Usage: tasks.py DIRECTORY [--uvloop]; prints what each group of tasks used and waited as JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from whet.collect.cpu import CpuCollector
from whet.collect.tasks import TaskCollector

GROUPS = {"small": 1, "middle": 2, "large": 4, "huge": 8}
TASKS_PER_GROUP = 250
STEPS = 4
used = dict.fromkeys(GROUPS, 0.0)
waited = dict.fromkeys(GROUPS, 0.0)


def compute(seconds):
    begin = time.thread_time()
    while time.thread_time() - begin < seconds:
        sum(range(200))
    return time.thread_time() - begin


async def pause(group, seconds):
    begin = time.perf_counter()
    await asyncio.sleep(seconds)
    waited[group] += time.perf_counter() - begin


async def handle(group, weight):
    for _ in range(STEPS):
        used[group] += compute(0.00025 * weight)
        await pause(group, 0.01 * weight)


async def main():
    tasks = [
        asyncio.create_task(handle(group, weight), name=group)
        for group, weight in GROUPS.items()
        for _ in range(TASKS_PER_GROUP)
    ]
    await asyncio.gather(*tasks)


directory = Path(sys.argv[1])
cpu, watcher = CpuCollector(rate_hz=1000), TaskCollector()
cpu.start()
watcher.start()
if "--uvloop" in sys.argv:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())
watcher.stop()
cpu.stop()
for collector in (cpu, watcher):
    for name, data in collector.snapshots([]).items():
        (directory / name).write_bytes(data)
print(json.dumps({"used": used, "waited": waited, "statistics": watcher.statistics()}))

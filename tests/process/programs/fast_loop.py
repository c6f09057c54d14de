"""Three times as much work in one task as in another, on uvloop; a child process and a thread beside them.

Where an argument names a file, it gets the CPU time of either kind of work, ns, as JSON.
"""

import asyncio
import json
import sys
import time

import uvloop

spent_ns = {"often": 0, "seldom": 0}


def burn():
    return sum(i * i for i in range(10_000))


async def often():
    for _ in range(300):
        before_ns = time.thread_time_ns()
        burn()
        spent_ns["often"] += time.thread_time_ns() - before_ns
        await asyncio.sleep(0)


async def seldom():
    for _ in range(100):
        before_ns = time.thread_time_ns()
        burn()
        spent_ns["seldom"] += time.thread_time_ns() - before_ns
        await asyncio.sleep(0)


async def main():
    await asyncio.gather(often(), seldom())
    await asyncio.to_thread(burn)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "print('child')")
    await child.wait()


loop = uvloop.new_event_loop()
loop.run_until_complete(main())
loop.close()
print("done")
if len(sys.argv) > 1:
    with open(sys.argv[1], "w") as file:
        json.dump(spent_ns, file)

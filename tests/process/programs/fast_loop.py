"""Three times as much work in one task as in another, on uvloop; a child process and a thread beside them."""

import asyncio
import sys

import uvloop


def burn():
    return sum(i * i for i in range(10_000))


async def often():
    for _ in range(300):
        burn()
        await asyncio.sleep(0)


async def seldom():
    for _ in range(100):
        burn()
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

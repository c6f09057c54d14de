"""Threads and tasks that wait in known ways; dumps them as its argument says."""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import whet

if "watched" in sys.argv:
    from whet.collect.blocking import BlockCollector
    from whet.collect.tasks import TaskCollector

    for watcher in (BlockCollector(), TaskCollector()):
        watcher.start()
lock = threading.Lock()
lock.acquire()
one, other = socket.socketpair()
spinning = True


def locked():
    lock.acquire()


def sleeper():
    time.sleep(100)


def receiver():
    one.recv(1)


def selecting():
    select.select([other], [], [])


def parent():
    subprocess.run(["sleep", "100"])


def spinner():
    while spinning:
        pass


async def inner(event):
    await event.wait()


async def outer(event):
    await inner(event)


async def generator(event):
    await event.wait()
    yield 1


async def iterates(event):
    async for _ in generator(event):
        pass


async def awaits(what):
    await what


async def main(what):
    event, full = asyncio.Event(), asyncio.Queue()
    kept = [asyncio.create_task(outer(event), name=f"worker-{i}") for i in range(7)]
    first = asyncio.create_task(asyncio.sleep(100), name="sleeper")
    kept.append(asyncio.create_task(awaits(first), name="on-task"))
    kept.append(asyncio.create_task(awaits(asyncio.gather(asyncio.sleep(100))), name="on-gathering"))
    kept.append(asyncio.create_task(awaits(full.get()), name="on-queue"))
    kept.append(asyncio.create_task(iterates(event), name="iterates"))
    await asyncio.sleep(0.3)
    kept.append(asyncio.create_task(awaits(event.wait()), name="not started"))
    if what == "profile":
        sys.stdout.buffer.write(whet.threads_profile())
    elif what == "signal":
        whet.threads_on_signal(debug=1)
        os.kill(os.getpid(), signal.SIGQUIT)
    else:
        whet.dump_threads(sys.stdout, debug=int(what))


workers = [locked, locked, locked, sleeper, receiver, selecting, parent, spinner, spinner]
for number, work in enumerate(workers):
    threading.Thread(target=work, name=f"{work.__name__}-{number}", daemon=True).start()
if "--uvloop" in sys.argv:
    import uvloop

    uvloop.run(main(sys.argv[1]))
else:
    asyncio.run(main(sys.argv[1]))
sys.stdout.flush()
os.kill(0, signal.SIGKILL)

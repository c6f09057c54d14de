"""Computes, waits for a lock, holds it, collects garbage, blocks a loop and starts a worker."""

import asyncio
import multiprocessing
import threading
import time

lock = threading.Lock()


def computes():
    until = time.thread_time() + 0.3
    while time.thread_time() < until:
        sum(range(1000))


def holds():
    with lock:
        held.set()
        time.sleep(0.2)


def waits():
    held.wait()
    with lock:
        pass


def litters():
    for _ in range(20_000):
        one = []
        one.append(one)


def allocates():
    return [bytes(1000) for _ in range(20_000)]


async def naps():
    await asyncio.sleep(0.05)


def blocks():
    until = time.thread_time() + 0.25
    while time.thread_time() < until:
        sum(range(1000))


async def handles():
    await naps()
    blocks()


async def serves():
    await asyncio.create_task(handles(), name="handles")


def works():
    computes()


if __name__ == "__main__":
    held = threading.Event()
    threads = [threading.Thread(target=target) for target in (holds, waits, litters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    computes()
    kept = allocates()
    asyncio.run(serves())
    worker = multiprocessing.get_context("fork").Process(target=works)
    worker.start()
    worker.join()
    print("done")

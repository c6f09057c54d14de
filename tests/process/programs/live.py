"""A program with something to see, and whet.live started with the options given as JSON."""

import asyncio
import json
import sys
import threading
import time

import whet.live

options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
address = options.pop("address", "127.0.0.1:0")
lock = threading.Lock()
kept = []


def spin():
    while True:
        sum(i * i for i in range(2000))
        with lock:
            time.sleep(0.002)


def contend():
    while True:
        with lock:
            kept.append(bytes(1000))
        time.sleep(0.0002)  # who takes a lock again at once leaves it to nobody
        if len(kept) > 20_000:
            kept.clear()


async def sleeper():
    await asyncio.sleep(3600)


async def main():
    tasks = [asyncio.create_task(sleeper(), name=f"sleeper-{i}") for i in range(3)]
    server = whet.live.start(address, **options)
    print("serving", server.address, flush=True)
    await asyncio.gather(*tasks)


for target in (spin, contend):
    threading.Thread(target=target, daemon=True, name=target.__name__).start()
asyncio.run(main())

"""asyncio: a hundred tasks that pass messages through queues, many task switches a millisecond."""

from __future__ import annotations

import asyncio

from measured import measured


async def produce(queue: asyncio.Queue[int], count: int) -> None:
    """Send numbers."""
    for i in range(count):
        await queue.put(i)
        if i % 8 == 0:
            await asyncio.sleep(0)


async def consume(queue: asyncio.Queue[int], count: int) -> int:
    """Receive and add them."""
    total = 0
    for _ in range(count):
        total += await queue.get()
    return total


async def pairs(count: int) -> int:
    """Run fifty producers and fifty consumers."""
    queues: list[asyncio.Queue[int]] = [asyncio.Queue(4) for _ in range(50)]
    senders = [asyncio.create_task(produce(q, count)) for q in queues]
    totals = await asyncio.gather(*(consume(q, count) for q in queues))
    await asyncio.gather(*senders)
    return sum(totals)


def work(scale: float) -> int:
    return asyncio.run(pairs(int(25_000 * scale)))


if __name__ == "__main__":
    measured(work)

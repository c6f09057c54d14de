"""Asyncio tasks that something can still wake, and tasks (called lost) that nothing can."""

import asyncio
import os
import socket
import sys
import time

from whet.collect.leaks import leaked_stacks

kept = set()
at_module_level = asyncio.Event()


def task(name, coroutine):
    made = asyncio.create_task(coroutine, name=name)
    kept.add(made)
    return made


async def wait_for_event(event):
    await event.wait()


async def wait_for_own_event():
    event = asyncio.Event()
    await event.wait()


async def wait_for_future():
    await asyncio.get_running_loop().create_future()


async def get(queue):
    await queue.get()


async def put_later(queue):
    await asyncio.sleep(3600)
    await queue.put(1)


async def wait_for(task):
    await task


async def hold(lock):
    async with lock:
        await asyncio.sleep(3600)


async def acquire(*locks):
    for lock in locks:
        await lock.acquire()
        await asyncio.sleep(0)


async def delegate(closure):
    await asyncio.to_thread(closure)


def completed_by_closure():
    future = asyncio.get_running_loop().create_future()
    return future, lambda: future.set_result(None)


async def wait_for_callback(future):
    await future


async def wait_for_all(*tasks):
    await asyncio.gather(*tasks)


async def wait_for_any(*tasks, timeout=None):
    await asyncio.wait(tasks, timeout=timeout)


async def give_up_at_last(wait):
    async with asyncio.timeout(3600):
        await wait


async def be_cancelled(cancel):
    asyncio.get_running_loop().call_later(3600, cancel(asyncio.current_task()))
    await wait_for_own_event()


def cancelling(task):
    return lambda: task.cancel("too late")


async def main():
    used, lock, first, second = asyncio.Queue(), asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
    task("module", wait_for_event(at_module_level))
    task("lost event", wait_for_own_event())
    task("lost future", wait_for_future())
    task("lost queue", get(asyncio.Queue()))
    task("lost waiter", wait_for(task("lost event 2", wait_for_own_event())))
    task("waiter", wait_for(task("sleeper", asyncio.sleep(3600))))
    task("consumer", get(used))
    task("producer", put_later(used))
    task("holder", hold(lock))
    task("wants it", acquire(lock))
    task("lost one", acquire(first, second))
    task("lost other", acquire(second, first))
    del used, lock, first, second
    held_here = asyncio.Event()
    task("held by main", wait_for_event(held_here))
    future, wake = completed_by_closure()
    task("closure", wait_for_callback(future))
    del future
    one, other = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=one)
    task("reader", reader.read(1))
    task("thread", delegate(lambda: time.sleep(3)))
    lost = [task(f"lost child {i}", wait_for_own_event()) for i in range(2)]
    task("lost all", wait_for_all(*lost))
    task("lost any", wait_for_any(*lost))
    sleeping = task("sleeping child", asyncio.sleep(3600))
    task("all", wait_for_all(*lost, sleeping))
    task("any", wait_for_any(*lost, sleeping))
    task("any within an hour", wait_for_any(*lost, timeout=3600))
    del lost, sleeping
    task("within an hour", give_up_at_last(wait_for_own_event()))
    task("cancelled later", be_cancelled(lambda this: this.cancel))
    task("cancelled by closure", be_cancelled(cancelling))
    for _ in range(5):
        await asyncio.sleep(0.01)
    found, unknown = await asyncio.to_thread(leaked_stacks)
    print(*sorted(stack.name for stack in found), sep="\n")
    assert all(stack.frames for stack in found)
    assert (unknown, held_here.is_set(), callable(wake), other.fileno() >= 0, bool(writer)) == (
        0,
        False,
        True,
        True,
        True,
    )
    sys.stdout.flush()
    os._exit(0)


if "--uvloop" in sys.argv:
    import uvloop

    uvloop.run(main())
else:
    asyncio.run(main())

"""Asyncio tasks that nothing can wake any more: Go's goroutineleak, as far as Python lets it be known.

A task waits for a future. Whoever could set its result must reach it: if the future, and all that
leads to it (an Event, a Queue), is held only by the waiting task itself, or by other tasks that
nothing can wake, it waits for ever. Where anything is not understood, the task counts as alive. What
holds a task alive does not matter: one that nobody holds is collected, and asyncio says so. But a timer
that reaches a task, as that of asyncio.timeout does, may cancel it.

Not known: threads, whose frames hold references that nobody can count while they are in a call, and what
holds references that the garbage collector does not see.
"""

import gc
import sys
import time
from types import FunctionType

from whet.collect.threads import Stack, await_chain, live_tasks

__all__ = ["leaked_stacks"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Each step looks at all objects of the process once.
_MOST_STEPS, _MOST_HOLDERS = 12, 300
_WITHIN_S = 2.0
# From a timer's handle over a bound method and an object with a dictionary to a task.
_TIMER_STEPS, _MOST_REACHED = 5, 300_000
# What several futures call when they are done, on behalf of the one that waits for all of them.
_COUNTING = {"gather.<locals>._done_callback", "_wait.<locals>._on_completion"}


def leaked_stacks() -> tuple[list[Stack], int]:
    """Return the tasks that nothing can wake, and how many were not looked at for want of time."""
    waiting = [task for task in live_tasks() if getattr(task, "_fut_waiter", None) is not None]
    owners = {part: task for task in waiting for part in _parts(task)}
    wakers: dict[Any, set[Any]] = {}
    deadline = time.monotonic() + _WITHIN_S
    timed = _timed(waiting)
    if timed is None:
        return [], len(waiting)
    unknown = 0
    for task in waiting:
        if id(task) in timed:
            continue
        if time.monotonic() > deadline:
            unknown += 1
            continue
        found = _wakers(task, owners)
        if found is not None:
            wakers[task] = found
    # Those that could be woken by one that is alive are alive.
    while alive := [task for task, others in wakers.items() if not others <= wakers.keys()]:
        for task in alive:
            del wakers[task]
    return [_stack(task) for task in wakers], unknown


def _stack(task: "Any") -> Stack:
    frames, _ = await_chain(task.get_coro())
    return Stack("task", task.get_name(), "nothing can wake it", frames)


def _timed(tasks: "list[Any]") -> set[int] | None:
    """Return the identities of the tasks that a timer of their loops reaches; None if that is too much."""
    loops = {id(loop): loop for loop in (task.get_loop() for task in tasks)}
    handles = [
        thing
        for thing in _within(gc.get_referents(*loops.values()), 2)
        if type(thing).__name__ == "TimerHandle"
    ]
    reached = _within(handles, _TIMER_STEPS)
    if len(reached) > _MOST_REACHED:
        return None
    return {id(task) for task in tasks} & {id(thing) for thing in reached}


def _within(things: "list[Any]", steps: int) -> "list[Any]":
    """Return things and what they lead to in some steps, but not through tasks and what leads everywhere."""
    seen = {id(thing): thing for thing in things}
    edge = things
    for _ in range(steps):
        if len(seen) > _MOST_REACHED:
            break
        reached: list[Any] = []
        for thing in edge:
            if isinstance(thing, FunctionType):
                reached += [thing.__closure__, thing.__defaults__]
            elif type(thing).__name__ == "builtin_function_or_method":
                reached.append(thing.__self__)
            elif not hasattr(thing, "get_coro") and type(thing).__name__ != "Context" and not _is_root(thing):
                reached += gc.get_referents(thing)
        edge = list({id(thing): thing for thing in reached if id(thing) not in seen}.values())
        seen |= {id(thing): thing for thing in edge}
    return list(seen.values())


def _parts(task: "Any") -> "list[int]":
    """Return the identities of the coroutines that a task consists of."""
    parts = [id(task)]
    at = task.get_coro()
    while at is not None and len(parts) < 1000:
        parts.append(id(at))
        at = next(
            (
                value
                for name in ("cr_await", "gi_yieldfrom", "ag_await")
                if (value := getattr(at, name, None))
            ),
            None,
        )
    return parts


def _wakers(task: "Any", owners: "dict[int, Any]") -> "set[Any] | None":
    """Return the tasks that could wake one, or None if something else could, or if it is not known."""
    # References are counted below: what is looked at is in this list, and in no variable.
    frontier = [task._fut_waiter]
    if id(frontier[0]) in owners:
        return {owners[id(frontier[0])]}
    if not _is_known(frontier[0]) or frontier[0].done():
        return None
    found: set[Any] = set()
    # All that has been met; the task's own parts wake nobody.
    seen = {id(frontier[0]), *(part for part, owner in owners.items() if owner is task)}
    for _ in range(_MOST_STEPS):
        holders = gc.get_referrers(*frontier)
        if not _are_all(frontier, holders):
            return None
        seen |= {id(frontier), id(holders)}
        held, frontier = frontier, []
        while holders:
            if id(holders[-1]) in owners and id(holders[-1]) not in seen:
                found.add(owners[id(holders[-1])])
            elif id(holders[-1]) not in seen and holders[-1] is not held and not _is_passing(holders):
                if _is_root(holders[-1]):
                    return None
                frontier.append(holders[-1])
            seen.add(id(holders.pop()))
        if not frontier:
            return found
        if len(seen) > _MOST_HOLDERS + len(owners):
            return None
    return None


def _are_all(held: "list[Any]", holders: "list[Any]") -> bool:
    """Whether the holders account for every reference to what is held, but for the list itself."""
    known = dict.fromkeys(map(id, held), 0)
    for holder in holders:
        if holder is not held:
            for item in gc.get_referents(holder):
                if id(item) in known:
                    known[id(item)] += 1
                item = None
    holder = None
    alone: list[list[int]] = [[]]
    (free,) = (sys.getrefcount(thing) for thing in alone)
    return all(sys.getrefcount(thing) - free <= known[id(thing)] for thing in held)


def _is_passing(holders: "list[Any]") -> bool:
    """Whether the last one is the tuple of a call's arguments, which nobody else holds."""
    return type(holders[-1]) is tuple and sys.getrefcount(holders[-1]) <= 2


def _is_known(future: "Any") -> bool:
    kind = type(future)
    return kind.__module__ == "_asyncio" or (kind.__module__, kind.__name__) == (
        "asyncio.tasks",
        "_GatheringFuture",
    )


def _is_root(holder: "Any") -> bool:
    kind = type(holder)
    if isinstance(holder, FunctionType):
        return holder.__module__ != "asyncio.tasks" or holder.__qualname__ not in _COUNTING
    if isinstance(holder, type) or kind.__name__ in ("module", "builtin_function_or_method"):
        return True
    return hasattr(kind, "call_soon_threadsafe")

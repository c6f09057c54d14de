"""What all threads and asyncio tasks of this process do at this moment: Go's goroutine profile.

Taken from within, under the GIL: the stacks of threads, the chains of coroutines of tasks, and
who waits for what. Costs nothing until it is asked for. How long a wait has lasted is known while the
collectors of waits and of tasks run. Texts are in threads_text.py, the profile in threads_profile.py.
"""

import sys

from whet.collect.probe import load_probe
from whet.collect.thread_states import thread_state
from whet.errors import CollectError

__all__ = ["Frame", "Stack", "await_chain", "live_tasks", "take_stacks"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    # (qualified name with the module's, file, line, first line of the function)
    Frame = tuple[str, str, int, int]
else:
    Frame = tuple

MAX_FRAMES = 10_000
_VERSION = tuple(sys.version_info)  # a copy: mypy checks all branches
# Threads that begin here are not the program's.
_OWN_FILES = ("/whet/collect/ticker.py", "/whet/live/listener.py", "/whet/live/workers.py")
_OWN_DIRECTORY = __file__[: -len("threads.py")]


class Stack:
    """One thread or task.

    Attributes:
        kind: `thread` or `task`.
        name: of the thread or task.
        state: `running`, or what is waited for.
        frames: innermost first.
        ident: of a thread, Python's identifier; of a task, that of its loop's thread or 0.
        native_id: of a thread, the kernel's; 0 where it is not known.
        daemon: whether Python's shutdown does not wait for the thread.
        lasted_ns: how long it has been in its state, None where that is not known.
    """

    __slots__ = ("daemon", "frames", "ident", "kind", "lasted_ns", "name", "native_id", "state")

    def __init__(self, kind: str, name: str, state: str, frames: "list[Frame]", ident: int = 0) -> None:
        self.kind = kind
        self.name = name
        self.state = state
        self.frames = frames
        self.ident = ident
        self.native_id = 0
        self.daemon = False
        self.lasted_ns: int | None = None


def take_stacks() -> list[Stack]:
    """Return all threads of the program, the calling one first, then all tasks that are not done."""
    current = sys._current_frames()
    threads = _threads(current)
    return threads + _tasks(current, threads)


def _threads(current: "dict[int, FrameType]") -> list[Stack]:
    import _thread

    own = _thread.get_ident()
    states, names = _states(), _names()
    found = []
    for ident in sorted(current, key=lambda ident: (ident != own, ident)):
        frames = _frames(current[ident])
        if frames and frames[-1][1].endswith(_OWN_FILES):
            continue
        if ident == own:
            frames = _without_ours(frames)
        name, daemon, native_id = names.get(ident, (f"thread {ident}", True, 0))
        native_id, state = states.get(ident, (native_id, "unknown"))
        if ident == own:
            state = "running"
        stack = Stack("thread", name, state, frames, ident)
        stack.native_id, stack.daemon = native_id, daemon
        found.append(stack)
    waited_ns = _waited_ns()
    for stack in found:
        if stack.state != "running":
            stack.lasted_ns = waited_ns.get(stack.native_id)
    return found


def _without_ours(frames: "list[Frame]") -> "list[Frame]":
    """Return the frames of who asked for the dump."""
    first = next(
        (i for i, frame in enumerate(frames) if not frame[1].startswith(_OWN_DIRECTORY)), len(frames)
    )
    return frames[first:]


def _waited_ns() -> dict[int, int]:
    """Return how long threads have been waiting, by the kernel's id, as far as waits are recorded."""
    try:
        waited: dict[int, int] = load_probe().blocking_waiting()
    except CollectError:
        return {}
    return waited


def _states() -> dict[int, tuple[int, str]]:
    """Return (the kernel's id, state) of each thread by Python's identifier."""
    try:
        probe = load_probe()
    except CollectError:
        return {}  # stacks and names are known all the same
    condition = probe.gil_condition()
    return {
        ident: (native_id, thread_state(call, letter, condition))
        for ident, native_id, call, letter in probe.thread_states()
    }


def _names() -> dict[int, tuple[str, bool, int]]:
    """Return (name, daemon, the kernel's id) of the threads that `threading` knows."""
    threading = sys.modules.get("threading")
    if threading is None:
        return {}
    # threading.enumerate() takes a lock that an interrupted thread may hold.
    known = list(threading._active.values())
    return {thread.ident: (thread.name, thread.daemon, thread.native_id or 0) for thread in known}


def _frames(frame: "FrameType | None") -> "list[Frame]":
    frames: list[Frame] = []
    while frame is not None and len(frames) < MAX_FRAMES:
        frames.append(_place(frame))
        frame = frame.f_back
    return frames


def _place(frame: "FrameType") -> "Frame":
    code = frame.f_code
    module = frame.f_globals.get("__name__")
    name = f"{module}.{_qualname(code)}" if isinstance(module, str) else _qualname(code)
    return name, code.co_filename, frame.f_lineno or code.co_firstlineno, code.co_firstlineno


def _qualname(code: "Any") -> str:
    name: str = code.co_qualname
    return name


# ---- tasks --------------------------------------------------------------------------------------


def _tasks(current: "dict[int, FrameType]", threads: list[Stack]) -> list[Stack]:
    asyncio = sys.modules.get("asyncio")
    names = {thread.ident: thread.name for thread in threads}
    found = []
    tasks = live_tasks()
    for task, lasted_ns in zip(tasks, _lasted_ns(tasks), strict=True):
        frames, running = await_chain(task.get_coro())
        stack = Stack("task", task.get_name(), _task_state(task, frames, asyncio), frames)
        if running is not None:
            stack.ident, frames = _inside(running, current)
            stack.frames = _without_ours(frames)
            stack.state = f"running in {names.get(stack.ident, 'a thread')}"
        # A wait's length says nothing of how long its end has been waiting for the loop.
        if lasted_ns >= 0 and stack.state != "runnable":
            stack.lasted_ns = lasted_ns
        found.append(stack)
    return sorted(found, key=lambda stack: (not stack.state.startswith("running"), stack.name))


def _lasted_ns(tasks: "list[Any]") -> list[int]:
    """Return how long each task has been stepping or waiting, -1 where tasks are not watched."""
    try:
        lasted: list[int] = load_probe().tasks_lasted([task.get_coro() for task in tasks])
    except CollectError:
        return [-1] * len(tasks)
    return lasted


def live_tasks() -> "list[Any]":
    """Return the asyncio tasks of this process, of all loops, that are not done."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or not hasattr(asyncio, "tasks"):
        return []
    return [task for task in _all_tasks(asyncio) if not task.done()]


def _all_tasks(asyncio: "Any") -> "list[Any]":
    tasks = asyncio.tasks
    known = getattr(tasks, "_all_tasks", None)
    if known is not None:  # 3.11
        return _copied(known)
    if _VERSION < (3, 14):
        return [*_copied(tasks._scheduled_tasks), *_copied(tasks._eager_tasks)]
    # From 3.14 on tasks are in lists of each thread that only asyncio.all_tasks(loop) reads.
    import gc

    return [item for item in gc.get_objects() if isinstance(item, asyncio.Task)]


def _copied(tasks: "Any") -> "list[Any]":
    # Other threads may add tasks while we read; a set that changes says so.
    for _ in range(1000):
        try:
            return list(tasks)
        except RuntimeError:
            continue
    return []


def await_chain(coroutine: "Any") -> "tuple[list[Frame], FrameType | None]":
    """Return the frames, innermost first, and the outermost frame if the chain runs now."""
    frames: list[Frame] = []
    at = coroutine
    for _ in range(MAX_FRAMES):
        prefix, awaits = _FIELDS.get(type(at).__name__, ("", ""))
        if awaits and hasattr(at, awaits):
            frame = getattr(at, f"{prefix}_frame")
            if frame is None:
                break
            # An asynchronous generator "runs" while it awaits, too.
            if prefix != "ag" and getattr(at, f"{prefix}_running"):
                return frames[::-1], frame
            frames.append(_place(frame))
            at = getattr(at, awaits)
        elif type(at).__name__ in _WRAPPERS:
            at = _wrapped(at)
        else:
            break
    return frames[::-1], None


# Type -> prefix of its attributes, and the one that says what is awaited. Code compiled by Cython
# has types of the same names.
_FIELDS = {
    "coroutine": ("cr", "cr_await"),
    "generator": ("gi", "gi_yieldfrom"),
    "async_generator": ("ag", "ag_await"),
}
_WRAPPERS = {"coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable"}


def _wrapped(wrapper: "Any") -> "Any":
    """Return the coroutine or generator in an object that has no attribute for it."""
    import gc

    return next((item for item in gc.get_referents(wrapper) if type(item).__name__ in _FIELDS), None)


def _inside(running: "FrameType", current: "dict[int, FrameType]") -> "tuple[int, list[Frame]]":
    """Return the thread that runs a coroutine, and the stack from its innermost frame to the coroutine."""
    for ident, frame in current.items():
        frames: list[Frame] = []
        at: FrameType | None = frame
        while at is not None and len(frames) < MAX_FRAMES:
            frames.append(_place(at))
            if at is running:
                return ident, frames
            at = at.f_back
    return 0, [_place(running)]


# Where asyncio itself makes a task wait: innermost function -> what for.
_WAITS = {
    "asyncio.tasks.sleep": "sleep",
    "asyncio.locks.Lock.acquire": "lock",
    "asyncio.locks.Event.wait": "event",
    "asyncio.locks.Condition.wait": "condition",
    "asyncio.locks.Semaphore.acquire": "semaphore",
    "asyncio.locks.Barrier._wait": "barrier",
    "asyncio.queues.Queue.get": "queue get",
    "asyncio.queues.Queue.put": "queue put",
    "asyncio.queues.Queue.join": "queue join",
    "asyncio.streams.StreamReader._wait_for_data": "read",
    "asyncio.streams.FlowControlMixin._drain_helper": "write",
    "asyncio.base_subprocess.BaseSubprocessTransport._wait": "wait for a process",
}


def _task_state(task: "Any", frames: "list[Frame]", asyncio: "Any") -> str:
    waiter = getattr(task, "_fut_waiter", None)
    if waiter is None:
        return "runnable"
    known = _WAITS.get(frames[0][0]) if frames else None
    if known is not None:
        return known
    if isinstance(waiter, asyncio.Task):
        return "task"
    return "gathering" if hasattr(waiter, "_children") else "future"

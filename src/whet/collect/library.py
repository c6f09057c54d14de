"""Recording a part of a program from within: `whet.profile`, `whet.start`, `whet.stop`.

Nothing heavy is imported into the program: the report is made by another process, which
`stop` waits for; `report=False` leaves it out. Recording is per process: what the program
forks is not recorded, and may start a recording of its own.
"""

import os
import sys
import time

from whet.collect.recording import (
    META,
    claim,
    describe_interpreter,
    encode_json,
    fresh_directory,
    metadata,
    release,
    write_unnoticed,
)
from whet.collect.session import Session
from whet.collect.settings import DEFAULT_MEAN_BYTES, DEFAULT_THRESHOLD_NS, Settings
from whet.errors import CollectError, SourceError

__all__ = ["profile", "start", "stop"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

_CO_GENERATOR, _CO_COROUTINE, _CO_ASYNC_GENERATOR = 0x20, 0x80, 0x200

_current: "_Recording | None" = None


def start(
    directory: "str | os.PathLike[str] | None" = None,
    *,
    rate_hz: int = 100,
    heap: bool = False,
    block: bool = False,
    tasks: bool = False,
    threads: bool = False,
    gc: bool = False,
    report: bool = True,
) -> str:
    """Start recording this process and return the recording's directory (absolute).

    Args:
        directory: where to record; a recording there is replaced, other files are refused.
            None makes a new directory `whet-DATE-TIME-PROGRAM`.
        rate_hz: samples per second of CPU time, 1 to 10,000.
        heap: record allocations and memory in use, too.
        block: record waits, too, and who made others wait.
        tasks: watch asyncio's tasks, too, and label all samples with them.
        threads: dump what all threads and tasks do, too.
        gc: record garbage collections, too.
        report: make `report.html` at the end.

    Raises:
        CollectError: recording is on already, or this interpreter cannot be measured.
        SourceError: the directory cannot be written.
    """
    global _current
    if _current is not None and _current.pid == os.getpid():
        raise CollectError("this process is being recorded already", hint="call whet.stop() first")
    settings = Settings(
        rate_hz=rate_hz,
        heap_bytes=DEFAULT_MEAN_BYTES if heap else None,
        block_ns=DEFAULT_THRESHOLD_NS if block else None,
        tasks=tasks,
        threads=threads,
        gc=gc,
    )
    recording = _Recording(_absolute(directory), settings, report=report)
    recording.start()
    _current = recording
    return recording.directory


def stop() -> str:
    """Finish the recording and return its directory.

    Raises:
        CollectError: nothing was started in this process.
        SourceError: the recording could not be written.
    """
    global _current
    recording = _current
    if recording is None or recording.pid != os.getpid():
        raise CollectError("this process is not being recorded", hint="call whet.start() first")
    _current = None
    recording.stop()
    return recording.directory


class profile:  # noqa: N801 (it is used like a function)
    """Record what runs inside `with whet.profile("out/"):` or under `@whet.profile("out/")`.

    A decorated function is recorded anew at each call; the last recording stays. Calls from
    within the function, or from other threads meanwhile, belong to the recording that is on.

    Args: those of `start`. Attribute `directory` is the recording's, once it was entered.
    """

    def __init__(
        self,
        directory: "str | os.PathLike[str] | None" = None,
        *,
        rate_hz: int = 100,
        heap: bool = False,
        block: bool = False,
        tasks: bool = False,
        threads: bool = False,
        gc: bool = False,
        report: bool = True,
    ) -> None:
        self.directory: str | None = None
        self._wanted = directory
        self._how: dict[str, Any] = {
            "rate_hz": rate_hz, "heap": heap, "block": block, "tasks": tasks,
            "threads": threads, "gc": gc, "report": report,
        }  # fmt: skip
        self._in_calls = 0

    def __enter__(self) -> "profile":
        self.directory = start(self._wanted, **self._how)
        return self

    def __exit__(self, *exception: object) -> None:
        stop()

    def __call__(self, function: "F") -> "F":
        """Return `function` such that each outermost call is recorded."""
        from functools import wraps

        flags = function.__code__.co_flags if hasattr(function, "__code__") else 0
        if flags & _CO_ASYNC_GENERATOR:
            raise CollectError(
                f"{function.__qualname__} is an async generator, which whet.profile cannot decorate",
                hint="use `with whet.profile(...):` where it is iterated",
            )
        wrapper = _wrap_call
        if flags & _CO_COROUTINE:
            wrapper = _wrap_coroutine
        elif flags & _CO_GENERATOR:
            wrapper = _wrap_generator
        return wraps(function)(wrapper(self, function))  # type: ignore[return-value]


def _wrap_call(owner: profile, function: "Callable[..., Any]") -> "Callable[..., Any]":
    def call(*args: "Any", **kwargs: "Any") -> "Any":
        with _Call(owner):
            return function(*args, **kwargs)

    return call


def _wrap_coroutine(owner: profile, function: "Callable[..., Any]") -> "Callable[..., Any]":
    async def call(*args: "Any", **kwargs: "Any") -> "Any":
        with _Call(owner):
            return await function(*args, **kwargs)

    return call


def _wrap_generator(owner: profile, function: "Callable[..., Any]") -> "Callable[..., Any]":
    def call(*args: "Any", **kwargs: "Any") -> "Any":
        with _Call(owner):
            return (yield from function(*args, **kwargs))

    return call


class _Call:
    """One call of a decorated function; only the outermost starts and stops."""

    def __init__(self, owner: profile) -> None:
        self._owner = owner

    def __enter__(self) -> None:
        if self._owner._in_calls == 0:
            self._owner.__enter__()
        self._owner._in_calls += 1

    def __exit__(self, *exception: object) -> None:
        self._owner._in_calls -= 1
        if self._owner._in_calls == 0:
            self._owner.__exit__(*exception)


class _Recording:
    """A session, the directory it writes to and what its meta.json says."""

    def __init__(self, directory: str, settings: Settings, *, report: bool) -> None:
        self.directory = directory
        self.pid = os.getpid()
        self._report = report
        self._session = Session(directory, settings=settings, publish=self._publish)

    def start(self) -> None:
        made = claim(self.directory)
        self._start_ns = time.time_ns()
        self._begin_ns = time.monotonic_ns()
        self._begin_cpu = os.times()
        try:
            self._session.start(watch_exits=False)
        except CollectError:
            release(self.directory, made=made)
            raise

    def stop(self) -> None:
        self._session.finish()
        if self._session.trouble:
            raise SourceError(f"{self.directory}: the recording is incomplete: {self._session.trouble}")
        if self._report:
            _make_report(self.directory)
            self._publish(self._session.facts())

    def _publish(self, facts: "dict[str, object]") -> None:
        over = self._session.ended is not None
        cpu = os.times()
        meta = metadata(
            self.directory,
            made_by="whet.profile",
            partial_reason=None if over else "the program ended before the recording was stopped",
            program={
                "command": sys.orig_argv,
                "cwd": _cwd(),
                "pid": self.pid,
                "start_time_ns": self._start_ns,
                "wall_ns": time.monotonic_ns() - self._begin_ns,
                "cpu_user_ns": round((cpu.user - self._begin_cpu.user) * 1e9),
                "cpu_system_ns": round((cpu.system - self._begin_cpu.system) * 1e9),
                "max_rss_bytes": None,
                "exit_status": None,
                "signal": None,
            },
            facts={"python": describe_interpreter(), **facts},
        )
        write_unnoticed(os.path.join(self.directory, META), encode_json(meta).encode() + b"\n")


def _make_report(directory: str) -> None:
    """Have another process write report.html; without one the recording is still complete."""
    command = [sys.executable, "-m", "whet.driver.finish", directory]
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    try:
        pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet)
        os.waitpid(pid, 0)
    except (OSError, TypeError):
        return  # no process to be had, or the program waits for all its children itself


def _absolute(directory: "str | os.PathLike[str] | None") -> str:
    if directory is None:
        script = sys.argv[0] if sys.argv else ""
        return fresh_directory(os.path.splitext(os.path.basename(script))[0])
    return os.path.abspath(os.fspath(directory))


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None

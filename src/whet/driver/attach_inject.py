"""`whet attach --inject`: have a running program (CPython 3.14+) switch the in-process collectors on.

`sys.remote_exec` (PEP 768) makes the program's main thread run a script at its next safe moment. The script
lies in a folder that belongs to the program, below its own /tmp, which a container may have to itself; the
folder is reached through /proc and removed at the end. What the script loads are the modules that run here.
It does not print.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from whet._version import __version__
from whet.collect.procfs import start_ticks, stat_fields
from whet.collect.recording import claim, fresh_directory, metadata, release
from whet.collect.remote.access import process_of
from whet.collect.remote.process import RemoteProcess
from whet.collect.remote.runtime import Interpreter, command_line, find_interpreter
from whet.driver.attach_folder import PACKAGE, SCRIPT, Folder
from whet.driver.run import Recorded, write_meta
from whet.driver.wall import add_wall
from whet.errors import CollectError, WhetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from whet.collect.settings import Settings

__all__ = ["Injection"]

FIRST_VERSION = (3, 14)
# How long the program's main thread may take until it runs the script.
PATIENCE_S = 10.0
# How long after its time a session may take to finish.
_LAST_SAVE_S = 30.0
_POLL_S = 0.02


class Injection:
    """A process that can be told to record itself.

    Args:
        pid: the process, or one of its threads.

    Raises:
        CollectError: it cannot; nothing was done to it.
    """

    def __init__(self, pid: int) -> None:
        self.pid = process_of(pid)
        if self.pid == os.getpid():
            raise CollectError(
                f"process {self.pid} is this one", hint="whet.profile() records a program from within"
            )
        self.interpreter: Interpreter = find_interpreter(self.pid)
        self.command = command_line(self.pid)
        self._started = start_ticks(self.pid)
        _check(self.interpreter)

    def record(
        self,
        settings: Settings,
        *,
        duration_s: float,
        directory: str | None,
        progress: Callable[[float], None],
    ) -> Recorded:
        """Have the process record itself for a while, or until it ends or Ctrl-C.

        Raises:
            CollectError: it did not start to; the process is as it was.
            SourceError: the directory cannot be used.
        """
        name = Path(next((w for w in self.command[1:] if not w.startswith("-")), "process")).name
        directory = str(Path(directory or fresh_directory(f"{name}-{self.pid}")).absolute())
        made = claim(directory)
        begin_ns = time.time_ns()
        settings.duration_s = duration_s
        try:
            with Folder(self.pid) as folder:
                self._begin(folder, settings)
                interrupted_s = self._wait(folder, duration_s, progress)
                facts = folder.answer()
                folder.move_to(directory)
        except (WhetError, OSError, KeyboardInterrupt):
            release(directory, made=made)
            raise
        return self._finish(directory, facts, begin_ns, interrupted_s)

    def _alive(self) -> bool:
        return start_ticks(self.pid) == self._started and not _is_zombie(self.pid)

    def _begin(self, folder: Folder, settings: Settings) -> None:
        call = f"injected.begin({folder.path!r}, {settings.to_text()!r}, {__version__!r})"
        folder.write_script(call)
        self._execute(folder)
        begin_s = time.monotonic()
        while not folder.answer() and self._alive():
            try:
                self._check_patience(folder, time.monotonic() - begin_s)
                time.sleep(_POLL_S)
            except KeyboardInterrupt:
                if folder.withdraw():
                    raise  # where the script runs already, a second Ctrl-C ends the recording
        answer = folder.answer()
        if not answer:
            raise CollectError(f"process {self.pid} ended before the collectors were switched on")
        if "refused" in answer:
            hint = answer.get("hint")
            raise CollectError(f"process {self.pid}: {answer['refused']}", hint=str(hint) if hint else None)

    def _check_patience(self, folder: Folder, waited_s: float) -> None:
        if waited_s > PATIENCE_S and folder.withdraw():
            raise CollectError(
                f"process {self.pid}: its main thread ran no Python for {PATIENCE_S:g} s,"
                f" so that the collectors were not switched on{self._what_it_does()}",
                hint="without --inject it is recorded from outside; "
                f"a script that does nothing stays in {folder.path} until that thread runs",
            )
        if waited_s > _LAST_SAVE_S:
            raise CollectError(
                f"process {self.pid} began to run the script and did not answer for {_LAST_SAVE_S:g} s",
                hint="without --inject it is recorded from outside",
            )

    def _execute(self, folder: Folder) -> None:
        try:
            sys.remote_exec(self.pid, f"{folder.path}/{SCRIPT}")  # type: ignore[attr-defined]
        except (OSError, RuntimeError) as error:
            raise CollectError(
                f"process {self.pid} takes no script: {error}",
                hint="it was started with -X disable-remote-debug or PYTHON_DISABLE_REMOTE_DEBUG, or"
                " ends; without --inject it is recorded from outside",
            ) from error

    def _what_it_does(self) -> str:
        try:
            process = RemoteProcess(self.pid)
            process.check()
        except CollectError:
            return ""
        main = next((stack for stack in process.stacks() if stack.native_id == self.pid), None)
        if main is None or not main.frames:
            return ""
        return f" (it is in {main.frames[0][0]}, {main.state})"

    def _wait(self, folder: Folder, duration_s: float, progress: Callable[[float], None]) -> float | None:
        """Wait for the recording's end; return when it was interrupted, in seconds from its begin."""
        begin_s, interrupted_s = time.monotonic(), None
        while not folder.is_over() and self._alive():
            try:
                elapsed_s = time.monotonic() - begin_s
                if elapsed_s > duration_s + _LAST_SAVE_S:
                    break  # its threads do not run: what was saved by then is kept
                progress(min(elapsed_s, duration_s))
                time.sleep(_POLL_S)
            except KeyboardInterrupt:
                if interrupted_s is not None:
                    break
                interrupted_s = time.monotonic() - begin_s
                folder.write_script(f"injected.stop({folder.path!r})")
                with suppress(CollectError):
                    self._execute(folder)
        folder.withdraw()  # a script to stop that has not run yet
        return interrupted_s

    def _finish(
        self, directory: str, facts: dict[str, object], begin_ns: int, interrupted_s: float | None
    ) -> Recorded:
        meta = metadata(
            directory,
            made_by="whet attach --inject",
            partial_reason=self._why_partial(facts, interrupted_s),
            program={"command": self.command, "pid": self.pid, "start_time_ns": begin_ns},
            facts=facts,
        )
        outcome = Recorded(directory, "", meta)
        outcome.trouble = add_wall(directory, facts)
        write_meta(outcome)
        return outcome

    def _why_partial(self, facts: dict[str, object], interrupted_s: float | None) -> str | None:
        session = facts["session"]
        assert isinstance(session, dict)
        if session["trouble"]:
            return f"the program could not save: {session['trouble']}"
        if interrupted_s is not None:
            return f"stopped by Ctrl-C after {interrupted_s:.1f} s"
        if session["ended"] == "duration":
            return None
        return f"process {self.pid} ended after {session['recorded_ns'] / 1e9:.1f} s"


def _check(interpreter: Interpreter) -> None:
    """Raise where this Python cannot speak to that one."""
    theirs, mine = interpreter.version, sys.version_info
    pid, text = interpreter.pid, ".".join(map(str, interpreter.version))
    if theirs[:2] < FIRST_VERSION:
        raise CollectError(
            f"process {pid} runs Python {text}: --inject needs 3.14 or later",
            hint="without --inject it is recorded from outside; whet run and whet.profile work with any",
        )
    if theirs[:2] != mine[:2]:
        raise CollectError(
            f"process {pid} runs Python {text}, whet runs on {mine[0]}.{mine[1]}: --inject needs the same",
            hint=f"python{theirs[0]}.{theirs[1]} -m whet attach --inject {pid}",
        )
    if not hasattr(sys, "remote_exec"):
        raise CollectError(
            "this Python was built without sys.remote_exec",
            hint="without --inject it is recorded from outside",
        )
    root = f"/proc/{pid}/root"
    for path in PACKAGE.__path__:
        if not Path(root + path).exists():
            raise CollectError(
                f"process {pid} cannot load whet: there is no {path} where it runs",
                hint="install whet there and attach from within its container or folder",
            )


def _is_zombie(pid: int) -> bool:
    try:
        return stat_fields(pid)[0] in (b"Z", b"X")
    except OSError:
        return True

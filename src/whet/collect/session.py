"""A session: one recording being made of the process that this code runs in.

Starts the collectors, saves what they have so far now and then, so that a program that is
killed leaves a recording too, and saves the rest at the end. What it saves beside the
profile are *facts*, a dict; who started the session says where they go (`publish`). It
does not decide where a recording lies and does not render it.

Once started, a session never raises into the program: what goes wrong is a fact.
"""

import _thread
import atexit
import os
import sys
import time

from whet.collect.exits import ExitHooks, ForkHooks
from whet.collect.follow import FollowHooks, process_label
from whet.collect.probe import load_probe
from whet.collect.recording import PROCESSES, REQUEST, explain, write_unnoticed
from whet.collect.settings import Settings, make_collectors
from whet.collect.ticker import Ticker
from whet.errors import CollectError

__all__ = ["Session", "active"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from whet.collect.settings import Collector

# Seconds after the start at which the recording is saved; then every LATER_SAVES_S.
FIRST_SAVES_S = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0)
LATER_SAVES_S = 30.0
# A save may take this share of the time until the next one, or the next one is put off.
SAVING_BUDGET = 0.001
# How soon a supervisor that asks for a save is noticed.
TICK_S = 0.25
# The same in a process that was followed into: its parent may kill it any moment.
CHILD_TICK_S = 0.05

FORK_WARNS = sys.version_info >= (3, 12)

_active: "Session | None" = None


def active() -> "Session | None":
    """Return the session that runs in this process, or None."""
    return _active


class Session:
    """Record this process into `directory` until `finish`.

    Args:
        directory: absolute path of a claimed recording.
        settings: what to collect, how, and for how long.
        publish: called with the facts after every save.
    """

    def __init__(
        self,
        directory: str,
        *,
        settings: Settings,
        publish: "Callable[[dict[str, object]], None]",
    ) -> None:
        self.directory = directory
        self._settings = settings
        self._collectors: list[Collector] = []
        self._publish = publish
        self._lock = _thread.RLock()
        self._ticker = Ticker(self._tick)
        self._hooks = ExitHooks(self._leave, self._before_kill)
        self._fork_hooks = ForkHooks(self._before_fork, self._after_fork)
        self._follow_hooks: FollowHooks | None = None
        self._record_child: Callable[[], None] | None = None
        self._tick_s = TICK_S
        self._pauses = 0
        self._ended: str | None = None
        self._trouble: str | None = None
        self._start_ns = 0
        self._recorded_ns = 0
        self._saves = 0
        self._saving_ns = 0
        self._next_save_s = FIRST_SAVES_S[0]

    def follow(
        self,
        root: str,
        add: "Callable[[Mapping[str, str]], Mapping[str, str]]",
        record_child: "Callable[[], None]",
    ) -> None:
        """Follow the program into the processes it starts; to be called before `start`.

        Args:
            root: the whole recording's directory.
            add: puts into an environment what makes a Python program record itself.
            record_child: starts a session of its own in a forked child.
        """
        self._follow_hooks = FollowHooks(root, add)
        self._record_child = record_child
        self._root = root
        if root != self.directory:
            self._tick_s = CHILD_TICK_S

    def start(self, *, watch_exits: bool) -> None:
        """Start collecting.

        Args:
            watch_exits: save before `os._exit` and `os.exec*` too.

        Raises:
            CollectError: a session is running already, or this interpreter cannot be measured.
        """
        global _active
        if _active is not None:
            raise CollectError(
                "this process is being recorded already",
                hint="stop the other recording first; under `whet run` the whole program is recorded",
            )
        self._start_collectors()
        _active = self
        self._start_ns = time.monotonic_ns()
        # Registered before the program can register anything, so it runs after everything.
        atexit.register(self._at_exit)
        if watch_exits:
            self._hooks.install()
        if FORK_WARNS or self._record_child:
            self._fork_hooks.install()
        if self._follow_hooks:
            self._follow_hooks.install()
        self._ticker.start()

    def finish(self, ended: str = "stopped") -> None:
        """Stop collecting and save; idempotent."""
        global _active
        self._ticker.stop()
        with self._lock:
            if self._ended is not None:
                return
            self._stop_collectors()
            self._save(ended)
            self._restore_hooks()
            if _active is self:
                _active = None

    def forget(self) -> None:
        """Leave a forked child alone: what it does is not part of this recording."""
        self._ended = "forked"
        self._ticker.forget()
        self._restore_hooks()
        atexit.unregister(self._at_exit)

    def _restore_hooks(self) -> None:
        # In the reverse order of their installing: some replace what others have replaced.
        if self._follow_hooks:
            self._follow_hooks.restore()
        self._fork_hooks.restore()
        self._hooks.restore()

    def _before_fork(self) -> None:
        if FORK_WARNS:
            self.pause()

    def _after_fork(self) -> None:
        if self._ended == "forked":
            if self._record_child:
                self._record_child()
        elif FORK_WARNS:
            self.resume()

    def pause(self) -> None:
        """Have no thread of ours until as many calls of `resume`."""
        self._pauses += 1
        self._ticker.stop()
        load_probe().pause_threads()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._pauses -= 1
        if self._pauses <= 0 and self._ended is None:
            load_probe().resume_threads()
            self._ticker.start()

    @property
    def ended(self) -> str | None:
        """What ended the recording, or None while it goes on."""
        return self._ended

    @property
    def trouble(self) -> str | None:
        """Why the last save failed, or None."""
        return self._trouble

    def facts(self) -> "dict[str, object]":
        """Return what is known about the recording at its last save, by key of meta.json."""
        session = {
            "ended": self._ended,
            "trouble": self._trouble,
            "duration_limit_s": self._settings.duration_s,
            "recorded_ns": self._recorded_ns,
            "saves": self._saves,
            "saving_ns": self._saving_ns,
        }
        return {"session": session, **{c.name: c.facts() for c in self._collectors}}

    def _start_collectors(self) -> None:
        for collector in make_collectors(self._settings):
            try:
                collector.start()
            except CollectError:
                self._stop_collectors()
                raise
            self._collectors.append(collector)

    def _stop_collectors(self) -> None:
        for collector in reversed(self._collectors):
            collector.stop()

    def _at_exit(self) -> None:
        # A second Ctrl-C must not cost the recording, and nothing can be done with it here.
        for _ in range(3):
            try:
                return self.finish("exit")
            except KeyboardInterrupt:
                continue
        return None

    def _leave(self, how: str) -> None:
        with self._lock:
            if self._ended is None:
                self._save(how)
                self._ended = None  # it goes on if the call fails
                if self._follow_hooks and how.startswith("exec"):
                    self._follow_hooks.prepare_exec()

    def _before_kill(self, pid: int) -> None:
        if self._follow_hooks:
            self._follow_hooks.before_kill(pid)

    def _tick(self) -> float | None:
        elapsed_s = (time.monotonic_ns() - self._start_ns) / 1e9
        left_s = self._tick_s
        if self._settings.duration_s is not None:
            left_s = self._settings.duration_s - elapsed_s
            if left_s <= 0:
                self.finish("duration")
                return None
        request = os.path.join(self.directory, REQUEST)
        asked = os.path.exists(request)
        if asked or elapsed_s >= self._next_save_s:
            with self._lock:
                if self._ended is not None:
                    return None
                self._save(None)
            self._plan_next_save(elapsed_s)
        if asked:
            _remove(request)
        return min(self._tick_s, left_s)

    def _plan_next_save(self, elapsed_s: float) -> None:
        planned_s = next((s for s in FIRST_SAVES_S if s > elapsed_s), elapsed_s + LATER_SAVES_S)
        affordable_s = self._saving_ns / 1e9 / SAVING_BUDGET
        self._next_save_s = max(planned_s, min(affordable_s, elapsed_s + 10 * LATER_SAVES_S))

    def _save(self, ended: str | None) -> None:
        begin_ns = time.monotonic_ns()
        if self._ended is None:
            self._recorded_ns = begin_ns - self._start_ns
        self._ended = ended
        self._trouble = None
        if self._follow_hooks and os.path.isdir(os.path.join(self._root, PROCESSES)):
            load_probe().set_process_label(process_label())
        for collector in self._collectors:
            for name, data in collector.snapshots(_comments()).items():
                self._write(name, data)
        self._saves += 1
        self._saving_ns += time.monotonic_ns() - begin_ns
        try:
            self._publish(self.facts())
        except OSError as error:
            self._trouble = explain(error)

    def _write(self, name: str, data: bytes) -> None:
        try:
            write_unnoticed(os.path.join(self.directory, name), data)
        except OSError as error:
            self._trouble = f"{name}: {explain(error)}"


def _comments() -> "list[str]":
    version = ".".join(map(str, sys.version_info[:3]))
    command = " ".join(map(_shell_word, sys.orig_argv))
    return [f"whet: command={command}", f"whet: python={sys.implementation.name} {version}"]


def _shell_word(word: str) -> str:
    plain = all(c.isalnum() or c in "-_./:=+,@%" for c in word)
    return word if word and plain else repr(word)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


# CPython counts the process's threads when a fork has been made and warns of more than one: 3.12
# before the functions registered here are called in the parent, 3.13 after them, hence ForkHooks.
# Forks that do not go through `os` (subprocess with preexec_fn) are met here.
def _before_fork() -> None:
    if _active is not None and FORK_WARNS:
        _active.pause()


def _after_fork_in_parent() -> None:
    if _active is not None and FORK_WARNS:
        _active.resume()


def _after_fork_in_child() -> None:
    global _active
    if _active is not None:
        _active.forget()
        _active = None


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)

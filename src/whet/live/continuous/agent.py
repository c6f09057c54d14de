"""The agent: profiles of all windows, queued and pushed, for as long as the process lives.

Two threads of our own, which no collector sees and which the program does not wait for: one cuts
windows, one sends. In a forked child the agent begins anew with a queue of its own; what is left
of its parent's is the parent's. Nothing here raises into the program once the agent has started.
"""

import atexit
import os
import socket
import sys
import time

from whet.collect import windows
from whet.collect.cpu import check_rate
from whet.collect.exits import ExitHooks, ForkHooks
from whet.collect.ticker import Ticker
from whet.errors import SourceError, UsageError, WhetError
from whet.live.continuous.backends import backend_for, check_label
from whet.live.continuous.batch import Batch
from whet.live.continuous.budget import MOST_REST_WINDOWS, Budget
from whet.live.continuous.rolling import Rolling
from whet.live.continuous.sender import Delivery, Sender
from whet.live.continuous.spool import DEFAULT_SPOOL_BYTES, Spool

__all__ = ["DEFAULT_RATE_HZ", "DEFAULT_SHARE", "DEFAULT_WINDOW_S", "Agent", "agent"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_WINDOW_S = 15.0
LONGEST_WINDOW_S = 86_400.0
DEFAULT_RATE_HZ = 100.0
DEFAULT_SHARE = 0.01
COLLECTORS = ("cpu", "heap", "block")
# How soon something new in the queue is sent; how long the end of the process waits for it.
SEND_AFTER_S = 0.5
LAST_SEND_S = 1.0
ADOPT_EVERY_S = 60.0
# A fork waits no longer for a thread that is sending or cutting.
FORK_WAIT_S = 0.05
# A window that ends suddenly is queued if it was as long.
LEAST_WINDOW_S = 1.0
# A sudden end waits no longer for the thread that is cutting, or has to get its turn on a busy machine.
LEAVE_WAIT_S = 0.5

_active: "Agent | None" = None


def agent(
    push: str,
    *,
    service: str | None = None,
    tags: "Mapping[str, str] | None" = None,
    profiles: "Sequence[str]" = ("cpu", "heap"),
    window_s: float = DEFAULT_WINDOW_S,
    rate_hz: float = DEFAULT_RATE_HZ,
    budget: float = DEFAULT_SHARE,
    headers: "Mapping[str, str] | None" = None,
    spool: "str | os.PathLike[str] | None" = None,
    spool_bytes: int = DEFAULT_SPOOL_BYTES,
) -> "Agent":
    """Profile this process, and those it forks, from now on, and push what is found.

    Args:
        push: http(s)://[USER:PASSWORD@]HOST[:PORT] is a Grafana Pyroscope, parca://... a Parca,
            datadog://... a Datadog agent, otlp://... an OpenTelemetry collector, parca+https://... the
            same with TLS; anything without :// is a directory, in which the oldest profiles give way.
        service: the label `service_name`; the program's name if None.
        tags: further labels of every profile.
        profiles: collectors: `cpu`, `heap`, `block` (waits, and who made others wait).
        window_s: length of a profile, seconds, 1 to 86,400.
        rate_hz: samples per second of CPU time, 1 to 10,000; fewer while they cost more than the budget.
        budget: what all this may take of the process's CPU time; more than that lowers the rate, or has
            the heap sampled less often; a collector that takes it alone after all rests.
        headers: of each request, X-Scope-OrgID for example.
        spool: where profiles wait for a backend that is away; None is below $XDG_STATE_HOME.
        spool_bytes: how much may wait in each process; then the oldest profiles give way.

    Raises:
        CollectError: this interpreter cannot be measured, or an agent runs already.
        SourceError: the spool cannot be written.
        UsageError: an argument is out of range.
    """
    if _active is not None:
        raise UsageError("an agent runs in this process already", hint="close() it first")
    labels = {"service_name": service or _program(), "hostname": socket.gethostname()}
    labels.update((check_label(name), str(value)) for name, value in (tags or {}).items())
    backend, address = backend_for(push)
    if not 1 <= window_s <= LONGEST_WINDOW_S:
        raise UsageError(f"a window takes 1 to {LONGEST_WINDOW_S:g} seconds, not {window_s:g}")
    check_rate(rate_hz)
    if not profiles or not set(profiles) <= set(COLLECTORS):
        raise UsageError(f"profiles are some of {', '.join(COLLECTORS)}, not {', '.join(profiles) or 'none'}")
    if not 0 < budget <= 1:
        raise UsageError(f"the budget is a share between 0 and 1, not {budget:g}")
    made = Agent(
        Delivery(backend, address, headers or {}),
        os.path.abspath(spool or _default_spool(labels["service_name"])),
        labels=labels,
        collectors=tuple(dict.fromkeys(profiles)),
        window_s=window_s,
        budget=Budget(rate_hz=rate_hz, share=budget),
        spool_bytes=spool_bytes,
    )
    made.start()
    return made


class Agent:
    """What `agent` returns. `close` ends it; `statistics` says how it goes."""

    def __init__(
        self,
        delivery: Delivery,
        spool: str,
        *,
        labels: "Mapping[str, str]",
        collectors: "Sequence[str]",
        window_s: float,
        budget: Budget,
        spool_bytes: int,
    ) -> None:
        self._delivery = delivery
        self._spool_root = spool
        self._spool_bytes = spool_bytes
        self._labels = dict(labels)
        self._window_s = window_s
        self._budget = budget
        self._wanted = collectors
        self._fork_hooks = ForkHooks(self._before_fork, self._after_fork)
        self._closed = True
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._rolling: dict[str, Rolling] = {}
        self._resting: dict[str, int] = {}
        self._windows = 0
        self._trouble: str | None = None
        self._own_ns = 0
        self._cut_ns: dict[str, int] = {}  # of own_ns, what is a collector's
        self._adopt_at_s = time.monotonic() + ADOPT_EVERY_S
        self._exit_hooks = ExitHooks(self._leave, _ignore)
        self._cutter = Ticker(self._cut_tick)
        self._mailer = Ticker(self._send_tick)

    def start(self) -> None:
        """Begin the first window.

        Raises:
            CollectError: a collector cannot be started.
            SourceError: the spool cannot be written.
        """
        global _active
        self._run()
        _active = self
        self._fork_hooks.install()
        atexit.register(self.close)

    def _run(self) -> None:
        self._spool = Spool(self._spool_root, max_bytes=self._spool_bytes)
        self._sender = Sender(self._spool, self._delivery)
        self._start_collectors()
        self._closed = False
        self._exit_hooks.install()
        self._start_threads()

    def close(self) -> None:
        """End the last window, try once to send what waits, and stop; again has no effect."""
        global _active
        if self._closed or self._pid != os.getpid():
            return
        self._closed = True
        self._cutter.stop()
        self._queue({kind: data for one in self._rolling.values() for kind, data in one.end().items()})
        if self._mailer.stop(within_s=LAST_SEND_S):
            until_s = time.monotonic() + LAST_SEND_S
            while (left_s := until_s - time.monotonic()) > 0 and self._sender.send(timeout_s=left_s):
                pass
        self._spool.close()
        self._fork_hooks.restore()
        self._exit_hooks.restore()
        atexit.unregister(self.close)
        if _active is self:
            _active = None

    def statistics(self) -> "dict[str, object]":
        """Return how it goes: windows, batches sent, waiting, refused, dropped; rates; its cost; trouble."""
        return {
            "windows": self._windows,
            "sent": self._sender.sent,
            "waiting": len(self._spool),
            "waiting_bytes": self._spool.size_bytes,
            "refused": self._sender.refused,
            "dropped": self._spool.dropped + self._spool.unreadable,
            "adopted": self._spool.adopted,
            "rate_hz": self._budget.rate_hz,
            "heap_interval_bytes": windows.heap_interval_bytes() if "heap" in self._rolling else None,
            "overhead_share": self._budget.spent_share,
            "resting": sorted(self._resting),
            "trouble": self._trouble or self._sender.trouble,
        }

    # ---- windows ------------------------------------------------------------------------------

    def _start_collectors(self) -> None:
        self._begin_window()
        self._window_start = _clocks()
        try:
            for name in self._wanted:
                self._start_collector(name)
        except WhetError:
            for rolling in self._rolling.values():
                rolling.end()
            self._rolling.clear()
            self._spool.close()
            raise

    def _start_collector(self, name: str) -> None:
        rate = int(self._budget.rate_hz) if name == "cpu" else None
        rolling = Rolling(name, rate, heap_step=self._budget.heap_step)
        rolling.begin()
        self._rolling[name] = rolling

    def _cut_tick(self) -> float | None:
        if (left_s := self._left_s()) > 0:
            return left_s
        begin_ns = time.thread_time_ns()
        self._trouble = None
        self._cut()
        self._own_ns += time.thread_time_ns() - begin_ns
        return max(0.0, self._left_s())

    def _begin_window(self) -> None:
        self._window_start_ns = time.time_ns()
        # How long it is, is told by a clock that nobody sets.
        self._window_begin_ns = time.monotonic_ns()

    def _left_s(self) -> float:
        return self._window_s - (time.monotonic_ns() - self._window_begin_ns) / 1e9

    def _cut(self) -> None:
        step = self._budget.heap_step
        rests = self._account()
        found: dict[str, bytes] = {}
        for name in list(self._rolling):
            try:
                found.update(self._cut_one(name, rests.get(name, 0)))
            except WhetError as error:
                self._trouble = str(error)
            except MemoryError:
                self._trouble = f"memory ran out: a window of {name} is lost"
        self._queue(found)
        if step != self._budget.heap_step and "heap" in self._rolling:
            self._rolling["heap"].set_heap_step(self._budget.heap_step)
        for name in list(self._resting):
            self._resting[name] -= 1
            if not self._resting[name]:
                self._wake(name)

    def _cut_one(self, name: str, rest_windows: int) -> dict[str, bytes]:
        rolling = self._rolling[name]
        if rest_windows:
            del self._rolling[name]
            self._resting[name] = rest_windows + 1  # one ends now
            return rolling.end()
        begin_ns = time.thread_time_ns()
        found = rolling.cut(int(self._budget.rate_hz) if name == "cpu" else None)
        self._cut_ns[name] = time.thread_time_ns() - begin_ns
        return found

    def _wake(self, name: str) -> None:
        try:
            self._start_collector(name)
            del self._resting[name]
        except WhetError as error:
            self._trouble = str(error)
            self._resting[name] = MOST_REST_WINDOWS

    def _account(self) -> dict[str, int]:
        """Tell the budget what the window cost; return which collectors rest, for how many windows."""
        now = _clocks()
        wall_ns, process_ns = (b - a for a, b in zip(self._window_start, now, strict=True))
        spent = {name: rolling.window_spent_ns() for name, rolling in self._rolling.items()}
        own_ns, self._own_ns = self._own_ns, 0
        program_ns = max(process_ns - sum(spent.values()) - own_ns, 0.0)
        for name, cut_ns in self._cut_ns.items():
            spent[name] = spent.get(name, 0.0) + cut_ns
            own_ns -= cut_ns
        self._cut_ns.clear()
        self._window_start = now
        return self._budget.account(spent_ns=spent, own_ns=own_ns, program_ns=program_ns, wall_ns=wall_ns)

    def _queue(self, profiles: "Mapping[str, bytes]") -> None:
        start_ns = self._window_start_ns
        end_ns = start_ns + time.monotonic_ns() - self._window_begin_ns
        self._begin_window()
        self._windows += 1
        if not profiles:
            return
        batch = Batch(start_ns=start_ns, end_ns=end_ns, labels=self._labels, profiles=profiles)
        try:
            self._spool.put(batch)
        except SourceError as error:
            self._trouble = str(error)
        except MemoryError:
            self._trouble = "memory ran out: a window is lost"

    # ---- sending ------------------------------------------------------------------------------

    def _send_tick(self) -> float | None:
        begin_ns = time.thread_time_ns()
        more = False
        if len(self._spool) and not self._sender.due_in_s():
            more = self._sender.send()
        if time.monotonic() > self._adopt_at_s:
            self._adopt_at_s = time.monotonic() + ADOPT_EVERY_S
            self._spool.adopt()
        self._own_ns += time.thread_time_ns() - begin_ns
        if more:
            return 0.0
        # Nothing comes before the window ends; each look takes the GIL from the program for a moment.
        next_s = self._sender.due_in_s() if len(self._spool) else max(0.0, self._left_s())
        return min(next_s + SEND_AFTER_S, ADOPT_EVERY_S)

    # ---- threads and forks --------------------------------------------------------------------

    def _start_threads(self) -> None:
        self._cutter.start()
        self._mailer.start()

    def _before_fork(self) -> None:
        self._cutter.stop(within_s=FORK_WAIT_S)
        self._mailer.stop(within_s=FORK_WAIT_S)

    def _after_fork(self) -> None:
        if self._closed:
            return
        if self._pid == os.getpid():
            self._start_threads()
            return
        self._spool.forget()
        self._exit_hooks.restore()  # the parent's
        self._begin()
        try:
            self._run()  # the hooks came along
        except WhetError as error:
            self._closed = True
            os.write(2, f"whet: agent: {error}\n".encode())

    def _leave(self, how: str) -> None:
        """Queue the last window: the process is about to end without `atexit`, or to be another program."""
        if self._closed or self._pid != os.getpid() or not self._cutter.stop(within_s=LEAVE_WAIT_S):
            return
        if self._window_s - self._left_s() >= LEAST_WINDOW_S:
            self._cut()
        if how.startswith("exec"):
            self._cutter.start()  # it may fail


def _ignore(_pid: int) -> None:
    """Do nothing when this process ends another one."""


def _clocks() -> tuple[int, int]:
    return time.monotonic_ns(), time.process_time_ns()


def _program() -> str:
    name = os.path.basename(sys.argv[0] if sys.argv and sys.argv[0] not in ("-c", "-m", "") else "python")
    return name.removesuffix(".py") or "python"


def _default_spool(service: str) -> str:
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in service)
    return os.path.join(state, "whet", "agent", plain)

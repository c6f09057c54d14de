"""One load from its first connection to its last answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from whet.analyze.load.doubts import Client, Doubt, Effort, find_doubts
from whet.analyze.load.totals import Totals
from whet.driver.load.crew import Crew
from whet.driver.load.ledger import Ledger, Sink
from whet.driver.load.loops import on_interrupt, run_in_loop
from whet.driver.load.options import LoadOptions
from whet.driver.load.schedule import Limit

__all__ = ["Outcome", "Progress", "run_load"]

_PROGRESS_NS = 200_000_000
Progress = Callable[[int, Totals], None]


@dataclass(frozen=True)
class Outcome:
    """What a load came to.

    Attributes:
        doubts: reasons to doubt the numbers.
        dns_ns: how long the server's name took to resolve.
        partial_reason: why it ended early; empty if it did not.
    """

    options: LoadOptions
    totals: Totals
    effort: Effort
    doubts: list[Doubt]
    dns_ns: int
    client: Client
    partial_reason: str = ""


def run_load(
    options: LoadOptions,
    *,
    sink: Sink | None = None,
    progress: Progress | None = None,
    measuring: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run a load.

    Args:
        options: what to do.
        sink: is given every answer that counts, in blocks; see `analyze.load.totals`.
        progress: is told now and then how long it has run, and the totals so far.
        measuring: called when the warm-up is over.

    Raises:
        SourceError: no connection can be made.
        UsageError: a library that is asked for is missing.
    """
    totals = Totals()
    ledger = Ledger(totals, sink)
    (effort, crew, reason), loop = run_in_loop(_run(options, ledger, progress, measuring), options.loop)
    doubts = find_doubts(totals, effort)
    return Outcome(options, totals, effort, doubts, crew.dns_ns, crew.client(loop), reason)


async def _run(
    options: LoadOptions, ledger: Ledger, progress: Progress | None, measuring: Callable[[], None]
) -> tuple[Effort, Crew, str]:
    crew = Crew(options)
    reason = ""

    def stop() -> None:
        nonlocal reason
        reason = "interrupted"
        crew.stop()

    try:
        with on_interrupt(stop):
            await crew.open(ledger)
            if options.warm_up_s and not reason:
                warm_up = Totals()
                await crew.run(Limit(end_ns=int(options.warm_up_s * 1e9)), Ledger(warm_up))
                ledger.totals.take_connections(warm_up)
            effort = Effort(0, 0, 0)
            if not reason:
                measuring()
                limit = limit_of(options)
                effort = await crew.run(limit, ledger, _throttled(progress, ledger))
        return effort, crew, reason
    finally:
        crew.close()


def limit_of(options: LoadOptions) -> Limit:
    """Return when a load ends, counted from its beginning."""
    if options.duration_s:
        return Limit(end_ns=int(options.duration_s * 1e9))
    return Limit(requests=options.requests)


def _throttled(progress: Progress | None, ledger: Ledger) -> Callable[[int], None]:
    next_ns = _PROGRESS_NS

    def show(elapsed_ns: int) -> None:
        nonlocal next_ns
        if progress and elapsed_ns >= next_ns:
            next_ns = elapsed_ns + _PROGRESS_NS
            ledger.flush()
            progress(elapsed_ns, ledger.totals)

    return show

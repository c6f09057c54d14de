"""`whet bench --vs REVISION`: a comparison of two versions, and an exit status for CI."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from whet.cli.bench import Progress, choose
from whet.cli.bench_options import Call
from whet.cli.streams import Streams
from whet.driver.bench_process import Job, list_benchmarks
from whet.driver.bench_revisions import both_sides
from whet.driver.bench_versus import Comparison, VersusOptions, compare
from whet.render.bench.json import comparison_document
from whet.render.bench.versus import Row, markdown_table, text_table

__all__ = ["run"]


def run(jobs: list[Job], call: Call, streams: Streams, progress: Progress) -> int:
    """Compare and show; return 1 if something is slower or failed, else 0."""
    options = VersusOptions(
        pattern=call.options.pattern, limit_s=call.timeout_s, margin=call.threshold, seed=call.options.seed
    )
    try:
        with _ended_by_sigterm(), both_sides(call.revision, jobs, progress.say) as sides:
            listed = [
                replace(one, job=job)
                for job in jobs
                for one in list_benchmarks(sides.job(job, sides.new), sides.new)
            ]
            comparisons = compare(choose(listed, call.options, streams), sides, options, progress.say)
    finally:
        progress.clear()
    rows: list[Row] = [(c.name, c.old_ns, c.new_ns, c.quiet, c.decision, c.error) for c in comparisons]
    render = {"text": text_table, "markdown": markdown_table, "json": comparison_document}[call.format]
    streams.write(render(rows, call.threshold))
    quiet = [is_quiet for comparison in comparisons for is_quiet in comparison.quiet]
    if not all(quiet) and not call.quiet:
        streams.talk(
            f"whet: {len(quiet) - sum(quiet)} of {len(quiet)} pairs were disturbed by others on this machine"
        )
    slower = [c.name for c in comparisons if _is_slower(c, call.threshold)]
    if slower:
        streams.talk(f"whet: slower by more than {call.threshold:.1%}: {', '.join(slower)}")
    return int(bool(slower) or any(c.error for c in comparisons))


def _is_slower(comparison: Comparison, threshold: float) -> bool:
    found = comparison.decision
    return found is not None and found.verdict == "different" and found.ratio > 1 + threshold


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that everything is cleared away."""

    def end(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

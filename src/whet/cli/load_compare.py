"""`whet load --compare`: two addresses side by side, with the ratio of their latencies."""

from __future__ import annotations

import json

from whet.cli.bench import Progress
from whet.cli.load import INTERRUPTED_STATUS, tell
from whet.cli.load_options import Call
from whet.cli.streams import Streams
from whet.driver.load.target import Target
from whet.driver.load.versus import MARGIN, compare_targets
from whet.render.bench.json import comparison_document
from whet.render.bench.versus import Row, text_table

__all__ = ["run"]


def run(call: Call, other: Target, streams: Streams) -> int:
    """Compare and show; return the exit status."""
    progress = Progress(streams, quiet=call.quiet)
    try:
        found = compare_targets(call.options, other, seed=call.seed, progress=progress.say)
    finally:
        progress.clear()
    rows: list[Row] = [
        (m.name, m.old_ns, m.new_ns, [True] * len(m.old_ns), m.decision, "" if m.decision else "no answers")
        for m in found.measures
    ]
    names = call.options.target.url, other.url
    if call.format == "json":
        content = json.loads(comparison_document(rows, MARGIN))
        content["urls"] = {"old": names[0], "new": names[1]}
        content["sides"] = {
            side: {"answers": totals.answers, "failures": totals.failures, "errors": totals.errors}
            for side, (totals, _) in zip(("old", "new"), found.sides, strict=True)
        }
        streams.write(json.dumps(content, indent=1) + "\n")
    else:
        streams.write(f"old: {names[0]}\nnew: {names[1]}\n\n{text_table(rows, MARGIN)}\n")
        for side, (totals, effort) in zip(("old", "new"), found.sides, strict=True):
            rate = totals.answers / (effort.wall_ns / 1e9) if effort.wall_ns else 0.0
            failed = f", {totals.failures} failed" if totals.failures else ""
            streams.write(f"{side}: {totals.answers} answers, {rate:.1f} requests/sec{failed}\n")
    if found.partial_reason:
        streams.talk(f"whet: partial: {found.partial_reason}")
    for side, doubts, client in zip(("old", "new"), found.doubts, found.clients, strict=True):
        tell(doubts, client, call, streams, f"{side}: ")
    if found.partial_reason:
        return INTERRUPTED_STATUS
    return 0 if all(totals.answers for totals, _ in found.sides) else 1

"""The table of garbage collections in sum. It computes nothing but means."""

from __future__ import annotations

from whet.analyze.gc_summary import GcSummary

__all__ = ["summary_table"]


def summary_table(summary: GcSummary) -> str:
    """Return kinds of collections, and where the longest ones were."""
    lines = [f"{'':<6}{'collections':>12}{'collecting':>14}{'mean':>12}{'longest':>12}"]
    for kind in summary.kinds:
        mean_ms = kind.pause_ms / kind.count if kind.count else 0.0
        numbers = f"{kind.pause_ms:>11.3f} ms{mean_ms:>9.3f} ms{kind.longest_ms:>9.3f} ms"
        lines.append(f"{kind.name:<6}{kind.count:>12,}{numbers}")
    lines += ["", f"{summary.share:.2%} of {summary.span_s:.3f} s", "longest:"]
    for line in summary.longest:
        many = f", the longest of {line.count}" if line.count > 1 else ""
        lines.append(
            f"  {line.longest_ms:.3f} ms at {line.begin_s:.3f} s{' (full)' if line.full else ''}{many}"
        )
    return "\n".join(lines) + "\n"

"""What the report and the web UI say about a profile itself."""

from __future__ import annotations

from typing import Any

from whet.model.profile import Profile

__all__ = ["facts"]


def facts(profile: Profile) -> dict[str, Any]:
    """Return what is said about the recording itself."""
    text = profile.strings.text
    period_type = profile.period_type or (0, 0)
    return {
        "timeNanos": profile.time_nanos,
        "durationNanos": profile.duration_nanos,
        "period": [text(period_type[0]), text(period_type[1]), profile.period],
        "samples": len(profile.samples),
        "locations": len(profile.locations),
        "functions": len(profile.functions),
        "comments": profile.comment_texts(),
        "docUrl": text(profile.doc_url),
        "mappings": [text(name) for name in profile.mappings.filename.tolist()[:50]],
    }

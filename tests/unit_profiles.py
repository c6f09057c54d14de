"""Small profiles made by hand for tests of options and reports."""

from __future__ import annotations

from whet.model.builder import ProfileBuilder

TYPES = [("samples", "count"), ("cpu", "nanoseconds")]


def labelled_profile():
    """Return root -> leaf (4 samples, thread main), root -> other (1, thread worker), root (5)."""
    builder = ProfileBuilder(TYPES)
    root, leaf, other = (builder.frame(name, f"{name}.py", 7) for name in ("root", "leaf", "other"))
    builder.sample([leaf, root], [4, 40_000_000], [("thread", "main"), ("bytes", 4096, "bytes")])
    builder.sample([other, root], [1, 10_000_000], [("thread", "worker")])
    builder.sample([root], [5, 50_000_000])
    builder.comments.append("a note")
    return builder.build()

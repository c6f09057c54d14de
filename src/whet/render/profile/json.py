"""Reports as JSON text."""

from __future__ import annotations

import json

__all__ = ["encode_json"]


def encode_json(document: object) -> bytes:
    """Encode a document: UTF-8, a trailing newline, strict numbers (no NaN).

    Bytes of names that are not UTF-8 become escaped surrogates, which JSON can carry.
    """
    return json.dumps(document, indent=1, allow_nan=False).encode("ascii") + b"\n"

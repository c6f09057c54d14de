"""Which benchmark format is it? Decided by content: JSON documents by their keys, all else is Go's.

A reader is a row of `READERS`. Go's format is a stream in which every line may be something
else, so nothing can be said to be not in it; JSON is read as a whole, at most 1 GiB.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, BinaryIO

from whet.errors import FormatError
from whet.formats import gobench
from whet.formats.text import decode_json, unpacked
from whet.model.result import Problem, Results, UnitMetadata

__all__ = ["NO_RESULTS", "READERS", "JsonReader", "read_results"]

NO_RESULTS = "no benchmark results"
_HEAD_BYTES = 1 << 16
_TEXT_BYTES = 1 << 10
MAX_JSON_BYTES = 1 << 30
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class JsonReader:
    """A JSON format of benchmark results.

    Attributes:
        name: of the module in `whet.formats` that reads it.
        help: what it is.
        keys: of the outermost object, all of which it has.
    """

    name: str
    help: str
    keys: tuple[str, ...]


READERS = (
    JsonReader("pytest_benchmark", "pytest-benchmark's --benchmark-json", ("benchmarks", "machine_info")),
    JsonReader("pyperf", "pyperf's -o", ("benchmarks", "version")),
    JsonReader("asv", "a results file of airspeed velocity", ("results", "commit_hash", "result_columns")),
    JsonReader("hyperfine", "hyperfine's --export-json", ("results",)),
)


def read_results(stream: BinaryIO, source: str, units: UnitMetadata) -> Results:
    """Read benchmark results of any known format; gzip files are unpacked.

    An input without results has a problem that says so.

    Raises:
        FormatError: it is JSON, but not of a known format, or damaged.
        OSError: reading fails.
    """
    head = stream.read(_HEAD_BYTES)
    try:
        if head.startswith(_GZIP):
            head = unpacked(head + stream.read())
            results = _json(head, source) if _is_json(head) else gobench.decode(head, source, units)
        elif _is_json(head):
            results = _json(head + stream.read(MAX_JSON_BYTES), source)
        else:
            results = gobench.read(stream, source, units, head=head)
    except FormatError as error:
        error.source = error.source or source
        error.hint = error.hint or "docs/stat.md lists the formats that whet stat reads"
        raise
    if not len(results) and not any(problem.loses_data for problem in results.problems):
        results.problems.append(Problem(source, 0, _emptiness(head)))
    return results


def _emptiness(head: bytes) -> str:
    """Say that there are no results, and why, where that can be seen."""
    if not head:
        return f"{NO_RESULTS}: the file is empty"
    if b"\0" in head[:_TEXT_BYTES] and not gobench.wide_encoding(head):
        return f"{NO_RESULTS}: binary data, not text"
    return NO_RESULTS


def _is_json(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def _json(data: bytes, source: str) -> Results:
    if len(data) > MAX_JSON_BYTES:
        raise FormatError(f"larger than {MAX_JSON_BYTES >> 30} GiB")
    # asv writes NaN for what was skipped; other readers refuse values that are no numbers.
    document: Any = decode_json(data.removeprefix(b"\xef\xbb\xbf"), constants=True)
    known = document if isinstance(document, dict) else {}
    for reader in READERS:
        if all(key in known for key in reader.keys):
            results: Results = importlib.import_module(f"whet.formats.{reader.name}").decode(document, source)
            return results
    names = ", ".join(reader.name for reader in READERS)
    raise FormatError(
        "JSON, but not of benchmark results in a known format",
        hint=f"known are {names}; docs/stat.md tells how to write them",
    )

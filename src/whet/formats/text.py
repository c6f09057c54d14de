"""What every codec of a text or JSON format needs: lines, limits, checked JSON, frames as text.

Bytes in, text out; knows no particular format. Everything here is bounded: a line may not be
longer than `MAX_LINE_BYTES`, a number not have more than 400 digits.
"""

from __future__ import annotations

import gc
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from whet.errors import FormatError
from whet.formats.packed import unpacked_blocks

__all__ = [
    "MAX_LINE_BYTES", "as_integer", "as_list", "as_object", "as_text", "decode_json", "decode_location",
    "encode_json", "encode_location", "fail_at_line", "line_blocks", "lines", "text_of", "unpacked",
]  # fmt: skip

MAX_LINE_BYTES = 1 << 24
_SQUARE = str.maketrans("()", "[]")
_LOCATION_END = re.compile(r":([0-9]{1,18})\)\Z")


def unpacked(data: bytes) -> bytes:
    """Return the content of a gzip file, or the bytes themselves.

    Raises:
        FormatError: the gzip stream is damaged, cut off or too large.
    """
    return b"".join(unpacked_blocks(io.BytesIO(data)))


def line_blocks(blocks: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Yield (number of the first line, from 1; lines without their ends), many lines at a time.

    Raises:
        FormatError: a line is too long.
    """
    number, rest_bytes, has_returns = 1, 0, False
    rest: list[bytes] = []
    for block in blocks:
        has_returns = has_returns or b"\r" in block
        first, newline, after = block.partition(b"\n")
        rest.append(first)
        rest_bytes += len(first)
        if rest_bytes > MAX_LINE_BYTES:
            fail_at_line(number, f"longer than {MAX_LINE_BYTES >> 20} MiB")
        if newline:
            found = [b"".join(rest), *after.split(b"\n")]
            rest = [found.pop()]
            rest_bytes = len(rest[0])
            yield number, _without_returns(found) if has_returns else found
            number += len(found)
    if rest_bytes:
        yield number, _without_returns([b"".join(rest)])


def lines(source: bytes | Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end); bytes that are not UTF-8 survive.

    Args:
        source: a file, packed with gzip or not, or its content in blocks.

    Raises:
        FormatError: a line is too long.
    """
    blocks = unpacked_blocks(io.BytesIO(source)) if isinstance(source, bytes) else source
    for first, found in line_blocks(blocks):
        for number, line in enumerate(found, first):
            yield number, text_of(line)


def text_of(line: bytes) -> str:
    """Decode UTF-8; bytes that are not UTF-8 survive."""
    return line.decode("utf-8", "surrogateescape")


def _without_returns(found: list[bytes]) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in found]


def fail_at_line(number: int, message: str) -> NoReturn:
    """Raise FormatError naming a line."""
    raise FormatError(f"line {number}: {message}")


def encode_location(name: str, file: str, line: int) -> str:
    """Write a frame as `name (file:line)`, or its bare name where that says the same."""
    if file or line or decode_location(name)[0] != name:
        text = f"{name} ({file}:{max(line, 0)})"
        # A file with a bracket too many could not be told from the name.
        return (
            text if decode_location(text)[1] == file else f"{name} ({file.translate(_SQUARE)}:{max(line, 0)})"
        )
    return name


def decode_location(text: str) -> tuple[str, str, int]:
    """Read (name, file, line) from `name (file:line)`; a bare name has file '' and line 0.

    Files may contain pairs of brackets: the last bracket is followed back to its partner.
    """
    match = _LOCATION_END.search(text)
    if match is None:
        return text, "", 0
    depth, at = 1, match.start()
    while depth and at:
        at -= 1
        depth += {")": 1, "(": -1}.get(text[at], 0)
    if depth or at == 0 or text[at - 1] != " ":
        return text, "", 0
    return text[: at - 1], text[at + 1 : match.start()], int(match[1])


def decode_json(data: bytes, *, line: int = 0, constants: bool = False) -> Any:
    """Parse JSON strictly: no bottomless nesting; NaN and infinities only where `constants` allows them.

    Raises:
        FormatError: it is not JSON.
    """
    place = f"line {line}: " if line else ""
    try:
        with _without_collections():
            constant = float if constants else _refuse_constant
            return json.loads(data, parse_constant=constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        at = f"column {error.colno}" if line else f"line {error.lineno} column {error.colno}"
        raise FormatError(f"{place}not valid JSON ({error.msg.lower()}, {at})") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{place}not valid JSON (not UTF-8)", offset=error.start) from None
    except RecursionError:
        raise FormatError(f"{place}JSON is nested too deep") from None


@contextmanager
def _without_collections() -> Iterator[None]:
    """Pause the garbage collector: a document is a tree, and looking at it again and again takes long."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def encode_json(document: object) -> bytes:
    """Write compact JSON; bytes that are not UTF-8 become U+FFFD."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()


def as_object(value: Any, what: str) -> dict[str, Any]:
    """Return a JSON object; `what` names it in the error."""
    if not isinstance(value, dict):
        raise FormatError(f"{what} is not an object")
    return value


def as_list(value: Any, what: str) -> list[Any]:
    """Return a JSON array."""
    if not isinstance(value, list):
        raise FormatError(f"{what} is not an array")
    return value


def as_text(value: Any, what: str) -> str:
    """Return a JSON string."""
    if not isinstance(value, str):
        raise FormatError(f"{what} is not a string")
    return value


def as_integer(value: Any, what: str, *, low: int = -(1 << 63), high: int = (1 << 63) - 1) -> int:
    """Return a JSON number rounded to an integer within bounds."""
    if isinstance(value, float) and math.isfinite(value):
        value = round(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FormatError(f"{what} is not a number")
    if not low <= value <= high:
        raise FormatError(
            f"{what} is {value:.6g}, outside {low} .. {high}" if abs(value) < 1 << 1000 else what
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise FormatError(f"not valid JSON ({name} is no number)")


def _integer(text: str) -> int:
    if len(text) > 400:
        raise FormatError(f"number of {len(text)} digits")
    return int(text)

"""What every codec of a text or JSON format needs: unpacking, limits, lines, checked JSON.

Bytes in, text out; knows no particular format. Everything here is bounded: a packed file
may not unpack to more than `MAX_BYTES`, a line may not be longer than `MAX_LINE_BYTES`.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Iterator
from typing import Any, NoReturn

from whet.errors import FormatError

__all__ = [
    "MAX_BYTES", "as_integer", "as_list", "as_object", "as_text", "decode_json", "decode_location",
    "encode_json", "encode_location", "fail_at_line", "lines", "unpacked",
]  # fmt: skip

MAX_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 24
_GZIP_MAGIC = b"\x1f\x8b"
_SQUARE = str.maketrans("()", "[]")
_LOCATION_END = re.compile(r":([0-9]{1,18})\)\Z")


def unpacked(data: bytes) -> bytes:
    """Return the content of a gzip file, or the bytes themselves.

    Raises:
        FormatError: the gzip stream is damaged, cut off or too large.
    """
    if not data.startswith(_GZIP_MAGIC):
        return data
    pieces, size = [], 0
    while data.startswith(_GZIP_MAGIC):
        unpacker = zlib.decompressobj(31)
        try:
            pieces.append(unpacker.decompress(data, MAX_BYTES - size + 1))
        except zlib.error as error:
            raise FormatError(f"gzip stream is damaged ({error})") from None
        size += len(pieces[-1])
        if size > MAX_BYTES:
            raise FormatError(f"unpacks to more than {MAX_BYTES >> 30} GiB")
        if not unpacker.eof:
            raise FormatError("gzip stream is cut off")
        data = unpacker.unused_data.lstrip(b"\0")
    return b"".join(pieces)


def lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end); bytes that are not UTF-8 survive.

    Raises:
        FormatError: a line is too long.
    """
    at, number = 0, 0
    while at < len(data):
        number += 1
        end = data.find(b"\n", at)
        end = len(data) if end == -1 else end
        if end - at > MAX_LINE_BYTES:
            fail_at_line(number, f"longer than {MAX_LINE_BYTES >> 20} MiB")
        yield number, data[at:end].removesuffix(b"\r").decode("utf-8", "surrogateescape")
        at = end + 1


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


def decode_json(data: bytes, *, line: int = 0) -> Any:
    """Parse JSON strictly: no NaN, no infinities, no bottomless nesting.

    Raises:
        FormatError: it is not JSON.
    """
    place = f"line {line}: " if line else ""
    try:
        return json.loads(data, parse_constant=_refuse_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        at = f"column {error.colno}" if line else f"line {error.lineno} column {error.colno}"
        raise FormatError(f"{place}not valid JSON ({error.msg.lower()}, {at})") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{place}not valid JSON (not UTF-8)", offset=error.start) from None
    except RecursionError:
        raise FormatError(f"{place}JSON is nested too deep") from None


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

"""Which format is it? The one place that decides, by content and never by a file's name.

A codec is a row of `CODECS`: a name, what it is, and how its files begin or what they hold.
Rows are tried in order; pprof's own messages come last, as every binary file that nothing
else claims is read as one, with its decoder's errors.
"""

from __future__ import annotations

import importlib
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from whet.errors import FormatError
from whet.formats.packed import max_input_bytes, unpacked_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.model.profile import Profile

__all__ = ["CODECS", "Codec", "decode", "decode_stream"]

_HEAD_BYTES = 1 << 16
_ZERO_BYTES = 1 << 10
_UTF8_MARK = b"\xef\xbb\xbf"
# A document held as Python objects: what every byte, bracket, comma and quote of JSON may cost at most.
_DOCUMENT_SHARE = 2  # of the memory that an input may take as a stream
_BYTE_COSTS, _MARK_COSTS = 3, ((b"{", 80), (b"[", 80), (b",", 40), (b'"', 40))
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Codec:
    """One format that can be read.

    Attributes:
        name: of the module in `whet.formats` that decodes it.
        help: what it is.
        matches: whether a file is of this format, given its (unpacked) first bytes and
            a function that says whether a text occurs anywhere in the whole of it.
        streams: whether its module has `decode_blocks` and never holds a file as a whole.
    """

    name: str
    help: str
    matches: Callable[[bytes, Callable[[bytes], bool]], bool]
    streams: bool = False


def _begins(*prefixes: bytes) -> Callable[[bytes, Callable[[bytes], bool]], bool]:
    return lambda head, _: head.startswith(prefixes)


def _json_with(*keys: bytes) -> Callable[[bytes, Callable[[bytes], bool]], bool]:
    """Match an object that has all these keys (or strings, which cannot be told apart yet)."""
    return lambda head, holds: (
        head.lstrip().startswith(b"{") and all(holds(b'"' + key + b'"') for key in keys)
    )


def _first_line(pattern: bytes) -> Callable[[bytes, Callable[[bytes], bool]], bool]:
    """Match texts whose first line that is neither empty nor a comment is like this."""
    compiled = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*" + pattern)
    return lambda head, _: is_text(head) and compiled.match(head) is not None


def is_text(head: bytes) -> bool:
    """Say whether the bytes look like text: they have no control characters."""
    return _CONTROL.search(head) is None


_LEGACY = re.compile(
    rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:heap profile: *\d+: |\S+ profile: total \d+[ \t\r]*(?:\n|$)"
    rb"|--- (?:threadz \d+ ---|Thread |contentionz |mutex:|contention:|heapz 1 ---))"
)


def _is_legacy(head: bytes) -> bool:
    if is_text(head):
        return _LEGACY.match(head) is not None
    from whet.formats.legacy import begins_cpu_profile

    return begins_cpu_profile(head)


_is_folded = _first_line(rb"(?:[^\n]*[^\s,] |[ ]?)[+-]?\d+(?:,\d+,-?\d+)?[ \t\r]*(?:\n|$)")


def _is_collapsed(head: bytes) -> bool:
    if b"\n" not in head[1:] and len(head) >= _HEAD_BYTES // 2:
        return is_text(head) and b";" in head  # one very deep stack
    return _is_folded(head, lambda _: False)


def _is_memray(head: bytes, holds: Callable[[bytes], bool]) -> bool:
    start = head.lstrip()
    if start.startswith(b"<"):
        return holds(b"const packed_data = ")
    if start.startswith(b"{"):
        return holds(b'"callchain"') or holds(b'"top_allocations_by_size"')
    return False


CODECS: tuple[Codec, ...] = (
    Codec("speedscope", "speedscope JSON (py-spy, memray transform)",
          _json_with(b"shared", b"profiles", b"frames")),
    Codec("cpython_jsonl", "JSONL of CPython 3.15's sampler", _begins(b'{"type":"meta",'),
          streams=True),
    Codec("firefox", "Firefox Profiler, processed or gecko (CPython 3.15 --gecko, samply)",
          _json_with(b"meta", b"threads", b"stackTable", b"frameTable")),
    Codec("pstats", "pstats (cProfile, profile, CPython 3.15)",
          lambda head, _: re.match(rb"[\x7b\xfb](?:[\x28\x29\xa8\xa9].|\x30)", head, re.DOTALL) is not None),
    Codec("legacy", "heap, goroutine, thread, contention text and CPU words from before profile.proto",
          lambda head, _: _is_legacy(head)),
    Codec("cpython_binary", "binary captures of CPython 3.15's sampler", _begins(b"HCAT", b"TACH")),
    Codec("mojo", "MOJO, the binary format of austin", _begins(b"MOJ")),
    Codec("memray", "memray's transform gprof2dot, stats --json and flame graph pages", _is_memray),
    Codec("memray_csv", "memray's transform csv", _begins(b"allocator,num_allocations,size,"), streams=True),
    Codec("perf_script", "the output of perf script",
          _first_line(rb"\S[^\n]{0,64}?[ \t]{1,64}\d{1,10}(?:/\d+)?[ \t]+[^\n;]{0,64}?\d+\.\d+:"
                      rb"[ \t]+[^\n;]{1,99}:[ \t\r]*(?:\n|[ \t]+[0-9a-f]+ )"), streams=True),
    Codec("collapsed", "collapsed stacks (py-spy, austin, CPython 3.15, FlameGraph)",
          lambda head, _: _is_collapsed(head), streams=True),
)  # fmt: skip

# Files people try that no codec reads: how they begin, what they are, what to do.
_KNOWN_OTHERS = (
    (b"PERFILE2", "a perf.data file", "perf script -i FILE > FILE.txt, then whet prof FILE.txt"),
    (
        b"\x04\x22\x4d\x18",
        "an lz4 file, as memray's captures are",
        "memray transform csv FILE, then whet prof on what it wrote",
    ),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unzstd FILE"),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"\x7fELF", "an executable, not a profile", "give the profile that it wrote"),
    (b"\x1f\x8b", "gzip inside gzip", "gunzip it once"),
    (b"\xff\xfe", "a text in UTF-16", "iconv -f utf-16 -t utf-8 FILE"),
    (b"\xfe\xff", "a text in UTF-16", "iconv -f utf-16 -t utf-8 FILE"),
)


def decode(data: bytes, *, source: str | None = None) -> Profile:
    """Decode a profile of any known format.

    Raises:
        FormatError: no format is recognised, or the content is damaged.
    """
    return decode_stream(io.BytesIO(data), source=source)


def decode_stream(stream: BinaryIO, *, source: str | None = None) -> Profile:
    """Decode a profile of any known format from a stream; pprof files are never held as a whole.

    Raises:
        FormatError: no format is recognised, or the content is damaged.
        OSError: reading fails.
    """
    first = _read_up_to(stream, _HEAD_BYTES)
    rest = cast(BinaryIO, _Rejoined(first, stream))
    head = _unpacked_head(first)
    try:
        _refuse_known_others(head)
        if _is_pprof(head):
            return _decode_pprof(rest, source)
        return _decode_known(head, rest)
    except FormatError as error:
        error.source = error.source or source
        raise


def _decode_pprof(stream: BinaryIO, source: str | None) -> Profile:
    from whet.formats import pprof

    try:
        return pprof.decode_stream(stream, source=source)
    except FormatError as error:
        if error.offset == 0:  # not even the first field is one
            raise _unknown() from None
        raise


def _unknown() -> FormatError:
    return FormatError(
        "not a profile in any known format",
        hint=f"known are pprof, {', '.join(codec.name for codec in CODECS)}",
    )


def _decode_known(head: bytes, stream: BinaryIO) -> Profile:
    content = _Content(stream)
    for codec in CODECS:
        if codec.matches(head, content.holds):
            module = importlib.import_module(f"whet.formats.{codec.name}")
            profile: Profile = (
                module.decode_blocks(content.blocks()) if codec.streams else module.decode(content.whole())
            )
            return profile
    raise _unknown()


class _Content:
    """What a stream holds, unpacked; it is read as a whole only if somebody asks for that."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._data: bytes | None = None

    def blocks(self) -> Iterator[bytes]:
        """Yield the content in blocks, without the mark that some editors put before UTF-8."""
        if self._data is not None:
            yield self._data
            return
        blocks = unpacked_blocks(self._stream)
        yield next(blocks, b"").removeprefix(_UTF8_MARK)
        yield from blocks

    def whole(self) -> bytes:
        """Return the content at once.

        Raises:
            FormatError: as a document it would take too much memory.
        """
        if self._data is None:
            limit = max_input_bytes()
            pieces, cost = [], 0
            for block in self.blocks():
                cost += _BYTE_COSTS * len(block) + sum(block.count(mark) * each for mark, each in _MARK_COSTS)
                if limit is not None and cost > limit // _DOCUMENT_SHARE:
                    raise FormatError(
                        f"may take more than {limit // _DOCUMENT_SHARE >> 30} GiB of memory to read",
                        hint="WHET_MAX_INPUT_GIB in the environment moves the limit; "
                        "pprof files and collapsed stacks are streamed",
                    )
                pieces.append(block)
            self._data = b"".join(pieces)
        return self._data

    def holds(self, text: bytes) -> bool:
        """Say whether a text occurs anywhere."""
        return text in self.whole()


def _read_up_to(stream: BinaryIO, size: int) -> bytes:
    """Read until there is enough; pipes give what they have."""
    pieces, left = [], size
    while left > 0 and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _is_pprof(head: bytes) -> bool:
    """Say whether nothing but pprof's decoder can say what is wrong with it."""
    if is_text(head) and head:
        return False
    return not any(codec.matches(head, lambda _: False) for codec in CODECS)


def _refuse_known_others(head: bytes) -> None:
    if len(head) >= _ZERO_BYTES and not head.strip(b"\0"):
        raise FormatError("only zero bytes, not a profile", hint="the program that wrote it did not finish")
    for magic, what, hint in _KNOWN_OTHERS:
        if head.startswith(magic):
            raise FormatError(f"{what}", hint=hint)


def _unpacked_head(first: bytes) -> bytes:
    if not first.startswith(b"\x1f\x8b"):
        return first.removeprefix(_UTF8_MARK)
    try:
        return zlib.decompressobj(31).decompress(first, _HEAD_BYTES).removeprefix(_UTF8_MARK)
    except zlib.error:
        return b""  # pprof's decoder says what is wrong with the gzip stream


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes were read already."""

    def __init__(self, first: bytes, stream: BinaryIO) -> None:
        self._first, self._stream = first, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece, self._first = (
            self._first[:size] if size >= 0 else self._first,
            self._first[size:] if size >= 0 else b"",
        )
        return piece + self._stream.read(size - len(piece) if size >= 0 else -1)

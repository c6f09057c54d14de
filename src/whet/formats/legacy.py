"""Profiles from before profile.proto: text formats of Go, gperftools and Java, and binary CPU profiles.

heap, growth and fragmentation (`heap profile: ...`), counts (`goroutine profile: total 42`),
threads (`--- threadz 1 ---`), contention and mutex, Java's heapz and contentionz, and the
words of `profilez` (32 or 64 bits, either byte order). Addresses of callers are return
addresses and are moved back by one. Scaling of sampled heaps and all corrections are pprof's.
Semantics: github.com/google/pprof, profile/legacy_profile.go and legacy_java_profile.go.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from whet.errors import FormatError
from whet.formats.memory_map import SENTINELS, MemoryMap
from whet.formats.text import fail_at_line, lines, unpacked
from whet.model.builder import NumberLabel, ProfileBuilder
from whet.model.profile import Profile

__all__ = ["begins_cpu_profile", "decode"]

_COUNT_HEADER = re.compile(r"(\S+) profile: total \d+", re.ASCII)
_COUNT_ROW = re.compile(r"(\d+) @(( 0x[0-9a-f]+)+)", re.ASCII)
_HEAP_HEADER = re.compile(
    r"heap profile: *(\d+): *(\d+) *\[ *(\d+): *(\d+) *\] *@ *(heap[_a-z0-9]*)/?(\d*)", re.ASCII
)
_GROWTH_HEADER = re.compile(
    r"heap profile: *\d+: *\d+ *\[ *\d+: *\d+ *\] @ (?:growth|fragmentation)z?", re.ASCII
)
_HEAP_ROW = re.compile(
    r"(?<!\d)(-?\d{1,20}): {0,40}(-?\d{1,20}) {0,40}\[ {0,40}(\d{1,20}): {0,40}(\d{1,20}) {0,40}] "
    r"@([ x0-9a-f]*)",
    re.ASCII,
)
_CONTENTION_ROW = re.compile(r"(?<!\d)(\d{1,20}) {0,40}(\d{1,20}) @([ x0-9a-f]*)", re.ASCII)
_THREADS = re.compile(r"--- threadz \d+ ---", re.ASCII)
_THREAD = re.compile(r"--- Thread ([0-9a-fA-F]+) \(name: (.*)/(\d+)\) stack: ---", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_JAVA_ATTRIBUTE = re.compile(r"([\w ]{1,99})=([\w ]{1,99})", re.ASCII)
_JAVA_ROW = re.compile(r"(?<!\d)(\d{1,20}) {1,40}(\d{1,20}) {1,40}@ {1,40}([ x0-9a-f]*)", re.ASCII)
_JAVA_LOCATION = re.compile(r"\s*0x([0-9a-fA-F]+)\s+(.*)\s*", re.ASCII)
_JAVA_LINE = re.compile(r"(.*)\s+\((.+):(-?[0-9]+)\)")
_JAVA_PATH = re.compile(r"(.*)\s+\((.*)\)")
_JAVA_MARK = re.compile(rb"^\s*format\s*=\s*java", re.MULTILINE)
_MAX_NAME = 4096
_JAVA_HEAP_RATE = 1 << 19
_LAST = (1 << 64) - 1
_CPU = [("samples", "count"), ("cpu", "nanoseconds")]

Line = tuple[int, str]


@dataclass(slots=True)
class _Raw:
    """A profile of addresses."""

    types: list[tuple[str, str]]
    period_type: tuple[str, str] | None
    period: int = 1
    duration_nanos: int = 0
    samples: list[_Sample] = field(default_factory=list)

    def add(self, addresses: list[int], values: list[int], block_bytes: int | None = None) -> None:
        self.samples.append(_Sample(addresses, values, block_bytes))


@dataclass(slots=True)
class _Sample:
    addresses: list[int]
    values: list[int]
    block_bytes: int | None


def decode(data: bytes) -> Profile:
    """Decode a legacy profile.

    Raises:
        FormatError: no legacy format, or a damaged one; the error names the line.
    """
    data = unpacked(data)
    if begins_cpu_profile(data):
        return _decode_cpu(data)
    source = lines(data)
    number, header = _first_line(source)
    if header == "--- heapz 1 ---" or (header == "--- contentionz 1 ---" and _JAVA_MARK.search(data[:4096])):
        return _decode_java(header, source)
    for start, parse in _PARSERS:
        if start(header):
            raw = parse(header, number, source)
            return _finish(raw, source)
    raise FormatError(f"line {number}: no header of a legacy profile")


def _first_line(source: Iterator[Line]) -> Line:
    for number, text in source:
        if not _is_blank(text):
            return number, text.strip()
    raise FormatError("only comments and empty lines")


def _finish(raw: _Raw, rest: Iterator[Line]) -> Profile:
    """Read the memory map that follows the samples, and build."""
    return _build(raw, MemoryMap(text for _, text in rest))


def _build(raw: _Raw, memory_map: MemoryMap) -> Profile:
    builder = ProfileBuilder(raw.types, add_up=False)
    builder.period_type, builder.period = raw.period_type, raw.period
    builder.duration_nanos = raw.duration_nanos
    for sample in raw.samples:  # finding may correct a mapping's start: before any is built
        for address in sample.addresses:
            memory_map.find(address)
    row = {
        id(m): builder.mapping(m.file, m.start, m.limit, m.offset, m.build_id) for m in memory_map.mappings
    }
    for sample in raw.samples:
        stack = []
        for address in sample.addresses:
            mapping = memory_map.find(address)
            at = row[id(mapping)] if mapping is not None else -1
            stack.append(builder.location(-1, address=address, mapping=at))
        labels: list[NumberLabel] = []
        if sample.block_bytes is not None:
            labels = [("bytes", sample.block_bytes, "" if sample.block_bytes else "bytes")]
        builder.sample(stack, sample.values, labels)
    return builder.build()


def _is_blank(text: str) -> bool:
    text = text.strip()
    return not text or text.startswith("#")


def _addresses(text: str, number: int) -> list[int]:
    found = [int(part, 16) for part in _ADDRESS.findall(text)]
    if any(address > _LAST for address in found):
        fail_at_line(number, "address does not fit in 64 bits")
    return found


def _calls(addresses: list[int]) -> list[int]:
    """Move return addresses back onto the calls."""
    return [(address - 1) & _LAST for address in addresses]


def _integer(text: str, number: int) -> int:
    if len(text) > 20 or abs(int(text)) >= 1 << 63:
        fail_at_line(number, f"number {text[:30]} does not fit in 64 bits")
    return int(text)


def _parse_count(header: str, _: int, source: Iterator[Line]) -> _Raw:
    match = _COUNT_HEADER.fullmatch(header)
    kind = (match[1] if match else "", "count")
    raw = _Raw([kind], kind)
    for number, text in source:
        if _is_blank(text):
            continue
        if text.startswith("---"):
            _skip_to_map(text, source)
            break
        row = _COUNT_ROW.fullmatch(text)
        if row is None:
            fail_at_line(number, "not `COUNT @ 0xADDRESS ...`")
        raw.add(_calls(_addresses(row[2], number)), [_integer(row[1], number)])
    return raw


def _skip_to_map(text: str, source: Iterator[Line]) -> None:
    """Leave `source` after the line that begins the memory map."""
    if any(sentinel in text for sentinel in SENTINELS):
        return
    for _, text in source:
        if any(sentinel in text for sentinel in SENTINELS):
            return


def _parse_heap(header: str, number: int, source: Iterator[Line]) -> _Raw:
    match = _HEAP_HEADER.search(header)
    period, scaled, has_alloc = 1, False, False
    if match is not None and not _GROWTH_HEADER.search(header):
        period, scaled = _heap_rate(match, number)
        has_alloc = any(match[i + 2] not in (match[i], "0") for i in (1, 2))
    kinds = ["alloc_", "inuse_"] if has_alloc else [""]
    types = [
        (kind + what, unit) for kind in kinds for what, unit in (("objects", "count"), ("space", "bytes"))
    ]
    raw = _Raw(types, ("space", "bytes"), period)
    for number, text in source:
        text = text.strip()
        if _is_blank(text):
            continue
        if any(sentinel in text for sentinel in SENTINELS):
            break
        row = _HEAP_ROW.search(text)
        if row is None:
            fail_at_line(number, "not `OBJECTS: BYTES [OBJECTS: BYTES] @ 0xADDRESS ...`")
        pairs = [(row[3], row[4])] * has_alloc + [(row[1], row[2])]
        values, block_bytes = _heap_values(pairs, number, period if scaled else 1)
        raw.add(_calls(_addresses(row[5], number)), values, block_bytes)
    return raw


def _heap_rate(match: re.Match[str], number: int) -> tuple[int, bool]:
    """Return (sampling period in bytes, whether samples must be scaled)."""
    period = _integer(match[6], number) if match[6] else 0
    rates = {
        "heapz_v2": (period, True),
        "heap_v2": (period, True),
        "heapprofile": (1, False),
        "heap": (period // 2, True),
    }
    if match[5] not in rates:
        fail_at_line(number, f"unknown kind of heap profile {match[5]!r}")
    return rates[match[5]]


def _heap_values(pairs: list[tuple[str, str]], number: int, rate: int) -> tuple[list[int], int]:
    values: list[int] = []
    block_bytes = 0
    for texts in pairs:
        count, size = (_integer(text, number) for text in texts)
        if count == 0 and size != 0:
            fail_at_line(number, f"{size} bytes in no objects")
        if count:
            block_bytes = int(math.copysign(abs(size) // abs(count), size * count))
            count, size = _unsampled(count, size, rate)
        values += [count, size]
    return values, block_bytes


def _unsampled(count: int, size: int, rate: int) -> tuple[int, int]:
    """Divide by the probability with which a block of this size is sampled."""
    if count == 0 or size == 0:
        return 0, 0
    if rate <= 1:
        return count, size
    exponent = -(size / count) / rate
    probability = 1 - math.exp(exponent) if exponent < 700 else -math.inf
    if probability == 0:
        raise FormatError(f"{count} blocks of {size} bytes cannot have been sampled at rate {rate}")
    return int(count * (1 / probability)), int(size * (1 / probability))


def _parse_contention(_header: str, _: int, source: Iterator[Line]) -> _Raw:
    raw = _Raw([("contentions", "count"), ("delay", "nanoseconds")], ("contentions", "count"))
    hertz, in_header = 0, True
    for number, text in source:
        text = text.strip()
        if _is_blank(text):
            continue
        if text.startswith("---"):
            _skip_to_map(text, source)
            break
        key, equals, value = (part.strip() for part in text.partition("="))
        if in_header and equals:
            hertz = _contention_attribute(raw, key, value, number, hertz)
            continue
        in_header = False
        row = _CONTENTION_ROW.search(text)
        if row is None:
            fail_at_line(number, "not `DELAY COUNT @ 0xADDRESS ...`")
        delay, count = _integer(row[1], number), _integer(row[2], number)
        if raw.period > 0:
            delay = int(float(delay) * float(raw.period) / (hertz / 1e9)) if hertz > 0 else delay
            count *= raw.period
        raw.add(_calls(_addresses(row[3], number)), [count, delay])
    return raw


def _contention_attribute(raw: _Raw, key: str, value: str, number: int, hertz: int) -> int:
    """Take over an attribute of the header; return the cycles in a second."""
    if key not in ("cycles/second", "sampling period", "ms since reset", "discarded samples"):
        fail_at_line(number, f"unknown attribute {key[:40]!r}")
    if key == "discarded samples":
        return hertz
    if not value.isascii() or not value.isdigit():
        fail_at_line(number, f"{key} {value[:40]!r} is not a number")
    amount = _integer(value, number)
    if key == "sampling period":
        raw.period = amount
    elif key == "ms since reset":
        raw.duration_nanos = amount * 1_000_000
    return amount if key == "cycles/second" else hertz


def _parse_threads(header: str, number: int, source: Iterator[Line]) -> _Raw:
    raw = _Raw([("thread", "count")], ("thread", "count"))
    text = header
    if _THREADS.search(header):
        number, text = next(
            ((n, t) for n, t in source if t.startswith("-") or t in SENTINELS), (number, SENTINELS[0])
        )
    while not any(sentinel in text for sentinel in SENTINELS):
        if text.startswith("---- no stack trace for"):
            _skip_to_map(text, source)
            break
        if not _THREAD.search(text):
            fail_at_line(number, "not `--- Thread ID (name: NAME/ID) stack: ---`")
        number, text, addresses = _thread_stack(source, number)
        if addresses:
            raw.add(addresses, [1])
        elif raw.samples:
            raw.samples[-1].values[0] += 1
    for sample in raw.samples:
        _drop_doubled_leaf(sample)
    return raw


def _thread_stack(source: Iterator[Line], number: int) -> tuple[int, str, list[int]]:
    """Return the line after a thread's stack, and the stack; empty: the same as the last."""
    addresses: list[int] = []
    same = False
    for number, text in source:
        text = text.strip()
        if text.startswith("---"):
            break
        if "same as previous thread" in text:
            same = True
        else:
            addresses += _addresses(text, number)
    else:
        text = SENTINELS[0]
    return number, text, [] if same else addresses[:1] + _calls(addresses[1:])


def _drop_doubled_leaf(sample: _Sample) -> None:
    """Take out a second leaf: some handlers report it as the place and as a return address."""
    stack = sample.addresses
    if len(stack) > 1 and stack[0] == stack[1] + 1:
        del stack[1]


_Parser = Callable[[str, int, Iterator[Line]], _Raw]
_PARSERS: tuple[tuple[Callable[[str], object], _Parser], ...] = (
    (lambda header: _HEAP_HEADER.search(header) or _GROWTH_HEADER.search(header), _parse_heap),
    (_COUNT_HEADER.fullmatch, _parse_count),
    (lambda header: _THREADS.search(header) or _THREAD.search(header), _parse_threads),
    (
        lambda header: header.startswith(("--- contentionz ", "--- mutex:", "--- contention:")),
        _parse_contention,
    ),
)


def begins_cpu_profile(data: bytes) -> bool:
    """Say whether the bytes begin like a binary CPU profile."""
    return _cpu_words(data) is not None


def _cpu_words(data: bytes) -> tuple[int, str] | None:
    """Return the size and byte order of the words."""
    for size, order in ((4, "<"), (4, ">"), (8, "<"), (8, ">")):
        head = [_word(data, i, size, order) for i in range(5)] if len(data) >= 5 * size else []
        if head and head[0] == 0 and head[1] == 3 and head[2] in (0, 1) and head[3] > 0 and head[4] == 0:
            return size, order
    return None


def _word(data: bytes, index: int, size: int, order: str) -> int:
    return int.from_bytes(data[index * size : (index + 1) * size], "little" if order == "<" else "big")


def _decode_cpu(data: bytes) -> Profile:
    words = _cpu_words(data)
    if words is None:
        raise FormatError("no header of a CPU profile")
    size, order = words
    is_java = _word(data, 2, size, order) == 1
    period = _word(data, 3, size, order) * 1000
    raw = _Raw(_CPU, ("cpu", "nanoseconds"), period)
    at = _cpu_samples(raw, data, size, order, adjust=not is_java)
    rest = lines(data[at:])
    if is_java:
        return _build_java(raw, rest)
    _drop_handler_frames(raw.samples)
    return _build(raw, MemoryMap(text for _, text in rest))


def _cpu_samples(raw: _Raw, data: bytes, size: int, order: str, *, adjust: bool) -> int:
    """Read samples up to the end mark; return the byte where the text begins."""
    at, total = 5, len(data) // size
    while at < total:
        if at + 2 > total:
            raise FormatError("sample is cut off", offset=at * size)
        count, depth = _word(data, at, size, order), _word(data, at + 1, size, order)
        if depth > total - at - 2:
            raise FormatError(f"sample of {depth} frames is cut off", offset=at * size)
        stack = [_word(data, at + 2 + i, size, order) for i in range(depth)]
        at += 2 + depth
        if (count, stack) == (0, [0]):
            break
        if count >= 1 << 63:
            raise FormatError(f"count {count} does not fit in 64 bits", offset=(at - 2 - depth) * size)
        stack[1:] = [(address - adjust) & _LAST for address in stack[1:]]
        raw.add(stack, [count, count * raw.period])
    return at * size


def _drop_handler_frames(samples: list[_Sample]) -> None:
    """Take out up to two frames below the leaf that (nearly) all samples have: the signal handler's."""
    margin = len(samples) // 32
    for _ in range(2):
        seconds = Counter(s.addresses[1] for s in samples if len(s.addresses) > 1)
        for address, count in seconds.most_common(1):
            if count >= len(samples) - margin:
                for sample in samples:
                    if sample.addresses[1:2] == [address]:
                        del sample.addresses[1]
    for sample in samples:
        _drop_doubled_leaf(sample)


def _decode_java(header: str, source: Iterator[Line]) -> Profile:
    raw = _Raw([], None, 0)
    is_heap = "heapz" in header
    rest: list[Line] = []
    in_header = True
    for number, text in source:
        text = text.strip()
        attribute = _JAVA_ATTRIBUTE.search(text) if in_header else None
        if not text:
            continue
        if attribute:
            _java_attribute(raw, attribute[1].strip(), attribute[2].strip(), number, is_heap=is_heap)
            continue
        in_header = False
        row = _JAVA_ROW.search(text)
        if row is None:
            rest.append((number, text))
            break
        _java_sample(raw, row, number, is_heap=is_heap)
    rest.extend(source)
    if not raw.types:
        raise FormatError("no resolution in the header of a Java profile")
    return _build_java(raw, iter(rest))


def _java_attribute(raw: _Raw, key: str, value: str, number: int, *, is_heap: bool) -> None:
    if key == "format" and value == "java":
        return
    if key == "resolution":
        names = ("inuse_objects", "inuse_space") if is_heap else ("contentions", "delay")
        raw.types = [(names[0], "count"), (names[1], value)]
    elif key in ("sampling period", "ms since reset") and not is_heap and value.isascii() and value.isdigit():
        amount = _integer(value, number)
        if key == "sampling period":
            raw.period_type, raw.period = ("contentions", "count"), amount
        else:
            raw.duration_nanos = amount * 1_000_000
    else:
        fail_at_line(number, f"unknown attribute {key[:40]}={value[:40]}")


def _java_sample(raw: _Raw, row: re.Match[str], number: int, *, is_heap: bool) -> None:
    count, amount = _integer(row[2], number), _integer(row[1], number)
    addresses = _addresses(row[3], number)
    if not is_heap:
        factor = raw.period or 1
        raw.add(addresses, [count * factor, amount * factor])
        return
    if count == 0:
        fail_at_line(number, "no objects in a sample")
    raw.add(addresses, list(_unsampled(count, amount, _JAVA_HEAP_RATE)), amount // count)


def _build_java(raw: _Raw, rest: Iterator[Line]) -> Profile:
    """Name the addresses by the table at the file's end; addresses themselves go."""
    builder = ProfileBuilder(raw.types, add_up=False)
    builder.period_type, builder.period = raw.period_type, raw.period
    builder.duration_nanos = raw.duration_nanos
    used = {address for sample in raw.samples for address in sample.addresses}
    names: dict[int, tuple[str, str, int]] = {}
    for _, text in rest:
        match = _JAVA_LOCATION.fullmatch(text.strip()) if len(text) < _MAX_NAME else None
        if match and int(match[1], 16) in used:
            names[int(match[1], 16)] = _java_place(match[2])
    functions: dict[str, int] = {}
    rows: dict[int, int] = {}
    for sample in raw.samples:
        for address in sample.addresses:
            if address in rows:
                continue
            if address in names:
                name, file, line = names[address]
                function = functions.setdefault(name, builder.function(name, file, system_name=name))
                rows[address] = builder.location(function, line)
            else:
                rows[address] = builder.location(-1)
        labels: list[NumberLabel] = []
        if sample.block_bytes is not None:
            labels = [("bytes", sample.block_bytes, "" if sample.block_bytes else "bytes")]
        builder.sample([rows[address] for address in sample.addresses], sample.values, labels)
    return builder.build()


def _java_place(text: str) -> tuple[str, str, int]:
    if match := _JAVA_LINE.fullmatch(text):
        line = int(match[3]) if len(match[3]) < 19 else 0
        return match[1], match[2], max(line, 0)
    if match := _JAVA_PATH.fullmatch(text):
        return match[1], match[2].rpartition("/")[2], 0
    return ("STUB" if "generated stub/JIT" in text else text), "", 0

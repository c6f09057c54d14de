"""A profile as text, as `debug=1` shows it: pprof's legacy text formats, with names beside them.

Addresses are the numbers of locations: Python's functions have none. Old tools read the numbers,
people the lines that begin with `#`. Formats: src/runtime/pprof/pprof.go of Go.
"""

import zlib

from whet.collect.proto import fields, numbers, signed

__all__ = ["legacy_text", "with_default"]

_SAMPLE, _LOCATION, _FUNCTION, _STRING, _DEFAULT_SAMPLE_TYPE = 2, 4, 5, 6, 14


def legacy_text(name: str, data: bytes) -> str:
    """Return a gzip-compressed profile of the kind `name` as text, the largest values first.

    Args:
        name: `heap`, `allocs`, `block` or `mutex`.
        data: with the value types of that kind.
    """
    profile = _Profile(zlib.decompress(data, 31))
    if name in ("heap", "allocs"):
        return _heap(profile)
    head = "--- contention:\ncycles/second=1000000000\n"
    if name == "mutex":
        head = "--- mutex:\ncycles/second=1000000000\nsampling period=1\n"
    lines = [head]
    for (count, delay_ns), places in sorted(profile.samples, key=lambda row: -row[0][1]):
        lines.append(f"{delay_ns} {count} {_addresses(places)}\n{profile.lines(places)}")
    return "".join(lines)


def with_default(data: bytes, value_type: str) -> bytes:
    """Return a gzip-compressed profile that is shown by another value type at first."""
    from whet.collect.proto import field, number
    from whet.collect.snapshot import packed

    message = zlib.decompress(data, 31)
    texts = [content for key, _, content in fields(message) if key == _STRING]
    name = value_type.encode()
    if name not in texts:
        message += field(_STRING, name)
        texts.append(name)
    # Of a field that is there twice, the last one counts.
    return packed(message + number(_DEFAULT_SAMPLE_TYPE, texts.index(name)))


def _heap(profile: "_Profile") -> str:
    totals = [sum(values[i] for values, _ in profile.samples) for i in range(4)]
    # The number after heap/ is twice the sampling rate that readers scale by: values are scaled already.
    lines = [f"heap profile: {_heap_row(totals)} @ heap/2\n"]
    for values, places in sorted(profile.samples, key=lambda row: (-row[0][3], -row[0][1])):
        lines.append(f"{_heap_row(values)} {_addresses(places)}\n{profile.lines(places)}")
    return "".join(lines)


def _heap_row(values: list[int]) -> str:
    alloc_objects, alloc_space, inuse_objects, inuse_space = values
    return f"{inuse_objects}: {inuse_space} [{alloc_objects}: {alloc_space}]"


def _addresses(places: list[int]) -> str:
    return "@ " + " ".join(f"{place:#x}" for place in places)


class _Profile:
    """What the text needs of a profile."""

    def __init__(self, message: bytes) -> None:
        # What labels tell apart is one here.
        stacks: dict[tuple[int, ...], list[int]] = {}
        self._texts: list[str] = []
        self._functions: dict[int, tuple[int, int]] = {}
        self._places: dict[int, list[tuple[int, int]]] = {}
        for key, _, content in fields(message):
            if key == _SAMPLE:
                _add(stacks, *_sample(content))
            elif key == _LOCATION:
                self._add_place(content)
            elif key == _FUNCTION:
                rest = {key: value for key, value, _ in fields(content)}
                self._functions[rest.get(1, 0)] = rest.get(2, 0), rest.get(4, 0)
            elif key == _STRING:
                self._texts.append(content.decode("utf-8", "replace"))
        self.samples = [(values, list(places)) for places, values in stacks.items()]

    def lines(self, places: list[int]) -> str:
        """Return a line for each frame, and an empty one."""
        shown = []
        for place in places:
            for function, line in self._places.get(place, []):
                name, file = self._functions.get(function, (0, 0))
                shown.append(f"#\t{place:#x}\t{self._texts[name]}\t{self._texts[file]}:{line}\n")
        return "".join(shown) + "\n"

    def _add_place(self, content: bytes) -> None:
        number = 0
        rows = []
        for key, value, part in fields(content):
            if key == 1:
                number = value
            elif key == 4:
                row = {key: value for key, value, _ in fields(part)}
                rows.append((row.get(1, 0), row.get(2, 0)))
        self._places[number] = rows


def _add(stacks: dict[tuple[int, ...], list[int]], values: list[int], places: list[int]) -> None:
    sums = stacks.setdefault(tuple(places), [0] * len(values))
    sums[:] = map(int.__add__, sums, values)


def _sample(content: bytes) -> tuple[list[int], list[int]]:
    values: list[int] = []
    places: list[int] = []
    for key, value, part in fields(content):
        if key == 2:
            values += numbers(part) if part else [signed(value)]
        elif key == 1:
            places += numbers(part) if part else [value]
    return values, places

"""Speedscope's JSON: sampled and evented profiles in one file.

Reads any number of profiles (threads, or kinds of values) into one Profile: time becomes
nanoseconds, a profile's name the label `thread` where there are several. Writes one sampled
profile for each sample type; whet reads such a file back with all its columns. The format
cannot hold labels, addresses, start lines of functions and mappings.
Specification: github.com/jlfwong/speedscope, src/lib/file-format-spec.ts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from whet._version import __version__
from whet.errors import FormatError
from whet.formats.text import as_integer, as_list, as_object, as_text, decode_json, encode_json, unpacked
from whet.model.builder import ProfileBuilder
from whet.model.frames import Frame, frame_table, stacks
from whet.model.profile import Profile

__all__ = ["decode", "encode"]

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_NANOSECONDS = {"nanoseconds": 1, "microseconds": 1_000, "milliseconds": 1_000_000, "seconds": 1_000_000_000}
_COUNT, _TIME, _SPACE = ("samples", "count"), ("time", "nanoseconds"), ("space", "bytes")

_LARGE = 1 << 33  # times a second in nanoseconds it fits in 64 bits

Type = tuple[str, str]
_Rows = dict[int, int]  # location rows of frames
# A stack, leaf first, and its values.
_Sample = tuple[list[int], tuple[int, ...]]


def decode(data: bytes) -> Profile:
    """Decode a speedscope file, gzip-compressed or not.

    Raises:
        FormatError: it does not follow the specification; the error names the place.
    """
    document = as_object(decode_json(unpacked(data)), "the document")
    shared = as_object(document.get("shared"), "shared")
    frames = as_list(shared.get("frames"), "shared.frames")
    parts = as_list(document.get("profiles"), "profiles")
    profiles = [as_object(part, f"profiles[{i}]") for i, part in enumerate(parts)]
    if not profiles:
        raise FormatError("profiles is empty")
    if str(document.get("exporter", "")).startswith("whet"):
        return _decode_columns(profiles, frames)
    types: dict[Type, int] = {}
    for i, part in enumerate(profiles):
        for kind in _types(part, f"profiles[{i}]"):
            types.setdefault(kind, len(types))
    builder = ProfileBuilder(list(types))
    rows = _rows(builder, frames)
    for i, part in enumerate(profiles):
        labels = [("thread", str(part.get("name", i)))] if len(profiles) > 1 else []
        label_set = builder.label_set(labels)
        columns = [types[kind] for kind in _types(part, f"profiles[{i}]")]
        cells = [0] * len(types)
        for stack, values in _samples(part, rows, f"profiles[{i}]"):
            for column, value in zip(columns, values, strict=True):
                cells[column] = value
            builder.add(builder.stack(stack), cells, label_set)
    if isinstance(document.get("name"), str):
        builder.comments.append(document["name"])
    return builder.build()


def encode(profile: Profile, index: int = 0, *, name: str = "whet") -> bytes:
    """Encode all value columns as profiles of one file; column `index` is the one shown first."""
    table = frame_table(profile)
    samples = [stack[::-1] for stack in stacks(profile, table)]
    parts = []
    for column, (kind, unit) in enumerate(profile.sample_type_names()):
        weights = profile.samples.values[:, column].tolist()
        parts.append(
            {
                "type": "sampled",
                "name": f"{kind}/{unit}",
                "unit": unit if unit in _NANOSECONDS or unit == "bytes" else "none",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        )
    return encode_json(
        {
            "$schema": _SCHEMA,
            "exporter": f"whet@{__version__}",
            "name": name,
            "activeProfileIndex": index,
            "shared": {"frames": [_frame(frame) for frame in table.frames]},
            "profiles": parts,
        }
    )


def _frame(frame: Frame) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": frame.name}
    if frame.file:
        fields["file"] = frame.file
    if frame.line:
        fields["line"] = frame.line
    if frame.column:
        fields["col"] = frame.column
    return fields


def _rows(builder: ProfileBuilder, frames: list[Any]) -> _Rows:
    rows = {}
    for i, part in enumerate(frames):
        where = f"shared.frames[{i}]"
        frame = as_object(part, where)
        name, file = as_text(frame.get("name"), f"{where}.name"), frame.get("file") or ""
        line, column = (as_integer(frame.get(key) or 0, f"{where}.{key}") for key in ("line", "col"))
        rows[i] = builder.frame(name, as_text(file, f"{where}.file"), line, column)
    return rows


def _types(part: dict[str, Any], where: str) -> list[Type]:
    """Return the sample types that a profile's unit stands for."""
    unit, kind = part.get("unit"), part.get("type")
    if kind not in ("sampled", "evented"):
        raise FormatError(f"{where}.type is neither sampled nor evented")
    if unit in _NANOSECONDS:
        return [_TIME] if kind == "evented" else [_COUNT, _TIME]
    if unit in ("none", "bytes"):
        return [_COUNT if unit == "none" else _SPACE]
    raise FormatError(
        f"{where}.unit {str(unit)[:40]!r} is unknown", hint=f"one of none, bytes, {', '.join(_NANOSECONDS)}"
    )


def _samples(part: dict[str, Any], rows: _Rows, where: str) -> Iterator[_Sample]:
    factor = _NANOSECONDS.get(part["unit"], 0)
    if part["type"] == "evented":
        yield from _evented(part, rows, where, factor)
    else:
        for stack, value in _sampled(part, rows, where, factor or 1, whole=part["unit"] == "none"):
            yield stack, (1, value) if factor else (value,)


def _sampled(
    part: dict[str, Any], rows: _Rows, where: str, factor: int, *, whole: bool
) -> Iterator[tuple[list[int], int]]:
    samples = as_list(part.get("samples"), f"{where}.samples")
    weights = as_list(part.get("weights"), f"{where}.weights")
    if len(samples) != len(weights):
        raise FormatError(f"{where} has {len(samples)} samples but {len(weights)} weights")
    row_of = rows.__getitem__
    for i, (stack, weight) in enumerate(zip(samples, weights, strict=True)):
        if type(weight) is not int or not -_LARGE < weight < _LARGE:
            if whole and isinstance(weight, float) and not weight.is_integer():
                raise FormatError(f"{where}.weights[{i}] of unit none is not a whole number")
            value = _scaled(weight, factor, f"{where}.weights[{i}]")
        else:
            value = weight * factor
        if type(stack) is not list:
            as_list(stack, f"{where}.samples[{i}]")
        try:
            frames = list(map(row_of, reversed(stack)))
        except (KeyError, TypeError):
            frames = [_row(rows, frame, f"{where}.samples[{i}]") for frame in reversed(stack)]
        yield frames, value


def _evented(part: dict[str, Any], rows: _Rows, where: str, factor: int) -> Iterator[_Sample]:
    """Turn opened and closed frames into samples: the time between two events has one stack."""
    opened: list[int] = []
    last: int | None = None
    for i, event in enumerate(as_list(part.get("events"), f"{where}.events")):
        place = f"{where}.events[{i}]"
        fields = as_object(event, place)
        at = _scaled(fields.get("at"), factor or 1, f"{place}.at")
        if last is not None and at < last:
            raise FormatError(f"{place} is earlier than the event before it")
        if opened and last is not None and at > last:
            yield opened[::-1], (at - last,)
        last = at
        row = _row(rows, fields.get("frame"), place)
        if fields.get("type") == "O":
            opened.append(row)
        elif fields.get("type") != "C" or not opened or opened.pop() != row:
            raise FormatError(f"{place} does not close the frame that was opened last")
    if opened:
        raise FormatError(f"{where} leaves {len(opened)} frames open")


def _scaled(value: Any, factor: int, where: str) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = value * factor
    return as_integer(value, where)


def _row(rows: _Rows, frame: Any, where: str) -> int:
    if isinstance(frame, bool) or not isinstance(frame, int) or not 0 <= frame < len(rows):
        raise FormatError(f"{where} refers to frame {str(frame)[:40]} of {len(rows)}")
    return rows[frame]


def _decode_columns(profiles: list[dict[str, Any]], frames: list[Any]) -> Profile:
    """Decode a file written by `encode`: one profile a column, the same samples in each."""
    types = []
    for i, part in enumerate(profiles):
        kind, _, unit = as_text(part.get("name"), f"profiles[{i}].name").rpartition("/")
        types.append((kind, unit))
        if part.get("samples") != profiles[0].get("samples"):
            raise FormatError("profiles have different samples")
    builder = ProfileBuilder(types)
    rows = _rows(builder, frames)
    weights = []
    for i, part in enumerate(profiles[1:], 1):
        column = as_list(part.get("weights"), f"profiles[{i}].weights")
        weights.append([as_integer(value, f"profiles[{i}].weights") for value in column])
    first = list(_sampled(profiles[0], rows, "profiles[0]", 1, whole=False))
    if any(len(column) != len(first) for column in weights):
        raise FormatError("profiles have different numbers of weights")
    for (stack, value), *others in zip(first, *weights, strict=True):
        builder.add(builder.stack(stack), (value, *others))
    return builder.build()

"""`raw`: the profile's tables as text. Layout: pprof's `Profile.String`."""

from __future__ import annotations

import time
from collections.abc import Iterator

from whet.analyze.profile.labels import SampleLabels, sample_labels
from whet.model.profile import Profile
from whet.units import format_duration

__all__ = ["render_raw"]

_LABEL_INDENT = " " * 16
_LINE_INDENT = " " * 13
_DURATION_CHARACTERS = 4


def render_raw(profile: Profile) -> Iterator[str]:
    """Yield the lines of the report."""
    texts = profile.strings.texts()
    yield from _header(profile, texts)
    yield "Samples:"
    yield " ".join(_sample_types(profile, texts)).strip()
    yield from _samples(profile, texts)
    yield "Locations"
    yield from _locations(profile, texts)
    yield "Mappings"
    yield from _mappings(profile, texts)


def _header(profile: Profile, texts: list[str]) -> Iterator[str]:
    for comment in profile.comments:
        yield f"Comment: {texts[comment]}"
    if profile.doc_url:
        yield f"Doc: {texts[profile.doc_url]}"
    kind, unit = profile.period_type or (0, 0)
    yield f"PeriodType: {texts[kind]} {texts[unit]}"
    yield f"Period: {profile.period}"
    if profile.time_nanos:
        yield f"Time: {_time_text(profile.time_nanos)}"
    if profile.duration_nanos:
        yield f"Duration: {format_duration(profile.duration_nanos)[:_DURATION_CHARACTERS]}"


def _time_text(time_nanos: int) -> str:
    seconds, nanos = divmod(time_nanos, 10**9)
    try:
        local = time.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return f"{time_nanos} ns"
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return time.strftime(f"%Y-%m-%d %H:%M:%S{fraction} %z %Z", local)


def _sample_types(profile: Profile, texts: list[str]) -> Iterator[str]:
    default = texts[profile.default_sample_type]
    for kind, unit in profile.sample_type:
        mark = "[dflt]" if texts[kind] == default else ""
        yield f"{texts[kind]}/{texts[unit]}{mark}"


def _samples(profile: Profile, texts: list[str]) -> Iterator[str]:
    samples, ids = profile.samples, profile.locations.id.tolist()
    start = samples.stack_start.tolist()
    has_labels = len(samples.labels) > 0
    for row in range(len(samples)):
        values = "".join(f" {v:10d}" for v in samples.values[row].tolist())
        stack = "".join(f"{ids[x]} " for x in samples.stack[start[row] : start[row + 1]].tolist())
        yield f"{values}: {stack}"
        if has_labels:
            yield from _labels(sample_labels(profile, texts, row))


def _labels(labels: SampleLabels) -> Iterator[str]:
    if labels.texts:
        parts = (f"{key}:[{' '.join(found)}]" for key, found in labels.texts.items())
        yield _LABEL_INDENT + " ".join(sorted(parts, key=_bytes))
    if labels.numbers:
        parts = (_number_label(labels, key) for key in labels.numbers)
        yield _LABEL_INDENT + " ".join(sorted(parts, key=_bytes))


def _number_label(labels: SampleLabels, key: str) -> str:
    numbers, units = labels.numbers[key], labels.units.get(key)
    if units is None:
        return f"{key}:[{' '.join(map(str, numbers))}]"
    pairs = (f"{number} {unit}" for number, unit in zip(numbers, units, strict=True))
    return f"{key}:[{' '.join(pairs)}]"


def _locations(profile: Profile, texts: list[str]) -> Iterator[str]:
    locations, mapping_ids = profile.locations, profile.mappings.id.tolist()
    functions = [_function_text(profile, texts, row) for row in range(len(profile.functions))]
    start = locations.line_start.tolist()
    columns = (locations.id, locations.address, locations.mapping, locations.is_folded)
    for row, (number, address, mapping, folded) in enumerate(
        zip(*(c.tolist() for c in columns), strict=True)
    ):
        lead = f"{number:6d}: {address:#x} "
        lead += f"M={mapping_ids[mapping]} " if mapping >= 0 else ""
        lead += "[F] " if folded else ""
        lines = range(start[row], start[row + 1])
        if not lines:
            yield lead
        for line in lines:
            before, after = functions[locations.line_function[line]]
            yield f"{lead}{before}:{locations.line[line]}:{locations.column[line]} {after}"
            lead = _LINE_INDENT


def _function_text(profile: Profile, texts: list[str], row: int) -> tuple[str, str]:
    """Return what stands before and after the line number."""
    functions = profile.functions
    name, system_name = texts[functions.name[row]], texts[functions.system_name[row]]
    after = f"s={functions.start_line[row]}" + (f"({system_name})" if system_name != name else "")
    return f"{name} {texts[functions.filename[row]]}", after


def _mappings(profile: Profile, texts: list[str]) -> Iterator[str]:
    table = profile.mappings
    for row in range(len(table)):
        flags = (
            (table.has_functions, "[FN]"), (table.has_filenames, "[FL]"),
            (table.has_line_numbers, "[LN]"), (table.has_inline_frames, "[IN]"),
        )  # fmt: skip
        bits = "".join(text for column, text in flags if column[row])
        yield (
            f"{table.id[row]}: {table.memory_start[row]:#x}/{table.memory_limit[row]:#x}/"
            f"{table.file_offset[row]:#x} {texts[table.filename[row]]} "
            f"{texts[table.build_id[row]]} {bits}"
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

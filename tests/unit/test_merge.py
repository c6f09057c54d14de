"""Merging: what counts as the same, and what the merged header says."""

from __future__ import annotations

import pytest

from whet.errors import UsageError
from whet.formats import pprof
from whet.model.common_types import with_common_types
from whet.model.merge import compact, merge
from whet.model.profile import Profile
from wire import content, number

TEXTS = ["", "cpu", "ns", "main", "a.py", "thread", "one", "two", "[vdso]", "note"]
TABLE = b"".join(content(6, text.encode()) for text in TEXTS)
TYPE = content(1, number(1, 1) + number(2, 2))
FUNCTION = content(5, number(1, 1) + number(2, 3) + number(4, 4))


def profile(*parts: bytes) -> Profile:
    """Decode a profile with one sample type and one function."""
    return pprof.decode(TYPE + FUNCTION + b"".join(parts) + TABLE)


def location(row_id: int, *, column: int = 0, address: int = 0, mapping: int = 0) -> bytes:
    """Return a location with one line of the function."""
    line = number(1, 1) + number(2, 10) + number(3, column)
    return content(4, number(1, row_id) + number(2, mapping) + number(3, address) + content(4, line))


def sample(*stack: int, value: int = 1, labels: bytes = b"") -> bytes:
    """Return a sample."""
    return content(2, b"".join(number(1, i) for i in stack) + number(2, value) + labels)


def text_label(key: int, text: int) -> bytes:
    """Return a string label."""
    return content(3, number(1, key) + number(2, text))


def test_equal_samples_are_added_up() -> None:
    merged = merge([profile(location(8), sample(8, value=3)), profile(location(2), sample(2, value=4))])
    assert merged.samples.values.tolist() == [[7]]
    assert merged.locations.id.tolist() == [1]
    assert merged.functions.id.tolist() == [1]


def test_lines_that_differ_in_column_only_stay_apart() -> None:
    merged = compact(profile(location(1, column=5), location(2, column=9), sample(1), sample(2, value=100)))
    assert merged.samples.values.tolist() == [[1], [100]]
    assert merged.locations.column.tolist() == [5, 9]


def test_addresses_are_compared_relative_to_their_mapping() -> None:
    def loaded_at(start: int) -> Profile:
        mapping = number(1, 1) + number(2, start) + number(3, start + 0x1F00) + number(5, 4)
        return profile(content(3, mapping), location(1, address=start + 0x10, mapping=1), sample(1))

    merged = merge([loaded_at(0x400000), loaded_at(0x7F0000)])
    assert merged.samples.values.tolist() == [[2]]
    assert merged.locations.address.tolist() == [0x400010]
    assert merged.mappings.memory_start.tolist() == [0x400000]


def test_the_main_mapping_stays_in_front_and_unused_ones_go() -> None:
    mappings = b"".join(content(3, number(1, i) + number(2, i << 20) + number(5, i + 3)) for i in (1, 2, 3))
    merged = compact(profile(mappings, location(1, address=5, mapping=3), sample(1)))
    assert [merged.strings.text(i) for i in merged.mappings.filename] == ["a.py", "one"]
    assert merged.locations.mapping.tolist() == [1]


def test_the_order_of_labels_of_different_keys_does_not_matter() -> None:
    one = sample(1, labels=text_label(5, 6) + text_label(9, 7))
    two = sample(1, labels=text_label(9, 7) + text_label(5, 6))
    three = sample(1, labels=text_label(5, 6))
    merged = compact(profile(location(1), one, two, three))
    assert merged.samples.values.tolist() == [[2], [1]]
    assert [merged.strings.text(i) for i in merged.samples.labels.key] == ["note", "thread", "thread"]


def test_samples_that_cancel_out_and_their_tables_are_gone() -> None:
    plus = profile(location(1), sample(1, value=5), sample(1, 1, value=2))
    minus = profile(location(1), sample(1, value=-5), sample(1, 1, value=-2))
    merged = merge([plus, minus])
    assert len(merged.samples) == len(merged.locations) == len(merged.functions) == 0
    assert [t for t in merged.strings.texts() if t] == ["cpu", "ns"]


def test_headers_are_combined() -> None:
    first = profile(number(9, 0), number(10, 5), number(12, 100), number(13, 9), number(14, 0))
    second = profile(number(9, 700), number(10, 6), number(12, 200), number(13, 3), number(14, 1))
    third = profile(number(9, 600), number(10, 7), number(13, 9))
    merged = merge([first, second, third])
    assert (merged.time_nanos, merged.duration_nanos, merged.period) == (600, 18, 200)
    assert merged.comment_texts() == ["note", "main"]
    assert merged.strings.text(merged.default_sample_type) == "cpu"


def test_profiles_of_different_kinds_are_not_merged() -> None:
    other = pprof.decode(content(1, number(1, 3) + number(2, 2)) + TABLE)
    with pytest.raises(UsageError, match=r"incompatible sample types \[cpu/ns\] and \[main/ns\]"):
        merge([profile(), other])
    with pytest.raises(UsageError, match="incompatible period types"):
        merge([profile(), profile(content(11, number(1, 1)))])
    with pytest.raises(UsageError, match="no profiles"):
        merge([])


def typed(*types: tuple[str, str], values: list[int], period: tuple[int, str] = (0, "")) -> Profile:
    """Return a profile of one sample without a stack."""
    texts = list(dict.fromkeys(["", *(t for pair in types for t in pair), "wall", period[1]]))
    parts = [content(1, number(1, texts.index(kind)) + number(2, texts.index(unit))) for kind, unit in types]
    parts.append(content(2, b"".join(number(2, v) for v in values)))
    parts.append(content(11, number(1, texts.index("wall")) + number(2, texts.index(period[1]))))
    return pprof.decode(b"".join([*parts, number(12, period[0]), *(content(6, t.encode()) for t in texts)]))


def test_types_that_not_all_have_are_dropped() -> None:
    one = typed(("samples", "count"), ("cpu", "ns"), ("wall", "ns"), values=[1, 2, 3])
    two = typed(("wall", "ns"), ("samples", "count"), values=[30, 10])
    merged = merge(with_common_types([one, two]))
    assert merged.sample_type_names() == [("samples", "count"), ("wall", "ns")]
    assert merged.samples.values.tolist() == [[11, 33]]
    assert merged.strings.text(merged.default_sample_type) == "samples"


def test_units_of_one_family_are_scaled_to_the_finest() -> None:
    one = typed(("cpu", "milliseconds"), values=[3], period=(10, "ms"))
    two = typed(("cpu", "microseconds"), values=[5], period=(7, "us"))
    merged = merge(with_common_types([one, two]))
    assert merged.sample_type_names() == [("cpu", "microseconds")]
    assert merged.samples.values.tolist() == [[3005]]
    assert merged.period == 10_000


def test_scaling_keeps_samples_whose_scaled_type_is_zero() -> None:
    one = typed(("samples", "count"), ("cpu", "ms"), values=[7, 0])
    two = typed(("samples", "count"), ("cpu", "ns"), values=[-10, 0])
    assert merge(with_common_types([one, two])).samples.values.tolist() == [[-3, 0]]


def test_without_a_common_type_there_is_nothing_to_merge() -> None:
    with pytest.raises(UsageError, match="no sample type in common"):
        with_common_types([typed(("cpu", "ns"), values=[1]), typed(("space", "bytes"), values=[1])])
    different = [typed(("cpu", "ns"), values=[1]), typed(("cpu", "bytes"), values=[1])]
    with pytest.raises(UsageError, match="incompatible sample types"):
        merge(with_common_types(different))

"""Hypothesis strategies: consistent random profiles, and damaged files."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from whet.model.profile import (
    Functions,
    Labels,
    Locations,
    Mappings,
    Profile,
    Samples,
    StringTable,
)

INT64 = st.one_of(st.integers(-3, 300), st.integers(-(1 << 63), (1 << 63) - 1))
UINT64 = st.one_of(st.integers(0, 300), st.integers(0, (1 << 64) - 1))
TEXTS = st.one_of(st.sampled_from(["main", "cpu", "count", "ns", "a.py", "key"]), st.text(max_size=6))


def _ids(size: int) -> st.SearchStrategy[list[int]]:
    dense = st.just(list(range(1, size + 1)))
    sparse = st.lists(st.integers(1, (1 << 64) - 1), min_size=size, max_size=size, unique=True)
    return st.one_of(dense, sparse, dense.map(lambda ids: ids[::-1]))


def _starts(counts: list[int]) -> np.ndarray[Any, Any]:
    return np.cumsum([0, *counts]).astype(np.int64)


@st.composite
def profiles(draw: st.DrawFn, *, sample_types: int | None = None, unique_strings: bool = False) -> Profile:
    """Draw a profile in which every row number and string index exists."""

    def column(values: st.SearchStrategy[int], size: int, dtype: type[np.generic]) -> Any:
        return np.array(draw(st.lists(values, min_size=size, max_size=size)), dtype)

    def flags(size: int) -> Any:
        return column(st.integers(0, 1), size, np.bool_)

    def texts(size: int) -> Any:
        return column(string, size, np.int32)

    others = draw(st.lists(TEXTS, max_size=8, unique=unique_strings))
    table = [text for text in others if text] if unique_strings else others
    string = st.integers(0, len(table))
    mapping_count, function_count = draw(st.integers(0, 3)), draw(st.integers(0, 4))
    location_count, sample_count = draw(st.integers(0, 5)), draw(st.integers(0, 6))
    types = draw(st.integers(1, 3)) if sample_types is None else sample_types
    lines = draw(
        st.lists(st.integers(0, 3 if function_count else 0), min_size=location_count, max_size=location_count)
    )
    depths = draw(
        st.lists(st.integers(0, 6 if location_count else 0), min_size=sample_count, max_size=sample_count)
    )
    labels = draw(st.lists(st.integers(0, 2), min_size=sample_count, max_size=sample_count))
    total_lines, total_labels = sum(lines), sum(labels)
    key = draw(
        st.lists(st.integers(min(1, len(table)), len(table)), min_size=total_labels, max_size=total_labels)
    )
    number = column(INT64, total_labels, np.int64)
    text, unit = texts(total_labels), texts(total_labels)
    if not table:  # a label of zeros only is not kept
        number[number == 0] = 1
    pair = st.tuples(string, string)
    return Profile(
        strings=StringTable.from_texts(["", *table]),
        sample_type=draw(st.lists(pair, min_size=types, max_size=types)),
        samples=Samples(
            stack_start=_starts(depths),
            stack=column(st.integers(0, max(location_count - 1, 0)), sum(depths), np.int32),
            values=column(INT64, sample_count * types, np.int64).reshape(sample_count, types),
            label_start=_starts(labels),
            labels=Labels(np.array(key, np.int32), text, number, unit),
        ),
        mappings=Mappings(
            np.array(draw(_ids(mapping_count)), np.uint64),
            *(column(UINT64, mapping_count, np.uint64) for _ in range(3)),
            *(texts(mapping_count) for _ in range(2)),
            *(flags(mapping_count) for _ in range(4)),
        ),
        locations=Locations(
            id=np.array(draw(_ids(location_count)), np.uint64),
            mapping=column(st.integers(-1, mapping_count - 1), location_count, np.int32),
            address=column(UINT64, location_count, np.uint64),
            is_folded=flags(location_count),
            line_start=_starts(lines),
            line_function=column(st.integers(0, max(function_count - 1, 0)), total_lines, np.int32),
            line=column(INT64, total_lines, np.int64),
            column=column(INT64, total_lines, np.int64),
        ),
        functions=Functions(
            id=np.array(draw(_ids(function_count)), np.uint64),
            name=texts(function_count),
            system_name=texts(function_count),
            filename=texts(function_count),
            start_line=column(INT64, function_count, np.int64),
        ),
        drop_frames=draw(string),
        keep_frames=draw(string),
        time_nanos=draw(INT64),
        duration_nanos=draw(INT64),
        period_type=draw(st.none() | pair),
        period=draw(INT64),
        comments=draw(st.lists(string, max_size=4)),
        default_sample_type=draw(string),
        doc_url=draw(string),
    )


@st.composite
def damaged(draw: st.DrawFn, originals: st.SearchStrategy[bytes]) -> bytes:
    """Draw bytes with a few bits flipped, bytes replaced, inserted or removed."""
    data = bytearray(draw(originals))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.integers(0, 3))
        if kind == 0:
            data[at : at + 1] = bytes([draw(st.sampled_from([0, 1, 0x0A, 0x12, 0x7F, 0x80, 0xFF]))])
        elif kind == 1:
            data[at:at] = draw(st.binary(min_size=1, max_size=3))
        elif kind == 2:
            del data[at : at + draw(st.integers(1, 5))]
        else:
            del data[at:]
    return bytes(data)

"""Reading and writing pprof files: forms of the wire format, gzip, and what is refused where."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest

from whet import kernels
from whet.errors import FormatError
from whet.formats import packed, pprof
from whet.kernels import reference
from whet.model.profile import Profile
from wire import content, fixed32, fixed64, number, varint

TABLE = b"".join(content(6, text) for text in (b"", b"cpu", b"ns", b"main", b"/a.py"))
TYPE = content(1, number(1, 1) + number(2, 2))
FUNCTION = content(5, number(1, 7) + number(2, 3) + number(4, 4))
LOCATION = content(4, number(1, 5) + content(4, number(1, 7) + number(2, 10)))
SAMPLE = content(2, number(1, 5) + number(2, 42))
WHOLE = TYPE + SAMPLE + LOCATION + FUNCTION + TABLE


@pytest.fixture(params=["native", "reference"], autouse=True)
def each_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test with both implementations."""
    if request.param == "reference":
        monkeypatch.setattr(kernels, "native", None)
    elif kernels.native is None:
        pytest.skip("the compiled module is not built")


def refused(data: bytes) -> tuple[str, int | None]:
    """Return what the error says and where."""
    with pytest.raises(FormatError) as caught:
        pprof.decode(data)
    return caught.value.message, caught.value.offset


def test_a_small_profile_is_read() -> None:
    profile = pprof.decode(WHOLE)
    assert profile.sample_type_names() == [("cpu", "ns")]
    assert profile.samples.values.tolist() == [[42]]
    assert profile.samples.stack.tolist() == [0]
    assert profile.strings.text(int(profile.functions.name[0])) == "main"
    assert profile.locations.id.tolist() == [5]
    assert profile.locations.mapping.tolist() == [-1]


@pytest.mark.parametrize(
    "stack",
    [
        number(1, 5) * 3,
        content(1, varint(5) * 3),
        content(1, varint(5)) + number(1, 5) + content(1, varint(5)),
        content(1, b"") + content(1, b"\x85\x00\x05\x85\x80\x00"),
    ],
    ids=["unpacked", "packed", "mixed", "long varints"],
)
def test_repeated_numbers_come_packed_or_not(stack: bytes) -> None:
    sample = content(2, stack + number(2, 42))
    assert pprof.decode(TYPE + sample + LOCATION + FUNCTION + TABLE).samples.stack.tolist() == [0, 0, 0]


def test_unknown_fields_are_passed_over() -> None:
    unknown = number(99, 1) + content(98, b"x" * 300) + fixed64(97) + fixed32(96)
    inner = content(2, unknown + number(1, 5) + unknown + number(2, 42))
    assert pprof.decode(unknown + TYPE + inner + LOCATION + FUNCTION + TABLE + unknown) == pprof.decode(WHOLE)


def test_ids_may_be_large_and_tables_in_any_order() -> None:
    ids = [(1 << 64) - 1, 1 << 31, (1 << 31) - 1, 12345678901234567890]
    locations = b"".join(content(4, number(1, i)) for i in ids)
    stack = content(1, b"".join(varint(i) for i in reversed(ids)))
    profile = pprof.decode(TABLE + content(2, stack + number(2, -1)) + locations + TYPE)
    assert profile.samples.stack.tolist() == [3, 2, 1, 0]
    assert profile.locations.id.tolist() == ids
    assert profile.samples.values.tolist() == [[-1]]
    assert pprof.decode(pprof.encode(profile)) == profile


def test_a_mapping_that_does_not_exist_is_none() -> None:
    assert pprof.decode(TABLE + content(4, number(1, 1) + number(2, 9))).locations.mapping.tolist() == [-1]


def test_presence_of_an_empty_period_type_survives() -> None:
    present = pprof.decode(TABLE + content(11, b""))
    assert present.period_type == (0, 0)
    assert pprof.decode(pprof.encode(present)).period_type == (0, 0)
    assert pprof.decode(TABLE).period_type is None


@pytest.mark.parametrize(
    ("data", "message", "offset"),
    [
        (b"", "empty input", None),
        (number(9, 1), "no string table", None),
        (content(6, b"x"), "string_table[0] is not empty", 0),
        (TABLE + b"\x48" + b"\x80" * 10, "varint of more than 10 bytes", len(TABLE) + 1),
        (TABLE + b"\x48\x80", "varint is cut off", len(TABLE) + 1),
        (TABLE + b"\x80", "varint is cut off", len(TABLE)),
        (TABLE + b"\x0b", "unknown wire type 3", len(TABLE)),
        (TABLE + b"\x12\x05\x08", "field of 5 bytes is cut off", len(TABLE)),
        (TABLE + b"\x32\x05ab", "field of 5 bytes is cut off", len(TABLE)),
        (TABLE + b"\x12" + varint(1 << 62), f"field of {1 << 62} bytes is cut off", len(TABLE)),
        (TABLE + number(2, 1), "profile field 2 has wire type 0", len(TABLE)),
        (TABLE + fixed64(9), "profile field 9 has wire type 1", len(TABLE)),
        (TABLE + content(7, b"x"), "profile field 7 has wire type 2", len(TABLE)),
        (TABLE + content(2, fixed32(1)), "sample field 1 has wire type 5", len(TABLE) + 2),
        (TABLE + content(2, b"\x12\x02\x01\x80"), "varint is cut off", len(TABLE) + 5),
        (TABLE + content(2, b""), "sample without values", len(TABLE)),
        (SAMPLE + content(2, number(2, 1) * 2), "sample of 2 values after samples of 1", len(SAMPLE)),
        (TABLE + SAMPLE, "samples of 1 values, but 0 sample types", None),
        (TABLE + TYPE + SAMPLE, "sample 0 has location id 5, which does not exist", None),
        (TABLE + LOCATION, "location 0 has function id 7, which does not exist", None),
        (content(4, b""), "location with the reserved id 0", 0),
        (FUNCTION * 2, "second function with id 7", len(FUNCTION)),
        (content(4, number(1, 1) + content(4, number(2, 3))), "line without a function", 4),
        (content(6, b"") + FUNCTION, "functions.name[0] is string 3 of 1", None),
        (number(7, -1), "string index -1 is out of range", 0),
        (number(9, 1) * 2, "second time_nanos: several profiles in one file", 2),
        (content(13, varint(1) * 70000), "more than 65536 comments", 4 + 65536),
        (content(1, b"") * 70000, "more than 65536 sample types", 2 * 65536),
    ],
)  # fmt: skip
def test_malformed_input_is_refused_with_its_place(data: bytes, message: str, offset: int | None) -> None:
    assert refused(data) == (message, offset)


def test_the_error_names_the_source() -> None:
    with pytest.raises(FormatError) as caught:
        pprof.decode(number(9, 1) * 2, source="cpu.pb.gz")
    assert str(caught.value) == "cpu.pb.gz: second time_nanos: several profiles in one file at byte 2"


def test_gzip_members_are_joined_and_padding_is_ignored() -> None:
    middle = len(WHOLE) // 2
    packed = gzip.compress(WHOLE[:middle]) + gzip.compress(WHOLE[middle:]) + bytes(600)
    assert pprof.decode(packed) == pprof.decode(WHOLE)
    assert pprof.decode_stream(io.BytesIO(packed)) == pprof.decode(WHOLE)


@pytest.mark.parametrize("cut", [3, 12, -1, -8])
def test_gzip_that_is_cut_off_is_refused(cut: int) -> None:
    assert refused(gzip.compress(WHOLE)[:cut]) == ("gzip stream is cut off", None)


def test_gzip_that_is_damaged_is_refused() -> None:
    packed = bytearray(gzip.compress(WHOLE))
    packed[-5] ^= 1
    message, _ = refused(bytes(packed))
    assert message.startswith("gzip stream is damaged")
    message, _ = refused(gzip.compress(WHOLE) + b"garbage")
    assert message.startswith("gzip stream is damaged")


def test_a_decompression_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "_RATIO_COUNTS_FROM_BYTES", 1 << 20)
    message, _ = refused(gzip.compress(TABLE + number(99, 0) * (1 << 20)))
    assert message.startswith("unpacks to more than")


def test_bytes_written_depend_on_the_profile_only() -> None:
    profile = pprof.decode(WHOLE)
    assert pprof.encode(profile) == pprof.encode(profile)
    assert gzip.decompress(pprof.encode(profile)) == pprof.encode(profile, compress=False)


def test_an_empty_profile_is_written_and_read() -> None:
    assert pprof.decode(pprof.encode(Profile())) == Profile()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("samples.stack", np.array([1], np.int32)),
        ("samples.stack", np.array([0], np.int64)),
        ("samples.values", np.zeros((1, 2), np.int64)),
        ("samples.stack_start", np.array([0, 2], np.int64)),
        ("samples.label_start", np.array([0], np.int64)),
        ("locations.mapping", np.array([0], np.int32)),
        ("locations.column", np.zeros(0, np.int64)),
        ("functions.name", np.zeros(2, np.int32)),
    ],
)
def test_columns_that_do_not_fit_together_are_not_encoded(name: str, value: np.ndarray) -> None:
    columns = reference.decode_pprof([WHOLE])
    kernels.encode_pprof(columns)
    with pytest.raises(ValueError, match=name.partition(".")[0]):
        kernels.encode_pprof({**columns, name: value})

"""Real files of real tools, and what each format's reader says of wrong ones."""

from __future__ import annotations

import cProfile
import gzip
import io
import json
import marshal
import pstats
import struct

import pytest

from format_samples import DATA, by_name, flat_cum
from whet.errors import FormatError
from whet.formats import collapsed, firefox, sniff, speedscope
from whet.formats.marshal_reader import read_marshal


def read(name):
    return sniff.decode((DATA / name).read_bytes(), source=name)


def share(profile, function, index=-1):
    column = range(len(profile.sample_type))[index]
    return by_name(flat_cum(profile, column)[1])[function] / profile.samples.values[:, column].sum()


@pytest.mark.parametrize(
    "name",
    [
        "py_spy.collapsed.txt", "py_spy.speedscope.json", "austin_wall.txt", "austin_wall.mojo",
        "cpython315.collapsed.txt", "cpython315.gecko.json", "cpython315.pstats", "cpython315.jsonl",
        "cpython315.capture",
    ],
)  # fmt: skip
def test_real_profile_of_the_known_program_has_the_known_shares(name):
    profile = read(name)
    assert 0.65 < share(profile, "heavy") < 0.8
    assert 0.15 < share(profile, "light") < 0.35
    assert share(profile, "main") > 0.95


@pytest.mark.parametrize("mode", ["wall", "full"])
def test_mojo_says_what_austin_text_says(mode):
    binary, text = read(f"austin_{mode}.mojo"), read(f"austin_{mode}.txt")
    column = [kind for kind, _ in binary.sample_type_names()].index("wall")
    assert flat_cum(binary, column) == flat_cum(text)


def test_binary_capture_says_what_cpython_replays():
    capture, replayed = read("cpython315.capture"), read("cpython315.capture.txt")
    assert capture.samples.values[:, 0].sum() == replayed.samples.values.sum()
    # Collapsed stacks have only the last part of a file's path, so modules of one name are one.
    ours, theirs = (by_name(flat_cum(profile)[1]) for profile in (capture, replayed))
    assert ours.pop("<module>") >= theirs.pop("<module>")
    assert ours == theirs
    assert by_name(flat_cum(capture)[0]) == by_name(flat_cum(replayed)[0])


def test_binary_capture_packed_with_zstd_says_the_same():
    try:
        from compression.zstd import compress
    except ImportError:
        compress = pytest.importorskip("zstandard", reason="neither Python 3.14 nor zstandard").compress
    plain = (DATA / "cpython315.capture").read_bytes()
    strings_at, frames_at = struct.unpack_from("<QQ", plain, 40)
    records = compress(plain[64:strings_at])
    moved = len(records) - (strings_at - 64)
    header = plain[:40] + struct.pack("<QQI", strings_at + moved, frames_at + moved, 1) + plain[60:64]
    footer = plain[-32:-24] + struct.pack("<Q", len(plain) + moved) + plain[-16:]
    packed = header + records + plain[strings_at:-32] + footer
    assert sniff.decode(packed) == sniff.decode(plain)
    damaged = bytearray(packed)
    damaged[70] ^= 0xFF
    with pytest.raises(FormatError, match="zstd"):
        sniff.decode(bytes(damaged))


def test_frames_that_cpython_makes_up_have_no_place():
    records = [
        {"type": "meta", "sample_interval_usec": 1000},
        {"type": "string_table", "strings": [{"str_id": 0, "value": "<GC>"}, {"str_id": 1, "value": "~"}]},
        {"type": "frame_table", "frames": [
            {"frame_id": 0, "path_str_id": 1, "func_str_id": 0, "line": -1, "col": None}]},
        {"type": "agg", "entries": [{"frame_id": 0, "self": 2, "cumulative": 2}]},
        {"type": "end"},
    ]  # fmt: skip
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    assert flat_cum(sniff.decode(text.encode()))[0] == {("<GC>", ""): 2}


def test_exports_of_memray_agree():
    table, tree = read("memray.csv"), read("memray.gprof2dot.json")
    assert flat_cum(table, 1) == flat_cum(tree, 0)
    scope = read("memray.speedscope.json")
    assert flat_cum(scope, scope.sample_type_names().index(("space", "bytes"))) == flat_cum(tree, 0)


def test_pstats_times_are_exact_without_recursion():
    def leaf():
        return sum(range(2000))

    def first():
        leaf()
        return leaf()

    def second():
        leaf()
        first()
        return first()

    profiler = cProfile.Profile()
    profiler.runcall(second)
    profiler.create_stats()
    table = pstats.Stats(profiler).stats
    flat, cum = flat_cum(sniff.decode(marshal.dumps(table)), 1)
    for (_, _, name), (_, _, own, cumulative, _) in table.items():
        assert abs(by_name(flat).get(name, 0) - own * 1e9) <= 1
        assert abs(by_name(cum).get(name, 0) - cumulative * 1e9) <= 20


def test_marshal_reader_agrees_with_marshal():
    value = {("a.py", 3, "f"): (1, -(1 << 40), 2.5, 0.0, {}), ("~", 0, "é\udcff"): (1, 2, 0.1, 0.2, {})}
    for version in (2, 3, 4):
        assert read_marshal(marshal.dumps(value, version)) == value


@pytest.mark.parametrize(
    "value", [test_marshal_reader_agrees_with_marshal.__code__, {((1,),): 2}, 1j, 1 << 200]
)
def test_marshal_reader_refuses_what_no_profile_has(value):
    with pytest.raises(FormatError):
        read_marshal(marshal.dumps(value))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"what is this", "not a profile in any known format"),
        (b"a;b 1\na;b x\n", "line 2: value 'x' is not an integer"),
        (b"a;b 1\na 99999999999999999999\n", "line 2: value '99999999999999999999' is not an integer"),
        (b"a;b 1\n\nword\n", "line 3: not a stack and a value"),
        (b"a 9223372036854775807\na 1\n", "does not fit in 64 bits"),
        (b"PERFILE2....", "a perf.data file"),
        (b"goroutine profile: total 3\n1 @ zz\n", "line 2: not `COUNT @ 0xADDRESS ...`"),
        (b'{"shared": {"frames": []}, "profiles": [', "not valid JSON"),
        (b'{"shared": {"frames": []}, "profiles": []}', "profiles is empty"),
        (b"[" * 100_000, "not a profile in any known format"),
        (b"MOJ\x09", "MOJO version 9 is unknown at byte 3"),
        (b"{)\x03", "tuple of 3 items is cut off at byte 3"),
    ],
)  # fmt: skip
def test_wrong_file_is_one_line_that_names_the_place(data, problem):
    with pytest.raises(FormatError) as caught:
        sniff.decode(data)
    assert problem in str(caught.value)


def test_error_for_an_unknown_file_lists_what_is_known():
    with pytest.raises(FormatError) as caught:
        sniff.decode(b"what is this")
    assert "pprof" in caught.value.hint
    assert "speedscope" in caught.value.hint


def test_packed_files_are_read_alike():
    data = (DATA / "py_spy.speedscope.json").read_bytes()
    assert sniff.decode(gzip.compress(data)) == sniff.decode(data)
    with pytest.raises(FormatError, match="cut off"):
        sniff.decode(gzip.compress(data)[:-20])


def test_evented_speedscope_profile_is_the_time_between_events():
    document = {
        "shared": {"frames": [{"name": "main"}, {"name": "f"}]},
        "profiles": [
            {
                "type": "evented", "name": "t", "unit": "milliseconds", "startValue": 0, "endValue": 5,
                "events": [
                    {"type": "O", "frame": 0, "at": 0}, {"type": "O", "frame": 1, "at": 1.5},
                    {"type": "C", "frame": 1, "at": 4}, {"type": "C", "frame": 0, "at": 5},
                ],
            }
        ],
    }  # fmt: skip
    flat, cum = flat_cum(speedscope.decode(json.dumps(document).encode()))
    assert by_name(flat) == {"main": 2_500_000, "f": 2_500_000}
    assert by_name(cum) == {"main": 5_000_000, "f": 2_500_000}


def test_gecko_profile_is_read_by_its_schemas():
    thread = {
        "name": "GeckoMain",
        "samples": {"schema": {"stack": 0, "time": 1}, "data": [[1, 0.0], [0, 1.0], [None, 2.0], [1, 3.0]]},
        "stackTable": {"schema": {"prefix": 0, "frame": 1}, "data": [[None, 0], [0, 1]]},
        "frameTable": {"schema": {"location": 0, "line": 1}, "data": [[0], [1, 7]]},
        "stringTable": ["main", "f (app.js:3)"],
    }
    document = {"meta": {"interval": 2}, "threads": [thread]}
    profile = firefox.decode(json.dumps(document).encode())
    assert by_name(flat_cum(profile, 0)[0]) == {"f": 2, "main": 1}
    assert by_name(flat_cum(profile, 1)[1]) == {"f": 4_000_000, "main": 6_000_000}


def test_collapsed_frames_keep_functions_of_one_name_apart():
    profile = collapsed.decode(b"f (a.py:1);f (b (2).py:2) 3\n")
    assert flat_cum(profile)[1] == {("f", "a.py"): 3, ("f", "b (2).py"): 3}


def test_speedscope_keeps_every_sample_type():
    profile = read("austin_full.mojo")
    again = speedscope.decode(speedscope.encode(profile))
    assert again.sample_type_names() == profile.sample_type_names()
    assert [flat_cum(again, i) for i in range(3)] == [flat_cum(profile, i) for i in range(3)]


def test_reading_a_stream_in_pieces_changes_nothing():
    class Pieces(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1000) if size > 0 else size)

    data = (DATA / "cpython315.gecko.json").read_bytes()
    assert sniff.decode_stream(Pieces(data)) == sniff.decode(data)

import io

import numpy as np
import pytest

from whet import kernels
from whet.formats import gobench
from whet.kernels import reference
from whet.model.result import Result, UnitMetadata

TEXT = """goos: linux
note: a b
BenchmarkOne-8   10\t5 ns/op  3 B/op
PASS
note:
BenchmarkTwo/x=1 20 1.5e3 ns/op
BenchmarkOne-8 30 7 ns/op
"""


def results_of(text, **options):
    return gobench.decode(text.encode("utf-8", "surrogateescape"), "f", **options)


def test_results_carry_what_held_when_they_were_measured():
    results = results_of(TEXT)
    assert [results[i] for i in range(len(results))] == [
        Result("One-8", 10, ((5.0, "ns/op"), (3.0, "B/op")), (("goos", "linux"), ("note", "a b")), 3),
        Result("Two/x=1", 20, ((1500.0, "ns/op"),), (("goos", "linux"),), 6),
        Result("One-8", 30, ((7.0, "ns/op"),), (("goos", "linux"),), 7),
    ]
    assert results.problems == []


@pytest.mark.parametrize("size", [1, 2, 7, 64, 600])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_blocks_may_end_anywhere(size, encoding):
    data = (8 * TEXT + "BenchmarkÜ 1 2 µs").encode(encoding)
    reader = gobench.Reader("f")
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
    results, whole = reader.finish(), results_of(8 * TEXT + "BenchmarkÜ 1 2 µs")
    assert [results[i] for i in range(len(results))] == [whole[i] for i in range(len(whole))]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("BenchmarkX ", "missing iteration count"),
        ("BenchmarkX y 1 ns/op", "parsing iteration count: invalid syntax"),
        ("BenchmarkX 9223372036854775808 1 ns/op", "parsing iteration count: value out of range"),
        ("BenchmarkX 1", "missing measurements"),
        ("BenchmarkX 1 2", "missing units"),
        ("BenchmarkX 1 2 ns/op 3", "missing units"),
        ("BenchmarkX 1 _2 ns/op", "parsing measurement: invalid syntax"),
        ("BenchmarkX 1 1e400 ns/op", "parsing measurement: value out of range"),
        ("BenchmarkX 1 nan ns/op", "value of ns/op is not a number"),
        ("Unit", "missing unit"),
        ("Unit ns/op better", "expected key=value"),
    ],
)
def test_bad_lines_are_problems_with_their_place_and_reading_goes_on(line, message):
    results = results_of(f"\n{line}\nBenchmarkY 1 2 ns/op\n")
    assert [str(problem) for problem in results.problems] == [f"f:2: {message}"]
    assert results.names[-1] == "Y"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+5", 5.0),
        ("-.5", -0.5),
        ("1_000", 1000.0),
        ("0x1p-2", 0.25),
        ("Inf", np.inf),
        ("5.", 5.0),
        ("1e3", 1000),
    ],
)
def test_numbers_are_gos(text, value):
    assert results_of(f"BenchmarkX 1 {text} u").value.tolist() == [value]


@pytest.mark.parametrize("line", ["Key: v", "key:v", "a b: c", "key", " key: v", "keY: v", "9: v", ": v"])
def test_other_lines_are_no_configuration(line):
    assert results_of(f"{line}\nBenchmarkX 1 2 u").configurations == [()]


def test_unit_metadata_holds_across_inputs_and_contradictions_are_said():
    units = UnitMetadata()
    results_of("Unit MB/s better=lower assume=exact", units=units)
    assert units.direction("B/s") == -1
    assert units.is_exact("MB/s")
    second = results_of("Unit B/s better=higher", units=units)
    assert [p.message for p in second.problems] == ["metadata better of unit B/s already set to lower"]


def test_encode_then_decode_is_identity():
    results = results_of(TEXT)
    rows = [results[i] for i in range(len(results))]
    again = gobench.decode("".join(gobench.encode(rows)).encode(), "f")
    strip = [Result(r.name, r.iterations, r.values, r.configuration) for r in rows]
    back = [again[i] for i in range(len(again))]
    assert [Result(r.name, r.iterations, r.values, r.configuration) for r in back] == strip


def test_a_stream_is_read_in_blocks():
    results = gobench.read(io.BytesIO(TEXT.encode()[5:]), "f", head=TEXT.encode()[:5])
    assert results.configurations == results_of(TEXT).configurations


def test_kernel_hands_back_every_line_that_is_not_plain():
    block = b"goos: x\nBenchmarkA 1 2 u\nBenchmarkB 1 -2 u\nok\nBenchmarkC\n\xc3\xa9: x\r\nUnit u\nlower\n"
    for scan in (kernels.scan_results, reference.scan_results):
        found = scan(block)
        others = [block[a:b] for a, b in zip(found.other_start, found.other_end, strict=True)]
        assert others == [b"goos: x", b"BenchmarkB 1 -2 u", b"\xc3\xa9: x", b"Unit u"]
        assert found.other_line.tolist() == [0, 2, 5, 6]
        assert (found.names, found.units, found.lines) == ([b"A"], [b"u"], 8)

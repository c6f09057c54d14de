"""The command itself: options, formats, exit status."""

import gzip
import io
import json
import re
from pathlib import Path

import pytest

from json_schema import check
from whet.cli.main import main
from whet.cli.stat import HELP, parse
from whet.cli.streams import Streams
from whet.errors import UsageError

DOCS = Path(__file__).parents[2] / "docs"


def stat(*arguments):
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["stat", *map(str, arguments)], Streams(out, err))
    return status, out.getvalue().decode(), err.getvalue().decode()


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Two files: A got 20 % slower, B 10 % faster, C did not change; hits of A went up."""
    monkeypatch.chdir(tmp_path)
    for file, (a, b) in {"old": (1.0, 1.0), "new": (1.2, 0.9)}.items():
        lines = ["pkg: p|q", "Unit hits better=higher"]
        for run in range(8):
            noise = 1 + 5 * run % 8 / 1000
            lines += [
                f"BenchmarkA {run} {1000 * a * noise:.3f} ns/op {500 * a * noise:.2f} hits 7 things",
                f"BenchmarkB<x> {run} {10 * b * noise:.4f} ns/op",
                f"BenchmarkC {run} {3 * noise:.4f} ns/op",
            ]
        (tmp_path / file).write_text("\n".join(lines))
    return tmp_path


def test_text_compares_the_files(files):
    status, out, errors = stat("old", "new")
    assert (status, errors) == (0, "")
    assert "+20.00% (p=0.000 n=8)" in out
    assert "-10.00% (p=0.000 n=8)" in out


def test_options_take_one_dash_or_two_and_stand_anywhere(files):
    expected = stat("-row", ".name", "-alpha=0.01", "old", "new")
    assert stat("old", "--alpha", "0.01", "new", "--row=.name") == expected
    assert expected[0] == 0


def test_standard_input_is_a_file(files, monkeypatch):
    class Input:
        buffer = io.BytesIO((files / "old").read_bytes())

    monkeypatch.setattr("sys.stdin", Input)
    status, out, _ = stat("before=-", "after=new")
    assert status == 0
    assert "before" in out.splitlines()[1]


@pytest.mark.parametrize(
    ("threshold", "status", "said"), [("5%", 1, "A: sec/op +20.00% in new"), ("20.1", 0, ""), ("0", 1, "A: ")]
)
def test_a_change_for_the_worse_beyond_the_threshold_fails(files, threshold, status, said):
    found, _, errors = stat("-threshold", threshold, "old", "new")
    assert found == status
    assert ("regression: " + said in errors) == bool(said)
    assert "hits" not in "".join(line for line in errors.splitlines() if line.startswith("regression"))


def test_units_without_a_direction_are_not_judged_and_that_is_said(files):
    for file, value in (("old", 7), ("new", 9)):
        path = files / file
        path.write_text(
            "Unit things assume=exact\n" + path.read_text().replace("7 things", f"{value} things")
        )
    _, _, errors = stat("-threshold=1", "old", "new")
    assert "things is not judged" in errors


def test_growing_from_zero_is_a_regression(files):
    (files / "z").write_text("BenchmarkZ 1 0 allocs/op\n" * 5)
    (files / "y").write_text("".join(f"BenchmarkZ 1 {i} allocs/op\n" for i in range(1, 6)))
    status, _, errors = stat("-threshold=5", "z", "y")
    assert status == 1
    assert "allocs/op is no longer 0 in y" in errors


@pytest.mark.parametrize(
    ("key", "order"),
    [
        ("name", "A B<x> C"),
        ("-name", "C B<x> A"),
        ("delta", "B<x> C A"),
        ("-delta", "A C B<x>"),
        ("old", "C B<x> A"),
    ],
)
def test_rows_are_sorted_on_demand(files, key, order):
    _, out, _ = stat("-sort", key, "-filter", ".unit:ns/op", "old", "new")
    assert " ".join(line.split()[0] for line in out.splitlines()[3:6]) == order


def test_corrections_replace_p_and_say_so(files):
    _, plain, _ = stat("old", "new")
    _, out, errors = stat("-correction", "holm", "old", "new")
    assert "corrected for 4 comparisons (holm)" in errors
    assert out.count("%") == plain.count("%")


def test_details_follow_the_tables(files):
    _, plain, _ = stat("old", "new")
    status, out, _ = stat("-details", "old", "new")
    assert status == 0
    assert out.startswith(plain)
    assert "\nsec/op: new to old\n" in out
    row = next(line for line in out[len(plain) :].splitlines() if line.startswith("A "))
    assert row.split()[1:3] == ["1.200", "1.196–1.204"]


def test_markdown_escapes_what_it_shows(files):
    status, out, _ = stat("-format", "markdown", "old", "new")
    assert status == 0
    assert "p\\|q" in out
    assert "B\\<x\\>" in out
    assert "**+20.00%** worse" in out
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {7}


def test_json_is_what_the_schema_says(files):
    (files / "few").write_text("pkg: p|q\nBenchmarkA 1 0 ns/op\n")
    status, out, _ = stat("-format", "json", "old", "new", "few")
    assert status == 0
    schema = json.loads((DOCS / "stat-json.schema.json").read_text())
    document = json.loads(out)
    check(document, schema, schema)
    first = document["tables"][0]["rows"][0]["cells"][1]["comparison"]
    assert first["significant"]
    assert first["ratio"] == pytest.approx(1.2, rel=0.01)
    assert document["tables"][0]["rows"][1]["cells"][2] is None


def test_html_needs_nothing_else_and_escapes_names(files):
    status, out, _ = stat("-format", "html", "old", "new")
    assert status == 0
    assert "default-src 'none'" in out
    assert "<script" not in out
    assert "http" not in out.replace("http-equiv", "")
    assert "B&lt;x&gt;" in out
    assert out.count("<svg") == 5
    assert out.count("h0") == 8 * 2 * 5
    assert "lower is better · 1 worse · 1 better · 1 without a change that can be told from noise" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["-nope", "old"], ["-row"], ["-format", "xml", "old"], ["-alpha", "2", "old"], ["-alpha=x", "old"],
        [],
        ["-compat=v1", "old"], ["-sort=size", "old"], ["-threshold=-1", "old"], ["-correction=x", "old"],
        ["-details=no", "old"], ["-details", "-format=csv", "old"],
        ["missing"], ["-filter", ".name:nobody", "old"], ["empty"], ["json"], ["a\0b"], ["x=missing"], ["."],
    ],
)  # fmt: skip
def test_bad_calls_are_one_line_and_a_hint(files, arguments):
    (files / "empty").write_text("PASS\n")
    (files / "json").write_text('{"a": 1}')
    status, out, errors = stat(*arguments)
    assert (status, out) == (2, "")
    first, *others = errors.splitlines()
    assert first.startswith("whet: error: ")
    assert all(line.startswith(("hint: ", "      ")) for line in others)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", ": the file is empty"),
        (b"\x7fELF" + bytes(range(256)) * 9, ": binary data, not text"),
        (gzip.compress(b"\0\1\2\3", mtime=0), ": binary data, not text"),
        (b"PASS\nok\n", ""),
        (b'{"machine_info": {}, "benchmarks": []}', ""),
    ],
    ids=["empty", "binary", "packed", "other text", "JSON without benchmarks"],
)
def test_an_input_without_results_beside_others_is_said_and_counts_as_lost(files, content, reason):
    (files / "other").write_bytes(content)
    status, out, errors = stat("old", "other")
    assert (status, out) == (2, stat("old")[1])
    assert errors.splitlines() == [
        f"other: no benchmark results{reason}",
        "whet: error: measurements were lost in 1 place",
    ]
    status, out, errors = stat("other")
    assert (status, out) == (2, "")
    assert errors.startswith(f"whet: error: other: no benchmark results{reason}\nhint: ")


@pytest.mark.parametrize(
    ("option", "hint"),
    [("thresold", "did you mean -threshold?"), ("html", "-format html"), ("xyz", "--help lists the options")],
)
def test_unknown_options_get_a_hint(files, option, hint):
    status, _, errors = stat(f"--{option}", "old", "new")
    assert status == 2
    assert errors.startswith(f"whet: error: unknown option -{option}\nhint: ")
    assert hint in errors


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda text: text.replace("pkg: p|q", "pkg: other"), "-ignore pkg"),
        (lambda text: re.sub(r"^(Benchmark\S+)", r"\1-8", text, flags=re.M), "-ignore /gomaxprocs"),
        (
            lambda text: re.sub(r"^(Benchmark\S+)", r"\1-8", text.replace("p|q", "x"), flags=re.M),
            "-ignore /gomaxprocs,pkg",
        ),
    ],
    ids=["configuration", "GOMAXPROCS", "both"],
)
def test_inputs_that_never_meet_are_said_and_the_hint_brings_them_together(files, change, hint):
    (files / "new").write_text(change((files / "new").read_text()))
    status, out, errors = stat("old", "new")
    assert status == 0
    assert "vs base" not in out or "p=" not in out
    assert errors.splitlines()[0].startswith("whet: nothing is compared, because the results differ in ")
    assert errors.splitlines()[1] == f"hint: {hint} compares them all the same"
    assert stat("--compat=benchstat", "old", "new")[2] == ""
    _, out, errors = stat(*hint.split(), "old", "new")
    assert "+20.00% (p=0.000 n=8)" in out
    assert errors == ""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([100 + run for run in range(12)], "1 that drifted while measured"),
        ([100 + 50 * (5 * run % 12 < 6) + 5 * run % 12 / 100 for run in range(12)], "1 with two modes"),
        ([100 + 5 * run % 12 for run in range(12)], ""),
        ([7] * 12, ""),
    ],
    ids=["drift", "modes", "noise", "equal"],
)
def test_doubtful_values_are_said_where_tables_do_not_show_them(files, values, said):
    (files / "a").write_text("".join(f"BenchmarkX 1 {value} ns/op\n" for value in values))
    note = f"whet: doubtful sets of values: {said}\nhint: -details names them\n" if said else ""
    for form in ("text", "csv"):
        assert stat("-format", form, "a")[2] == note
    for quiet in (["-details"], ["-format=json"], ["--compat=benchstat"]):
        assert stat(*quiet, "a")[2] == ""


def test_different_benchmarks_are_no_mistake(files):
    (files / "new").write_text((files / "new").read_text().replace("Benchmark", "BenchmarkOther"))
    assert stat("old", "new")[2] == ""


def test_a_filter_that_leaves_nothing_is_told_what_there_is(files):
    _, _, errors = stat("-filter", ".name:Nobody", "old", "new")
    assert errors.splitlines()[1:] == ["hint: .name is one of A, B<x>, C; .unit of sec/op, hits, things"]


def test_configurations_that_differ_are_named_with_their_tables(files):
    (files / "two").write_text((files / "old").read_text() + "\npkg: r\nBenchmarkD 1 5 ns/op\n")
    _, out, _ = stat("-format", "markdown", "two")
    headings = [line for line in out.splitlines() if line.startswith("###")]
    assert headings[0] == "### sec/op · pkg: p\\|q"
    assert headings[-1] == "### sec/op · pkg: r"


def test_lost_lines_are_counted_and_the_rest_is_shown(files):
    (files / "bad").write_text("BenchmarkX 1\n" * 60 + "BenchmarkX 1 5 ns/op\n")
    status, out, errors = stat("bad")
    assert status == 2
    assert "5.000n" in out
    lines = errors.splitlines()
    assert lines[0] == "bad:1: missing measurements"
    assert lines[-2:] == ["whet: 10 more such lines", "whet: error: measurements were lost in 60 places"]


def test_help_lists_every_option():
    assert stat("--help") == (0, HELP, "")
    for name in ("table", "row", "col", "ignore", "filter", "alpha", "confidence", "format", "threshold"):
        assert f"\n  -{name} " in HELP


def test_two_dashes_end_options():
    request = parse(["--", "-x"])
    assert request is not None
    assert request.inputs == ["-x"]
    with pytest.raises(UsageError):
        parse(["-x"])

"""`whet prof` as a command: both forms of a call, and errors a user can act upon."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from whet.cli.main import main
from whet.cli.prof import parse
from whet.cli.streams import Streams
from whet.errors import UsageError
from whet.formats import pprof
from whet.model.profile import Functions, Locations, Profile, Samples, StringTable

TEXTS = ["", "samples", "count", "cpu", "nanoseconds", "main", "fib", "app.py", "a note", "# hidden"]


def recursive_profile():
    """Return main -> fib -> fib -> fib (90 samples), and main alone (10)."""
    functions = Functions(
        id=np.array([1, 2], np.uint64),
        name=np.array([5, 6], np.int32),
        system_name=np.zeros(2, np.int32),
        filename=np.array([7, 7], np.int32),
        start_line=np.array([1, 2]),
    )
    locations = Locations(
        id=np.array([1, 2, 3], np.uint64),
        mapping=np.full(3, -1, np.int32),
        address=np.zeros(3, np.uint64),
        is_folded=np.zeros(3, bool),
        line_start=np.arange(4),
        line_function=np.array([0, 1, 1], np.int32),
        line=np.array([1, 3, 4]),
        column=np.zeros(3, np.int64),
    )
    samples = Samples(
        stack_start=np.array([0, 4, 5]),
        stack=np.array([2, 1, 1, 0, 0], np.int32),
        values=np.array([[90, 900_000_000], [10, 100_000_000]]),
        label_start=np.zeros(3, np.int64),
    )
    return Profile(
        strings=StringTable.from_texts(TEXTS),
        sample_type=[(1, 2), (3, 4)],
        period_type=(3, 4),
        period=10_000_000,
        samples=samples,
        locations=locations,
        functions=functions,
        comments=[8, 9],
    )


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "cpu.pb.gz"
    path.write_bytes(pprof.encode(recursive_profile()))
    return str(path)


def whet(*arguments):
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *arguments], Streams(out, err))
    return status, out.getvalue().decode(), err.getvalue().decode()


TOP = """\
a note
Type: cpu
Showing nodes accounting for 1000ms, 100% of 1000ms total
      flat  flat%   sum%        cum   cum%
     900ms 90.00% 90.00%      900ms 90.00%  fib
     100ms 10.00%   100%     1000ms   100%  main
"""


@pytest.mark.parametrize(
    "arguments",
    [[], ["top"], ["-top"], ["--top"], ["text"], ["-top", "-flat"], ["-trim=false"], ["-nodecount", "0"]],
)
def test_top_is_the_default_and_both_forms_agree(profile, arguments):
    assert whet(*arguments, profile) == (0, TOP, "")


def test_options_may_follow_the_file(profile):
    assert whet("top", profile, "--nodecount=1")[1].splitlines()[-1].endswith("fib")


@pytest.mark.parametrize(
    "arguments", [["peek", "fib"], ["-peek=fib"], ["-peek", "fib"], ["--peek=fib"], ["peek", "-cum", "fib"]]
)
def test_expression_is_taken_in_every_form(profile, arguments):
    status, text, _ = whet(*arguments, profile)
    assert status == 0
    assert "| fib" in text
    assert "|   main" in text


def test_listing_never_counts_a_sample_twice(profile, tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text("def main():\n  def fib(n):\n    a = fib(n)\n    return a\n")
    monkeypatch.chdir(tmp_path)
    status, text, _ = whet("list", "fib", profile)
    assert status == 0
    assert text.splitlines() == [
        "Total: 1s",
        "ROUTINE ======================== fib in app.py",
        "     900ms      900ms (flat, cum) 90.00% of Total",
        "         .          .      2:  def fib(n):",
        "         .      900ms      3:    a = fib(n)",
        "     900ms      900ms      4:    return a",
    ]


def test_listing_says_which_source_is_missing(profile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert " Error: could not find file app.py on path" in whet("list", "fib", profile)[1]


def test_comments_are_all_shown(profile):
    assert whet("comments", profile)[1] == "a note\n# hidden\n"


def test_json_rows_hold_shares_intervals_and_bounds(profile):
    status, text, _ = whet("top", "--json", profile)
    document = json.loads(text)
    assert status == 0
    assert (document["sample_type"], document["unit"], document["total"]) == ("cpu", "nanoseconds", 10**9)
    assert document["samples"] == 100
    row = document["rows"][0]
    assert (row["name"], row["file"], row["line"]) == ("fib", "app.py", 2)
    assert (row["flat"], row["flat_share"]) == (900_000_000, 0.9)
    assert 0.82 < row["flat_share_low"] < 0.9 < row["flat_share_high"] < 0.95
    assert row["amdahl_bound"] == pytest.approx(10.0)
    assert document["rows"][1]["amdahl_bound"] is None


@pytest.mark.parametrize("report", [["tree"], ["peek", "fib"], ["list", "fib"], ["traces"]])
def test_every_report_with_rows_has_json(profile, report):
    status, text, _ = whet(*report, "-json", profile)
    assert status == 0
    assert json.loads(text)["rows"]


@pytest.mark.parametrize("options", [[], ["-json"]])
@pytest.mark.parametrize("report", ["-disasm=fib"])
def test_missing_machine_code_is_refused_in_one_line(profile, report, options):
    status, out, err = whet(report, *options, profile)
    assert (status, out) == (2, "")
    assert err.startswith("whet: error: ")
    assert "hint: " in err


def test_interval_columns_are_an_addition(profile):
    text = whet("-ci", profile)[1]
    assert "Intervals: 95 %, from 100 samples" in text
    assert "82.6..94.5%" in text
    assert "10.00x" in text


def test_output_file_holds_the_report(profile, tmp_path):
    status, out, _ = whet("-top", "-o", str(tmp_path / "report.txt"), profile)
    assert (status, out) == (0, "")
    assert (tmp_path / "report.txt").read_text() == TOP


def test_directory_stands_for_its_profile(profile, tmp_path):
    assert whet(str(tmp_path))[1] == TOP


def test_merged_files_add_up(profile):
    assert "100% of 2000ms total" in whet(profile, profile)[1]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"what is this", "profile"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (gzip.compress(b"\x0a\xff\xff\xff", mtime=0), ""),
    ],
)
def test_file_that_is_no_profile_is_one_line_and_a_hint(tmp_path, content, problem):
    path = tmp_path / "bad.pb.gz"
    path.write_bytes(content)
    status, out, err = whet(str(path))
    assert (status, out) == (2, "")
    assert err.startswith(f"whet: error: {path}: ")
    assert problem in err or "byte" in err
    assert [line.split(":")[0] for line in err.splitlines()] == ["whet", "hint"]


def test_truncated_file_is_refused_wherever_it_is_cut(profile, tmp_path):
    whole = Path(profile).read_bytes()
    cut = tmp_path / "cut.pb.gz"
    for size in range(1, len(whole), 7):
        cut.write_bytes(whole[:size])
        assert whet(str(cut))[0] == 2


def test_missing_file_is_named():
    status, _, err = whet("/nonexistent/cpu.pb.gz")
    assert status == 2
    assert err.splitlines()[0] == "whet: error: /nonexistent/cpu.pb.gz: no such file or directory"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-focus=(", "FILE"], "parsing focus regexp '('"),
        (["-ignore=[b-a]", "FILE"], "parsing ignore regexp"),
        (["peek", "nothing", "FILE"], "no matches found for regexp: nothing"),
        (["list", "nothing", "FILE"], "no matches found for regexp: nothing"),
        (["-sample_index=7", "FILE"], "sample_index 7 is outside the range 0..1"),
        (["-sample_index=heap", "FILE"], "'heap' is not a sample type"),
    ],
)
def test_option_that_does_not_fit_is_named(profile, arguments, problem):
    status, out, err = whet(*[profile if a == "FILE" else a for a in arguments])
    assert (status, out) == (2, "")
    assert problem in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-nonsense", "x"], "unknown option -nonsense"),
        (["-nodecount=many", "x"], "invalid value 'many' for nodecount: not an integer"),
        (["-trim=perhaps", "x"], "invalid value 'perhaps' for trim"),
        (["-granularity=houses", "x"], "invalid value 'houses' for granularity"),
        (["-cum", "-flat", "x"], "conflicting options: -cum and -flat"),
        (["-lines", "-files", "x"], "conflicting options: -lines and -files"),
        (["-top", "-tree", "x"], "more than one report: top and tree"),
        (["peek"], "peek needs a regular expression"),
        (["-focus"], "option -focus needs a value"),
    ],
)
def test_wrong_call_says_what_is_wrong(arguments, problem):
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert problem in str(caught.value)


def test_no_file_is_an_error():
    status, _, err = whet("top")
    assert status == 2
    assert "no profile given" in err


def test_help_names_every_report_and_option():
    status, text, _ = whet("--help")
    assert status == 0
    for name in ("peek REGEX", "-nodefraction", "-functions", "--html FILE", "-json"):
        assert name in text


def test_unmatched_filter_warns_beside_the_report(profile):
    status, out, err = whet("-focus=nothing", profile)
    assert status == 0
    assert "focus=nothing" in out
    assert err == "Focus expression matched no samples\n"


def test_reader_that_goes_away_is_no_error(profile):
    command = f"{sys.executable} -m whet prof traces {profile} | head -c 5"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"a not", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_full_disk_is_an_error_and_no_traceback(profile):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "whet", "prof", profile], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert done.stderr == b"whet: error: standard output: no space left on device\n"


def test_html_page_is_written_and_says_where(profile, tmp_path):
    page = tmp_path / "report.html"
    status, out, err = whet("--html", str(page), profile)
    assert (status, out, err) == (0, "", f"Generating report in {page}\n")
    assert page.read_text().lower().startswith("<!doctype html>")

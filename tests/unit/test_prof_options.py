"""Filters and options of reports on a profile whose numbers are plain to see."""

from __future__ import annotations

import io
import json

import pytest

from unit_profiles import TYPES, labelled_profile
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.formats import pprof
from whet.model.builder import ProfileBuilder


@pytest.fixture
def profile(tmp_path):
    return written(tmp_path / "cpu.pb.gz", labelled_profile())


def written(path, profile):
    path.write_bytes(pprof.encode(profile))
    return str(path)


def whet(*arguments):
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *arguments], Streams(out, err))
    return status, out.getvalue().decode(), err.getvalue().decode()


def rows(*arguments):
    status, text, errors = whet("top", "-json", *arguments)
    assert status == 0, errors
    return {row["name"]: (row["flat"] // 10**6, row["cum"] // 10**6) for row in json.loads(text)["rows"]}


ALL = {"root": (50, 100), "leaf": (40, 40), "other": (10, 10)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ALL),
        (["-show_from=leaf"], {"leaf": (40, 40)}),
        (["-prune_from=root"], {"root": (100, 100)}),
        (["-tagfocus=main"], {"root": (0, 40), "leaf": (40, 40)}),
        (["-tagfocus=thread=wor"], {"root": (0, 10), "other": (10, 10)}),
        (["-tagfocus=main,worker"], {}),
        (["-tagfocus=bytes=1kb:8kb"], {"root": (0, 40), "leaf": (40, 40)}),
        (["-tagfocus=:1kb"], {}),
        (["-tagignore=4kb"], {"root": (50, 60), "other": (10, 10)}),
        (["-tagroot=thread"], {**ALL, "main": (0, 40), "worker": (0, 10), "<unknown>": (0, 50)}),
        (["-tagleaf=thread", "-focus=leaf"], {"root": (0, 40), "leaf": (0, 40), "main": (40, 40)}),
        (["-divide_by=2"], {"root": (25, 50), "leaf": (20, 20), "other": (5, 5)}),
        (["-mean"], {"root": (10, 10), "leaf": (10, 10), "other": (10, 10)}),
    ],
)  # fmt: skip
def test_option_changes_the_rows(profile, options, expected):
    assert rows(*options, profile) == expected


def test_percentages_may_be_those_of_what_is_left(profile):
    assert "100%" not in whet("top", "-focus=leaf", profile)[1].splitlines()[-2]
    assert "100%" in whet("top", "-focus=leaf", "-relative_percentages", profile)[1].splitlines()[-2]


def test_range_is_said_to_be_one(profile):
    assert "Interpreted '1kb:8kb' as range" in whet("-top", "-tagfocus=bytes=1kb:8kb", profile)[2]


def test_label_keys_can_be_left_out(profile):
    assert "worker" not in whet("tags", "-tagshow=bytes", profile)[1]
    assert "bytes" not in whet("tags", "-taghide=bytes", profile)[1]


def test_filters_that_match_nothing_are_named(profile):
    options = ["-show_from=nothing", "-tagfocus=nothing", "-tagshow=nothing", "-tagroot=none"]
    errors = whet("top", *options, profile)[2]
    for title in ("ShowFrom", "TagFocus", "TagShow", "TagRoot"):
        assert f"{title} expression matched no samples" in errors


def test_values_of_labels_are_listed(profile):
    text = whet("tags", profile)[1]
    assert text.splitlines() == [
        " bytes: Total 40ms of 100ms (40.00%)",
        "        40ms (40.00%): 4kB",
        "",
        " thread: Total 50ms of 100ms (50.00%)",
        "         40ms (40.00%): main",
        "         10ms (10.00%): worker",
        "",
    ]
    record = json.loads(whet("tags", "-json", profile)[1])
    assert record["rows"][1]["values"][1] == {"text": "worker", "value": 10_000_000, "share": 0.1}


def test_base_is_subtracted(tmp_path, profile):
    assert rows("-base", profile, profile) == {}
    assert rows("-diff_base", profile, "-trim=false", profile) == {}
    builder = ProfileBuilder(TYPES)
    builder.sample(
        [builder.frame("leaf", "leaf.py", 7), builder.frame("root", "root.py", 7)], [1, 10_000_000]
    )
    base = written(tmp_path / "base.pb.gz", builder.build())
    assert rows("-base", base, profile)["leaf"] == (30, 30)
    assert rows("-base", base, "-normalize", profile)["leaf"] == (-6, -6)
    status, _, errors = whet("top", "-base", base, "-diff_base", base, profile)
    assert (status, "cannot both be given" in errors) == (2, True)
    assert whet("top", "-normalize", profile)[0] == 2


def test_source_that_cannot_be_read_is_left_out_and_reported(profile):
    status, text, errors = whet("top", "/nowhere/x.pb.gz", profile)
    assert status == 0
    assert "leaf" in text
    assert "/nowhere/x.pb.gz: no such file" in errors
    assert "Fetched 1 source profiles out of 2" in errors
    assert whet("top", "/nowhere/x.pb.gz", "/nowhere/y.pb.gz")[0] == 2


def test_comment_and_build_id_are_added(profile):
    assert whet("-comments", "-add_comment=noted", profile)[1] == "a note\nnoted\n"
    assert "Build ID: abc" in whet("-top", "-buildid=abc", profile)[1]


def test_all_frames_are_kept_in_a_copy_too(tmp_path):
    builder = ProfileBuilder(TYPES)
    root, leaf = (builder.frame(name, f"{name}.py", 7) for name in ("root", "leaf"))
    builder.sample([leaf, root], [4, 40_000_000])
    builder.drop_frames, builder.keep_frames = "leaf|root", "root"
    profile, copy = written(tmp_path / "cpu.pb.gz", builder.build()), str(tmp_path / "copy.pb.gz")
    assert rows(profile) == {"root": (40, 40)}
    assert rows("-all_frames", profile) == {"leaf": (40, 40), "root": (0, 40)}
    assert whet("-proto", "-all_frames", f"-output={copy}", profile)[0] == 0
    assert rows(copy) == {"leaf": (40, 40), "root": (0, 40)}


def test_old_flags_choose_the_value(profile):
    assert whet("-top", "-inuse_space", profile)[0] == 2
    errors = whet("-top", "-contentions", "-total_delay", profile)[2]
    assert "Multiple value selections, ignoring -total_delay" in errors


def test_top_becomes_a_profile(profile, tmp_path):
    target = str(tmp_path / "top.pb.gz")
    assert whet("-topproto", "-o", target, profile)[0] == 0
    top = pprof.decode((tmp_path / "top.pb.gz").read_bytes())
    assert top.sample_type_names() == [("cum", "ms"), ("flat", "ms")]
    assert top.samples.values.tolist() == [[100, 50], [40, 40], [10, 10]]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-divide_by=0"], ["-divide_by=nan"], ["-tagfocus=("], ["-show_from=["], ["-compat=other"],
        ["-tagfocus=99999999999999999999"], ["-seconds=soon"], ["-symbolize=magic"], ["-taghide=*"],
    ],
)  # fmt: skip
def test_value_that_is_none_is_refused_in_one_line(profile, arguments):
    status, _, errors = whet("top", *arguments, profile)
    assert status == 2
    assert errors.startswith("whet: error: ")
    assert len(errors.splitlines()) <= 2

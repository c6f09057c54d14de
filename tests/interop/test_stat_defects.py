"""What benchstat is wrong about, each beside an exact enumeration or the bytes that show it.

Where it is, `whet stat` says what is right, and `--compat=benchstat` what benchstat says.
"""

from __future__ import annotations

import re
import subprocess

import pytest

from arrangements import enumerated_p
from interop.benchstat_oracle import run_benchstat, run_whet_stat


def write(path, values, unit):
    path.write_text("".join(f"BenchmarkX 1 {value} {unit}\n" for value in values))
    return path.name


def p_of(text):
    found = re.search(rb"p=([0-9.]+) ", text)
    return float(found[1]) if found else 0.0


PAIRS = [
    ([2, 1, 3, 5], [1, 1, 1, 1, 1]),
    ([1, 1, 1, 1, 1], [2, 1, 3, 5]),
    ([1, 2, 2, 3, 3, 3], [2, 3, 4, 4]),
    ([1, 1, 2], [1, 2, 2, 2, 2, 2, 2]),
    ([5, 5, 5, 6, 7], [6, 6, 8, 8, 8, 8, 9]),
]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_p_under_ties_is_that_of_all_arrangements_and_benchstats_on_demand(tmp_path, monkeypatch, old, new):
    monkeypatch.chdir(tmp_path)
    files = [write(tmp_path / "a", old, "allocs/op"), write(tmp_path / "b", new, "allocs/op")]
    _, ours, _ = run_whet_stat(["-alpha=0", *files])
    assert p_of(ours) == pytest.approx(enumerated_p(old, new), abs=0.0005)
    theirs, _ = run_benchstat(["-alpha=0", *files], tmp_path)
    _, compatible, _ = run_whet_stat(["--compat=benchstat", "-alpha=0", *files])
    assert compatible == theirs


def test_benchstat_finds_a_difference_in_one_direction_only_and_whet_in_neither(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, other = (
        write(tmp_path / "a", *[[2, 1, 3, 5], "allocs/op"]),
        write(tmp_path / "b", [1] * 5, "allocs/op"),
    )
    forward, backward = run_benchstat([one, other], tmp_path)[0], run_benchstat([other, one], tmp_path)[0]
    assert (b"~" in forward, b"~" in backward) == (False, True)
    for files in ([one, other], [other, one]):
        _, ours, _ = run_whet_stat(files)
        assert b"~ (p=" in ours


def test_zeros_stay_in_the_table_of_their_unit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "a", [0, 3, 0, 5], "ns/op")
    theirs, _ = run_benchstat([file], tmp_path)
    assert b"ns/op" in theirs
    assert b"sec/op" in theirs
    _, ours, _ = run_whet_stat([file])
    assert b"ns/op" not in ours
    assert b"n=" not in ours
    assert ours.count(b"sec/op") == 1


def test_columns_of_warnings_are_named_as_spreadsheets_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [write(tmp_path / f"{i:02}", [1], "x") for i in range(9)]
    _, _, errors = run_whet_stat(["-format", "csv", *files])
    cells = [line.split(":")[0] for line in errors.splitlines() if "need" in line]
    assert "Z3" in cells or "AB3" in cells
    _, _, compatible = run_whet_stat(["--compat=benchstat", "-format", "csv", *files])
    theirs = run_benchstat(["-format", "csv", *files], tmp_path)[1].decode()
    assert compatible == theirs
    assert "BB3" in theirs
    assert "BB3" not in errors


@pytest.mark.parametrize(
    "arguments",
    [["missing"], ["-filter", "(", "a"], ["bad"]],
    ids=["missing file", "bad filter", "bad line"],
)
def test_failures_have_an_exit_status(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a", [1], "x")
    (tmp_path / "bad").write_text("BenchmarkX 1 5 x\nBenchmarkX 1 5\n")
    status, _, errors = run_whet_stat(arguments)
    assert status == 2
    assert errors


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_other_encodings_lose_nothing(tmp_path, monkeypatch, encoding):
    monkeypatch.chdir(tmp_path)
    text = "BenchmarkX 1 5 ns/op\r\nBenchmarkÜ 1 6 ns/op\r\n" * 6
    (tmp_path / "plain").write_text(text, newline="")
    (tmp_path / "other").write_text(text, encoding=encoding, newline="")
    _, expected, _ = run_whet_stat(["f=plain"])
    status, ours, errors = run_whet_stat(["f=other"])
    assert (status, ours, errors) == (0, expected, "")


def test_long_lines_end_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "BenchmarkX 1 5 ns/op\n" + "x" * (1 << 20) + "\nBenchmarkY" + "y" * (1 << 20) + " 1 7 ns/op\n"
    (tmp_path / "a").write_text(text)
    status, ours, errors = run_whet_stat(["-format=csv", "a"])
    assert (status, ours.count(b"\n")) == (0, 5)
    assert "need >= 6" in errors


def test_a_value_that_is_no_number_is_dropped_and_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("BenchmarkX 1 NaN ns/op 7 B/op\nBenchmarkX 1 5 ns/op\n")
    status, ours, errors = run_whet_stat(["a"])
    assert status == 2
    assert "a:1: value of ns/op is not a number" in errors
    assert "measurements were lost in 1 place" in errors
    assert b"5.000n" in ours


def test_comparing_a_value_that_is_no_number_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [write(tmp_path / "a", ["NaN", 5, 6], "x"), write(tmp_path / "b", [5, 6, 7], "x")]
    with pytest.raises(subprocess.TimeoutExpired):
        run_benchstat(files, tmp_path, timeout_s=1)
    status, ours, _ = run_whet_stat(files)
    assert status == 2
    assert b"n=2+3" in ours

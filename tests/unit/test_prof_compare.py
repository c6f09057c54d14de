"""Comparing profiles: verdicts on known differences, measures, the command and its errors."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from draws import as_run, counted, drawn, stack_profile, write
from whet.analyze.profile.changes import Levels, Verdict
from whet.analyze.profile.compare import compare
from whet.cli.compare import parse
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.errors import UsageError

STACKS = [("main", "parse"), ("main", "parse", "lex"), ("main", "emit"), ("main", "emit", "join"), ("main",)]
SHARES = np.array([0.3, 0.2, 0.25, 0.15, 0.1])
MOVED = np.array([0.3, 0.24, 0.25, 0.11, 0.1])
PROFILE = stack_profile(STACKS, np.ones((5, 2)))


def run(counts, scale=1, **changes):
    profile = counted(PROFILE, np.asarray(counts) * scale)
    return as_run(replace(profile, **changes))


def runs(share, samples, count, rng, spread=0.0):
    result = []
    for _ in range(count):
        factors = np.exp(rng.normal(0, spread, len(share)))
        result.append(as_run(drawn(PROFILE, share * factors / (share * factors).sum(), samples, rng)))
    return result


def verdict(comparison, name, column="flat"):
    return Verdict(int(getattr(comparison, column).verdict[comparison.table.names.index(name)]))


OLD = [3000, 2000, 2500, 1500, 1000]
NEW = [3000, 2800, 2500, 700, 1000]


def test_equal_profiles_with_enough_samples_are_unchanged():
    comparison = compare([run(OLD, 10)], [run(OLD, 10)])
    assert set(comparison.verdicts()) == {Verdict.UNCHANGED}
    assert comparison.tally().needed_for_all == 1.0


def test_equal_profiles_with_few_samples_cannot_be_told():
    comparison = compare([run([30, 20, 25, 15, 10])], [run([30, 20, 25, 15, 10])])
    assert verdict(comparison, "parse") == Verdict.CANNOT_TELL
    assert comparison.tally().needed_for_all > 20


def test_large_shift_is_found_where_it_is_and_in_the_callers():
    comparison = compare([run(OLD)], [run(NEW)])
    assert verdict(comparison, "lex") == verdict(comparison, "join") == Verdict.CHANGED
    assert verdict(comparison, "parse", "cum") == Verdict.CHANGED
    assert verdict(comparison, "main", "cum") == Verdict.UNCHANGED
    row = comparison.table.names.index("lex")
    assert comparison.flat.change[row] == pytest.approx(0.08)
    assert comparison.flat.low[row] < 0.08 < comparison.flat.high[row]
    assert comparison.table.names[comparison.order(cum_first=False)[0]] in ("lex", "join")
    assert comparison.largest_regression() == (row, pytest.approx(0.08))


def test_rate_and_duration_do_not_matter_to_shares():
    comparison = compare([run(OLD)], [run(OLD, 10, period=1_000_000, duration_nanos=10**10)])
    assert comparison.tally().changed == 0
    assert comparison.flat.change == pytest.approx(np.zeros(5))


def test_function_that_only_one_side_has_is_zero_on_the_other():
    comparison = compare([run([3000, 0, 2500, 1500, 1000])], [run(OLD)])
    row = comparison.table.names.index("lex")
    assert comparison.flat.old[row] == 0.0
    assert verdict(comparison, "lex") == Verdict.CHANGED


def test_needed_is_how_much_it_takes():
    counts_old, counts_new = np.array([300, 200, 250, 150, 100]), np.array([300, 220, 250, 130, 100])
    small = compare([run(counts_old)], [run(counts_new)])
    row = small.table.names.index("lex")
    assert verdict(small, "lex") == Verdict.CANNOT_TELL
    times = int(np.ceil(small.flat.needed[row]))
    # Shares of a single run are known no better than to ASSUMED_SPREAD, which costs a little.
    assert verdict(compare([run(counts_old, times)], [run(counts_new, times)]), "lex") == Verdict.CHANGED


def test_heavier_samples_of_one_function_are_worth_less():
    # 25 samples of 4 units against 300 of 1: a quarter of the weight, a thirteenth of the samples.
    late = as_run(stack_profile([("main", "late"), ("main", "often")], [[25, 100], [300, 300]]))
    effect = dict(zip(late.names, late.flat_effect, strict=True))
    variance = (25 * 4**2 * 0.75**2 + 300 * 0.25**2) / 400**2
    assert effect["late"] == pytest.approx(variance * late.effective / (0.25 * 0.75), rel=0.01)
    assert run(OLD).flat_effect == pytest.approx(np.ones(5))


def test_margin_decides_what_counts_as_unchanged():
    old, new = run(OLD, 100), run([3000, 2060, 2500, 1440, 1000], 100)
    assert verdict(compare([old], [new]), "lex") == Verdict.UNCHANGED
    assert verdict(compare([old], [new], levels=Levels(margin=0.001)), "lex") != Verdict.UNCHANGED


def test_replicates_that_vary_much_take_more_to_differ():
    rng = np.random.default_rng(5)
    quiet = compare(runs(SHARES, 5000, 4, rng), runs(MOVED, 5000, 4, rng))
    wild = compare(runs(SHARES, 5000, 4, rng, 0.3), runs(MOVED, 5000, 4, rng, 0.3))
    assert verdict(quiet, "lex") == Verdict.CHANGED
    assert verdict(wild, "lex") == Verdict.CANNOT_TELL
    assert quiet.spread < 0.05 < 0.15 < wild.spread
    assert not wild.sampled


def test_twice_the_work_is_twice_the_time_per_run_and_the_same_shares():
    rng = np.random.default_rng(6)
    old = runs(SHARES, 5000, 3, rng)
    new = [run(counted_twice) for counted_twice in (2 * rng.multinomial(5000, SHARES) for _ in range(3))]
    assert compare(old, new).tally().changed == 0
    per_run = compare(old, new, measure="run")
    assert per_run.total.change[0] == pytest.approx(1.0)
    assert verdict(per_run, "parse", "cum") == Verdict.CHANGED
    per_second = compare(
        old, [replace(r, duration_ns=2 * 10**9) for r in new], measure="second", levels=Levels(margin=0.05)
    )
    assert per_second.tally().changed == 0
    assert per_second.one == pytest.approx(50e9)


@pytest.mark.parametrize("measure", ["run", "second"])
def test_single_runs_tell_nothing_about_times(measure):
    with pytest.raises(UsageError, match="at least 3 runs a side"):
        compare([run(OLD)], [run(OLD)], measure=measure)


def whet(*arguments):
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", "compare", *arguments], Streams(out, err))
    return status, out.getvalue().decode(), err.getvalue().decode()


@pytest.fixture
def files(tmp_path):
    old, new = counted(PROFILE, np.array(OLD)), counted(PROFILE, np.array(NEW))
    return write(tmp_path / "old.pb.gz", old), write(tmp_path / "new.pb.gz", new)


def test_all_forms_of_the_call_agree(files):
    old, new = files
    status, text, err = whet(old, new)
    assert (status, err) == (0, "")
    for form in (
        [old, "--to", new],
        ["--to", new, "-diff_base", old],
        ["-diff_base", old, new],
        ["-base", old, new],
    ):
        assert whet(*form) == (0, text, "")


def test_table_begins_with_the_biggest_change_and_ends_with_the_tally(files):
    lines = whet(*files)[1].splitlines()
    first = next(line for line in lines if line.endswith(("lex", "join")))
    assert "+8.00%" in first or "-8.00%" in first
    assert lines[-1].startswith("4 functions changed, 1 unchanged, 0 cannot tell")


def test_rows_can_be_limited_and_counted(files):
    text = whet("-nodecount=1", *files)[1]
    assert "4 more not shown" in text


def test_json_has_all_rows_and_the_text_agrees(files):
    status, text, _ = whet("-json", *files)
    document = json.loads(text)
    assert status == 0
    assert [row["name"] for row in document["rows"]][:2] in (["lex", "join"], ["join", "lex"])
    lex = next(row for row in document["rows"] if row["name"] == "lex")
    assert (lex["file"], lex["verdict"]) == ("app.py", "changed")
    assert lex["flat"]["change"] == pytest.approx(0.08)
    table = whet(*files)[1]
    assert f"{100 * lex['flat']['low']:+.2f}..{100 * lex['flat']['high']:+.2f}" in table


def test_regression_is_an_exit_status(files):
    status, _, err = whet("--fail-on-regression", "5%", *files)
    assert status == 1
    assert err.startswith("regression: ")
    assert err.endswith("grew by 8.0 % of the total\n")
    assert whet("--fail-on-regression=9%", *files)[0] == 0
    assert whet("--fail-on-regression=5%", *reversed(files))[0] == 1
    assert whet("--fail-on-regression=5%", files[0], files[0])[0] == 0


def test_output_goes_to_a_file(files, tmp_path):
    assert whet("-o", str(tmp_path / "report"), *files)[1] == ""
    assert (tmp_path / "report").read_text() == whet(*files)[1]


def test_profiles_without_counts_need_replicates(tmp_path):
    names = []
    rng = np.random.default_rng(8)
    for i in range(6):
        profile = drawn(PROFILE, SHARES, 4000, rng)
        profile.strings = replace(profile.strings, blob=profile.strings.blob.copy())
        text = profile.strings.texts()
        text[1] = "objects"
        profile = replace(profile, strings=type(profile.strings).from_texts(text))
        names.append(write(tmp_path / f"{i}.pb.gz", profile))
    status, _, err = whet(names[0], names[3])
    assert status == 2
    assert "no samples/count column" in err
    status, text, _ = whet(*names[:3], "--to", *names[3:])
    assert status == 0
    assert text.splitlines()[-1].startswith("0 functions changed")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["a"], "1 profiles given"),
        (["a", "b", "c"], "which are old and which are new"),
        (["a", "--to"], "no new profile"),
        (["--to", "a"], "no old profile"),
        (["a", "b", "--margin", "many"], "invalid value 'many' for --margin"),
        (["a", "b", "--fdr=0"], "invalid value '0' for --fdr"),
        (["a", "b", "--per=hour"], "invalid value 'hour' for --per"),
        (["a", "b", "--fail-on-regression=0.5%"], "lies within the margin"),
        (["a", "b", "--nonsense"], "unknown option -nonsense"),
        (["a", "b", "--per"], "option -per needs a value"),
    ],
)
def test_wrong_call_says_what_is_wrong(arguments, problem):
    with pytest.raises(UsageError) as caught:
        parse(arguments)
    assert problem in str(caught.value)


def test_addresses_are_refused(files):
    status, _, err = whet("-addresses", *files)
    assert status == 2
    assert "addresses of different runs" in err


def test_different_kinds_of_values_are_refused(files, tmp_path):
    texts = counted(PROFILE, np.array(OLD)).strings.texts()
    texts[3:5] = ["space", "bytes"]
    other = replace(counted(PROFILE, np.array(OLD)), strings=type(PROFILE.strings).from_texts(texts))
    status, _, err = whet(files[0], write(tmp_path / "heap.pb.gz", other))
    assert status == 2
    assert "heap.pb.gz" in err or "cpu" in err


def test_help_is_help():
    assert "--fail-on-regression" in whet("--help")[1]

"""What-if: Amdahl's law sample by sample, with intervals that cover, and errors in one line."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from draws import counted, drawn, stack_profile, write
from whet.analyze.profile.config import Config, Defaults, set_option
from whet.analyze.profile.intervals import wilson_interval
from whet.analyze.profile.load import as_loaded
from whet.analyze.profile.report import prepare
from whet.analyze.profile.speedup import build_speedups
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.errors import UsageError

STACKS = [("main", "dump"), ("main", "dump", "join"), ("main", "load"), ("main",)]
PROFILE = stack_profile(STACKS, [[300, 3000], [200, 2000], [400, 4000], [100, 1000]])


def speedups(*texts, profile=PROFILE):
    config = Config()
    for text in texts:
        config = set_option(config, "speedup", text)
    return build_speedups(prepare(as_loaded(profile)[0], config, Defaults()))


@pytest.mark.parametrize(
    ("text", "saved"),
    [
        ("dump=2x", 0.25),
        ("dump=free", 0.5),
        ("dump=30%", 0.15),
        ("^join$=4x", 0.15),
        ("dump|join=2x", 0.25),
        ("main=2x", 0.5),
        ("load=0.5x", -0.4),
        ("a=b|dump=2x", 0.25),
    ],
)
def test_saving_follows_amdahl(text, saved):
    (found,) = speedups(text)
    assert found.saved == pytest.approx(saved)
    assert found.gain == pytest.approx(1 / (1 - saved))


def test_several_multiply_where_they_meet():
    *_, together = speedups("dump=2x", "join=2x", "load=free")
    assert together.saved == pytest.approx(0.3 / 2 + 0.2 * 3 / 4 + 0.4)
    assert together.text == "dump=2x, join=2x, load=free"


def test_everything_free_has_no_limit():
    (found,) = speedups("main=free")
    assert math.isinf(found.gain)


def test_interval_of_one_is_the_scaled_interval_of_its_share():
    (found,) = speedups("dump=4x")
    share = wilson_interval(0.5, 1000)
    assert found.interval.low == pytest.approx(0.75 * share.low)
    assert found.gain_interval.high == pytest.approx(1 / (1 - 0.75 * share.high))


def test_interval_of_several_covers_the_truth_in_about_95_percent():
    rng = np.random.default_rng(4)
    share = np.array([0.3, 0.2, 0.4, 0.1])
    asked = ("dump=2x", "join=3x", "load=0.5x")
    truth = speedups(*asked, profile=counted(PROFILE, share * 1000))[-1].saved
    covered = 0
    for _ in range(1000):
        found = speedups(*asked, profile=drawn(PROFILE, share, 400, rng))[-1].interval
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / 1000 <= 0.97


@pytest.mark.parametrize(
    "text",
    ["dump", "dump=", "=2x", "dump=fast", "dump=0x", "dump=-1x", "dump=120%", "dump=nanx", "dump=nan%"],
)
def test_wrong_speedup_is_named(text):
    with pytest.raises(UsageError, match=r"invalid value .* for speedup"):
        speedups(text)


def test_speedup_of_nothing_is_an_error():
    with pytest.raises(UsageError, match="no function matches 'nothing'"):
        speedups("nothing=2x")


def whet(*arguments):
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *arguments], Streams(out, err))
    return status, out.getvalue().decode(), err.getvalue().decode()


def test_top_tells_each_and_all_together(tmp_path):
    name = write(tmp_path / "p.pb.gz", PROFILE)
    status, text, _ = whet("top", "--speedup", "dump=2x", "-speedup=load=0.5x", name)
    assert status == 0
    lines = [line for line in text.splitlines() if line.startswith("Speedup")]
    assert lines[0].startswith(
        "Speedup dump=2x: the whole 1.33x as fast (1.31x..1.36x), 25.0% less (23.5..26.5%)"
    )
    assert "0.71x as fast" in lines[1]
    assert "40.0% more" in lines[1]
    assert len(lines) == 3


def test_other_reports_refuse_speedups(tmp_path):
    status, _, err = whet("tree", "--speedup=dump=2x", write(tmp_path / "p.pb.gz", PROFILE))
    assert status == 2
    assert "tree does not know speedups" in err

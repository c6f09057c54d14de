"""The heap collector's memory is bounded, and what it forgets for that is said."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from process.harness import needs_collector

pytestmark = needs_collector
MIB = 1 << 20


def run_program(*arguments: object) -> dict[str, Any]:
    program = Path(__file__).parent / "stacks_program.py"
    command = [sys.executable, str(program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    ("levels", "allocations", "mean", "budget", "least_folds"),
    [
        pytest.param(14, 20, 200, MIB, 1, id="quick"),
        # 100 million allocations from a million stacks.
        pytest.param(20, 100, 2000, 32 * MIB, 1, id="100M", marks=pytest.mark.slow),
    ],
)
def test_many_stacks_keep_within_the_budget(
    levels: int, allocations: int, mean: int, budget: int, least_folds: int
) -> None:
    result = run_program(levels, allocations, mean, budget)
    print({key: value for key, value in result.items() if key != "comments"})
    statistics = result["statistics"]
    assert statistics["folds"] >= least_folds
    assert statistics["own_bytes"] <= budget
    # While stacks are folded there are two tables, and the allocator keeps some of what it got back.
    assert result["grown_bytes"] <= 1.5 * budget + 4 * MIB
    truth = result["truth_bytes"]
    error = 5 * math.sqrt(mean * truth)
    assert result["profile_bytes"] == pytest.approx(truth, abs=error + 0.01 * truth)
    assert result["profile_bytes"] == pytest.approx(statistics["alloc_bytes"], rel=0.001)
    assert result["folded_bytes"] == pytest.approx(statistics["folded_bytes"], rel=0.001)
    assert 0 < result["folded_bytes"] < result["profile_bytes"]
    assert [c for c in result["comments"] if c.startswith("whet: folded_bytes=")]


def test_tables_are_not_in_the_arenas_of_the_threads_that_fill_them() -> None:
    result = run_program("threads", 15, 8)
    assert result["own_bytes"] > 2 * MIB
    assert result["malloc_grown_bytes"] < result["own_bytes"] / 4


def test_many_blocks_in_use_raise_the_interval_and_stay_true() -> None:
    result = run_program(4, 10, 1, MIB, 200_000)
    statistics = result["statistics"]
    assert statistics["rate_raised"] > 0
    assert statistics["live_samples"] < 20_000
    assert statistics["own_bytes"] <= MIB
    error = 5 * math.sqrt(statistics["mean_bytes"] * result["kept_bytes"])
    # The list of the blocks is in use, too.
    assert result["kept_estimate"] == pytest.approx(result["kept_bytes"] + 8 * 200_000, abs=error + 400_000)


def test_many_labels_keep_within_the_budget() -> None:
    result = run_program("labels", 30_000, 100, MIB)
    statistics = result["statistics"]
    print(statistics)
    assert statistics["own_bytes"] <= MIB
    assert statistics["unlabelled_bytes"] > 0
    assert [c for c in result["comments"] if c.startswith("whet: unlabelled_bytes=")]
    # Labels have a cost of their own.
    assert result["truth_bytes"] < result["profile_bytes"] < 3 * result["truth_bytes"]

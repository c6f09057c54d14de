"""The heap collector inside real processes: is it right, is it harmless?"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from go_toolchain import go_command
from process.harness import needs_collector

HERE = Path(__file__).parent
pytestmark = needs_collector


def scenario(name: str, *numbers: int, **environment: str) -> dict[str, Any]:
    program = str(HERE / "neighbours_program.py")
    command = [sys.executable, "-W", "ignore", program, name, *map(str, numbers)]
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


# What a bytearray's buffer takes beside its bytes; from 3.15 on it is a bytes object.
BYTEARRAY = sys.getsizeof(b"") if sys.version_info >= (3, 15) else 1
ALLOCATORS = ["pymalloc", "malloc", "pymalloc_debug", "malloc_debug"]


def size_class(size: int) -> int:
    step = 1 << max(size.bit_length() - 4, 0)
    return -(-size // step) * step


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_each_path_of_realloc_counts_once(allocator: str) -> None:
    rows = scenario("reallocs", PYTHONMALLOC=allocator)["rows"]
    freed = (
        *(100_000, 200_000, 400_000, 50_000, 800_000, 1_600_000, 25_000, 3_200_000),
        *(440, 512, 513),
    )
    for size in freed:
        assert rows[f"reallocs.<locals>.walk {size_class(size)}"] == [3, 3 * size, 0, 0], size
    for size in (300, 400, 350):
        allocated = rows[f"reallocs.<locals>.walk {size_class(size)}"]
        assert allocated[:2] == [3, 3 * size]
    assert rows[f"reallocs.<locals>.walk {size_class(6_400_000)}"] == [3, 3 * 6_400_000, 3, 3 * 6_400_000]


def test_nothing_is_in_use_when_all_is_freed() -> None:
    result = scenario("frees")
    allocated = sum(values[1] for values in result["rows"].values())
    in_use = sum(values[3] for values in result["rows"].values())
    assert allocated > 6_000_000
    # Free lists of the interpreter keep some small blocks.
    assert in_use < 50_000


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_few_samples_of_small_blocks_are_true_and_their_frees_are_seen(allocator: str) -> None:
    result = scenario("few_samples", PYTHONMALLOC=allocator)
    assert result["intact"]
    in_use, passed = result["truth"]
    error = 5 * (result["mean"] * (in_use + passed)) ** 0.5
    # The lists that hold the blocks, and numbers that are made on the way.
    assert in_use - error < result["kept"][3] < 1.15 * in_use + error
    assert in_use + passed - error < result["kept"][1]
    assert result["freed"][3] <= 8 * result["mean"]
    # What the interpreter counts of its own blocks stays right.
    assert abs(result["blocks_more"]) < 5_000


def test_blocks_from_before_pass_and_those_of_later_are_left_alone() -> None:
    result = scenario("before_and_after")
    assert result["inuse"] == pytest.approx(50 * 150_001, rel=0.01)
    assert result["after"] == result["inuse"]


def test_sixteen_threads_are_told_apart() -> None:
    by_thread = scenario("threads")["by_thread"]
    for i in range(16):
        assert by_thread[f"worker-{i}"] == pytest.approx(40 * 20 * 50_033, rel=0.01)


@pytest.mark.parametrize("times", [200, pytest.param(1000, marks=pytest.mark.slow)])
def test_starts_and_stops_beside_busy_threads(times: int) -> None:
    assert scenario("start_stop", times)["samples"] > 5 * times


def test_forked_children_are_not_measured_and_can_be() -> None:
    result = scenario("fork")
    assert result["statuses"] == [0, 0, 0]
    size = size_class(70_000 + BYTEARRAY)
    kept = [values for name, values in result["rows"].items() if name.endswith(f" {size}")]
    assert sum(values[2] for values in kept) == 10


def test_tracemalloc_started_later_keeps_working() -> None:
    result = scenario("tracemalloc_on_top")
    # The hooks on libc's functions serve the raw domain, and go.
    assert result["left"] == 2
    assert result["rows"][f"scenario_tracemalloc_on_top {size_class(700_000 + BYTEARRAY)}"][:2] == [
        1,
        700_000 + BYTEARRAY,
    ]
    assert any(values[:2] == [1, 720_000 + BYTEARRAY] for values in result["again"].values())
    assert result["again_left"] == 0


def test_hooks_that_tracemalloc_took_along_come_back() -> None:
    result = scenario("tracemalloc_below")
    rows = result["rows"]
    assert rows[f"scenario_tracemalloc_below {size_class(800_000 + BYTEARRAY)}"] == [
        1,
        800_000 + BYTEARRAY,
        1,
        800_000 + BYTEARRAY,
    ]
    assert [c for c in result["comments"] if "hooks_mended=" in c]


def test_the_peak_is_what_was_in_use_then() -> None:
    result = scenario("peak")
    mib = 1 << 20
    peak = {name: values for name, values in result["peak"].items() if values[1] > mib}
    assert list(peak.values()) == [[30, 30 * (mib + BYTEARRAY)]]
    assert all("at_peak" in name for name in peak)
    in_use = {name: values[2:] for name, values in result["now"].items() if values[3] > mib}
    assert list(in_use.values()) == [[20, 20 * (mib // 2 + BYTEARRAY)]]
    assert result["statistics"]["peak_bytes"] == pytest.approx(30 * mib, rel=0.02)


def test_code_that_is_gone_is_still_named() -> None:
    rows = scenario("dying_code")["rows"]
    named = [
        values
        for name, values in rows.items()
        if name.startswith("generated_") and values[3] == 100_000 + BYTEARRAY
    ]
    assert len(named) == 300


def test_other_interpreters_are_charged_and_harmless() -> None:
    result = scenario("subinterpreters")
    assert sum(values[1] for values in result["rows"].values()) > 20_000_000


def test_each_door_of_libc_counts_once(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for the library")
    libraries = tmp_path / "early.so", tmp_path / "late.so"
    source = HERE / "doors.c"
    subprocess.run([compiler, "-O0", "-shared", "-fPIC", "-o", libraries[0], source], check=True)
    # Bound at once and read-only afterwards, as distributions link.
    subprocess.run(
        [compiler, "-O0", "-shared", "-fPIC", "-Wl,-z,relro,-z,now", "-o", libraries[1], source], check=True
    )
    rows = scenario("doors", DOORS_EARLY=str(libraries[0]), DOORS_LATE=str(libraries[1]))
    freed = [100_000, 200_000, 50_000, 110_000, 130_000, 150_000, 170_000, 640_000, 750_000, 23_000]
    mib = 1 << 20
    for function in ("use_early", "use_late"):
        place = f"scenario_doors.<locals>.{function}"
        for size in [*freed, mib, 2 * mib]:
            assert rows[f"{place} {size_class(size)}"] == [1, size, 0, 0], (function, size)
        assert rows[f"{place} {size_class(91_000)}"] == [1, 91_000, 1, 91_000]
        # The first of its three was given back.
        assert rows[f"{place} {3 * mib}"] == [1, 3 * mib, 1, 2 * mib]
        assert f"{place} {4 * mib}" not in rows


def test_memory_of_libraries_that_are_loaded_later_is_seen() -> None:
    result = scenario("libraries")
    rows, function = result["rows"], "scenario_libraries.<locals>"
    assert any(values == [1, 8_000_000, 1, 8_000_000] for values in rows.values())
    mib = 1 << 20
    assert rows[f"{function}.map_memory {5 * mib}"] == [1, 5 * mib, 1, 5 * mib]
    assert rows[f"{function}.map_memory {7 * mib}"] == [1, 7 * mib, 0, 0]
    # 5,000 texts of 100 to 400 characters live in the database.
    assert result["by_function"][f"{function}.database"][3] > 1_500_000


def test_pprof_opens_both_files_and_their_difference(tmp_path: Path) -> None:
    scenario("files", HEAP_FILES=str(tmp_path))
    command = [go_command(), "tool", "pprof", "-top", "-unit=b", "-tagfocus=bytes=100kb:"]

    def pprof(*arguments: str) -> str:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for index in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space"):
        assert f"Type: {index}" in pprof(f"-sample_index={index}", "second.pb.gz")
    assert "6000060B" in pprof("-sample_index=inuse_space", "second.pb.gz")
    assert "4000040B" in pprof("-base=first.pb.gz", "second.pb.gz")
    assert "Type: inuse_space" in pprof("peak.pb.gz")

"""The pytest plugin, in pytest processes of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass

import pytest

from process.harness import PROGRAMS, needs_collector

INSTALLED = "whet" in {point.name for point in importlib.metadata.entry_points(group="pytest11")}
REAL = any(point.name == "benchmark" for point in importlib.metadata.entry_points(group="pytest11"))
pytestmark = [
    needs_collector,
    pytest.mark.skipif(not INSTALLED, reason="this environment was made before whet had a pytest plugin"),
]

# Plugins that have nothing to do with it, and cost half of a process's time.
LEFT_OUT = [word for name in ("cacheprovider", "xdist", "hypothesispytest") for word in ("-p", f"no:{name}")]
QUICK = "--benchmark-max-time=0.01"
SIMPLE = """
    import pytest

    def test_sum(benchmark):
        assert benchmark(sum, [1, 2, 3]) == 6

    def test_plain():
        pass
"""


@dataclass
class Ran:
    status: int
    out: str
    err: str

    @property
    def results(self) -> dict[str, float]:
        """Nanoseconds per operation of each result line by its name without `Benchmark`."""
        found = re.findall(r"^Benchmark(\S+)\s+\d+\s+([\d.]+) ns/op", self.out, re.MULTILINE)
        return {name: float(value) for name, value in found}

    def outcomes(self) -> dict[str, int]:
        """Counts of the closing line, warnings left out."""
        words = re.findall(r"(\d+) (passed|failed|skipped|error)", self.out.splitlines()[-1])
        return {word: int(number) for number, word in words}


@pytest.fixture
def suite(tmp_path):
    """Write files and run pytest over them; files are dedented text by name."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def run(*arguments: str, timeout: int = 240, **files: str) -> Ran:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *LEFT_OUT, *arguments],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=timeout,
            env={**os.environ, "WHET_LOCK": str(tmp_path / "lock"), "PYTEST_ADDOPTS": "", "COLUMNS": "120"},
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def test_run_without_benchmarks_loads_nothing_and_prints_nothing(suite):
    ran = suite(
        "-q",
        test_a="""
            import sys

            def test_modules():
                ours = {name for name in sys.modules if name.partition(".")[0] == "whet"}
                assert ours <= {
                    "whet", "whet._version", "whet.pytest_plugin", "whet.pytest_plugin.hookspecs",
                    "whet.pytest_plugin.options", "whet.pytest_plugin.stand_in", "whet.pytest_plugin.suite",
                }
        """,
    )
    assert ran.outcomes()["passed"] == 1
    assert "whet" not in re.sub(r"_editable\w*|/\S+", "", ran.out)


def test_fixture_returns_the_result_and_prints_go_lines(suite):
    ran = suite(QUICK, test_a=SIMPLE)
    assert (ran.status, ran.outcomes()["passed"]) == (0, 2)
    assert list(ran.results) == ["Sum"]
    assert 10 < ran.results["Sum"] < 100_000
    assert "pkg: test_a\n" in ran.out
    assert "# BenchmarkSum: 1 process, " in ran.out
    assert "# one process: " in ran.out


def test_names_have_classes_and_parameters(suite):
    ran = suite(
        QUICK,
        test_a="""
            import pytest

            class TestCodec:
                @pytest.mark.parametrize("size", [1, 20])
                @pytest.mark.parametrize("kind", ["a b", {}, "x/y"])
                def test_dumps(self, benchmark, size, kind):
                    benchmark(str, size)

            @pytest.mark.parametrize("text", ["utf-8"])
            def test_last(benchmark, text):
                benchmark(str)

            def test_named(benchmark):
                benchmark.name = "another name"
                benchmark(str)
        """,
    )
    assert set(ran.results) == {
        *(f"Codec/Dumps/kind={kind}/size={size}" for kind in ("a_b", "kind1", "x_y") for size in (1, 20)),
        "Last/text=utf_8",
        "another_name",
    }


def test_results_are_added_to_a_file_that_stat_reads(suite, tmp_path):
    for _ in range(2):
        ran = suite(QUICK, "--whet-bench-output", "new.txt", "--whet-bench-mem", test_a=SIMPLE)
        assert "whet: 1 results added to new.txt" in ran.out
    text = (tmp_path / "new.txt").read_text()
    assert text.count("\nBenchmarkSum") == 2
    assert text.count("allocs/op") == 2
    done = subprocess.run(
        [sys.executable, "-m", "whet", "stat", str(tmp_path / "new.txt")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^Sum\s", done.stdout, re.MULTILINE)


def test_statistics_and_attributes_that_suites_use(suite):
    ran = suite(
        QUICK, "--benchmark-min-rounds=7",
        test_a="""
            import pytest

            @pytest.mark.benchmark(group="marked", min_rounds=9)
            @pytest.mark.parametrize("size", [5])
            def test_attributes(benchmark, size):
                assert benchmark.stats is None
                benchmark.extra_info["key"] = "value"
                benchmark(str, size)
                found = benchmark.stats
                numbers = found.stats
                assert numbers.min <= numbers.median <= numbers.max
                assert numbers.min <= numbers.mean <= numbers.max
                assert numbers.rounds == len(numbers.data) >= 9
                assert found["mean"] == numbers.mean and found["iterations"] == found.iterations > 1
                assert found["ops"] == pytest.approx(1 / numbers.mean)
                assert (benchmark.group, found.group) == ("marked", "marked")
                assert (found.param, found.params, found.extra_info) == ("5", {"size": 5}, {"key": "value"})
                assert (benchmark.enabled, benchmark.disabled) == (True, False)
                assert found.as_dict(flat=True)["mean"] == numbers.mean
                with pytest.raises(KeyError):
                    found["nonsense"]

            def test_slow_calls_get_their_rounds(benchmark):
                import time
                benchmark(time.sleep, 0.01)
                assert benchmark.stats.stats.rounds == 7
                assert benchmark.stats.stats.min >= 0.01
        """,
    )  # fmt: skip
    assert ran.outcomes()["passed"] == 2, ran.out
    assert "group: marked\n" in ran.out


def test_every_shape_of_call_gets_its_arguments(suite):
    ran = suite(
        QUICK,
        test_a="""
            import functools

            def take(*args, **kwargs):
                return args, kwargs

            def test_none(benchmark):
                assert benchmark(take) == ((), {})

            def test_both(benchmark):
                assert benchmark(take, 1, 2, a=3, b=4) == ((1, 2), {"a": 3, "b": 4})

            def test_names_that_are_no_names(benchmark):
                assert benchmark(take, **{"class": 1, "a b": 2}) == ((), {"class": 1, "a b": 2})

            def test_names_that_the_loop_has_too(benchmark):
                given = dict(function=1, args=2, kwargs=3, ticks=4, a0=5, k0=6, self=7)
                assert benchmark(take, 0, **given) == ((0,), given)

            def test_many(benchmark):
                assert benchmark(take, *range(200)) == (tuple(range(200)), {})

            def test_partial(benchmark):
                assert benchmark(functools.partial(take, 1), 2) == ((1, 2), {})

            def test_decorator(benchmark):
                @benchmark
                def result():
                    return "result"
                assert result == "result"
        """,
    )
    assert ran.outcomes()["passed"] == 7, ran.out


def test_pedantic_calls_as_often_as_asked(suite):
    ran = suite(
        test_a="""
            import pytest

            def test_rounds(benchmark):
                seen = []
                assert benchmark.pedantic(seen.append, args=(1,), rounds=10, warmup_rounds=3) is None
                assert len(seen) == 13
                assert benchmark.stats.stats.rounds == 10 and benchmark.stats.iterations == 1

            def test_iterations(benchmark):
                seen = []
                benchmark.pedantic(seen.append, args=(1,), rounds=4, iterations=5)
                assert len(seen) == 21  # one more, for the result

            def test_setup_and_teardown_surround_each_round(benchmark):
                log = []
                def setup():
                    log.append("setup")
                    return ("x",), {"key": "y"}
                def target(value, key):
                    log.append(value + key)
                    return len(log)
                def teardown(value, key):
                    log.append("teardown")
                assert benchmark.pedantic(target, setup=setup, teardown=teardown, rounds=3) == 8
                assert log == ["setup", "xy", "teardown"] * 3

            @pytest.mark.parametrize("wrong", [
                {"rounds": 0}, {"rounds": "x"}, {"iterations": 0}, {"warmup_rounds": -1},
                {"setup": str, "iterations": 2},
            ])
            def test_wrong_numbers(benchmark, wrong):
                with pytest.raises(ValueError):
                    benchmark.pedantic(str, **wrong)
        """,
    )
    assert ran.outcomes()["passed"] == 8, ran.out


def test_coroutine_functions_are_awaited(suite):
    ran = suite(
        QUICK, "--benchmark-min-rounds=3",
        test_a="""
            import asyncio

            async def work(n):
                await asyncio.sleep(0)
                return n + 1

            def test_outside_of_a_loop(benchmark):
                assert benchmark(work, 1) == 2

            def test_inside_of_a_loop(benchmark):
                async def main():
                    return await benchmark(work, 2)
                assert asyncio.run(main()) == 3
                assert benchmark.stats.stats.rounds >= 3

            def test_pedantic(benchmark):
                assert benchmark.pedantic(work, args=(3,), rounds=2) == 4
        """,
    )  # fmt: skip
    assert ran.outcomes() == {"passed": 3}, ran.out
    assert len(ran.results) == 3


def test_unittest_classes_and_weaving(suite):
    ran = suite(
        QUICK,
        test_a="""
            import time
            import unittest
            import pytest

            class Thing:
                def run(self, n):
                    return self.inner(n)
                def inner(self, n):
                    return n * 2

            class OldStyle(unittest.TestCase):
                @pytest.fixture(autouse=True)
                def prepare(self, benchmark):
                    self.benchmark = benchmark
                def test_it(self):
                    assert self.benchmark(str, 1) == "1"

            def test_method(benchmark):
                before = Thing.inner
                benchmark.weave(Thing.inner, lazy=True)
                assert Thing().run(21) == 42
                assert benchmark.stats.stats.rounds
                benchmark.finish()
                assert Thing.inner is before

            def test_dotted_name(benchmark_weave):
                benchmark_weave("time.sleep")
                time.sleep(0.0001)

            def test_nothing_to_weave(benchmark):
                with pytest.raises(TypeError):
                    benchmark.weave("time.no_such_function")
                benchmark(str)
        """,
    )
    assert ran.outcomes()["passed"] == 4, ran.out
    assert set(ran.results) == {"OldStyle/It", "Method", "DottedName", "NothingToWeave"}


def test_errors_are_the_functions_own_and_have_no_result(suite):
    ran = suite(
        QUICK,
        test_a="""
            import pytest

            def test_raises(benchmark):
                benchmark(int, "x")

            def test_stop_iteration(benchmark):
                with pytest.raises(StopIteration):
                    benchmark(next, iter([]))

            def test_twice(benchmark):
                benchmark(str)
                with pytest.raises(Exception, match="a test measures once"):
                    benchmark(str)

            @pytest.mark.benchmark(nonsense=1)
            def test_marker(benchmark):
                benchmark(str)
        """,
    )
    assert ran.outcomes() == {"failed": 1, "passed": 2, "error": 1}
    assert ran.results == {}
    assert "ValueError: invalid literal for int()" in ran.out
    assert "unexpected keyword argument 'nonsense'" in ran.out


@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        (["--benchmark-only"], {"passed": 1, "skipped": 1}),
        (["--benchmark-skip"], {"passed": 1, "skipped": 1}),
        (["--benchmark-only", "--benchmark-skip"], {"passed": 1, "skipped": 1}),
        (["--benchmark-disable"], {"passed": 2}),
    ],
)
def test_selection(suite, options, outcomes):
    ran = suite(QUICK, "-q", *options, test_a=SIMPLE)
    assert ran.outcomes() == outcomes
    assert ("Sum" in ran.results) == ("--benchmark-only" in options)


def test_disabled_calls_once_and_enable_wins(suite):
    text = """
        def test_calls(benchmark):
            seen = []
            benchmark(seen.append, 1)
            print("calls:", len(seen), benchmark.disabled, benchmark.stats is None)
    """
    assert "calls: 1 True True" in suite("-s", "--benchmark-disable", test_a=text).out
    assert "calls: 1 " not in suite("-s", QUICK, "--benchmark-disable", "--benchmark-enable", test_a=text).out


@pytest.mark.parametrize(
    "options",
    [
        ["--benchmark-max-time=bogus"], ["--benchmark-min-rounds=0"], ["--benchmark-timer=bogus"],
        ["--benchmark-sort=bogus"], ["--benchmark-columns=min,bogus"], ["--benchmark-save=a/b"],
        ["--benchmark-compare-fail=?", "--benchmark-compare"], ["--benchmark-compare-fail=min:5%"],
        ["--benchmark-only", "--benchmark-disable"], ["--benchmark-json=no/such/directory.json"],
        ["--whet-bench-time=soon"], ["--whet-bench-count=0"],
    ],
)  # fmt: skip
def test_wrong_option_is_refused_before_anything_runs(suite, options):
    ran = suite(*options, test_a=SIMPLE)
    assert ran.status == 4
    assert "Traceback" not in ran.err
    assert options[0].partition("=")[0] in ran.err


def test_json_has_all_rounds_and_is_what_stat_reads(suite, tmp_path):
    ran = suite(
        QUICK, "--benchmark-json", "out.json",
        conftest="""
            def pytest_benchmark_update_machine_info(config, machine_info):
                machine_info["added"] = "by conftest"

            def pytest_benchmark_update_json(config, benchmarks, output_json):
                output_json["count"] = len(benchmarks)
        """,
        test_a="""
            import pytest

            @pytest.mark.parametrize("thing", [object()])
            def test_sum(benchmark, thing):
                benchmark.extra_info["object"] = thing
                benchmark(sum, [1])
        """,
    )  # fmt: skip
    assert ran.status == 0, ran.out
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["machine_info"]["added"] == "by conftest"
    assert content["count"] == 1
    [entry] = content["benchmarks"]
    assert entry["fullname"] == "test_a.py::test_sum[thing0]"
    assert len(entry["stats"]["data"]) == entry["stats"]["rounds"] >= 3
    assert entry["options"]["timer"] == "perf_counter"
    done = subprocess.run(
        [sys.executable, "-m", "whet", "stat", str(tmp_path / "out.json")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "test_sum" in done.stdout


def test_saved_runs_are_numbered_and_compared(suite, tmp_path):
    sleeper = """
        import pytest

        class Clock:
            now = 0.0

            def __call__(self):
                return self.now

        clock = Clock()

        @pytest.mark.benchmark(timer=clock)
        def test_sleep(benchmark):
            def nap():
                clock.now += 0.001
            benchmark(nap)
    """
    suite(QUICK, "--benchmark-save=first", test_a=sleeper)
    suite(QUICK, "--benchmark-autosave", "--benchmark-save-data", test_a=sleeper)
    saved = sorted(path.name for path in tmp_path.glob(".benchmarks/*/*.json"))
    assert saved[0] == "0001_first.json"
    assert re.fullmatch(r"0002_unversioned_\d{8}_\d{6}\.json", saved[1])
    same = suite(QUICK, "--benchmark-compare", "--benchmark-compare-fail=median:90%", test_a=sleeper)
    assert (same.status, same.err) == (0, "")
    assert "whet: compared with " in same.out
    slower = sleeper.replace("0.001", "0.01")
    worse = suite(QUICK, "--benchmark-compare=1", "--benchmark-compare-fail=median:90%", test_a=slower)
    assert worse.status == 1
    assert re.search(r"test_sleep: median is worse by \d+\.\d%, and 90.0% is allowed", worse.out)
    absolute = suite(QUICK, "--benchmark-compare=1", "--benchmark-compare-fail=min:0.005", test_a=slower)
    assert absolute.status == 1
    missing = suite(QUICK, "--benchmark-compare=7", "--benchmark-compare-fail=min:5%", test_a=sleeper)
    assert missing.status == 1
    assert "no run 7 to compare with" in missing.out


def test_options_in_ini_files_and_values_apart_from_their_options(suite, tmp_path):
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\ntestpaths = checks\n"
        "addopts = --benchmark-max-time 0.01 --benchmark-json out.json --strict-markers\n"
    )
    (tmp_path / "out.json").write_text("from before")
    ran = suite(
        "--added",
        checks__conftest="""
            def pytest_addoption(parser):
                parser.addoption("--added", action="store_true")
        """,
        checks__test_a="""
            import pytest

            @pytest.mark.benchmark(group="g")
            def test_sum(benchmark):
                benchmark(sum, [1])
        """,
    )
    assert ran.status == 0, ran.out + ran.err
    assert len(json.loads((tmp_path / "out.json").read_text())["benchmarks"]) == 1


def test_custom_timer_precision_warmup_and_garbage_collector(suite):
    ran = suite(
        "--benchmark-timer=time.process_time", QUICK, "--benchmark-verbose",
        test_a="""
            import gc, time
            import pytest

            @pytest.mark.benchmark(timer=time.perf_counter_ns, max_time=1e6)
            def test_odd_unit(benchmark):
                benchmark(str)
                assert benchmark.stats.stats.min > 1  # nanoseconds, taken for seconds

            @pytest.mark.benchmark(disable_gc=True)
            def test_collector_is_off_meanwhile(benchmark):
                assert benchmark(gc.isenabled) is True  # the call for the result comes after measuring
                states = []
                assert gc.isenabled()

            @pytest.mark.benchmark(precision=0.5, max_time=20, min_rounds=2, timer=time.perf_counter)
            def test_precise_enough(benchmark):
                benchmark(sum, range(50))
                assert benchmark.stats.stats.total < 10

            @pytest.mark.benchmark(warmup=True, warmup_iterations=10, timer=time.perf_counter)
            def test_warm(benchmark):
                benchmark(str)
        """,
    )  # fmt: skip
    assert ran.outcomes()["passed"] == 4, ran.out
    assert re.search(r"test_warm: \d+ rounds of \d+ calls", ran.out)


def test_table_where_one_of_its_options_is_given(suite):
    text = """
        import time
        import pytest

        @pytest.mark.parametrize("nap", [0.002, 0.001])
        @pytest.mark.parametrize("kind", ["a", "b"])
        def test_nap(benchmark, nap, kind):
            benchmark(time.sleep, nap)
    """
    ran = suite(
        QUICK, "--benchmark-group-by=param:kind", "--benchmark-columns=median,rounds,ops",
        "--benchmark-name=short", "--benchmark-sort=fullname", test_a=text,
    )  # fmt: skip
    lines = [line for line in ran.out.splitlines() if re.search(r"nap\[|Name|benchmark '", line)]
    assert [line.strip("-").split("  ")[0].strip() for line in lines] == [
        "benchmark 'kind=a': 2 tests", "Name (time in ms)", "nap[a-0.001]", "nap[a-0.002]",
        "benchmark 'kind=b': 2 tests", "Name (time in ms)", "nap[b-0.001]", "nap[b-0.002]",
    ]  # fmt: skip
    assert lines[1].split()[-4:] == ["Median", "Rounds", "OPS", "(ops/s)"]
    assert re.search(r" 1\.\d{4} \(1\.00\) ", lines[2])
    assert "outliers: rounds further than a standard deviation" in ran.out


def test_fixture_that_is_not_used_is_warned_about(suite):
    ran = suite(
        test_a="""
            import pytest

            def test_forgotten(benchmark):
                pass

            def test_skipped(benchmark):
                pytest.skip("on purpose")
        """,
    )
    assert ran.out.count("the benchmark fixture was not used") == 1


def test_profiles(suite, tmp_path):
    ran = suite(
        QUICK, "--benchmark-cprofile=cumtime", "--benchmark-cprofile-dump=prefix", test_a=SIMPLE
    )  # fmt: skip
    assert "cProfile of test_a.py::test_sum, times in s" in ran.out
    assert "<built-in method builtins.sum>" in ran.out
    assert (tmp_path / "prefix-test_sum.prof").exists()


@pytest.mark.skipif(REAL, reason="the real one is here")
def test_types_of_pytest_benchmark_can_be_imported(suite):
    ran = suite(
        QUICK,
        test_a="""
            import pytest
            pytest.importorskip("pytest_benchmark")
            from pytest_benchmark.fixture import BenchmarkFixture

            def test_type(benchmark: BenchmarkFixture):
                assert isinstance(benchmark, BenchmarkFixture)
                benchmark(str)
        """,
    )
    assert ran.outcomes()["passed"] == 1, ran.out


def test_other_plugins_fixture_wins_and_it_is_said(suite, tmp_path):
    other = """
        import pytest

        def pytest_addoption(parser):
            parser.addoption("--benchmark-only", action="store_true")

        @pytest.fixture
        def benchmark():
            return "theirs"
    """
    check = """
        def test_whose(benchmark):
            print("whose:", "theirs" if benchmark == "theirs" else "ours")
            if benchmark != "theirs":
                benchmark(str)
    """
    (tmp_path / "pytest_benchmark").mkdir()
    (tmp_path / "pytest_benchmark" / "__init__.py").write_text("")
    arguments = ("-s", "-v", "-p", "pytest_benchmark.plugin", "-c", "pytest.ini")
    ran = suite(*arguments, pytest_benchmark__plugin=other, test_a=check)
    assert "whose: theirs" in ran.out, ran.out + ran.err
    assert (
        "whet: the benchmark fixture is pytest-benchmark's; -p no:pytest_benchmark.plugin gives it to whet"
        in ran.out
    )
    assert "whose: ours" in suite("-s", QUICK, test_a=check).out
    unknown = suite("-s", "-v", "-p", "unknown", unknown=other, test_a=check)
    assert "whose: theirs" in unknown.out
    assert "the benchmark fixture is unknown's; -p no:unknown gives it to whet" in unknown.out


def test_files_of_benchmarks_are_collected_only_when_asked_for(suite, tmp_path):
    (tmp_path / "bench_examples.py").write_text((PROGRAMS / "bench_examples.py").read_text())
    quick = ("--whet-bench-time=20ms", "--whet-bench-processes=2", "-W", "ignore")
    ran = suite(*quick, test_a="def test_plain(): pass")
    assert ran.outcomes() == {"passed": 1}
    ran = suite(*quick, "--whet-bench", "-k", "list or groups or plain or left", "--whet-bench-output=o.txt")
    assert ran.outcomes()["failed"] == 1, ran.out
    assert ran.outcomes()["passed"] == 3
    assert "BenchmarkLeft: the loop was left before its end" in ran.out
    assert set(ran.results) == {"List", "Groups/sort/size=50", "Groups/reverse"}
    assert "# BenchmarkList: 2 processes, " in ran.out
    assert (tmp_path / "o.txt").read_text().count("\nBenchmark") == 3
    named = suite(*quick, "bench_examples.py", "-k", "list")
    assert set(named.results) == {"List"}
    assert suite("--whet-bench", "--collect-only", "-q").out.count("bench_examples.py::bench_") == 15
    assert suite("--whet-bench", "--benchmark-skip", "-k", "list").outcomes()["skipped"] == 1


def test_files_that_are_not_for_whet_are_left_alone(suite, tmp_path):
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\npython_files = bench_*.py\npython_functions = bench_*\naddopts = {QUICK}\n"
    )
    ran = suite(bench_a="def bench_theirs(benchmark):\n    benchmark(str)\n")
    assert ran.outcomes()["passed"] == 1
    assert len(ran.results) == 1
    assert suite("--whet-bench", "bench_a.py").outcomes()["passed"] == 1


def test_file_of_benchmarks_that_cannot_be_imported_is_an_error_of_collecting(suite):
    ran = suite("--whet-bench", bench_a="import no_such_module\ndef bench_x(b):\n    pass\n")
    assert ran.outcomes() == {"error": 1}
    assert "ModuleNotFoundError: No module named 'no_such_module'" in ran.out
    assert "list_benchmarks" not in ran.out


@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_side_by_side_nothing_is_measured(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_a.py").write_text("def test_sum(benchmark):\n    assert benchmark(sum, [1]) == 1\n")
    (tmp_path / "bench_a.py").write_text("def bench_a(b):\n    for _ in b:\n        str(b)\n")

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
        return done.stdout + done.stderr

    both = run("-n", "2", "--whet-bench")
    assert both.count("called once and not measured, because pytest-xdist") == 1
    assert "1 passed, 1 skipped" in both
    assert "benchmarks are not measured while pytest-xdist" in both
    assert "pytest-xdist" not in run("-n", "2", "--benchmark-disable")
    assert "BenchmarkSum" in run("-n", "0", QUICK)

"""JSON of other benchmark tools."""

import gzip
import io
import json
import math
from pathlib import Path
from statistics import median

import pytest

from whet.errors import FormatError
from whet.formats.sniff_results import READERS, read_results
from whet.model.result import UnitMetadata

PYPERF = {
    "version": "1.0",
    "metadata": {"name": "str join", "loops": 1000, "platform": "Linux"},
    "benchmarks": [
        {"runs": [
            {"metadata": {"calibrate_loops": 8}, "warmups": [[1, 0.5]]},
            {"values": [1e-7, 2e-7], "warmups": [[1000, 1e-7]], "metadata": {"cpu_model_name": "Fast  one"}},
            {"values": [3e-7]},
        ]},
        {"metadata": {"name": "rss", "unit": "byte"}, "runs": [{"values": [4096]}]},
    ],
}  # fmt: skip
PYTEST = {
    "machine_info": {"system": "Linux", "python_version": "3.12"},
    "benchmarks": [
        {"fullname": "t.py::test_a[x y]", "stats": {"iterations": 10, "data": [1.0, 2.0], "median": 1.5}},
        {"fullname": "t.py::test_b", "stats": {"iterations": 1, "median": 7}},
    ],
}
HYPERFINE = {
    "results": [
        {"command": "sleep 1", "times": [1.0, 1.1], "memory_usage_byte": [10, 20], "exit_codes": [0, 1],
         "parameters": {"n": "3"}},
        {"command": "true", "median": 0.5},
    ],
}  # fmt: skip
ASV = {
    "commit_hash": "abc", "params": {"machine": "box"}, "version": 2,
    "result_columns": ["result", "params", "version", "samples"],
    "results": {
        "b.Suite.time_sum": [
            [1.0, None, 3.0, math.nan], [["1", "2", "3", "4"]], "v", [[1.0, 1.5], None, None, None]
        ],
        "b.track_x": [[42], [], "v"],
        "b.mem_y": [None, [], "v"],
    },
}  # fmt: skip


def read(document):
    stream = io.BytesIO(json.dumps(document).encode())
    results = read_results(stream, "f", UnitMetadata())
    return [(r.name, r.values) for r in (results[i] for i in range(len(results)))], results


def test_pyperf_processes_are_results():
    found, results = read(PYPERF)
    assert found == [
        ("str_join", ((pytest.approx(1.5e-7), "sec/op"),)),
        ("str_join", ((3e-7, "sec/op"),)),
        ("rss", ((4096.0, "B"),)),
    ]
    assert results[0].configuration == (("platform", "Linux"),)
    assert results[0].iterations == 1000


def test_values_of_a_single_pyperf_process_are_results():
    runs = [{"values": [1, 2]}, {"warmups": [[1, 0.5]]}]
    found, results = read({"version": "1.0", "benchmarks": [{"runs": runs}, {"runs": []}]})
    assert [values[0][0] for _, values in found] == [1, 2]
    assert [str(p) for p in results.problems] == ["f: benchmark benchmark-1 has no values"]


def test_pytest_benchmark_rounds_are_results():
    found, results = read(PYTEST)
    assert found == [
        ("t.py::test_a[x_y]", ((1.0, "sec/op"),)),
        ("t.py::test_a[x_y]", ((2.0, "sec/op"),)),
        ("t.py::test_b", ((7.0, "sec/op"),)),
    ]
    assert [p.loses_data for p in results.problems] == [False]
    assert "--benchmark-save-data" in str(results.problems[0])


def test_hyperfine_runs_are_results():
    found, results = read(HYPERFINE)
    assert found == [
        ("sleep_1/n=3", ((1.0, "sec/op"), (10.0, "peak-B"))),
        ("sleep_1/n=3", ((1.1, "sec/op"), (20.0, "peak-B"))),
        ("true", ((0.5, "sec/op"),)),
    ]
    assert [p.message.split()[0] for p in results.problems] == ["1", "true"]


def test_asv_samples_are_results_and_what_failed_is_said():
    found, results = read(ASV)
    assert found == [
        ("b.Suite.time_sum/1", ((1.0, "sec/op"),)),
        ("b.Suite.time_sum/1", ((1.5, "sec/op"),)),
        ("b.Suite.time_sum/3", ((3.0, "sec/op"),)),
        ("b.track_x", ((42.0, "tracked"),)),
    ]
    assert [str(p) for p in results.problems if p.loses_data] == [
        "f: b.Suite.time_sum/2 has no result: it failed",
        "f: b.mem_y has no result: it failed or was not run",
    ]
    assert [str(p) for p in results.problems if not p.loses_data] == ["f: b.Suite.time_sum/4 was skipped"]


def test_gzip_files_are_unpacked():
    for data in (json.dumps(PYPERF).encode(), b"BenchmarkX 1 2 ns/op\n"):
        assert len(read_results(io.BytesIO(gzip.compress(data)), "f", UnitMetadata()))


@pytest.mark.parametrize(
    "document",
    [
        {}, [], {"results": 5}, {"results": [1]}, {"results": [{"command": "x", "times": ["a"]}]},
        {"version": "1.0", "benchmarks": [{"metadata": {"unit": "parsec"}}]},
        {"version": "1.0", "benchmarks": [{"metadata": {"unit": []}}]},
        {"version": "1.0", "benchmarks": [{"runs": [{"values": [True]}]}]},
        {"version": "1.0", "benchmarks": [{"runs": [{"values": [math.nan]}]}]},
        {"results": [{"command": "x", "times": [math.inf]}]},
        {"machine_info": {}, "benchmarks": [{"name": "x"}]},
        {"machine_info": {}, "benchmarks": [{"name": "x", "stats": {}}]},
        {"results": {"x": 1}, "commit_hash": "", "result_columns": ["result"]},
    ],
)  # fmt: skip
def test_damaged_documents_are_refused(document):
    with pytest.raises(FormatError):
        read(document)


def test_every_reader_has_a_sample():
    documents = {"pyperf": PYPERF, "pytest_benchmark": PYTEST, "hyperfine": HYPERFINE, "asv": ASV}
    assert {reader.name for reader in READERS} == set(documents)
    for reader in READERS:
        assert all(key in documents[reader.name] for key in reader.keys)


# Written by the tools themselves, of the version in the file's name.
REAL = Path(__file__).parents[1] / "data/results"


def medians_of(file):
    with (REAL / file).open("rb") as stream:
        results = read_results(stream, file, UnitMetadata())
    values = {}
    for result in (results[i] for i in range(len(results))):
        for value, unit in result.values:
            values.setdefault((result.name, unit), []).append(value)
    return {key: median(found) for key, found in values.items()}, results


def test_real_pytest_benchmark_medians_are_its_own():
    found, results = medians_of("pytest-benchmark-5.3.1.json")
    own = json.loads((REAL / "pytest-benchmark-5.3.1.json").read_text())["benchmarks"]
    assert found == {(b["fullname"], "sec/op"): pytest.approx(b["stats"]["median"]) for b in own}
    assert len(results) == sum(b["stats"]["rounds"] for b in own)
    assert results.problems == []


def test_real_hyperfine_medians_are_its_own():
    found, results = medians_of("hyperfine-1.15.0.json")
    own = json.loads((REAL / "hyperfine-1.15.0.json").read_text())["results"]
    expected = [pytest.approx(result["median"], abs=1e-9) for result in own]
    assert [found[key] for key in found if key[1] == "sec/op"] == expected
    assert next(iter(found)) == ("expr_1_+_1/n=1", "sec/op")
    assert results.problems == []


def test_real_pyperf_processes_are_measurements():
    found, results = medians_of("pyperf-2.10.0.json")
    own = json.loads((REAL / "pyperf-2.10.0.json").read_text())["benchmarks"]
    processes = [[median(run["values"]) for run in b["runs"] if run.get("values")] for b in own]
    assert list(found.values()) == [pytest.approx(median(values)) for values in processes]
    assert len(results) == sum(map(len, processes))
    assert set(found) == {("join", "sec/op"), ("sort", "sec/op")}


def test_real_asv_samples_are_measurements_and_what_is_missing_is_said():
    found, results = medians_of("asv-0.6.6.json")
    assert set(found) == {
        ("b.Skips.time_s/1", "sec/op"),
        ("b.Suite.time_sort/10", "sec/op"),
        ("b.Suite.time_sort/100", "sec/op"),
        ("b.Suite.peakmem_x/10", "peak-B"),
        ("b.Suite.peakmem_x/100", "peak-B"),
        ("b.mem_list", "B"),
        ("b.track_len", "tracked"),
    }
    row = json.loads((REAL / "asv-0.6.6.json").read_text())["results"]["b.Suite.time_sort"]
    assert found["b.Suite.time_sort/10", "sec/op"] == pytest.approx(row[0][0])
    assert [(p.message, p.loses_data) for p in results.problems] == [
        ("b.Skips.time_s/2 was skipped", False),
        ("b.time_fail has no result: it failed or was not run", True),
    ]

"""`whet run` with several collectors: one recording, one report, every box in its place."""

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from go_toolchain import go_command
from process.harness import PROGRAMS, PYTHON, meta, needs_collector, run, whet_run

PROFILES = (
    "cpu.pb.gz", "wall.pb.gz", "heap.pb.gz", "heap_peak.pb.gz", "block.pb.gz", "mutex.pb.gz",
    "tasks.pb.gz", "slow.pb.gz", "threads.pb.gz",
)  # fmt: skip

pytestmark = needs_collector

EVERYTHING = str(PROGRAMS / "everything.py")


def rows(profile: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Return the rows of `whet prof top` by the functions' own names."""
    command = [PYTHON, "-m", "whet", "prof", "top", "--json", "--nodecount=100000", *options, str(profile)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["rows"]
    return {row["name"].rpartition(".")[2]: row for row in found}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("all")
    # At this rate what 20 MB are taken for has a standard deviation of 1.1 MB.
    options = ["--all", "--rate", "1000", "--heap-rate", "64kB"]
    command = [PYTHON, "-m", "whet", "run", "-o", str(place / "rec"), *options, EVERYTHING]
    done = run(command, cwd=place)
    assert (done.status, done.out) == (0, b"done\n"), done.err
    assert b"rec of 2 processes, told apart by the label `process`" in done.err
    for title in (b"memory: ", b"peak memory: ", b"waiting: ", b"holding: ", b"s of cpu in "):
        assert title in done.err
    return place / "rec"


def test_every_collector_leaves_its_file_and_its_facts(recording: Path) -> None:
    facts = meta(recording)
    for name in (*PROFILES, "gc.txt", "report.html"):
        assert facts["files"][name] == (recording / name).stat().st_size
    for name in ("cpu", "heap", "block", "tasks", "gc"):
        assert facts[name]["statistics"]
    assert set(facts["summary"]) >= {"cpu", "waiting", "holding"}
    (worker,) = facts["processes"]
    assert "block.pb.gz" in worker["files"]


def test_the_biggest_box_of_each_profile_is_the_planted_one(recording: Path) -> None:
    assert rows(recording / "cpu.pb.gz")["computes"]["cum"] > 0.4e9
    assert rows(recording / "block.pb.gz", "-tagfocus=reason=lock")["waits"]["cum"] > 0.1e9
    assert rows(recording / "heap.pb.gz", "-sample_index=alloc_space")["allocates"]["cum"] > 15_000_000
    assert rows(recording / "heap_peak.pb.gz")["allocates"]["cum"] > 15_000_000
    assert rows(recording / "cpu.pb.gz", "-tagfocus=task=handles")["blocks"]["cum"] > 0.1e9
    assert rows(recording / "tasks.pb.gz", "-tagfocus=task=handles")["naps"]["cum"] > 0.03e9
    assert rows(recording / "slow.pb.gz")["handles"]["cum"] > 0.1e9
    held = rows(recording / "mutex.pb.gz", "-tagfocus=reason=lock")
    assert max(held, key=lambda name: held[name]["flat"]) in ("holds", "__exit__")


def test_waits_are_counted_not_sampled(recording: Path) -> None:
    for kind in ("waiting", "holding"):
        assert meta(recording)["summary"][kind]["reason"] == "every wait is counted, none is sampled"


def test_garbage_collections_are_told(recording: Path) -> None:
    assert meta(recording)["gc"]["statistics"]["collections"] > 10
    assert len((recording / "gc.txt").read_text().splitlines()) > 10


def test_whets_own_threads_are_in_no_profile(recording: Path) -> None:
    for name in PROFILES:
        assert "_run" not in rows(recording / name, "-focus=ticker")


def test_go_opens_every_profile(recording: Path) -> None:
    for name in PROFILES:
        command = [go_command(), "tool", "pprof", "-top", str(recording / name)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_report_made_later_holds_all_profiles_too(recording: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    command = [PYTHON, "-m", "whet", "prof", "--html", str(page), str(recording)]
    subprocess.run(command, check=True, capture_output=True)
    for name in (
        "CPU",
        "Wall clock",
        "Memory",
        "Peak memory",
        "Waiting",
        "Holding",
        "Tasks",
        "Slow steps",
        "Threads",
    ):
        assert f'data-name="{name}"' in page.read_text()


def test_program_behaves_as_ever_under_all_collectors(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    plain = run([PYTHON, EVERYTHING], cwd=here)
    recorded = run(whet_run([EVERYTHING], tmp_path / "rec", "--all"), cwd=here)
    assert recorded == plain


def test_library_records_what_it_is_told(tmp_path: Path) -> None:
    code = (
        "import time, whet\n"
        "everything = dict.fromkeys(('heap', 'block', 'tasks', 'threads', 'gc'), True)\n"
        f"with whet.profile({str(tmp_path / 'rec')!r}, report=False, **everything):\n"
        "    time.sleep(0.05)\n"
    )
    done = run([PYTHON, "-c", code], cwd=tmp_path)
    assert done.status == 0, done.err
    assert set(meta(tmp_path / "rec")["files"]) == {*PROFILES, "gc.txt"} - {"wall.pb.gz"}
    assert gzip.decompress((tmp_path / "rec/block.pb.gz").read_bytes())


@pytest.mark.parametrize(
    "option", ["--block-threshold=5", "--block-threshold=0s", "--heap-rate=0", "--heap-rate=many"]
)
def test_bad_settings_are_refused_before_the_program_runs(option: str, tmp_path: Path) -> None:
    done = run(whet_run(["-c", "print(1)"], tmp_path / "rec", option), cwd=tmp_path)
    assert (done.status, done.out) == (2, b"")
    assert option.partition("=")[0].encode() in done.err
    assert not (tmp_path / "rec").exists()


def test_idle_workers_make_nobody_wait(tmp_path: Path) -> None:
    code = (
        "import concurrent.futures, time\n"
        "with concurrent.futures.ThreadPoolExecutor(4) as pool:\n"
        "    for _ in range(20):\n"
        "        list(pool.map(time.sleep, [0.001] * 4))\n"
        "        time.sleep(0.05)\n"
    )
    done = run(whet_run(["-c", code], tmp_path / "rec", "--block"), cwd=tmp_path)
    assert done.status == 0, done.err
    waited = rows(tmp_path / "rec/block.pb.gz", "-tagfocus=reason=lock")["_worker"]["cum"]
    held = rows(tmp_path / "rec/mutex.pb.gz", "-tagfocus=reason=lock")
    assert waited > 2e9
    assert held.get("_worker", {"cum": 0})["cum"] < waited / 20

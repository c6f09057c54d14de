"""whet.profile, whet.start and whet.stop in programs of all kinds."""

import json
from pathlib import Path
from typing import Any

import pytest

from process.harness import PYTHON, needs_collector, run
from whet.formats.pprof import decode

pytestmark = needs_collector

WORK = """
import asyncio, os, sys, threading, time
import whet

def work(seconds=0.15):
    end = time.thread_time() + seconds
    while time.thread_time() < end: sum(range(500))
    return "worked"
"""


def run_code(code: str, place: Path, *, status: int = 0) -> str:
    script = place / "script.py"
    script.write_text(WORK + code)
    done = run([PYTHON, str(script)], cwd=place)
    assert done.status == status, done.err.decode()
    return done.out.decode() + done.err.decode()


def names(recording: Path) -> set[str]:
    p = decode((recording / "cpu.pb.gz").read_bytes())
    return {p.strings.text(i).rpartition(".")[2] for i in p.functions.name}


def meta(recording: Path) -> Any:
    return json.loads((recording / "meta.json").read_text())


def test_block_is_recorded(tmp_path: Path) -> None:
    run_code("with whet.profile('out', rate_hz=1000) as p: work()\nprint(p.directory)", tmp_path)
    facts = meta(tmp_path / "out")
    assert set(facts["files"]) == {"cpu.pb.gz", "report.html"}
    assert "work" in names(tmp_path / "out")
    assert facts["partial"] is False
    assert facts["made_by"] == "whet.profile"
    assert facts["cpu"]["rate_hz"] == 1000
    assert facts["program"]["cpu_user_ns"] > 0.05e9


def test_block_that_raises_is_recorded_and_raises(tmp_path: Path) -> None:
    said = run_code(
        "with whet.profile('out', report=False):\n    work()\n    raise ValueError('mine')",
        tmp_path,
        status=1,
    )
    assert said.splitlines()[-1] == "ValueError: mine"
    assert "work" in names(tmp_path / "out")


def test_default_directory_is_new(tmp_path: Path) -> None:
    run_code("with whet.profile(report=False): work()", tmp_path)
    assert len(list(tmp_path.glob("whet-2*-script"))) == 1


def test_start_and_stop(tmp_path: Path) -> None:
    said = run_code(
        "a = whet.start('out', report=False)\nwork()\n"
        "b = whet.stop()\nprint(a == b == os.path.abspath('out'))",
        tmp_path,
    )
    assert said == "True\n"
    assert "work" in names(tmp_path / "out")


def test_recording_that_nobody_stopped_is_written_at_exit(tmp_path: Path) -> None:
    run_code("whet.start('out', report=False)\nwork()\nsys.exit(3)", tmp_path, status=3)
    assert "work" in names(tmp_path / "out")
    assert meta(tmp_path / "out")["partial"] is False


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("whet.start('a', report=False); whet.start('b')", "this process is being recorded already"),
        ("whet.stop()", "this process is not being recorded"),
        ("whet.start('a', rate_hz=0)", "the rate must lie between 1 and 10000 Hz, not 0"),
        ("whet.start('script.py')", "cannot write a recording: file exists"),
        ("whet.start('.')", "not empty and not a recording"),
    ],
)
def test_misuse_is_an_error_of_ours(code: str, message: str, tmp_path: Path) -> None:
    said = run_code(
        f"from whet.errors import WhetError\ntry: {code}\nexcept WhetError as e: print(e)", tmp_path
    )
    assert message in said
    assert not (tmp_path / "b").exists()


def test_decorated_functions_keep_their_nature(tmp_path: Path) -> None:
    said = run_code(
        """
import inspect

@whet.profile('plain', report=False)
def plain(n):
    "doc"
    work()
    return plain(n - 1) if n else "plain"

@whet.profile('coroutine', report=False)
async def coroutine():
    await asyncio.sleep(0.01)
    work()
    return "coroutine"

@whet.profile('generator', report=False)
def generator():
    got = yield 1
    work()
    return got

print(plain(1), plain.__name__, plain.__doc__)
print(asyncio.run(coroutine()), inspect.iscoroutinefunction(coroutine))
g = generator()
print(next(g))
try: g.send("sent")
except StopIteration as stop: print(stop.value)
""",
        tmp_path,
    )
    assert said == "plain plain doc\ncoroutine True\n1\nsent\n"
    for name in ("plain", "coroutine", "generator"):
        assert {"work", name} <= names(tmp_path / name)


def test_forked_worker_records_itself_and_parent_is_undisturbed(tmp_path: Path) -> None:
    said = run_code(
        """
def child_work(): work()
def parent_work(): work()
whet.start('parent', report=False)
parent_work()
pid = os.fork()
if pid == 0:
    try: whet.stop()
    except whet.errors.CollectError as e: print(e, flush=True)
    with whet.profile('child', report=False): child_work()
    sys.exit(0)
print(os.waitpid(pid, 0)[1])
parent_work()
whet.stop()
""".replace("whet.errors", "__import__('whet.errors').errors"),
        tmp_path,
    )
    assert said == "this process is not being recorded\n0\n"
    assert "child_work" in names(tmp_path / "child")
    assert "parent_work" not in names(tmp_path / "child")
    assert "child_work" not in names(tmp_path / "parent")


def test_labels_are_in_the_samples(tmp_path: Path) -> None:
    run_code(
        "with whet.profile('out', rate_hz=1000, report=False):\n    with whet.labels(route='/x'): work()\n",
        tmp_path,
    )
    p = decode((tmp_path / "out/cpu.pb.gz").read_bytes())
    labels = p.samples.labels
    pairs = {(p.strings.text(k), p.strings.text(t)) for k, t in zip(labels.key, labels.text, strict=True)}
    assert ("route", "/x") in pairs


def test_nothing_heavy_is_imported_by_a_recording(tmp_path: Path) -> None:
    code = (
        "import sys\nbefore = set(sys.modules)\nimport whet\nwith whet.profile('out'): pass\n"
        "print(*(set(sys.modules) - before))"
    )
    done = run([PYTHON, "-c", code], cwd=tmp_path)
    assert done.status == 0, done.err.decode()
    loaded = set(done.out.decode().split())
    assert not loaded & {
        "numpy",
        "click",
        "rich",
        "json",
        "re",
        "typing",
        "dataclasses",
        "subprocess",
        "threading",
    }


def test_under_whet_run_the_second_recording_is_refused(tmp_path: Path) -> None:
    code = "import whet\ntry: whet.start('x')\nexcept Exception as e: print(type(e).__name__, e)"
    command = [PYTHON, "-m", "whet", "run", "-q", "--no-report", "-o", "rec", "-c", code]
    done = run(command, cwd=tmp_path)
    assert done.out == b"CollectError this process is being recorded already\n"
    assert not (tmp_path / "x").exists()

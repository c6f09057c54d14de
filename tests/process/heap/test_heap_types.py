"""Types of what is in use: right, or not told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from process.harness import needs_collector

pytestmark = needs_collector

# Function -> the type of what it keeps, and at least how many bytes of that there are.
MAIN = {
    "makes_list": ("list", 8000),
    "makes_numbers": ("__main__.Numbers", 2400),
    "makes_dict": ("dict", 4000),
    "makes_set": ("set", 8000),
    "makes_bytearray": ("bytearray", 5000 if sys.version_info < (3, 15) else 1),
    "makes_bytes": ("bytes", 5033),
    "makes_str": ("str", 5000),
    "makes_tuple": ("tuple", 2400),
    "makes_plain": ("__main__.Plain", 100 * 32),
    "makes_slotted": ("__main__.Slotted", 100 * 48),
    "makes_hidden": ("__main__.Hidden", 100 * 32),
    "makes_deque": ("collections.deque", 200),
    "makes_ndarray": ("numpy.ndarray", 80_000),
    "makes_view": ("bytearray", 6000 if sys.version_info < (3, 15) else 1),
    "makes_keys": ("str", 15_000),
    "makes_nested": ("bytes", 3033),
    "makes_local_of_a_generator": ("bytes", 7033),
}
# What else these functions keep. Everywhere there may be memory that is no object: instances' values,
# a deque's blocks, what the interpreter keeps for itself.
BESIDE = {
    "makes_plain": {"list"},
    "makes_slotted": {"list"},
    "makes_hidden": {"list"},
    "makes_view": {"numpy.ndarray", "memoryview", "managedbuffer", "bytes"},
    "makes_bytearray": {"bytes"},
    "makes_keys": {"dict"},
    "makes_nested": {"str", "tuple", "float"},
    "makes_local_of_a_generator": {"generator"},
}


@pytest.mark.parametrize("arguments", [[], ["running"]], ids=["stopped", "running"])
def test_types_are_right_or_not_told(arguments: list[str]) -> None:
    command = [sys.executable, str(Path(__file__).parent / "types_program.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found.keys() == MAIN.keys()
    for maker, (name, least_bytes) in MAIN.items():
        assert found[maker].get(name, 0) >= least_bytes, (maker, found[maker])
        assert found[maker].keys() <= {"", name, *BESIDE.get(maker, set())}, (maker, found[maker])


def test_reports_take_types_apart(tmp_path: Path) -> None:
    code = (
        "from whet.collect.heap import HeapCollector\n"
        "c = HeapCollector(mean_bytes=1); c.start()\n"
        "def fill(): return {i: bytes(1000) for i in range(1000)}\n"
        "kept = fill()\n"
        "c.stop()\n"
        "open('heap.pb.gz', 'wb').write(c.snapshots()['heap.pb.gz'])\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "whet", "prof", "top", "--json", "-tagfocus=type=dict", "heap.pb.gz"]
    rows = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout)["rows"]
    filled = next(row for row in rows if row["name"].endswith("fill") or "dictcomp" in row["name"])
    assert 30_000 < filled["flat"] < 100_000

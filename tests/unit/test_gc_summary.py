"""`whet gc summary`: totals of a gc.txt."""

import io
from pathlib import Path

import pytest

from whet.cli.main import main
from whet.cli.streams import Streams

TEXT = """# whet: gc_collections=7
gc 1 @0.100s 1.00%: gen 0, 1.000 ms, ~702->117 objects, 585 collected, 0 uncollectable, 20.0 MB, MainThread
program output
gc 2-6 @0.200-0.400s 1.00%: gen 0x4+1x1, 3.000 ms (longest 2.000), 9->9 objects, 0 collected, T
gc 7 @0.500s 2.00%: gen 2, 6.000 ms, 50->40 objects, 10 collected, 0 uncollectable, 21.0 MB, MainThread
"""

WANTED = """\
       collections    collecting        mean     longest
young            6      4.000 ms    0.667 ms    2.000 ms
full             1      6.000 ms    6.000 ms    6.000 ms
all              7     10.000 ms    1.429 ms    6.000 ms

1.98% of 0.506 s
longest:
  6.000 ms at 0.500 s (full)
  2.000 ms at 0.200 s, the longest of 5
  1.000 ms at 0.100 s
"""


def run(*argv: str) -> tuple[int, str, str]:
    streams = Streams(io.BytesIO(), io.BytesIO())
    status = main(["gc", "summary", *argv], streams)
    assert isinstance(streams.out, io.BytesIO)
    assert isinstance(streams.err, io.BytesIO)
    return status, streams.out.getvalue().decode(), streams.err.getvalue().decode()


def test_a_recording_and_its_file_are_summed_up(tmp_path: Path) -> None:
    (tmp_path / "gc.txt").write_text(TEXT)
    assert run(str(tmp_path)) == (0, WANTED, "")
    assert run(str(tmp_path / "gc.txt")) == (0, WANTED, "")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "gc.txt: no such file or directory"), ("nothing", "no garbage collection in it")],
)
def test_what_has_no_collections_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "gc.txt").write_text(content)
    status, out, err = run(str(tmp_path))
    assert (status, out) == (2, "")
    assert message in err


def test_wrong_calls_are_refused() -> None:
    assert run()[0] == 2
    assert run("--nope")[0] == 2
    assert run("a", "b")[0] == 2

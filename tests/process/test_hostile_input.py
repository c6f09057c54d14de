"""Files that want to do harm, through the real command with little memory: one line, exit status 2."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

MIB = 1 << 20
ADDRESS_SPACE_BYTES = 1500 * MIB
PEAK_BYTES = 200 * MIB
REAL = Path(__file__).parents[1] / "data" / "formats"


def packed(*pieces: tuple[bytes, int]) -> bytes:
    """Pack pieces with gzip, each so many times, without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = [packer.compress(piece) for piece, times in pieces for _ in range(times)]
    return b"".join([*out, packer.flush()])


NOISE = random.Random(1).randbytes(50_000)
MOJO_STACK = b"\x02\x01\x010:1\x00"
FILES = {
    "empty": b"",
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + NOISE,
    "elf": b"\x7fELF\x02\x01\x01" + NOISE,
    "noise": NOISE,
    "packed noise": gzip.compress(NOISE),
    "cut gzip": gzip.compress(NOISE)[:-100],
    "gzip inside gzip": gzip.compress(gzip.compress(b"a;b 1\n")),
    "bomb of zeros": packed((bytes(MIB), 1024)),
    "bomb of many members": packed((b"a;b 1\n" * (MIB // 6), 8)) * 100,
    "bomb of text": packed((b"a;b;c 1\n" * (MIB // 8), 128)),
    "bomb of JSON brackets": packed((b'{"shared":{"frames":[],"profiles":', 1), (b"[" * MIB, 128)),
    "bomb of JSON numbers": packed((b'{"shared":{"frames":[],"profiles":[', 1), (b"0," * (MIB // 2), 128)),
    "bomb of a protobuf": packed((b"\x0a\x00", 1), (b"\x12\x02\x10\x01" * (MIB // 4), 128)),
    "deep JSON": b'{"shared":{"frames":[],"profiles":' + b"[" * 1_000_000,
    "deep pstats": b"\xfb" + b"\xa9\x01" * 100_000,
    "huge tuple": b"{)\xff" + b"(\xff\xff\xff\x7f",
    "huge text": b"{(\x03\x00\x00\x00u\xff\xff\xff\x7f",
    "huge number": b'{"shared":{"frames":[{"name":"a"}]},"profiles":[{"type":"sampled","unit":"none",'
    b'"name":"x","samples":[[0]],"weights":[' + b"9" * 300 + b"]}]}",
    "huge MOJO number": b"MOJ\x03\x02" + b"\xff" * 1000,
    "MOJO stack that doubles itself": b"MOJ\x03\x01mode\x00wall\x00" + (MOJO_STACK + b"\x0d\x0d\x04") * 100,
    "line without an end": b"a;" * (20 * MIB),
    "NUL bytes": b"a;b\x00c 1\n",
    "UTF-16": "a;b 1\n".encode("utf-16"),
    "web page": b"<!doctype html><html><body>hello</body></html>",
    "perf.data": b"PERFILE2" + NOISE,
}  # fmt: skip


def prof(*arguments: str, peak_bytes: int = PEAK_BYTES) -> subprocess.CompletedProcess[str]:
    """Run `whet prof` in little memory; assert how much it took."""

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))

    # VmHWM is of this program alone; ru_maxrss is never less than its parent's, the test runner's.
    code = (
        "import sys\nfrom whet.cli.main import main\nstatus = main(sys.argv[1:])\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "prof", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape",
        preexec_fn=bounded, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    *_, peak_kib = done.stdout.split() or ["0"]
    assert 0 < int(peak_kib) << 10 < peak_bytes, done.stderr
    return done


def assert_one_line(done: subprocess.CompletedProcess[str], path: str) -> None:
    assert done.returncode == 2, done.stderr
    error, *hint = done.stderr.splitlines()
    assert error.startswith(f"whet: error: {path}: ")
    assert len(error) < 400 + len(path)
    assert [line.startswith("hint: ") for line in hint] == [True]


@pytest.mark.parametrize("name", FILES)
def test_hostile_file_is_one_line_in_little_memory(tmp_path, name):
    path = tmp_path / "profile"
    path.write_bytes(FILES[name])
    # A message's columns take up to ten times its bytes, of which 64 MiB are read before the ratio counts.
    peak_bytes = 800 * MIB if name == "bomb of a protobuf" else PEAK_BYTES
    assert_one_line(prof("top", str(path), peak_bytes=peak_bytes), str(path))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/urandom", "/", "/nonexistent"])
def test_what_is_no_file_is_one_line(path):
    assert_one_line(prof("top", path), path)


def test_sparse_file_of_2_gib_is_one_line(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    assert_one_line(prof("top", str(path)), str(path))


def test_pipe_that_nobody_writes_into_is_one_line(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert_one_line(prof("top", str(path)), str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read_is_one_line(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"a 1\n")
    path.chmod(0)
    done = prof("top", str(path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"whet: error: {path}: permission denied")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_text_may_have_a_mark_and_carriage_returns(tmp_path, mark, end):
    path = tmp_path / "stacks"
    path.write_bytes(mark + b"main;work 3" + end + b"\xff\xfe;b 1" + end)
    done = prof("top", "-json", str(path))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.rpartition("}")[0] + "}")["rows"]
    assert {row["name"]: row["flat"] for row in rows}["work"] == 3
    assert len(rows) == 4


def test_limit_may_be_moved(tmp_path, monkeypatch):
    path = tmp_path / "profile"
    path.write_bytes(FILES["bomb of text"])
    monkeypatch.setenv("WHET_MAX_INPUT_GIB", "0")
    done = prof("top", str(path))
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("WHET_MAX_INPUT_GIB", "lots")
    assert_one_line(prof("top", str(path)), str(path))


@pytest.mark.parametrize("name", sorted(path.name for path in REAL.iterdir()))
def test_damaged_real_file_is_a_report_or_one_line(tmp_path, name):
    data = (REAL / name).read_bytes()
    path, rng = tmp_path / "profile", random.Random(name)
    damaged = bytearray(data)
    damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    for content in (data[: rng.randrange(1, len(data))], bytes(damaged)):
        path.write_bytes(content)
        done = prof("top", str(path))
        if done.returncode:
            assert_one_line(done, str(path))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_text_of_2_gb_is_read_in_little_memory(tmp_path):
    if shutil.disk_usage(tmp_path).free < 5 << 30:
        pytest.skip("less than 5 GiB of disk are free")
    rng = random.Random(1)
    stacks = [";".join(f"function_{rng.randrange(5000)} (app.py:{rng.randrange(99)})" for _ in range(20))
              for _ in range(5000)]  # fmt: skip
    block = "".join(f"{stack} 1\n" for stack in stacks).encode()
    path, times = tmp_path / "stacks", (2 << 30) // len(block) + 1
    with path.open("wb") as file:
        for _ in range(times):
            file.write(block)
    done = prof("top", "-json", "-nodecount=1", str(path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.rpartition("}")[0] + "}")["total"] == 5000 * times


@pytest.mark.parametrize("name", ["cut", "noise", "headers beyond the file", "sections beyond the file"])
@pytest.mark.parametrize("report", ["top", "disasm", "weblist"])
def test_damaged_program_is_said_and_left_out(tmp_path, name, report):
    """Read a profile with a program that wants to do harm before it."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    rest = b"\x02\0\x3e\0\x01\0\0\0" + bytes(8)
    program = {
        "cut": head[:10],
        "noise": head + NOISE,
        "headers beyond the file": head + rest + b"\x40" + bytes(15)
        + b"\0\0\0\0\x40\0\x38\0\xff\xff" + bytes(6),
        "sections beyond the file": head + rest + bytes(8) + b"\x40" + bytes(7)
        + b"\0\0\0\0\x40\0\x38\0\0\0\x40\0\xff\xfe\x01\0",
    }[name]  # fmt: skip
    path = tmp_path / "program"
    path.write_bytes(program)
    profile = tmp_path / "profile"
    profile.write_bytes(b"main;work 3\n")
    words = [report] if report == "top" else [report, "work"]
    done = prof(*words, str(path), str(profile))
    assert f"{path}: " in done.stderr
    assert "ELF file" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if report == "disasm" else 0), done.stderr

"""Small programs with profiles of their own: a Go program, and a C one with a legacy CPU profile."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from go_toolchain import go_command
from whet.formats.elf import read_elf, read_symbols

_GO_SOURCE = Path(__file__).parent / "goprofiles" / "main.go"
C_SOURCE = """\
static long square(long x) {
  return x * x % 7;
}

long total(long n) {
  long t = 0;
  for (long i = 0; i < n; i++)
    t += square(i);
  return t;
}

int main(int argc, char **argv) {
  return (int)total(argc);
}
"""


def build_go(directory: Path, *flags: str) -> Path:
    """Build the Go program that writes its own profiles; return its file."""
    program = directory / "goprofiles"
    environment = {**os.environ, "GOFLAGS": "", "GO111MODULE": "off", "CGO_ENABLED": "0"}
    subprocess.run(
        [go_command(), "build", *flags, "-o", str(program), str(_GO_SOURCE)],
        check=True, env=environment, timeout=240,
    )  # fmt: skip
    return program


def run_go(program: Path) -> Path:
    """Run that program; return the directory with its profiles."""
    subprocess.run([str(program), str(program.parent)], check=True, timeout=240)
    return program.parent


def build_c(directory: Path) -> Path:
    """Build a C program with lines, inlined calls and a place of its own in memory; return its file."""
    compiler = shutil.which("gcc")
    if compiler is None or shutil.which("objdump") is None or shutil.which("addr2line") is None:
        pytest.skip("no gcc and binutils on PATH, so no C program to take apart")
    (directory / "work.c").write_text(C_SOURCE)
    program = directory / "work"
    subprocess.run(
        [compiler, "-g", "-O1", "-pie", "-fPIE", "-o", str(program), "work.c"], cwd=directory, check=True
    )
    return program


def legacy_profile(program: Path, counts: dict[int, int], *, start: int = 0x5555_5555_4000) -> bytes:
    """Return a gperftools CPU profile: counts by address in the file, called from places in `main`.

    The program is loaded at `start`. An address that all samples have in second place is taken for that
    of the signal handler, so there must be two at least for `main` to be seen.
    """
    with program.open("rb") as file:
        elf = read_elf(file)
        symbols = read_symbols(file, elf)
    caller = int(symbols.address[symbols.names.index(b"main")]) + 2
    code = next(s for s in elf.segments if s.executable)
    words = [0, 3, 0, 10_000, 0]
    for number, (address, count) in enumerate(counts.items()):
        words += [count, 2, start + address, start + caller + number]
    words += [0, 1, 0]
    first, last = (
        start + place // 4096 * 4096 for place in (code.address, code.address + code.memory_size + 4095)
    )
    maps = f"{first:x}-{last:x} r-xp {code.offset // 4096 * 4096:08x} 08:01 1 {program}\n"
    return struct.pack(f"<{len(words)}Q", *words) + maps.encode()


def extent(program: Path, name: str) -> tuple[int, int]:
    """Return where a function of a program starts and ends."""
    with program.open("rb") as file:
        symbols = read_symbols(file, read_elf(file))
    row = symbols.names.index(name.encode())
    return int(symbols.address[row]), int(symbols.address[row] + symbols.size[row])

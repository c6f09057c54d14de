"""Legacy profiles: the real pprof and whet show the same, byte for byte."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from format_samples import DATA
from interop.pprof_oracle import run_pprof, run_whet

MAPS = """\
00400000-00500000 r-xp 00000000 08:01 123456 /usr/bin/app
00500000-00600000 rw-p 00100000 08:01 123456 /usr/bin/app
7f0000000000-7f0000010000 r-xp 00001000 08:01 99 /lib/libc.so.6
7fff00000000-7fff00001000 r-xp 00000000 00:00 0 [vdso]
"""
LIBRARIES, MEMORY_MAP = f"MAPPED_LIBRARIES:\n{MAPS}", f"--- Memory map: ---\n{MAPS}"
JAVA_NAMES = "0x10 com.example.A.f (A.java:12)\n0x20 A.g (A.java:33)\n0x30 GC\n0x40 read (/lib/libc.so.6)\n"
ROWS = """\
 8: 8192 [ 16: 32768] @ 0x401000 0x402000
 2: 2048 [ 4: 8192] @ 0x401010 0x402000 0x7f0000000100 0x123
"""
THREADS = """\
--- threadz 1 ---

--- Thread 7ff794ab90 (name: main/14748) stack: ---
  PC: 0x00401000: foo
  0x00402000
  0x7f0000000100
--- Thread 7ff794bb90 (name: worker/14749) stack: ---
    [same as previous thread]
---- no stack trace for 1 threads ----
--- Memory map: ---
  00400000-00500000: /usr/bin/app
  7f0000000000-7f0000010000: /lib/libc.so.6 (@1000) abc123
"""
CONTENTION = """\
--- contentionz 1 ---
cycles/second = 3000000000
sampling period = 100
ms since reset = 5000
 19490304 27 @ 0x401000 0x402000
 768 1 @ 0x401010 0x402000
"""
GOROUTINE = "# note\ngoroutine profile: total 7\n3 @ 0x401000 0x402000\n# x\n\n4 @ 0x401010 0x402000\n\n"
JAVA_HEAP = "--- heapz 1 ---\nformat = java\nresolution = bytes\n 7048 6 @ 0x10 0x20\n 72 9 @ 0x10 0x30\n"
JAVA_CONTENTION = """\
--- contentionz 1 ---
format = java
resolution = microseconds
sampling period = 100
ms since reset = 6019923
 1 14 @ 0x10 0x20
 10 2 @ 0x10 0x30
"""
TEXTS = {
    "growth": f"heap profile: 8: 8 [ 9: 9] @ growthz\n{ROWS}{LIBRARIES}",
    "heap_v2": f"heap profile: 10: 10240 [ 20: 40960] @ heap_v2/524288\n{ROWS}{LIBRARIES}",
    "heapprofile": f"heap profile: 10: 10240 [ 10: 10240] @ heapprofile\n{ROWS}{MEMORY_MAP}",
    "heap": f"heap profile: 10: 10240 [ 0: 0] @ heap/1048576\n{ROWS}{LIBRARIES}",
    "threads": THREADS,
    "contention": CONTENTION + MEMORY_MAP,
    "goroutine": GOROUTINE + MEMORY_MAP,
    "java_heap": JAVA_HEAP + JAVA_NAMES,
    "java_contention": JAVA_CONTENTION + JAVA_NAMES,
}
STACKS = [
    (5, [0x401000, 0x401004, 0x402000, 0x403000]),
    (7, [0x401010, 0x401004, 0x402000]),
    (1, [0x401020, 0x401004, 0x401021, 0x402000]),
    (2, [0x400010, 0x401004]),
]
JAVA_STACKS = [(5, [0x10, 0x20, 0x30]), (7, [0x10, 0x40])]


def cpu_profile(word: str, *, java: bool) -> bytes:
    words = [0, 3, int(java), 10000, 0]
    for count, stack in JAVA_STACKS if java else STACKS:
        words += [count, len(stack), *stack]
    return (
        b"".join(struct.pack(word, w) for w in [*words, 0, 1, 0])
        + (JAVA_NAMES if java else LIBRARIES).encode()
    )


CPU = {
    f"cpu{word}{java}": cpu_profile(word, java=java)
    for word in ("<I", ">I", "<Q", ">Q")
    for java in (False, True)
}
FILES = {
    **{name: text.encode() for name, text in TEXTS.items()},
    **CPU,
    **{path.name: path.read_bytes() for path in sorted(DATA.glob("go_*.txt"))},
}


@pytest.mark.parametrize("report", ["-raw", "-top", "-traces"])
@pytest.mark.parametrize("name", FILES)
def test_legacy_profile_shows_as_in_pprof(name: str, report: str, tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_bytes(FILES[name])
    status, theirs = run_pprof([report, str(path)])
    ours = run_whet([report, str(path)])
    assert (status, ours[0]) == (0, 0), ours[2]
    # A label of 0 without a unit would be lost in pprof files, so ours has one.
    assert ours[1].replace("[0 bytes]", "[0]") == theirs

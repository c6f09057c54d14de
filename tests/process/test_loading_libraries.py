"""Libraries come and go, and processes fork, while a recording watches for new libraries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from process.harness import PROGRAMS, needs_collector, run, whet_run

pytestmark = needs_collector

FUNCTIONS = 20_000


@pytest.fixture(scope="module")
def big_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile a library whose table of functions takes milliseconds to relocate and becomes read-only.

    On each page of the table are functions that collectors redirect.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler for a library")
    place = tmp_path_factory.mktemp("library")
    names = [f"f{i}" for i in range(FUNCTIONS)]
    (place / "defines.c").write_text("".join(f"void {name}(void) {{}}\n" for name in names))
    table = [part for i in range(0, FUNCTIONS, 100) for part in (*names[i : i + 100], "read", "malloc")]
    (place / "uses.c").write_text(
        "".join(f"extern void {name}(void);\n" for name in [*names, "read", "malloc"])
        + f"void (*const table[])(void) = {{{','.join(table)}}};\n"
    )
    command = [compiler, "-O0", "-w", "-shared", "-fPIC", "-fno-builtin", "-Wl,-z,relro,-z,now"]
    subprocess.run([*command, "-o", "libdefines.so", "defines.c"], check=True, cwd=place)
    subprocess.run(
        [*command, "-o", "libuses.so", "uses.c", "-L.", "-ldefines", f"-Wl,-rpath,{place}"],
        check=True,
        cwd=place,
    )
    return place / "libuses.so"


def test_libraries_that_are_being_loaded_are_left_alone(big_library: Path, tmp_path: Path) -> None:
    target = [str(PROGRAMS / "loads.py"), "4", str(big_library)]
    done = run(whet_run(target, tmp_path / "rec", "--all", "--rate", "1000"), cwd=tmp_path)
    assert (done.status, done.out) == (0, b"done\n"), done.err

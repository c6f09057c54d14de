"""Instructions are those of the real `go tool pprof -disasm`; what has none says why in one line."""

from __future__ import annotations

import difflib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from interop.native_programs import extent, legacy_profile
from interop.pprof_oracle import run_pprof, run_whet
from interop.real_profiles import recorded_profiles
from json_schema import check
from whet.formats.elf import read_elf

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "prof-json.schema.json").read_text())


pytestmark = pytest.mark.usefixtures("no_binaries_elsewhere")


def whet_rows(*arguments: str) -> list[dict]:
    status, text, errors = run_whet([*arguments, "-json"])
    assert status == 0, errors
    document = json.loads(text)
    check(document, SCHEMA, SCHEMA)
    return document["rows"]


def refusal(*arguments: str) -> str:
    """Return the one line that says why there is no report."""
    status, text, errors = run_whet([*arguments])
    assert (status, text) == (2, "")
    *notes, error, hint = errors.splitlines()
    assert error.startswith("whet: error: ")
    assert hint.startswith("hint: ")
    return "\n".join([*notes, error])


CASES = [
    *(
        (kind, regex, "")
        for kind in ("cpu", "allocs", "mutex")
        for regex in (r"main\.", "strings.Fields|runtime.mallocgc")
    ),
    ("cpu", "main.fib", "-ignore=words"),
    ("cpu", "runtime.sc", "-focus=fib|words"),
    ("cpu", "nothing", ""),
    ("allocs", "main", "-mean -sample_index=1"),
    ("mutex", ".", "-unit=ms"),
]


@pytest.mark.parametrize(("kind", "regex", "options"), CASES)
def test_disassembly_is_that_of_pprof(go_program, kind, regex, options):
    profile = str(go_program.parent / f"{kind}.pb.gz")
    arguments = [f"-disasm={regex}", *options.split(), str(go_program), profile]
    status, expected = run_pprof(arguments)
    ours, text, errors = run_whet(["-compat=pprof", *arguments])
    assert (ours == 0) == (status == 0), errors
    rows = difflib.unified_diff(expected.splitlines(), text.splitlines(), "pprof", "whet", n=1, lineterm="")
    assert "\n".join(rows) == ""


def test_recursion_counts_a_sample_once(go_program):
    profile = str(go_program.parent / "cpu.pb.gz")
    (fib,) = whet_rows("disasm", r"main\.fib$", profile)
    (function,) = [row for row in whet_rows("top", "-nodefraction=0", profile) if row["name"] == "main.fib"]
    assert (fib["flat"], fib["cum"]) == (function["flat"], function["cum"])
    assert sum(i["flat"] for i in fib["instructions"]) == fib["flat"]
    assert max(i["cum"] for i in fib["instructions"]) <= fib["cum"]


def test_instructions_cover_the_function_in_any_syntax(go_program):
    profile = str(go_program.parent / "cpu.pb.gz")
    start, end = extent(go_program, "main.fib")
    (go,) = whet_rows("disasm", r"main\.fib$", profile)
    (intel,) = whet_rows("disasm", "-intel_syntax", r"main\.fib$", profile)
    assert go["address"] == go["instructions"][0]["address"] == start
    assert go["instructions"][-1]["address"] < end
    assert [(i["address"], i["line"], i["cum"]) for i in go["instructions"]] == [
        (i["address"], i["line"], i["cum"]) for i in intel["instructions"]
    ]
    assert re.match("(cmp|lea) r", intel["instructions"][0]["text"])


def test_address_stands_for_its_function(go_program):
    start, _ = extent(go_program, "main.fib")
    rows = whet_rows("disasm", hex(start + 3), str(go_program.parent / "cpu.pb.gz"))
    assert [row["name"] for row in rows] == ["main.fib"]


def test_c_program_at_a_place_of_its_own_is_taken_apart(c_program, tmp_path):
    start, _ = extent(c_program, "total")
    profile = tmp_path / "legacy.prof"
    profile.write_bytes(legacy_profile(c_program, {start: 3, start + 4: 5}))
    (total,) = whet_rows("disasm", "total", str(profile))
    assert (total["name"], total["binary"]) == ("total", str(c_program))
    assert total["flat"] == 8 * 10_000_000
    assert total["instructions"][0]["flat"] == 3 * 10_000_000
    assert {i["line"] for i in total["instructions"] if i["file"].endswith("work.c")} >= {6, 9}


def test_program_of_another_build_is_said_and_left_out(go_program, tmp_path):
    other = tmp_path / "other"
    data = go_program.read_bytes()
    with go_program.open("rb") as file:
        build_id = bytes.fromhex(read_elf(file).build_id)
    other.write_bytes(data.replace(build_id, build_id[::-1]))
    profile = str(go_program.parent / "cpu.pb.gz")
    status, _, errors = run_whet(["top", str(other), profile])
    assert status == 0
    assert (
        f"{other}: its build ID is {build_id[::-1].hex()}, the profile was recorded with {build_id.hex()}"
        in errors
    )
    said = refusal("disasm", "fib", str(other), profile)
    assert "left out: its build ID" in said
    assert "main.fib is in other, and there is no file of it here" in said


def test_program_is_looked_for_where_pprof_looks(go_program, tmp_path, monkeypatch):
    with go_program.open("rb") as file:
        build_id = read_elf(file).build_id
    moved = tmp_path / "binaries" / build_id / "any name"
    moved.parent.mkdir(parents=True)
    shutil.copy(go_program, moved)
    shutil.copy(go_program.parent / "cpu.pb.gz", tmp_path)
    profile = str(tmp_path / "cpu.pb.gz")
    go_program.rename(go_program.with_name("away"))
    try:
        assert "main.fib is in goprofiles, and there is no file of it here" in refusal(
            "disasm", "fib", profile
        )
        monkeypatch.setenv("PPROF_BINARY_PATH", f"/nonexistent:{tmp_path / 'binaries'}")
        assert [row["binary"] for row in whet_rows("disasm", "main.fib", profile)] == [str(moved)]
    finally:
        go_program.with_name("away").rename(go_program)


def test_stripped_program_is_refused(go_program, tmp_path):
    strip = shutil.which("strip")
    if strip is None:
        pytest.skip("no strip on PATH, so no stripped program")
    stripped = tmp_path / "stripped"
    subprocess.run([strip, "-o", str(stripped), str(go_program)], check=True)
    said = refusal("disasm", "main.fib", str(stripped), str(go_program.parent / "cpu.pb.gz"))
    assert f"{stripped} is stripped" in said


def test_missing_disassembler_is_refused(go_program, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    said = refusal("disasm", "main.fib", str(go_program), str(go_program.parent / "cpu.pb.gz"))
    assert "there is no objdump on PATH" in said


def test_python_functions_have_no_machine_code(tmp_path):
    (profile,) = recorded_profiles(tmp_path, 1)
    said = refusal("disasm", ".", str(profile))
    assert "is a Python function: the profile has no machine code for it" in said

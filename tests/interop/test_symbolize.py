"""Addresses get names from the program, as the real `go tool pprof` gives them, inlined calls included."""

from __future__ import annotations

import gzip

import pytest

from interop.native_programs import extent, legacy_profile
from interop.pprof_oracle import run_pprof, run_whet
from interop.test_disasm import refusal, whet_rows
from whet.driver.tools import run_tool
from whet.formats import pprof
from whet.formats.disassembly import read_gnu_objdump
from whet.model.builder import ProfileBuilder
from whet.model.profile import Profile

MS = 1_000_000


pytestmark = pytest.mark.usefixtures("no_binaries_elsewhere")


def bare(profile: Profile) -> bytes:
    """Return a profile without the names it has: addresses and mappings only."""
    text, samples, locations = profile.strings.text, profile.samples, profile.locations
    builder = ProfileBuilder(profile.sample_type_names())
    mappings = profile.mappings
    rows = [
        builder.mapping(
            text(int(mappings.filename[row])),
            int(mappings.memory_start[row]),
            int(mappings.memory_limit[row]),
            int(mappings.file_offset[row]),
            text(int(mappings.build_id[row])),
        )
        for row in range(len(mappings))
    ]  # fmt: skip
    for row in range(len(samples)):
        stack = samples.stack[samples.stack_start[row] : samples.stack_start[row + 1]].tolist()
        builder.sample(
            [
                builder.location(
                    -1, address=int(locations.address[i]), mapping=rows[int(locations.mapping[i])]
                )
                for i in stack
            ],
            samples.values[row].tolist(),
        )
    return pprof.encode(builder.build())


@pytest.fixture(scope="module")
def go_bare(go_program):
    """Return a Go program's CPU profile without names."""
    path = go_program.parent / "bare.pb.gz"
    path.write_bytes(bare(pprof.decode(gzip.decompress((go_program.parent / "cpu.pb.gz").read_bytes()))))
    return path


@pytest.mark.parametrize("report", ["-top", "-tree", "-traces", "-lines -top", "-peek=main"])
def test_go_program_is_named_as_pprof_names_it(go_bare, report):
    arguments = [*report.split(), "-symbolize=local", str(go_bare)]
    assert run_whet(["-compat=pprof", *arguments])[1] == run_pprof(arguments)[1]


def test_names_are_looked_up_without_being_asked_for(go_bare):
    assert "main.fib" in run_whet(["-top", str(go_bare)])[1]
    assert "main.fib" not in run_whet(["-top", "-symbolize=none", str(go_bare)])[1]


def test_written_profile_keeps_the_names(go_bare, tmp_path):
    copy = tmp_path / "named.pb.gz"
    assert run_whet(["-proto", "-o", str(copy), str(go_bare)])[0] == 0
    assert run_pprof(["-top", "-symbolize=none", str(copy)])[1] == run_whet(["-top", str(go_bare)])[1]


def test_program_before_the_profile_is_asked(go_program, go_bare, tmp_path):
    away = tmp_path / "moved"
    go_program.rename(away)
    try:
        _, text, errors = run_whet(["-top", str(go_bare)])
        assert "main.fib" not in text
        assert "no file of goprofiles" in errors
        assert "main.fib" in run_whet(["-top", str(away), str(go_bare)])[1]
    finally:
        away.rename(go_program)


def test_legacy_profile_of_a_c_program_has_inlined_calls(c_program, tmp_path):
    start, end = extent(c_program, "total")
    text = run_tool("objdump", ["-d", "-l", "--no-show-raw-insn", f"--start-address={start}",
                                f"--stop-address={end}", str(c_program)], "")  # fmt: skip
    instructions = read_gnu_objdump(text)
    inlined = next(i.address for i in instructions if i.line == 2)
    profile = tmp_path / "legacy.prof"
    profile.write_bytes(legacy_profile(c_program, {start: 3, inlined: 5}))
    rows = {row["name"]: row for row in whet_rows("top", "-nodefraction=0", str(profile))}
    assert {name: (row["flat"], row["cum"]) for name, row in rows.items()} == {
        "square": (50 * MS, 50 * MS),
        "total": (30 * MS, 80 * MS),
        "main": (0, 80 * MS),
    }
    lines = {row["name"]: row["line"] for row in whet_rows("top", "-lines", str(profile)) if row["flat"]}
    assert lines == {"square": 2, "total": instructions[0].line}


def test_symbols_do_where_there_are_no_tools(c_program, tmp_path, monkeypatch):
    start, _ = extent(c_program, "total")
    profile = tmp_path / "legacy.prof"
    profile.write_bytes(legacy_profile(c_program, {start: 3, start + 4: 1}))
    fast = whet_rows("top", "-symbolize=fastlocal", str(profile))
    monkeypatch.setenv("PATH", "/nonexistent")
    _, _, errors = run_whet(["top", str(profile)])
    assert "there is no addr2line on PATH" in errors
    assert [(row["name"], row["file"]) for row in fast] == [("total", ""), ("main", "")]
    assert whet_rows("top", str(profile)) == fast


def test_force_names_again(go_program, tmp_path):
    start, _ = extent(go_program, "main.fib")
    builder = ProfileBuilder([("samples", "count")])
    mapping = builder.mapping(str(go_program), 0x400000, 0x800000)
    builder.sample([builder.location(builder.function("wrong"), address=start, mapping=mapping)], [1])
    path = tmp_path / "wrong.pb.gz"
    path.write_bytes(pprof.encode(builder.build()))
    assert [row["name"] for row in whet_rows("top", str(path))] == ["wrong"]
    assert [row["name"] for row in whet_rows("top", "-symbolize=force", str(path))] == ["main.fib"]


def test_servers_are_not_asked_for_names(go_bare):
    assert "-symbolize=remote is not supported" in refusal("top", "-symbolize=remote", str(go_bare))

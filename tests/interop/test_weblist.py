"""`weblist`: lines are those of `list`, instructions those of the real `go tool pprof -weblist`."""

from __future__ import annotations

import re
from collections import defaultdict
from html import unescape
from pathlib import Path

import pytest

from interop.native_programs import build_c, extent, legacy_profile
from interop.pprof_oracle import run_pprof, run_whet
from interop.real_profiles import recorded_profiles
from interop.test_disasm import whet_rows
from whet.analyze.profile.config import Config, Defaults
from whet.analyze.profile.report import prepare
from whet.driver.sources import load_profile
from whet.driver.weblist import machine_code

SOURCE = Path(__file__).parent / "goprofiles"
# Functions without recursion, which pprof counts several times.
REGEX = r"^main\.(words|allocate|contend|work|main)$"
ROW = re.compile(r"\s+(\.|[\d.]+\w+)\s+(\.|[\d.]+\w+)\s+([0-9a-f]+): ")


@pytest.fixture(autouse=True)
def in_the_source_directory(monkeypatch, no_binaries_elsewhere):
    monkeypatch.chdir(SOURCE)


def pprof_instructions(profile: Path, output: Path) -> dict[int, tuple[str, str]]:
    """Return (flat, cum) as text of each instruction that pprof's page has."""
    status, _ = run_pprof([f"-weblist={REGEX}", "-unit=ns", f"-output={output}", str(profile)])
    assert status == 0
    found = {}
    for part in re.findall(r"<span class=asm>(.*?)\n<span class=line>", output.read_text(), re.DOTALL):
        for row in ROW.finditer(unescape(re.sub("<[^>]*>", "", part))):
            found[int(row[3], 16)] = (row[1], row[2])
    return found


def nanoseconds(text: str) -> int:
    return 0 if text == "." else int(text.removesuffix("ns"))


def test_instructions_have_the_values_of_pprof(go_program, tmp_path):
    profile = go_program.parent / "cpu.pb.gz"
    theirs = {
        address: (nanoseconds(flat), nanoseconds(cum))
        for address, (flat, cum) in pprof_instructions(profile, tmp_path / "page.html").items()
    }
    ours = {
        i["address"]: (i["flat"], i["cum"])
        for row in whet_rows("weblist", REGEX, str(profile))
        for line in row["lines"]
        for i in line["instructions"]
    }
    hot = {address for address, values in ours.items() if any(values)}
    assert hot
    assert {a: ours[a] for a in hot} == {a: theirs.get(a) for a in hot}
    assert hot == {address for address, values in theirs.items() if any(values) and address in ours}


@pytest.mark.parametrize("kind", ["cpu", "allocs"])
def test_lines_are_those_of_list(go_program, kind):
    profile = str(go_program.parent / f"{kind}.pb.gz")
    listed = {(r["name"], r["file"]): r for r in whet_rows("list", r"main\.|strings\.Fields", profile)}
    shown = whet_rows("weblist", r"main\.|strings\.Fields", profile)
    assert {(r["name"], r["file"]) for r in shown} == set(listed)
    for row in shown:
        other = listed[row["name"], row["file"]]
        assert (row["flat"], row["cum"]) == (other["flat"], other["cum"])
        lines = {line["line"]: (line["flat"], line["cum"]) for line in row["lines"]}
        values = {line["line"]: (line["flat"], line["cum"]) for line in other["lines"]}
        assert {number: v for number, v in lines.items() if any(v)} == {
            number: v for number, v in values.items() if any(v)
        }


def test_values_of_instructions_add_up_to_their_lines(go_program):
    for row in whet_rows("weblist", r"main\.(words|fib)$", str(go_program.parent / "cpu.pb.gz")):
        own = defaultdict(int)
        for line in row["lines"]:
            own[line["line"]] = sum(i["flat"] for i in line["instructions"] if i["line"] == line["line"])
            assert own[line["line"]] <= sum(i["flat"] for i in line["instructions"])
            assert line["flat"] == own[line["line"]]
        assert sum(own.values()) == row["flat"]


def test_inlined_calls_are_under_the_line_that_makes_them(tmp_path):
    program = build_c(tmp_path)
    start, _ = extent(program, "total")
    profile = tmp_path / "legacy.prof"
    profile.write_bytes(legacy_profile(program, {start: 3}))
    (row,) = whet_rows("weblist", "^total$", str(profile))
    (hot,) = (line for line in row["lines"] if line["flat"])
    assert hot["flat"] == sum(i["flat"] for i in hot["instructions"]) == 3 * 10_000_000
    (call,) = (line for line in row["lines"] if line["text"] == "    t += square(i);")
    assert any(i["line"] == 2 for i in call["instructions"])


def test_python_functions_show_bytecode(tmp_path):
    (profile,) = recorded_profiles(tmp_path, 1)
    rows = [r for r in whet_rows("weblist", ".", str(profile)) if r["file"].endswith(".py")]
    assert rows
    hot = [line for row in rows for line in row["lines"] if line["flat"]]
    assert any(code["name"].startswith("LOAD_") for line in hot for code in line["bytecode"])
    assert not any(line["instructions"] for row in rows for line in row["lines"])


def test_missing_program_leaves_the_lines_and_is_noted(go_program, tmp_path):
    copy = tmp_path / "cpu.pb.gz"
    copy.write_bytes((go_program.parent / "cpu.pb.gz").read_bytes())
    go_program.rename(go_program.with_name("away"))
    try:
        (row,) = whet_rows("weblist", r"main\.words$", str(copy))
    finally:
        go_program.with_name("away").rename(go_program)
    (note,) = row["notes"]
    assert note.startswith("no machine code: there is no file of goprofiles here; PROGRAM before the profile")
    assert any(line["cum"] for line in row["lines"])


def test_page_needs_nothing_else(go_program, tmp_path):
    page = tmp_path / "page.html"
    status, out, _ = run_whet(
        ["weblist", r"main\.words", "-o", str(page), str(go_program.parent / "cpu.pb.gz")]
    )
    assert (status, out) == (0, "")
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=\"(?!#)", text)
    assert 'fmt.Fprintf(&amp;b, <span class="t-string">&quot;word %d &quot;</span>, i)' in text


def test_source_view_has_the_instructions_of_each_line(go_program):
    profile = go_program.parent / "cpu.pb.gz"
    report = prepare(load_profile(str(profile)), Config(), Defaults(trim=False))
    (row,) = whet_rows("weblist", r"main\.words$", str(profile))
    lines, notes = machine_code(report, "main.words", row["file"])
    assert notes == []
    assert {number: [int(address, 16) for address, _, _ in found] for number, found in lines.items()} == {
        line["line"]: [i["address"] for i in line["instructions"]]
        for line in row["lines"]
        if line["instructions"]
    }

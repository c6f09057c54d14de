"""The programs and libraries that a profile's addresses belong to: found, checked, disassembled.

A file is looked for where pprof looks: under the directories of `PPROF_BINARY_PATH`, by build ID
and by name, then by the name that the profile has for it. A file of another build is refused.
Instructions are Go's own `go tool objdump` for Go programs, binutils' `objdump` for all others.
"""

from __future__ import annotations

import os
import shutil
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from whet.analyze.profile.config import Config
from whet.analyze.profile.machine import CodeFile, Extent
from whet.driver.sources import is_object_file
from whet.driver.tools import run_tool
from whet.errors import SourceError, UsageError, WhetError
from whet.formats.disassembly import (
    MachineInstruction,
    read_gnu_objdump,
    read_go_objdump,
)
from whet.formats.elf import read_elf, read_symbols
from whet.model.profile import Profile

__all__ = ["Binaries", "open_code", "program_note"]

_GAP_BYTES = 1 << 16  # disassembling this much more costs less than starting another process


class Binaries:
    """Opens the files of a profile's mappings, each once; collects what there is to say about them."""

    def __init__(self, profile: Profile, config: Config) -> None:
        self._profile = profile
        self._config = config
        self._opened: dict[tuple[str, str], CodeFile | None] = {}
        self.warnings: list[str] = []

    def open(self, mapping: int) -> CodeFile | None:
        """Return the file of a mapping, None where there is none that fits."""
        mappings, text = self._profile.mappings, self._profile.strings.text
        key = text(int(mappings.filename[mapping])), text(int(mappings.build_id[mapping])).lower()
        if key not in self._opened:
            self._opened[key] = self._find(*key)
        return self._opened[key]

    def disassemble(self, code: CodeFile, extents: Sequence[Extent]) -> list[list[MachineInstruction]]:
        """Return the instructions between two addresses of a file each, in any order.

        Raises:
            SourceError: there is no disassembler, or it fails.
        """
        found: dict[Extent, list[MachineInstruction]] = {}
        for start, end, inside in _neighbours(extents, exact=self._config.as_pprof):
            instructions = _disassemble(code, start, end, self._config)
            places = [instruction.address for instruction in instructions]
            for first, last in inside:
                found[first, last] = instructions[bisect_left(places, first) : bisect_left(places, last)]
        return [found[extent] for extent in extents]

    def try_to_disassemble(self, code: CodeFile, extents: Sequence[Extent]) -> list[list[MachineInstruction]]:
        """Return instructions, or none and a warning where there is no disassembler."""
        try:
            return self.disassemble(code, extents)
        except WhetError as error:
            self.warnings.append(f"no machine code: {error}" + (f"; {error.hint}" if error.hint else ""))
            return [[] for _ in extents]

    def explained(self, error: UsageError) -> UsageError:
        """Return an error that says, too, why a file was left out."""
        return UsageError("; ".join([str(error), *self.warnings]), hint=error.hint)

    def _find(self, name: str, build_id: str) -> CodeFile | None:
        if name.startswith(("[", "//anon")) or "\0" in name + build_id:
            return None
        for path in _candidates(name, build_id):
            if not path.is_file() or not is_object_file(str(path)):
                continue
            try:
                code = open_code(str(path))
            except WhetError as error:
                self.warnings.append(str(error))
                continue
            found = code.elf.build_id
            if build_id and found and found != build_id and not self._config.as_pprof:
                self.warnings.append(
                    f"{path}: left out: its build ID is {found}, the profile was recorded with {build_id}"
                )
                continue
            return code
        return None


def open_code(path: str) -> CodeFile:
    """Read the tables of a program.

    Raises:
        SourceError: it cannot be read, or is damaged.
    """
    try:
        with open(path, "rb") as file:
            elf = read_elf(file)
            return CodeFile(str(Path(path).absolute()), elf, read_symbols(file, elf))
    except WhetError as error:
        raise SourceError(f"{path}: {error}", hint=error.hint) from None
    except OSError as error:
        raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def program_note(path: str, build_id: str) -> str:
    """Say what is wrong with a program for a profile of a build ID, '' where nothing is known to be."""
    try:
        with open(path, "rb") as file:
            found = read_elf(file).build_id if file.read(4) == b"\x7fELF" and not file.seek(0) else ""
    except (OSError, WhetError) as error:
        return f"{path}: {error}"
    if not found or not build_id or found == build_id.lower():
        return ""
    return f"{path}: its build ID is {found}, the profile was recorded with {build_id}"


def _candidates(name: str, build_id: str) -> Iterator[Path]:
    """Yield the names a mapping's file may have here, most certain first."""
    searched = os.environ.get("PPROF_BINARY_PATH") or str(Path.home() / "pprof" / "binaries")
    plain = Path(name.lstrip("/"))
    for directory in map(Path, filter(None, searched.split(os.pathsep))):
        if build_id:
            yield directory / build_id / plain.name
            yield from sorted(_entries(directory / build_id))
            yield directory / plain / build_id
            yield directory / build_id[:2] / f"{build_id[2:]}.debug"
        if plain.name:
            debug = f"{plain.name}.debug"
            yield directory / plain.name
            yield directory / plain
            yield (directory / plain).with_name(debug)
            yield (directory / plain).parent / ".debug" / debug
            yield directory / "usr/lib/debug" / plain.with_name(debug)
    if name:
        yield Path(name)


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _neighbours(extents: Iterable[Extent], *, exact: bool) -> Iterator[tuple[int, int, list[Extent]]]:
    """Group extents that one run of a disassembler can do; `exact` runs one for each."""
    group: list[Extent] = []
    for start, end in sorted(set(extents)):
        if group and (exact or start > group[-1][1] + _GAP_BYTES):
            yield group[0][0], max(e for _, e in group), group
            group = []
        group.append((start, end))
    if group:
        yield group[0][0], max(e for _, e in group), group


def _disassemble(code: CodeFile, start: int, end: int, config: Config) -> list[MachineInstruction]:
    if config.as_pprof and config.intel_syntax:
        raise UsageError(
            "go tool pprof has no Intel syntax", hint="leave -compat=pprof out: binutils' objdump has it"
        )
    with_go = config.as_pprof or (code.elf.is_go and shutil.which("go"))
    by_go = _by_go(code, start, end) if with_go else []
    found = by_go if with_go and not config.intel_syntax else _by_binutils(code, start, end, config)
    if with_go and config.intel_syntax:  # whose lines binutils may not be able to read
        places = {i.address: i for i in by_go}
        found = [replace(places.get(i.address, i), text=i.text) for i in found]
    return [instruction for instruction in found if start <= instruction.address < end]


def _by_go(code: CodeFile, start: int, end: int) -> list[MachineInstruction]:
    return read_go_objdump(run_tool("go", ["tool", "objdump", code.path, f"{start:#x}", f"{end:#x}"], ""))


def _by_binutils(code: CodeFile, start: int, end: int, config: Config) -> list[MachineInstruction]:
    options = ["--disassemble", "--demangle", "--line-numbers", "--no-show-raw-insn", "--wide"]
    if config.intel_syntax:
        options.append("--disassembler-options=intel")
    bounds = [f"--start-address={start:#x}", f"--stop-address={end:#x}"]
    return read_gnu_objdump(run_tool("objdump", [*options, *bounds, code.path], config.tools))

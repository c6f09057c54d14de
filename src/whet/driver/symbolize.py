"""Names for addresses: what `-symbolize` asks for, done with the files that are here.

Go programs are asked through `go tool addr2line`, all others through binutils' `addr2line`, which
knows inlined calls; where neither helps, the file's own symbols do.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from whet.analyze.profile.config import Config
from whet.analyze.profile.machine import CodeFile, find_places
from whet.analyze.profile.symbols import symbol_frames, unnamed, with_frames
from whet.driver.binaries import Binaries
from whet.driver.tools import run_tool
from whet.errors import SourceError
from whet.formats.disassembly import Frame, read_addr2line, read_go_addr2line
from whet.model.profile import Profile

__all__ = ["inline_frames", "symbolized"]

_MOST_NAMED = 3


def symbolized(profile: Profile, symbolize: str, config: Config) -> tuple[Profile, list[str]]:
    """Return the profile with names for its addresses, and what is missing.

    `symbolize` holds pprof's words, separated by ':'; "" is the default.
    """
    words = symbolize.lower().split(":")
    if "none" in words or "no" in words:
        return profile, []
    wanted = unnamed(profile, force="force" in words or _demangles(words))
    if not wanted.any():
        return profile, []
    binaries = Binaries(profile, config)
    places = find_places(profile, binaries.open, wanted)
    frames: dict[int, list[Frame]] = {}
    warnings = list[str]()
    for number, code in enumerate(places.codes):
        rows = np.flatnonzero(places.code == number)
        addresses = np.unique(places.address[rows])
        try:
            found = _look_up(code, addresses.tolist(), words, config)
        except SourceError as error:
            warnings.append(f"{code.path}: no lines: {error}")
            found = symbol_frames(code, addresses.tolist())
        at = np.searchsorted(addresses, places.address[rows]).tolist()
        frames |= {row: found[i] for row, i in zip(rows.tolist(), at, strict=True)}
    missing = wanted & (places.code < 0) & (np.diff(profile.locations.line_start) == 0)
    return with_frames(profile, frames), [*binaries.warnings, *warnings, *_missing(profile, missing)]


def inline_frames(code: CodeFile, addresses: Sequence[int], config: Config) -> list[list[Frame]]:
    """Return the frames of addresses, inlined calls first; none where nothing tells what was inlined.

    Go's tools do not, and binutils cannot read the lines of Go programs.
    """
    unknown: list[list[Frame]] = [[] for _ in addresses]
    if code.elf.is_go or not code.elf.has_debug_lines:
        return unknown
    try:
        return _look_up(code, addresses, [], config)
    except SourceError:
        return unknown


def _demangles(words: list[str]) -> bool:
    """Whether names that are there already are asked for in another form: they are looked up again."""
    return any(word in ("demangle=full", "demangle=none", "demangle=templates") for word in words)


def _look_up(code: CodeFile, addresses: Sequence[int], words: list[str], config: Config) -> list[list[Frame]]:
    known = symbol_frames(code, addresses)
    if "fastlocal" in words:
        return known
    text = "".join(f"{address:#x}\n" for address in addresses)
    if code.elf.is_go and shutil.which("go"):
        found = read_go_addr2line(run_tool("go", ["tool", "addr2line", code.path], "", text=text))
    else:
        options = ["--addresses", "--functions", "--inlines", f"--exe={code.path}"]
        if "demangle=none" not in words:
            options.append("--demangle")
        found = read_addr2line(run_tool("addr2line", options, config.tools, text=text))
    if len(found) != len(addresses):
        raise SourceError("addr2line does not answer for every address")
    return [frames or known[i] for i, frames in enumerate(found)]


def _missing(profile: Profile, places: npt.NDArray[np.bool_]) -> list[str]:
    """Say whose files are not here."""
    locations, text = profile.locations, profile.strings.text
    rows, counts = np.unique(locations.mapping[places], return_counts=True)
    names = [posixpath.basename(text(int(profile.mappings.filename[row]))) for row in rows.tolist()]
    found = [(name, count) for name, count in zip(names, counts.tolist(), strict=True) if _is_file(name)]
    if not found:
        return []
    shown = [name for name, _ in found[:_MOST_NAMED]]
    if len(found) > _MOST_NAMED:
        shown.append(f"{len(found) - _MOST_NAMED} more")
    count = sum(count for _, count in found)
    places_stay = "1 place keeps its address" if count == 1 else f"{count} places keep their addresses"
    said = f"no file of {', '.join(shown)} here: {places_stay}"
    return [f"{said}; PPROF_BINARY_PATH=DIRECTORY says where files are"]


def _is_file(name: str) -> bool:
    return bool(name) and not name.startswith(("[", "//"))

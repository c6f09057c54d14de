"""Memory maps of the legacy formats: lines of /proc/PID/maps or of its brief form.

Parses them and finds the mapping of each address, with the corrections that pprof applies.
Knows no profile format.
Semantics: github.com/google/pprof, profile/legacy_profile.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["SENTINELS", "Mapping", "MemoryMap"]

SENTINELS = ("--- Memory map: ---", "MAPPED_LIBRARIES:")
_MAX_LINE = 4096
_RANGE = r"\s*(?:0x)?([0-9a-fA-F]+)[\s-]?\s*(?:0x)?([0-9a-fA-F]+):?"
_PERMISSIONS = r"(?:\s+([-rwxp]+))?"
_FULL = re.compile(
    _RANGE + _PERMISSIONS + r"(?:\s+([0-9a-fA-F]+))?\s+[0-9a-fA-F]+:[0-9a-fA-F]+\s+[0-9]+(?:\s+(\S+))?",
    re.ASCII,
)
_BRIEF = re.compile(
    _RANGE + _PERMISSIONS + r"(?:\s+(\S+))?(?:\s+\(@([0-9a-fA-F]+)\))?(?:\s+([0-9a-fA-F]+))?", re.ASCII
)
_LOG_PREFIX = re.compile(r"[^\[\]]+:[0-9]+]\s")
_LIBRARY = re.compile(r"[.]so$|[.]so[._][0-9]+")
_USUAL_START = 0x400000
_LAST = (1 << 64) - 1


@dataclass(slots=True, eq=False)
class Mapping:
    """A mapped object; `limit` is the first address after it."""

    start: int
    limit: int
    offset: int = 0
    file: str = ""
    build_id: str = ""


class MemoryMap:
    """The mappings of a profile; `find` may correct them or add a catch-all one."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.mappings = _main_first(_joined(_parse(lines)))
        self._catch_all: Mapping | None = None
        for first, second in list(pairwise(self.mappings[:2])):
            if first.file.startswith("/anon_hugepage") and first.limit == second.start:
                del self.mappings[0]
        for main in self.mappings[:1]:
            if main.start - main.offset == _USUAL_START:
                main.start, main.offset = _USUAL_START, 0

    def find(self, address: int) -> Mapping | None:
        """Return the mapping of an address; None for address 0."""
        if address == 0:
            return None
        for mapping in self.mappings:
            if mapping.start <= address < mapping.limit:
                return mapping
        for mapping in self.mappings:
            if mapping.offset and (mapping.start - mapping.offset) & _LAST <= address < mapping.start:
                mapping.start, mapping.offset = mapping.start - mapping.offset, 0
                return mapping
        if self._catch_all is None:
            self._catch_all = Mapping(0, _LAST)
            self.mappings.append(self._catch_all)
        return self._catch_all


def _parse(lines: Iterable[str]) -> list[Mapping]:
    mappings = []
    attributes: dict[str, str] = {}
    for line in lines:
        if len(line) > _MAX_LINE:
            continue
        if prefix := _LOG_PREFIX.match(line):
            line = line[prefix.end() :]
        for name, text in attributes.items():
            line = line.replace(name, text)
        entry = _entry(line)
        if entry is not None:
            permissions, mapping = entry
            if not permissions or "x" in permissions:
                mappings.append(mapping)
        elif "=" in line and len(attributes) < 100:
            name, _, text = line.partition("=")
            attributes["$" + name.strip()] = text.strip()
    return mappings


def _entry(line: str) -> tuple[str, Mapping] | None:
    if match := _FULL.match(line):
        start, limit, permissions, offset, file, build_id = *match.groups(""), ""
    elif match := _BRIEF.match(line):
        start, limit, permissions, file, offset, build_id = match.groups("")
    else:
        return None
    numbers = [int(text or "0", 16) for text in (start, limit, offset)]
    if max(numbers) > _LAST:
        return None
    return permissions, Mapping(numbers[0], numbers[1], numbers[2], file, build_id)


def _joined(mappings: list[Mapping]) -> list[Mapping]:
    """Join the pieces of mappings that were split."""
    result: list[Mapping] = []
    for mapping in mappings:
        if result and _adjacent(result[-1], mapping):
            last = result[-1]
            last.limit = mapping.limit
            last.file = mapping.file or last.file
            last.build_id = mapping.build_id or last.build_id
        else:
            result.append(mapping)
    return result


def _adjacent(a: Mapping, b: Mapping) -> bool:
    if a.limit != b.start:
        return False
    if (a.file and b.file and a.file != b.file) or (a.build_id and b.build_id and a.build_id != b.build_id):
        return False
    return not (a.offset and b.offset) or a.offset + a.limit - a.start == b.offset


def _main_first(mappings: list[Mapping]) -> list[Mapping]:
    """Swap what looks like the main binary to the front."""
    for i, mapping in enumerate(mappings):
        file = mapping.file.replace("(deleted)", "").strip()
        if file and not _LIBRARY.search(file) and not file.startswith("["):
            mappings[0], mappings[i] = mappings[i], mappings[0]
            break
    return mappings

"""Programs and libraries as ELF files: what they are, their build ID, segments and functions.

Reads what is needed to find the instructions that a profile's addresses belong to; neither
machine code nor debugging information is read here. Specification: System V ABI, chapters 4
and 5; the build ID is the note `NT_GNU_BUILD_ID` of the GNU linker.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from whet.errors import FormatError

__all__ = ["Elf", "Segment", "Symbols", "read_elf", "read_symbols"]

_MAGIC = b"\x7fELF"
_EXECUTABLE, _SHARED = 2, 3
_LOAD = 1
_CAN_EXECUTE = 1
_SYMBOL_TABLE, _NOTE, _DYNAMIC_SYMBOLS = 2, 7, 11
_BUILD_ID = 3
_NO_TYPE, _FUNCTION, _INDIRECT = 0, 2, 10
_PAGE = 4096
_MOST_SECTIONS = 65_280
_MOST_TABLE_BYTES = 1 << 30
_MOST_NOTE_BYTES = 1 << 20
_GO_SECTIONS = (".gopclntab", ".go.buildinfo", ".note.go.buildid", ".data.rel.ro.gopclntab")
# The columns of a symbol table, of 64 and of 32 bits.
_WIDE = ("name", "kind", "visibility", "section", "address", "size")
_NARROW = ("name", "address", "size", "kind", "visibility", "section")

U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the file that is loaded: sizes in bytes."""

    offset: int
    address: int
    file_size: int
    memory_size: int
    executable: bool


@dataclass(frozen=True, slots=True)
class _Section:
    name: int
    kind: int
    address: int
    offset: int
    size: int
    link: int


@dataclass(slots=True)
class Elf:
    """An ELF file.

    Attributes:
        build_id: hexadecimal, '' where there is none.
        is_go: whether Go's linker made it.
        is_fixed: whether it is loaded where it was linked to.
    """

    build_id: str = ""
    is_go: bool = False
    is_fixed: bool = False
    has_debug_lines: bool = False
    segments: list[Segment] = field(default_factory=list)
    _sections: list[_Section] = field(default_factory=list)
    _order: str = "<"
    _is_64: bool = True

    def base(self, start: int, limit: int, offset: int) -> int:
        """Return what is subtracted from a process's addresses to get the file's.

        Args: where a mapping of the file starts and ends in memory, and its offset in the file.
        """
        if self.is_fixed or (start == 0 and offset == 0):
            return 0
        length = max(limit - start, 1)
        fitting = [
            s for s in self.segments if s.offset // _PAGE * _PAGE < offset + length
            and offset < s.offset + max(s.file_size, 1)
        ]  # fmt: skip
        chosen = sorted(fitting, key=lambda s: not s.executable)
        if not chosen:
            return start - offset
        return start - offset + chosen[0].offset - chosen[0].address


@dataclass(slots=True)
class Symbols:
    """The functions of a file, by address.

    Attributes:
        address, size: uint64[n], sorted by address; several may share one.
        names: bytes of each.
    """

    address: U64
    size: U64
    names: list[bytes]

    def __len__(self) -> int:
        return len(self.names)

    def name(self, row: int) -> str:
        """Return a function's name as the linker knows it."""
        return self.names[row].decode("utf-8", "surrogateescape")


def read_elf(file: BinaryIO) -> Elf:
    """Read the tables of a program.

    Raises:
        FormatError: it is no ELF file, or damaged.
    """
    try:
        return _read(file)
    except struct.error:
        raise FormatError("a damaged ELF file: a table ends beyond it") from None


def _read(file: BinaryIO) -> Elf:
    ident = file.read(16)
    if ident[:4] != _MAGIC or len(ident) < 16:
        raise FormatError("not an ELF file", hint="programs of other systems cannot be read")
    if ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise FormatError("a damaged ELF file: neither 32 nor 64 bits", offset=4)
    elf = Elf(_is_64=ident[4] == 2, _order="<" if ident[5] == 1 else ">")
    head = struct.Struct(elf._order + ("HHIQQQIHHHHHH" if elf._is_64 else "HHIIIIIHHHHHH"))
    values = head.unpack(file.read(head.size))
    kind, program_offset, section_offset = values[0], values[4], values[5]
    program_size, programs, section_size, sections, names = values[8:13]
    elf.is_fixed = kind == _EXECUTABLE
    elf.segments = _segments(file, elf, program_offset, program_size, programs)
    elf._sections = _section_table(file, elf, section_offset, section_size, sections)
    texts = _section_data(file, elf._sections[names]) if names < len(elf._sections) else b""
    known = {_text(texts, section.name) for section in elf._sections}
    elf.is_go = any(name.encode() in known for name in _GO_SECTIONS)
    elf.has_debug_lines = bool(known & {b".debug_line", b".zdebug_line"})
    elf.build_id = next(filter(None, (_build_id(file, elf, s) for s in elf._sections)), "")
    return elf


def _segments(file: BinaryIO, elf: Elf, offset: int, size: int, count: int) -> list[Segment]:
    layout = struct.Struct(elf._order + ("IIQQQQQQ" if elf._is_64 else "IIIIIIII"))
    if count and size != layout.size:
        raise FormatError("a damaged ELF file: program headers of a wrong size", offset=offset)
    found = []
    for values in _rows(file, offset, layout, count):
        if elf._is_64:
            kind, flags, place, address, _, file_size, memory_size, _ = values
        else:
            kind, place, address, _, file_size, memory_size, flags, _ = values
        if kind == _LOAD:
            found.append(Segment(place, address, file_size, memory_size, bool(flags & _CAN_EXECUTE)))
    return found


def _section_table(file: BinaryIO, elf: Elf, offset: int, size: int, count: int) -> list[_Section]:
    layout = struct.Struct(elf._order + ("IIQQQQIIQQ" if elf._is_64 else "IIIIIIIIII"))
    if not offset or not count:
        return []
    if size != layout.size or count > _MOST_SECTIONS:
        raise FormatError("a damaged ELF file: section headers of a wrong size", offset=offset)
    rows = _rows(file, offset, layout, count)
    return [_Section(r[0], r[1], r[3], r[4], r[5], r[6]) for r in rows]


def _rows(file: BinaryIO, offset: int, layout: struct.Struct, count: int) -> list[tuple[int, ...]]:
    data = _data(file, offset, layout.size * count)
    return list(layout.iter_unpack(data))


def _section_data(file: BinaryIO, section: _Section) -> bytes:
    return _data(file, section.offset, section.size)


def _data(file: BinaryIO, offset: int, size: int) -> bytes:
    end = file.seek(0, os.SEEK_END)
    if size > _MOST_TABLE_BYTES or offset + size > end:
        raise FormatError("a damaged ELF file: a table ends beyond it", offset=min(offset, end))
    file.seek(offset)
    return file.read(size)


def _text(table: bytes, start: int) -> bytes:
    end = table.find(b"\0", start)
    return table[start : end if end >= 0 else len(table)]


def _build_id(file: BinaryIO, elf: Elf, section: _Section) -> str:
    if section.kind != _NOTE or section.size > _MOST_NOTE_BYTES:
        return ""
    data, at = _section_data(file, section), 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from(elf._order + "III", data, at)
        name_at = at + 12
        value_at = name_at + (name_size + 3) // 4 * 4
        if kind == _BUILD_ID and data[name_at : name_at + name_size] == b"GNU\0":
            return data[value_at : value_at + size].hex()
        at = value_at + (size + 3) // 4 * 4
    return ""


def read_symbols(file: BinaryIO, elf: Elf) -> Symbols:
    """Read the functions of a program; there are none where it was stripped.

    Raises:
        FormatError: the tables are damaged.
    """
    tables = [s for s in elf._sections if s.kind == _SYMBOL_TABLE]
    tables = tables or [s for s in elf._sections if s.kind == _DYNAMIC_SYMBOLS]
    address, size, names = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)], list[bytes]()
    for table in tables:
        if table.link >= len(elf._sections):
            raise FormatError("a damaged ELF file: symbols without names", offset=table.offset)
        rows = _symbol_rows(_section_data(file, table), elf)
        texts = _section_data(file, elf._sections[table.link])
        address.append(rows["address"].astype(np.uint64))
        size.append(rows["size"].astype(np.uint64))
        names += [_text(texts, start) for start in rows["name"].tolist()]
    addresses, sizes = np.concatenate(address), np.concatenate(size)
    order = np.argsort(addresses, kind="stable")
    return Symbols(addresses[order], sizes[order], [names[row] for row in order.tolist()])


def _symbol_rows(data: bytes, elf: Elf) -> npt.NDArray[np.void]:
    """Return the defined functions of a symbol table; assembly without types counts where it has a size."""
    o = elf._order
    wide = f"{o}u4,{o}u1,{o}u1,{o}u2,{o}u8,{o}u8"  # name, kind, visibility, section, address, size
    narrow = f"{o}u4,{o}u4,{o}u4,{o}u1,{o}u1,{o}u2"  # name, address, size, kind, visibility, section
    layout = np.dtype(wide if elf._is_64 else narrow)
    layout.names = _WIDE if elf._is_64 else _NARROW
    rows = np.frombuffer(data[: len(data) // layout.itemsize * layout.itemsize], layout)
    kind = rows["kind"] & 15
    functions = (kind == _FUNCTION) | (kind == _INDIRECT) | ((kind == _NO_TYPE) & (rows["size"] > 0))
    found: npt.NDArray[np.void] = rows[functions & (rows["section"] != 0)]
    return found

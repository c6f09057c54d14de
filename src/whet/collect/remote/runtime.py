"""Find the Python interpreter in another process: which file, where its `_PyRuntime` lies, which version.

Everything is read from /proc/PID: maps, the files through /proc/PID/root (so that a container's are its
own), and memory. Nothing is stopped, traced or changed. Specification of the files: System V ABI.
"""

import os
import re
import stat
import struct

from whet.collect.remote.access import refusal, why_no_memory
from whet.collect.remote.door import load_remote
from whet.collect.remote.tables import DEBUG_OFFSETS_BYTES, OFFSETS, SAID
from whet.errors import CollectError

__all__ = ["Interpreter", "command_line", "find_interpreter"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_DELETED = " (deleted)"
_COOKIE = b"xdebugpy"
_SECTION = struct.Struct("<IIQQQQII")
_SYMBOL = struct.Struct("<IBBHQQ")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_VERSION_IN_NAME = re.compile(r"python3\.(\d+)")
_LIBRARY_IN_TEXT = re.compile(rb"lib/python3\.(\d+)")
_WANTED = (b"_PyRuntime", b"Py_Version")
_MOST_TABLE_BYTES = 64 << 20
_MACHINES = {"x86_64": 62, "aarch64": 183}


class Interpreter:
    """A Python that runs in another process.

    Attributes:
        pid: the process.
        version: (major, minor, micro).
        file: the program or library that holds it, as the process names it.
        runtime: address of its `_PyRuntime`.
        layout: where it keeps things, by the names of `tables.OFFSETS`.
    """

    def __init__(
        self, pid: int, version: tuple[int, int, int], file: str, runtime: int, layout: dict[str, int]
    ) -> None:
        self.pid = pid
        self.version = version
        self.file = file
        self.runtime = runtime
        self.layout = layout


def find_interpreter(pid: int) -> Interpreter:
    """Find the interpreter of a process and check that whet knows it.

    Raises:
        CollectError: there is no such process, it may not be read, it is no Python, or none that is known.
    """
    suspects = []
    for mapped in _mapped_files(pid):
        places = _places(pid, mapped)
        if _VERSION_IN_NAME.search(os.path.basename(mapped.path)):
            suspects.append(mapped)
        if "_PyRuntime" in places:
            return _identify(pid, mapped.path, places)
    if not os.path.exists(f"/proc/{pid}"):
        raise CollectError(f"process {pid} has ended")
    if any(mapped.is_deleted for mapped in suspects):
        raise CollectError(
            f"process {pid}: the files of its Python were replaced or removed since it started",
            hint="only root can read what it still uses: sudo whet attach, or start the program again",
        )
    if suspects:
        raise CollectError(
            f"process {pid}: its Python has neither the symbol _PyRuntime nor the section .PyRuntime",
            hint="use a Python that was not stripped of its dynamic symbols",
        )
    name = command_line(pid)[:1] or ["?"]
    raise CollectError(
        f"process {pid} ({os.path.basename(name[0])}) is not Python",
        hint="whet attach reads CPython 3.11 to 3.15; a launcher's Python may be its child: --subprocesses",
    )


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process; [] where they are not known."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            data = file.read()
    except OSError:
        return []
    return (
        [part.decode("utf-8", "surrogateescape") for part in data.rstrip(b"\0").split(b"\0")] if data else []
    )


class _Mapped:
    """A file that is part of a process's memory.

    Attributes:
        path: as the process sees it.
        is_deleted: nothing, or another file, is at that place now.
        start: the address of its first byte.
        range: of its first mapping, as map_files names it.
    """

    def __init__(self, name: str, addresses: str, offset: str) -> None:
        self.path = name.removesuffix(_DELETED)
        self.is_deleted = name.endswith(_DELETED)
        begin, _, end = addresses.partition("-")
        self.start = int(begin, 16) - int(offset, 16)
        self.range = f"{int(begin, 16):x}-{int(end, 16):x}"


def _mapped_files(pid: int) -> list[_Mapped]:
    """Return mapped files, those named after Python first."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
        if lines:
            os.stat(f"/proc/{pid}/root/")  # needs the right to trace where maps may not
    except FileNotFoundError:
        raise CollectError(f"there is no process {pid}", hint="ps -C python3 lists some") from None
    except PermissionError:
        raise refusal(pid) from None
    except ProcessLookupError:
        raise CollectError(f"process {pid} has ended") from None
    if not lines:
        raise why_no_memory(pid)
    found: dict[str, _Mapped] = {}
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/") and fields[5] not in found:
            found[fields[5]] = _Mapped(fields[5], fields[0], fields[2])
    return sorted(found.values(), key=lambda mapped: "python" not in os.path.basename(mapped.path))


# ---- the file -----------------------------------------------------------------------------------


def _places(pid: int, mapped: _Mapped) -> dict[str, int]:
    """Return the addresses in the process of the wanted symbols; the section stands in for its symbol."""
    for path in _paths(pid, mapped):
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                continue  # to open a device may do something
            with open(path, "rb") as elf:
                found = _read_places(elf, mapped.start)
        except (OSError, struct.error, ValueError):
            continue
        if found:
            return found
    return {}


def _paths(pid: int, mapped: _Mapped) -> list[str]:
    """Return where a mapped file can be opened; map_files is for root, but is right after an upgrade, too."""
    here = f"/proc/{pid}/root{mapped.path}"
    paths = [f"/proc/{pid}/map_files/{mapped.range}"] if mapped.is_deleted else [here]
    if _link(f"/proc/{pid}/exe").removesuffix(_DELETED) == mapped.path:
        paths.append(f"/proc/{pid}/exe")
    return paths


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _read_places(elf: "BinaryIO", start: int) -> dict[str, int]:
    head = elf.read(64)
    if head[:6] != b"\x7fELF\x02\x01" or head[18] != _MACHINES.get(os.uname().machine):
        return {}
    kind = head[16]
    (offset,) = struct.unpack_from("<Q", head, 40)
    row_bytes, count, names_at = struct.unpack_from("<HHH", head, 58)
    # A fixed program (ET_EXEC) lies where it was linked to; others are moved by their lowest address.
    base = 0 if kind == 2 else start - _lowest_address(elf, head)
    sections = [_SECTION.unpack_from(_at(elf, offset + i * row_bytes, row_bytes)) for i in range(count)]
    if not sections:
        return {}
    names = _at(elf, sections[names_at][4], sections[names_at][5])
    found = {}
    for name, section_kind, _, address, place, size, link, _ in sections:
        if section_kind in (2, 11) and "_PyRuntime" not in found:  # symbol tables: all, or the dynamic ones
            texts = _at(elf, sections[link][4], sections[link][5])
            found.update({n: base + a for n, a in _symbols(_at(elf, place, size), texts).items()})
        elif names[name : names.find(b"\0", name)] == b".PyRuntime":
            found.setdefault("_PyRuntime", base + address)
    return found


def _lowest_address(elf: "BinaryIO", head: bytes) -> int:
    (offset,) = struct.unpack_from("<Q", head, 32)
    row_bytes, count = struct.unpack_from("<HH", head, 54)
    rows = [_SEGMENT.unpack_from(_at(elf, offset + i * row_bytes, row_bytes)) for i in range(count)]
    return min((row[3] & ~0xFFF for row in rows if row[0] == 1), default=0)


def _symbols(table: bytes, texts: bytes) -> dict[str, int]:
    found = {}
    for name in _WANTED:
        text_at = texts.find(b"\0" + name + b"\0") + 1
        if not text_at:
            continue
        for row in _SYMBOL.iter_unpack(table[: len(table) // _SYMBOL.size * _SYMBOL.size]):
            if row[0] == text_at and row[3]:
                found[name.decode()] = row[4]
                break
    return found


def _at(file: "BinaryIO", offset: int, size: int) -> bytes:
    if size > _MOST_TABLE_BYTES:
        raise ValueError("a table of impossible size")
    file.seek(offset)
    return file.read(size)


# ---- which one it is ----------------------------------------------------------------------------


def _identify(pid: int, file: str, places: dict[str, int]) -> Interpreter:
    runtime = places["_PyRuntime"]
    read_memory = load_remote().read_memory
    head = read_memory(pid, runtime, 24)
    if not head:
        raise refusal(pid)
    said = struct.unpack_from("<QQ", head, 8) if head[:8] == _COOKIE and len(head) == 24 else None
    version = said[0] if said else 0
    if not version and "Py_Version" in places:
        data = read_memory(pid, places["Py_Version"], 8)
        version = int.from_bytes(data, "little") if len(data) == 8 else 0
    numbers = (version >> 24 & 255, version >> 16 & 255, version >> 8 & 255)
    if not version:
        numbers = (3, _minor_by_words(pid, file), 0)
    minor = numbers[:2]
    if minor == (3, 0):
        raise CollectError(
            f"process {pid}: which Python {os.path.basename(file)} holds cannot be told",
            hint="it was stripped of all symbols; whet attach reads CPython 3.11 to 3.15",
        )
    text = ".".join(map(str, numbers if version else minor))
    if minor not in OFFSETS or (said is None and minor in SAID):
        raise CollectError(
            f"process {pid} runs Python {text}, which whet cannot read from outside",
            hint="whet attach reads CPython 3.11 to 3.15",
        )
    if said and said[1]:
        raise CollectError(
            f"process {pid} runs the free-threaded Python {text}, which whet cannot read from outside",
            hint="all its threads move while they are read; a build with the GIL can be read",
        )
    return Interpreter(pid, numbers, file, runtime, _layout(pid, runtime, minor))


def _minor_by_words(pid: int, file: str) -> int:
    """Return the minor version that a file's name tells, or else the program's texts; 0 if none."""
    in_name = _VERSION_IN_NAME.search(os.path.basename(file))
    if in_name:
        return int(in_name[1])
    try:
        with open(f"/proc/{pid}/exe", "rb") as program:
            texts = program.read(_MOST_TABLE_BYTES)
    except OSError:
        return 0
    # Where its library lies is compiled in: lib/python3.11.
    found = {int(match[1]) for match in _LIBRARY_IN_TEXT.finditer(texts)}
    return found.pop() if len(found) == 1 else 0


def _layout(pid: int, runtime: int, minor: tuple[int, int]) -> dict[str, int]:
    """Return the table of a version, corrected by what the process says itself."""
    layout = dict(OFFSETS[minor])
    if minor in SAID:
        size = DEBUG_OFFSETS_BYTES[minor]
        data: bytes = load_remote().read_memory(pid, runtime, size)
        if len(data) != size:
            raise CollectError(f"process {pid} has ended")
        words = struct.unpack(f"<{size // 8}Q", data)
        layout.update({name: words[index] for name, index in SAID[minor].items()})
    return layout

"""Profiles and source files named by users: the place where they are opened.

Reads bytes and hands them to `formats`; every failure names the file and what to do.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Sequence

from whet.analyze.profile.paths import trimmed_path
from whet.collect.recording import (
    BLOCK,
    CPU,
    HEAP,
    HEAP_PEAK,
    MUTEX,
    PROFILES,
    SLOW,
    TASKS,
    THREADS,
    WALL,
)
from whet.errors import FormatError, SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import BufferedReader

    from whet.formats.pprof import Merger
    from whet.kernels.reference import Digest
    from whet.model.profile import Profile

__all__ = [
    "SourceReader",
    "copy_profile",
    "digest_profile",
    "is_object_file",
    "is_readable_once",
    "load_profile",
    "load_profiles",
    "load_recording",
    "merge_profile",
    "write_output",
]

_OBJECT_MAGIC = (b"\x7fELF", b"MZ", b"\xfe\xed\xfa", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_PIPE_TIMEOUT_S = 10
# What a person calls the profiles of a recording.
_TITLES = {
    CPU: "CPU",
    WALL: "Wall clock",
    HEAP: "Memory",
    HEAP_PEAK: "Peak memory",
    BLOCK: "Waiting",
    MUTEX: "Holding",
    TASKS: "Tasks",
    SLOW: "Slow steps",
    THREADS: "Threads",
}


def load_profiles(sources: Sequence[str]) -> Profile:
    """Read profiles and merge them into one.

    Raises:
        SourceError: one cannot be read.
        FormatError: one is not a profile.
        UsageError: they are of different kinds.
    """
    profiles = [load_profile(source) for source in sources]
    if len(profiles) == 1:
        return profiles[0]
    from whet.analyze.profile.load import with_mapping
    from whet.model.common_types import with_common_types
    from whet.model.merge import merge

    return merge(with_common_types([with_mapping(p) for p in profiles]))


def load_recording(directory: str, *, first: int = 0) -> dict[str, Profile]:
    """Read the profiles of a recording from the `first` of those it has on, by what a person calls them.

    The CPU profile is the first; of the others those without samples are left out.

    Raises:
        SourceError: one cannot be read.
        FormatError: one is not a profile.
    """
    present = [name for name in PROFILES if os.path.exists(os.path.join(directory, name))]
    found = {}
    for name in present[first:]:
        profile = load_profile(os.path.join(directory, name))
        if name == CPU or len(profile.samples):
            found[_TITLES[name]] = profile
    return found


def load_profile(source: str) -> Profile:
    """Read one profile: a file, or a recording's directory (its first profile)."""
    from whet.formats import sniff

    path = _in_recording(source) if os.path.isdir(source) else source
    try:
        with _opened_pipe(path) if _is_pipe(path) else open(path, "rb") as file:
            if not file.peek(1):
                raise SourceError(
                    f"{path}: the file is empty", hint="the program that wrote it did not finish"
                )
            return sniff.decode_stream(file, source=path)
    except OSError as error:
        raise _source_error(path, error) from None
    except MemoryError:
        raise SourceError(
            f"{path}: not enough memory to read it", hint="see Limits in docs/formats.md"
        ) from None


def _is_pipe(path: str) -> bool:
    return stat.S_ISFIFO(os.stat(path).st_mode)


def _opened_pipe(path: str) -> BufferedReader:
    """Open a named pipe, which waits for somebody to write into it; do not wait for ever."""
    import threading
    from concurrent.futures import Future

    opened: Future[BufferedReader] = Future()

    def open_pipe() -> None:
        try:
            opened.set_result(open(path, "rb"))  # noqa: SIM115 - the caller closes it
        except OSError as error:
            opened.set_exception(error)

    threading.Thread(target=open_pipe, daemon=True).start()
    try:
        return opened.result(_PIPE_TIMEOUT_S)
    except TimeoutError:
        raise SourceError(
            f"{path}: nobody has opened this pipe for writing within {_PIPE_TIMEOUT_S} seconds",
            hint="start what writes the profile first",
        ) from None


def merge_profile(merger: Merger, source: str) -> bool:
    """Fold one profile into others; returns False where its types are not theirs.

    Raises:
        SourceError: it cannot be read.
        FormatError: it is not a profile.
    """
    path = _in_recording(source) if os.path.isdir(source) else source
    try:
        with open(path, "rb") as file:
            return merger.add_stream(file)
    except (OSError, FormatError):  # of another format, or else `load_profile` says what is wrong
        return merger.add(load_profile(source))


def is_readable_once(source: str) -> bool:
    """Whether a source is a pipe or something like it."""
    return os.path.exists(source) and not (os.path.isfile(source) or os.path.isdir(source))


def digest_profile(source: str) -> Digest:
    """Read no more of a pprof file than a table of functions needs.

    Raises:
        SourceError, FormatError, OSError: the source is of another kind, or bad; `load_profile` says
            what is wrong with it.
    """
    from whet.formats.digest import digest_stream

    with open(_regular(source), "rb") as file:
        return digest_stream(file)


def copy_profile(source: str) -> list[bytes] | None:
    """Read a pprof file and pack it again, in pieces; None where loading it would change it.

    Raises as `digest_profile` does.
    """
    from whet.analyze.profile.digest import stays_as_it_is
    from whet.formats.digest import packed_copy

    with open(_regular(source), "rb") as file:
        return packed_copy(file, wanted=stays_as_it_is)


def _regular(source: str) -> str:
    path = _in_recording(source) if os.path.isdir(source) else source
    if not os.path.isfile(path):  # what can be read only once is left alone
        raise SourceError(f"{path}: not a regular file")
    return path


def is_object_file(path: str) -> bool:
    """Whether a file is a program or a library: ELF, Mach-O or PE."""
    try:
        with open(path, "rb") as file:
            return file.read(4).startswith(_OBJECT_MAGIC)
    except OSError:
        return False


def _in_recording(directory: str) -> str:
    for name in PROFILES:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            return path
    raise SourceError(f"{directory}: a directory without a profile", hint=f"a recording has {PROFILES[0]}")


def _source_error(path: str, error: OSError) -> SourceError:
    hint = None
    if isinstance(error, FileNotFoundError):
        hint = "whet run PROGRAM makes a recording; its profile is cpu.pb.gz"
    return SourceError(f"{path}: {(error.strerror or str(error)).lower()}", hint=hint)


def write_output(path: str, pieces: Iterable[bytes]) -> None:
    """Write a report to a file named by the user, once all of it is made.

    Raises:
        SourceError: it cannot be written.
    """
    made = list(pieces)
    try:
        with open(path, "wb") as file:
            file.writelines(made)
    except OSError as error:
        raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}") from None


class SourceReader:
    """Finds and caches the source files that profiles name.

    A name is looked up as pprof does: absolute names as they are, unless the base name of a
    search directory is part of them; the rest in each search directory and its parents.
    """

    def __init__(self, search_path: str = "", trim_path: str = "") -> None:
        self._trim_path = trim_path
        self._search = (search_path or os.getcwd()).split(os.pathsep)
        self._search_path = os.pathsep.join(self._search)
        self._lines: dict[str, list[str]] = {}

    def lines(self, path: str) -> list[str]:
        """Return the lines of a source file, without their ends.

        Raises:
            SourceError: there is no such file.
        """
        if path not in self._lines:
            self._lines[path] = _split(self._open(path))
        return self._lines[path]

    def text(self, path: str) -> str | None:
        """Return the whole source file, or None where it cannot be read."""
        try:
            return "\n".join(self.lines(path)) + "\n"
        except SourceError:
            return None

    def _open(self, path: str) -> bytes:
        relative = trimmed_path(path, self._trim_path, self._search_path)
        if relative.startswith("/"):
            return _read_source(relative)
        for directory in self._search:
            for parent in _with_parents(directory):
                candidate = posixpath.normpath(posixpath.join(parent, relative))
                if os.path.isfile(candidate):
                    return _read_source(candidate)
        raise SourceError(f"could not find file {relative} on path {self._search_path}")


def _read_source(path: str) -> bytes:
    # The name comes out of a profile: a device or a pipe could keep us for ever.
    if os.path.exists(path) and not os.path.isfile(path):
        raise SourceError(f"open {path}: not a regular file")
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise SourceError(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise SourceError(f"open {path!r}: {error}") from None


def _split(data: bytes) -> list[str]:
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _with_parents(directory: str) -> list[str]:
    directory = posixpath.normpath(directory)
    result = [directory]
    while posixpath.dirname(directory) not in (directory, ""):
        directory = posixpath.dirname(directory)
        result.append(directory)
    return result

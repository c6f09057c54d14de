"""A recording: the directory of files that a measured program leaves behind.

Knows the names of the files, how to claim a directory before anything is measured and how to
write a file so that a reader never sees half of it. Runs inside measured programs, so it
imports nothing that plain `python` has not loaded already (no json, pathlib, dataclasses).
It does not collect and does not render. The files are described in docs/recording.md.
"""

import os
import sys
import time

from whet._version import __version__
from whet.collect.probe import load_probe
from whet.errors import SourceError

__all__ = [
    "BLOCK",
    "CPU",
    "GC",
    "HEAP",
    "HEAP_PEAK",
    "LOAD",
    "META",
    "MUTEX",
    "NOT_FOLLOWED",
    "PROCESSES",
    "PROFILES",
    "REPORT",
    "REQUEST",
    "SCHEMA",
    "SESSION",
    "SLOW",
    "TASKS",
    "THREADS",
    "WALL",
    "claim",
    "describe_host",
    "describe_interpreter",
    "encode_json",
    "explain",
    "file_sizes",
    "fresh_directory",
    "is_recording",
    "metadata",
    "note_refusal",
    "release",
    "write_atomically",
    "write_unnoticed",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "whet.recording/1"
META = "meta.json"
CPU = "cpu.pb.gz"
WALL = "wall.pb.gz"
HEAP = "heap.pb.gz"
HEAP_PEAK = "heap_peak.pb.gz"
BLOCK = "block.pb.gz"
MUTEX = "mutex.pb.gz"
TASKS = "tasks.pb.gz"
SLOW = "slow.pb.gz"
THREADS = "threads.pb.gz"
GC = "gc.txt"
# What clients saw while a server was recorded.
LOAD = "load.json"
REPORT = "report.html"
# Profiles that a recording may have.
PROFILES = (CPU, WALL, HEAP, HEAP_PEAK, BLOCK, MUTEX, TASKS, SLOW, THREADS)
# Below it a directory for each process, where the program started others.
PROCESSES = "processes"
# In it, a byte for each process that was not followed.
NOT_FOLLOWED = ".not-followed"
# Talk between the measured program and its supervisor; gone when the recording is finished.
SESSION = ".session.json"
REQUEST = ".checkpoint"

_OWN_FILES = (META, *PROFILES, GC, LOAD, REPORT, SESSION, REQUEST)
_SCHEMA_WITHIN_BYTES = 200
_cpu_models: "list[str]" = []


def claim(directory: str) -> bool:
    """Make `directory` ready for a new recording; tell whether it had to be made.

    An older recording in it is replaced (only the files that are ours); anything else is left
    alone.

    Raises:
        SourceError: it cannot be written, or holds files that are not a recording.
    """
    made = False
    try:
        if not os.path.isdir(directory):
            os.makedirs(directory)
            made = True
        elif os.listdir(directory) and not is_recording(directory):
            raise SourceError(
                f"{directory}: not empty and not a recording",
                hint="name a new directory; whet replaces nothing that it did not write",
            )
        _remove_recording(directory)
        write_atomically(
            os.path.join(directory, META), encode_json(_header("the recording was not finished")).encode()
        )
    except OSError as error:
        raise SourceError(
            f"{directory}: cannot write a recording: {explain(error)}",
            hint="name another directory with -o DIR",
        ) from error
    return made


def release(directory: str, *, made: bool) -> None:
    """Take back a claim: remove our files, and the directory if `claim` made it."""
    _remove_recording(directory)
    if made:
        try:
            os.rmdir(directory)
        except OSError:
            return  # somebody put something there; it is theirs


def is_recording(directory: str) -> bool:
    """Tell whether `directory` holds a recording that whet wrote."""
    try:
        with open(os.path.join(directory, META), "rb") as file:
            return b"whet.recording/" in file.read(_SCHEMA_WITHIN_BYTES)
    except OSError:
        return False


def fresh_directory(program: str) -> str:
    """Return a path for a new recording of `program` in the current directory; nothing is there yet."""
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in program)[:60].strip("-")
    stem = time.strftime("whet-%Y%m%d-%H%M%S-") + (name or "program")
    path, number = stem, 1
    while os.path.lexists(path):
        number += 1
        path = f"{stem}-{number}"
    return os.path.abspath(path)


def metadata(
    directory: str,
    *,
    made_by: str,
    partial_reason: str | None,
    program: "Mapping[str, object]",
    facts: "Mapping[str, object]",
) -> "dict[str, object]":
    """Return the content of `meta.json`.

    Args:
        directory: the recording.
        made_by: `whet run` or `whet.profile`.
        partial_reason: why it does not hold the whole program, or None if it does.
        program: what ran and how it ended.
        facts: of the session.
    """
    return {
        **_header(partial_reason),
        "made_by": made_by,
        "program": dict(program),
        "python": facts.get("python"),
        "host": describe_host(),
        "session": None,
        **{key: value for key, value in facts.items() if key not in ("python", "pid")},
        "summary": None,
        "files": file_sizes(directory),
    }


def file_sizes(directory: str) -> "dict[str, int]":
    """Return the sizes in bytes of the files that the recording has."""
    sizes = {}
    for name in (*PROFILES, GC, LOAD, REPORT):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            sizes[name] = os.path.getsize(path)
    return sizes


def _header(partial_reason: str | None) -> "dict[str, object]":
    return {
        "schema": SCHEMA,
        "whet_version": __version__,
        "partial": partial_reason is not None,
        "partial_reason": partial_reason,
    }


def describe_interpreter() -> "dict[str, object]":
    """Return what runs the program: implementation, version, build and executable."""
    return {
        "implementation": sys.implementation.name,
        "version": ".".join(map(str, sys.version_info[:3])),
        "build": " ".join(sys.version.split()),
        "executable": sys.executable,
    }


def describe_host() -> "dict[str, object]":
    """Return the machine: system, kernel, architecture, CPU model and usable cores."""
    uname = os.uname()
    return {
        "system": uname.sysname,
        "kernel": uname.release,
        "machine": uname.machine,
        "cpu_model": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
    }


def write_atomically(path: str, data: bytes) -> None:
    """Replace the file at `path` with `data`; readers see the old content or the new.

    Raises:
        OSError: the file cannot be written; what was there before is still there.
    """
    scratch = f"{path}.tmp"
    try:
        with open(scratch, "wb") as file:
            file.write(data)
        os.replace(scratch, path)
    except OSError:
        _remove(scratch)
        raise


def write_unnoticed(path: str, data: bytes) -> None:
    """Do so in a program that is recorded: it never meets the descriptor, whatever it lists or closes.

    Raises:
        CollectError: whet was installed without a compiler.
        OSError: as `write_atomically`.
    """
    load_probe().write_file(os.fsencode(path), data)


def note_refusal(directory: str, facts: "Mapping[str, object]") -> None:
    """Say in a session's file why it does not record (`refused`, `hint`), if that can be written."""
    try:
        write_atomically(os.path.join(directory, SESSION), encode_json(facts).encode())
    except OSError:
        return


def encode_json(value: object, indent: str = "") -> str:
    """Return `value` (dict, list, str, int, float, bool, None) as JSON text in ASCII."""
    if isinstance(value, dict):
        return _encode_mapping(value, indent)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(encode_json(item, indent) for item in value) + "]"
    if isinstance(value, str):
        return _quote(value)
    if value is None or value in (float("inf"), float("-inf")) or value != value:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def explain(error: OSError) -> str:
    """Return the system's words for an error, in our style."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _encode_mapping(value: "Mapping[str, object]", indent: str) -> str:
    if not value:
        return "{}"
    inner = indent + "  "
    rows = (f"{inner}{_quote(key)}: {encode_json(item, inner)}" for key, item in value.items())
    return "{\n" + ",\n".join(rows) + f"\n{indent}}}"


def _quote(text: str) -> str:
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return "\\" + character
    if 32 <= code < 127:
        return character
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _remove_recording(directory: str) -> None:
    for name in _OWN_FILES:
        _remove(os.path.join(directory, name))
    parent = os.path.join(directory, PROCESSES)
    if not os.path.isdir(parent):
        return
    for process in os.listdir(parent):
        path = os.path.join(parent, process)
        if os.path.isdir(path):
            for name in _OWN_FILES:
                _remove(os.path.join(path, name))
            _remove_directory(path)
        elif process == NOT_FOLLOWED:
            _remove(path)
    _remove_directory(parent)


def _remove_directory(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        return


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


def _cpu_model() -> str:
    # Read once: a program that closes descriptors might meet it.
    if not _cpu_models:
        _cpu_models.append(_read_cpu_model())
    return _cpu_models[0]


def _read_cpu_model() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(("model name", "Model")):
                    return line.partition(":")[2].strip()
    except OSError:
        return ""
    return ""

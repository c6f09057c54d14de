"""Saved runs in pytest-benchmark's places and format, and files of results that runs are added to.

`STORAGE/Linux-CPython-3.14-64bit/0001_NAME.json`; see https://pytest-benchmark.readthedocs.io.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from whet.driver.bench import configuration
from whet.driver.bench_process import Job
from whet.errors import SourceError, UsageError

__all__ = ["Storage", "add_results", "commit_info", "machine_info", "write_json"]

_NUMBERED = re.compile(r"(\d+)_.*\.json")
MAX_GIT_S = 20


class Storage:
    """A directory of saved runs.

    Args:
        uri: a directory, with `file://` before it or without.
        root: where relative ones begin.

    Raises:
        UsageError: it is no directory but a server.
    """

    def __init__(self, uri: str, root: str) -> None:
        scheme, found, rest = uri.partition("://")
        if found and scheme != "file":
            raise UsageError(f"--benchmark-storage: {uri}: only directories can be written")
        self._directory = Path(root, rest if found else uri, machine_name())

    def save(self, document: Mapping[str, Any], name: str) -> str:
        """Write a run under the next free number and return its path.

        Args:
            document: what to write.
            name: what the file is called after its number; the commit and the time, if empty.

        Raises:
            SourceError: it cannot be written.
        """
        if not name:
            commit = document["commit_info"]
            dirty = "_uncommitted-changes" if commit.get("dirty") else ""
            name = f"{commit.get('id', 'unversioned')}_{datetime.now():%Y%m%d_%H%M%S}{dirty}"  # noqa: DTZ005 (a file's name, for people here)
        number = max((number for number, _ in self._runs()), default=0) + 1
        path = self._directory / f"{number:04d}_{name}.json"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"{self._directory}: {error.strerror}") from None
        write_json(str(path), document)
        return str(path)

    def load(self, wanted: str) -> tuple[str, dict[str, Any]]:
        """Return path and content of a saved run.

        Args:
            wanted: its number or how its file's name begins; the last one, if empty.

        Raises:
            SourceError: there is none, or it is no such file.
        """
        runs = self._runs()
        if wanted:
            runs = [
                (number, path) for number, path in runs
                if path.name.startswith(wanted) or (wanted.isdecimal() and number == int(wanted))
            ]  # fmt: skip
        if not runs:
            which = f"run {wanted}" if wanted else "saved run"
            raise SourceError(
                f"{self._directory}: no {which} to compare with", hint="--benchmark-save NAME saves one"
            )
        path = runs[-1][1]
        try:
            content = json.loads(path.read_bytes())
            for entry in content["benchmarks"]:
                entry["fullname"], entry["stats"]["min"]
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise SourceError(f"{path}: is not what pytest-benchmark or whet saves") from None
        return str(path), content

    def _runs(self) -> list[tuple[int, Path]]:
        """Return number and path of each saved run in the order of their numbers."""
        if not self._directory.is_dir():
            return []
        found = [
            (match, path) for path in self._directory.iterdir() if (match := _NUMBERED.fullmatch(path.name))
        ]
        return sorted((int(match[1]), path) for match, path in found)


def machine_name() -> str:
    """Return the name of the directory for runs of machines like this one."""
    bits = 64 if sys.maxsize > 1 << 32 else 32
    version = ".".join(platform.python_version_tuple()[:2])
    return f"{platform.system()}-{platform.python_implementation()}-{version}-{bits}bit"


def machine_info() -> dict[str, Any]:
    """Return what a saved run says of the machine."""
    return {
        "node": platform.node(),
        "processor": platform.processor(),
        "machine": platform.machine(),
        "python_compiler": platform.python_compiler(),
        "python_implementation": platform.python_implementation(),
        "python_implementation_version": platform.python_version(),
        "python_version": platform.python_version(),
        "python_build": list(platform.python_build()),
        "release": platform.release(),
        "system": platform.system(),
        "cpu": {"brand_raw": configuration(Job()).get("cpu", ""), "count": os.cpu_count()},
    }


def commit_info(directory: str) -> dict[str, Any]:
    """Return which commit a directory is at; `unversioned` outside of git."""
    project = Path(directory).name or directory
    told = _git(directory, "log", "-1", "--format=%H%n%cI%n%aI%n%D")
    if told is None:
        return {
            "id": "unversioned", "time": None, "author_time": None, "dirty": False, "project": project,
            "branch": "(unknown)",
        }  # fmt: skip
    identifier, committed, authored = told.splitlines()[:3]
    branch = _git(directory, "rev-parse", "--abbrev-ref", "HEAD")
    return {
        "id": identifier,
        "time": committed,
        "author_time": authored,
        "dirty": bool(_git(directory, "status", "--porcelain", "--untracked-files=no")),
        "project": project,
        "branch": "(detached head)" if branch == "HEAD" else branch or "(unknown)",
    }


def write_json(path: str, document: Mapping[str, Any]) -> None:
    """Write a document; what JSON cannot say is written as Python shows it.

    Raises:
        SourceError: it cannot be written.
    """
    text = json.dumps(_plain(document), indent=1)
    try:
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None


def add_results(path: str, lines: Iterable[str]) -> None:
    """Add lines of Go's benchmark format to a file.

    Raises:
        SourceError: it cannot be written.
    """
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float) else repr(value)


def _git(directory: str, *arguments: str) -> str | None:
    """Return what git says, None where it says that it cannot."""
    try:
        done = subprocess.run(
            ["git", "-C", directory, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=MAX_GIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

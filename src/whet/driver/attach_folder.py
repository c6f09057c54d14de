"""The folder through which `whet attach --inject` and the program that records itself talk.

It belongs to the program, below its own /tmp, which a container may have to itself; from here it is reached
through /proc. It holds the script that the program runs, the consent without which that does nothing, and
what was recorded.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from whet.collect.recording import GC, PROFILES, SESSION
from whet.errors import CollectError

__all__ = ["PACKAGE", "SCRIPT", "Folder"]

# Where the modules that run here lie.
PACKAGE = sys.modules["whet"]

_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
SCRIPT, _CONSENT = "begin.py", "consent"
_RECORDED = (*PROFILES, GC)

# Runs a body without leaving a name in the program's __main__, and without a word: see collect/injected.py.
_SCRIPT = """\
exec({body!r}, {{"__name__": "whet injected"}})
"""
_BODY = """\
def run():
    import os, sys
    try:
        os.unlink({consent!r})
    except OSError:
        return
    import importlib.util
    if "whet" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "whet", {init!r}, submodule_search_locations={paths!r})
        sys.modules["whet"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    from whet.collect import injected
    {call}
try:
    run()
except Exception as error:
    try:
        with open({failure!r}, "w") as file:
            file.write(repr(error))
    except OSError:
        pass
"""
_FAILURE = "failure"
# What is left for a main thread that comes too late: it takes itself away.
_NOTHING_BODY = """\
import os
try:
    os.unlink({script!r})
    os.rmdir({folder!r})
except OSError:
    pass
"""


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


class Folder:
    """A folder of the process's own, as it is reached from here; removed at the end.

    Attributes:
        path: as the process calls it.
    """

    def __init__(self, pid: int) -> None:
        root = f"/proc/{pid}/root"
        # A link would be followed from our root, and not from that of the process.
        parent = next((one for one in _FOLDERS if _is_real_folder(Path(root + one))), "/")
        self.path = f"{parent}/whet-{pid}-{os.urandom(6).hex()}"
        owner = Path(f"/proc/{pid}").stat()
        try:
            Path(root + self.path).mkdir(0o700)
            # Held open: it can be read when the process and its view of the files are gone.
            self._handle = os.open(root + self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise CollectError(f"process {pid}: cannot write to its {parent}: {error.strerror}") from error
        self._place = Path(f"/proc/self/fd/{self._handle}")
        self._parent = Path(root + parent)
        self._owner = owner.st_uid, owner.st_gid
        os.chown(self._place, *self._owner)
        self._is_withdrawn = False

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_error: object) -> None:
        for entry in self._place.iterdir():
            if not (self._is_withdrawn and entry.name == SCRIPT):
                with suppress(OSError):
                    entry.unlink()
        if not self._is_withdrawn:
            self._remove()
        os.close(self._handle)

    def _remove(self) -> None:
        for path in (self._parent / Path(self.path).name, Path(self.path)):
            with suppress(OSError):
                if path.stat().st_ino == os.fstat(self._handle).st_ino:
                    path.rmdir()
                    return

    def write_script(self, call: str) -> None:
        """Write the script that makes one call, and the consent without which it does nothing."""
        body = _BODY.format(
            consent=f"{self.path}/{_CONSENT}",
            init=PACKAGE.__file__,
            paths=list(PACKAGE.__path__),
            call=call,
            failure=f"{self.path}/{_FAILURE}",
        )
        self._write(_CONSENT, "")
        self._write(SCRIPT, _SCRIPT.format(body=body))

    def _write(self, name: str, text: str) -> None:
        scratch = self._place / f".{name}"
        scratch.write_text(text)
        os.chown(scratch, *self._owner)
        scratch.replace(self._place / name)

    def withdraw(self) -> bool:
        """Take the consent back; false where the script runs already."""
        try:
            (self._place / _CONSENT).unlink()
        except OSError:
            return False
        body = _NOTHING_BODY.format(script=f"{self.path}/{SCRIPT}", folder=self.path)
        self._write(SCRIPT, _SCRIPT.format(body=body))
        self._is_withdrawn = True
        return True

    def answer(self) -> dict[str, object]:
        """Return what the session says of itself, {} before it does."""
        with suppress(OSError):
            return {"refused": f"the collectors could not start: {(self._place / _FAILURE).read_text()}"}
        try:
            found: dict[str, object] = json.loads((self._place / SESSION).read_text("ascii"))
        except (OSError, ValueError):
            return {}
        return found

    def is_over(self) -> bool:
        """Tell whether the session has ended."""
        session = self.answer().get("session")
        return isinstance(session, dict) and session["ended"] is not None

    def move_to(self, directory: str) -> None:
        """Copy what was recorded into the recording."""
        for name in _RECORDED:
            source = self._place / name
            if source.exists():
                shutil.copyfile(source, Path(directory, name))

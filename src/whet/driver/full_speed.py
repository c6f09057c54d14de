"""How fast this machine can be: the reference work's time at full speed, remembered between runs.

A virtual machine whose host is busy may be slow for longer than a measurement takes; only who has seen it
fast can tell. What was seen holds for one boot and one build of the work, and is forgotten a quarter of an
hour after it was reached last: a machine that has become hot has another full speed.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from whet.analyze.bench.estimate import Slice, full_speed, slow_from
from whet.collect.probe import load_probe

__all__ = ["FullSpeed"]

_KEEPS_S = 900.0
_REFRESHED_AFTER_S = 60.0


class FullSpeed:
    """What the reference work takes at full speed.

    Attributes:
        ns: as far as anybody has seen; 0 at first.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or _default_path()
        self._seen_s = 0.0
        self.ns = self._read()

    @property
    def slow_from_ns(self) -> int:
        """From when on the machine is slow, in ns of the reference work; 0 where nobody knows."""
        return slow_from(self.ns)

    def learn(self, slices: Sequence[Slice]) -> None:
        """Look whether these slices saw the machine at full speed, or faster than anybody before."""
        seen_ns = full_speed(slices)
        if not seen_ns or (self.ns and seen_ns >= self.slow_from_ns):
            return
        if not self.ns or seen_ns < self.ns or time.time() - self._seen_s > _REFRESHED_AFTER_S:
            self.ns = min(seen_ns, self.ns or math.inf)
            self._seen_s = time.time()
            with contextlib.suppress(OSError):
                self._write()

    def _read(self) -> float:
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            record = json.loads(self._path.read_text(encoding="utf-8"))
            ns, seen_s = float(record["ns"]), float(record["seen"])
            if record.get("of") == _of() and 0 <= time.time() - seen_s < _KEEPS_S and 0 < ns < math.inf:
                self._seen_s = seen_s
                return ns
        return 0.0

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        record = {"of": _of(), "ns": self.ns, "seen": self._seen_s}
        descriptor, name = tempfile.mkstemp(dir=self._path.parent)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(record, file)
        Path(name).replace(self._path)


def _of() -> str:
    """Name the boot and the build that a time belongs to."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        status = Path(str(load_probe().__file__)).stat()
        return f"{boot} {status.st_size} {status.st_mtime_ns}"
    return ""


def _default_path() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "whet" / "full-speed.json"

"""Where profiles go: the requests that backends understand, and a directory with rotation.

A backend turns a batch into one request; it does not send, queue or try again (sender.py).
Datadog's and OTLP's are in datadog.py and otlp.py.

Sources: Grafana Pyroscope, reference-server-api (`/push.v1.PusherService/Push`, Connect with JSON);
Parca, proto/parca/profilestore (`POST /profiles/writeraw`, the JSON gateway of WriteRaw).
"""

import base64
import json
import os
import re
import urllib.parse

from whet.collect.recording import explain, write_atomically
from whet.errors import SourceError, UsageError
from whet.live.continuous.batch import Batch
from whet.live.continuous.datadog import Datadog
from whet.live.continuous.otlp import Otlp

__all__ = ["Datadog", "Directory", "Otlp", "Parca", "Pyroscope", "backend_for", "check_label"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class Server(Protocol):
        """A backend that is reached by HTTP; `path` is appended to the address the user gave."""

        path: str

        @property
        def headers(self) -> Mapping[str, str]: ...

        def body(self, batch: Batch) -> bytes:
            """Return a request's body; nothing where there is nothing that the backend takes."""
            ...


# What backends call the kinds of profiles.
SERIES = {"cpu": "process_cpu", "heap": "memory", "block": "block", "mutex": "mutex"}
DEFAULT_KEPT_BYTES = 256 << 20
_JSON = {"Content-Type": "application/json"}

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


class Pyroscope:
    """Grafana Pyroscope's Push: one series for each kind, one sample in it with the profile as it is."""

    path = "/push.v1.PusherService/Push"
    headers = _JSON

    def body(self, batch: Batch) -> bytes:
        """Return the request's JSON. The samples' ID is the same whenever this batch is sent."""
        series = [
            {
                "labels": _pairs(kind, batch.labels),
                "samples": [{"ID": _uuid(batch.identity, number), "rawProfile": _text(data)}],
            }
            for number, (kind, data) in enumerate(batch.profiles.items())
        ]
        return json.dumps({"series": series}).encode()


class Parca:
    """Parca's WriteRaw through its JSON gateway."""

    path = "/profiles/writeraw"
    headers = _JSON

    def body(self, batch: Batch) -> bytes:
        """Return the request's JSON."""
        series = [
            {"labels": {"labels": _pairs(kind, batch.labels)}, "samples": [{"rawProfile": _text(data)}]}
            for kind, data in batch.profiles.items()
        ]
        return json.dumps({"series": series}).encode()


# By the name before ://, the backend and its own port.
_SERVERS: "dict[str, tuple[type[Pyroscope | Parca | Datadog | Otlp], int]]" = {
    "pyroscope": (Pyroscope, 4040),
    "parca": (Parca, 7070),
    "datadog": (Datadog, 8126),
    "otlp": (Otlp, 4318),
}


class Directory:
    """Files STAMP-IDENTITY-KIND.pb.gz in a directory; the oldest go when together they are too large.

    Args:
        path: made when it is not there.
        max_bytes: what they may take together.
    """

    def __init__(self, path: str, *, max_bytes: int = DEFAULT_KEPT_BYTES) -> None:
        self.directory = path
        self.max_bytes = max_bytes

    def keep(self, batch: Batch) -> None:
        """Write the batch's profiles; writing it again changes nothing.

        Raises:
            SourceError: they cannot be written.
        """
        try:
            os.makedirs(self.directory, exist_ok=True)
            for kind, data in batch.profiles.items():
                name = f"{batch.stamp}-{batch.identity[:8]}-{kind}.pb.gz"
                write_atomically(os.path.join(self.directory, name), data)
            self._rotate()
        except OSError as error:
            raise SourceError(f"{self.directory}: {explain(error)}") from error

    def _rotate(self) -> None:
        with os.scandir(self.directory) as entries:
            ours = sorted((e.name, e.stat().st_size) for e in entries if e.name.endswith(".pb.gz"))
        total = sum(size for _, size in ours)
        for name, size in ours[:-1]:
            if total <= self.max_bytes:
                return
            os.unlink(os.path.join(self.directory, name))
            total -= size


def backend_for(address: str) -> "tuple[Server | Directory, str]":
    """Return the backend that an address names, and the address without what named it.

    `http(s)://HOST` is Pyroscope; `pyroscope`, `parca`, `datadog` and `otlp` before `://HOST` or before
    `+http(s)://HOST` name another one. A path or `file://PATH` is a directory.

    Raises:
        UsageError: it names none of them.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return Directory(os.path.abspath(address)), address
    if scheme == "file":
        return Directory(os.path.abspath(urllib.parse.unquote(rest))), address
    if scheme in ("http", "https"):
        scheme = f"pyroscope+{scheme}"
    kind, _, transport = scheme.partition("+")
    if kind not in _SERVERS or transport not in ("", "http", "https") or not _host(address):
        raise UsageError(
            f"{address}: no place that profiles can be pushed to",
            hint="give http://HOST:4040 (Pyroscope), parca://HOST:7070, datadog://HOST:8126, "
            "otlp://HOST:4318 or a directory",
        )
    server, port = _SERVERS[kind]
    if not transport:
        transport = "http"
        rest = _with_port(rest, port)
    return server(), f"{transport}://{rest}"


def _host(address: str) -> str | None:
    try:
        return urllib.parse.urlsplit(address).hostname
    except ValueError:
        return None


def _with_port(rest: str, port: int) -> str:
    """Return HOST/PATH with a port, where it has none."""
    place, slash, path = rest.partition("/")
    has_port = place.rpartition("@")[2].rpartition("]")[2].rpartition(":")[1]
    return f"{place}{'' if has_port else f':{port}'}{slash}{path}"


def check_label(name: str) -> str:
    """Return `name` if it can name a label.

    Raises:
        UsageError: it cannot.
    """
    if not _LABEL.fullmatch(name) or name.startswith("__"):
        raise UsageError(
            f"{name!r} cannot name a tag",
            hint="use letters, digits and _ only, not beginning with a digit or with __",
        )
    return name


def _pairs(kind: str, labels: dict[str, str]) -> list[dict[str, str]]:
    named = {"__name__": SERIES.get(kind, kind), **labels}
    return [{"name": name, "value": value} for name, value in sorted(named.items())]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _uuid(identity: str, number: int) -> str:
    """Return the identity as a UUID of version 4's form, another one for each profile of the batch."""
    digits = f"{int(identity, 16) ^ number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

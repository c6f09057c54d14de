"""The Datadog agent's intake of profiles: one request a window, with one profile of all value types.

Value types have the names that Datadog's own Python profiler gives them; those it has no name for, and
waits, which are not what it calls locks, are left out. Sources: the request of ddtrace 4.16, recorded;
libdatadog's names of value types; multipart/form-data of RFC 7578.
"""

import json
import time
import zlib

from whet._version import __version__
from whet.collect.probe import load_probe
from whet.collect.snapshot import packed

__all__ = ["Datadog"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.live.continuous.batch import Batch

_NAMES = {
    "samples": "cpu-samples",
    "cpu": "cpu-time",
    "alloc_objects": "alloc-samples",
    "alloc_space": "alloc-space",
    "inuse_objects": "heap-live-samples",
    "inuse_space": "heap-space",
}
_KINDS = ("cpu", "heap")
_ATTACHMENT = "profile.pprof"
# In no compressed profile but by a chance of 1 in 2^128, and in no JSON of ours.
_BOUNDARY = "whet-4b1f0a9cf9e246d7a3f3a6d5b8c07e21"
_UNDERSTOOD = {"service_name": "service", "hostname": "host"}


class Datadog:
    """`POST /profiling/v1/input` of a Datadog agent."""

    path = "/profiling/v1/input"
    headers = {
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
        "DD-EVP-ORIGIN": "whet",
        "DD-EVP-ORIGIN-VERSION": __version__,
    }

    def body(self, batch: "Batch") -> bytes:
        """Return the parts `event` and `profile.pprof`; nothing of a batch that has neither CPU nor heap."""
        profiles = [zlib.decompress(batch.profiles[kind], 31) for kind in _KINDS if kind in batch.profiles]
        if not profiles:
            return b""
        event = {
            "attachments": [_ATTACHMENT],
            "tags_profiler": _tags(batch.labels),
            "start": _rfc3339(batch.start_ns),
            "end": _rfc3339(batch.end_ns),
            "family": "python",
            "version": "4",
        }
        profile = packed(load_probe().profile_join(profiles, _NAMES))
        return b"".join(
            (
                _part("event", "event.json", "application/json", json.dumps(event).encode()),
                _part(_ATTACHMENT, _ATTACHMENT, "application/octet-stream", profile),
                f"--{_BOUNDARY}--\r\n".encode(),
            )
        )


def _part(name: str, file: str, kind: str, data: bytes) -> bytes:
    head = (
        f"--{_BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{name}"; filename="{file}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return head.encode() + data + b"\r\n"


def _tags(labels: dict[str, str]) -> str:
    """Return the labels as `name:value,...`; what would end a value is an underscore."""
    tags = {"language": "python", "runtime": "python", "profiler_version": __version__}
    tags.update((_UNDERSTOOD.get(name, name), value) for name, value in labels.items())
    return ",".join(f"{name}:{value.replace(',', '_')}" for name, value in sorted(tags.items()))


def _rfc3339(at_ns: int) -> str:
    seconds, rest_ns = divmod(at_ns, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest_ns:09d}Z"

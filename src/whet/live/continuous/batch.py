"""A batch: the profiles of one window, as they wait for their backend."""

import json
import os
import time

__all__ = ["Batch"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_MAGIC = b"whet.batch/1\n"


class Batch:
    """The profiles of one window of one process.

    Attributes:
        start_ns, end_ns: the window, nanoseconds since 1970.
        identity: 32 hexadecimal digits that are this batch's alone, wherever it is sent.
        labels: what they are profiles of (`service_name`, tags), by label name.
        profiles: gzip-compressed profile.proto by kind (`cpu`, `heap`, `block`, `mutex`).
    """

    def __init__(
        self,
        *,
        start_ns: int,
        end_ns: int,
        labels: "Mapping[str, str]",
        profiles: "Mapping[str, bytes]",
        identity: str | None = None,
    ) -> None:
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.identity = identity or os.urandom(16).hex()
        self.labels = dict(labels)
        self.profiles = dict(profiles)

    @property
    def name(self) -> str:
        """A file name; sorting by it is sorting by time."""
        return f"{self.start_ns:020d}-{self.identity}"

    @property
    def stamp(self) -> str:
        """The window's start in UTC, as in file names."""
        return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.start_ns / 1e9))

    def encode(self) -> bytes:
        """Return the bytes that `decode` reads: a line, a line of JSON, the profiles."""
        head = {
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "identity": self.identity,
            "labels": self.labels,
            "sizes": {kind: len(data) for kind, data in self.profiles.items()},
        }
        return _MAGIC + json.dumps(head).encode() + b"\n" + b"".join(self.profiles.values())

    @classmethod
    def decode(cls, data: bytes) -> "Batch":
        """Return the batch.

        Raises:
            ValueError: these are not the bytes of a whole batch.
        """
        if not data.startswith(_MAGIC):
            raise ValueError("not a batch of profiles")
        line, _, rest = data[len(_MAGIC) :].partition(b"\n")
        try:
            head = json.loads(line)
            profiles = {}
            for kind, size in head["sizes"].items():
                profiles[kind], rest = rest[:size], rest[size:]
                if len(profiles[kind]) != size:
                    raise ValueError("a batch of profiles that ends early")
            return cls(
                start_ns=head["start_ns"],
                end_ns=head["end_ns"],
                labels=head["labels"],
                profiles=profiles,
                identity=head["identity"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a batch of profiles") from error

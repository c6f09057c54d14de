"""OTLP profiles over HTTP: ExportProfilesServiceRequest in protobuf.

The profiles and the dictionary they share are written by native/codec/otlp.hpp; here is what is
around them. Source: opentelemetry-proto 1.10, collector/profiles/v1development, whose stability is
"development": a receiver of another release may understand less.
"""

import zlib

from whet._version import __version__
from whet.collect.probe import load_probe

__all__ = ["Otlp"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from whet.live.continuous.batch import Batch

# Names of OpenTelemetry's semantic conventions; other labels keep theirs.
_UNDERSTOOD = {"service_name": "service.name", "hostname": "host.name"}


class Otlp:
    """`POST /v1development/profiles` of an OpenTelemetry collector, or of what speaks its protocol."""

    path = "/v1development/profiles"
    headers = {"Content-Type": "application/x-protobuf"}

    def body(self, batch: "Batch") -> bytes:
        """Return the request. The profiles' IDs are the same whenever this batch is sent."""
        # The last byte is left to the value types of each profile.
        ids = [(int(batch.identity, 16) ^ number << 8).to_bytes(16) for number in range(len(batch.profiles))]
        texts = [zlib.decompress(data, 31) for data in batch.profiles.values()]
        profiles, dictionary = load_probe().profile_otlp(texts, ids)
        scope = _field(1, _text(1, "whet") + _text(2, __version__))
        resource = _field(1, b"".join(_attribute(*pair) for pair in sorted(batch.labels.items())))
        return _field(1, resource + _field(2, scope + profiles)) + _field(2, dictionary)


def _attribute(name: str, value: str) -> bytes:
    return _field(1, _text(1, _UNDERSTOOD.get(name, name)) + _field(2, _text(1, value)))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8", "replace"))


def _field(number: int, data: bytes) -> bytes:
    """Return a length-delimited field; `number` is below 16."""
    size, digits = len(data), bytearray([number << 3 | 2])
    while size > 0x7F:
        digits.append(size & 0x7F | 0x80)
        size >>= 7
    digits.append(size)
    return bytes(digits) + data

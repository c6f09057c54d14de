"""A server's CPU profile while it is under load, filed with what the clients saw.

The profile is fetched as `go tool pprof` fetches it, by a thread of its own, from the moment at which the
load counts. Both make one recording: `cpu.pb.gz`, `load.json` and `meta.json`.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

from whet.collect.recording import (
    CPU,
    LOAD,
    claim,
    describe_interpreter,
    explain,
    fresh_directory,
    metadata,
    release,
    write_atomically,
)
from whet.driver.fetch import fetch, is_address
from whet.driver.request import Request
from whet.driver.run import Recorded, write_meta
from whet.errors import SourceError, UsageError, WhetError
from whet.formats import pprof
from whet.model.profile import Profile

__all__ = ["Filing"]

_ENDPOINT = "/debug/pprof"


class Filing:
    """A recording in the making.

    Attributes:
        directory: where it is.
    """

    def __init__(self, address: str, seconds: int, directory: str | None) -> None:
        """Claim the directory.

        Args:
            address: of the server's /debug/pprof/profile; what is left out of that is added.
            seconds: how long to record.
            directory: where to; None makes a new one.

        Raises:
            SourceError: it cannot be written, or holds something else.
            UsageError: it is no address.
        """
        self._address = _with_endpoint(address)
        if not is_address(self._address):
            hint = "http://HOST:PORT, whose /debug/pprof/profile is asked"
            raise UsageError(f"--while-profiling: {address!r} is no address", hint=hint)
        self._seconds = seconds
        self.directory = fresh_directory("load") if directory is None else str(Path(directory).absolute())
        self._made = claim(self.directory)
        self._profile: Profile | None = None
        self._problem: WhetError | None = None
        self._thread = threading.Thread(target=self._fetch, daemon=True)

    def start(self) -> None:
        """Begin to record the server."""
        self._thread.start()

    def give_up(self) -> None:
        """Take the claim back."""
        release(self.directory, made=self._made)

    def finish(self, record: dict[str, Any], document: str, partial_reason: str) -> Profile:
        """Wait for the profile, write the recording, return the profile.

        Args:
            record: goes into the recording's metadata.
            document: becomes load.json.
            partial_reason: why the load ended early; empty if it did not.

        Raises:
            WhetError: there is no profile; the directory is given up.
        """
        try:
            if partial_reason or not self._thread.ident:
                raise SourceError(f"{self._address}: no profile: the load was {partial_reason or 'not run'}")
            self._thread.join()
            if self._problem:
                raise self._problem
            assert self._profile is not None
            self._write(self._profile, record, document)
        except WhetError:
            self.give_up()
            raise
        return self._profile

    def _fetch(self) -> None:
        try:
            self._profile, _ = fetch(self._address, Request(seconds=self._seconds))
        except WhetError as error:
            self._problem = error
        except Exception as error:  # noqa: BLE001 (a thread has nobody to raise to)
            self._problem = SourceError(f"{self._address}: {type(error).__name__}: {error}")

    def _write(self, profile: Profile, record: dict[str, Any], document: str) -> None:
        contents = {CPU: pprof.encode(profile), LOAD: document.encode()}
        try:
            for name, content in contents.items():
                write_atomically(f"{self.directory}/{name}", content)
        except OSError as error:
            raise SourceError(f"{self.directory}: cannot write the recording: {explain(error)}") from None
        meta = metadata(
            self.directory,
            made_by="whet load",
            partial_reason=None,
            program={"argv": sys.argv[1:], "profile_url": self._address},
            facts={"python": describe_interpreter()},
        )
        recorded = Recorded(self.directory, str(Path.cwd()), meta | {"load": record})
        write_meta(recorded)
        if recorded.trouble:
            raise SourceError(recorded.trouble)


def _with_endpoint(address: str) -> str:
    """Complete an address that ends with the host or with /debug/pprof."""
    base = address.rstrip("/")
    if base.endswith(_ENDPOINT):
        return f"{base}/profile"
    rest = base.partition("://")[2] or base
    return base if "/" in rest else f"{base}{_ENDPOINT}/profile"

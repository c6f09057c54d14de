"""Programs that serve whet.live's endpoints, and a client that shows everything of an answer."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
LIMIT_S = 120


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


def ask(
    address: str, path: str, *, method: str = "GET", headers: dict[str, str] | None = None, body: bytes = b""
) -> Answer:
    """Send a request to HOST:PORT or unix:PATH; header names of the answer are in lower case."""
    connection = http.client.HTTPConnection("localhost", timeout=LIMIT_S)
    if address.startswith("unix:"):
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(LIMIT_S)
        connection.sock.connect(address.removeprefix("unix:"))
    else:
        host, _, port = address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=LIMIT_S)
    with contextlib.closing(connection):
        connection.request(method, path, body=body or None, headers=headers or {})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())


def raw(address: str, data: bytes) -> bytes:
    """Send bytes to HOST:PORT and return all that comes back."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


@contextlib.contextmanager
def running(
    command: list[str], *, wait_for: str, env: dict[str, str] | None = None, cwd: Path = PROGRAMS
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a program until the block ends; yield it and what the group of `wait_for` matched in its output."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        start_new_session=True,
    )
    seen = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            seen.append(line)
            if found := re.search(wait_for, line):
                yield process, found[1]
                break
        else:
            raise AssertionError(f"the program ended: {''.join(seen)}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.communicate()


def live_program(*options: str, env: dict[str, str] | None = None):
    """Run programs/live.py: a thread that computes, one that waits, tasks; yield it and its address."""
    return running([sys.executable, "live.py", *options], wait_for=r"^serving (\S+)", env=env)


def uvicorn(*, options: str = "{}", below: str = "", arguments: Sequence[str] = ()):
    """Run programs/live_starlette.py, whose whet.live gets options in JSON; yield it and its address."""
    command = [sys.executable, "-m", "uvicorn", "--port", "0", *arguments, "live_starlette:app"]
    env = {"LIVE_OPTIONS": options, "LIVE_BELOW": below}
    return running(command, wait_for=r"running on http://(\S+)", env=env)


def gunicorn(*arguments: str, options: str = "{}", env: dict[str, str] | None = None):
    """Run programs/live_flask.py in the same way."""
    command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", *arguments, "live_flask:app"]
    return running(
        command, wait_for=r"Listening at: http://(\S+)", env={"LIVE_OPTIONS": options, **(env or {})}
    )

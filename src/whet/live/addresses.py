"""Where to listen: `HOST:PORT`, one of several ports, or a unix socket."""

import os
import socket
import stat

# As it is now: gevent puts another in its place, which knows one thread only.
from socket import socket as plain_socket

from whet.errors import SourceError, UsageError
from whet.live.guard import is_loopback

__all__ = ["Address"]

_FORMS = "for example 127.0.0.1:6060, 127.0.0.1:6060+ (this port or one of the next), 127.0.0.1:0, unix:/path"
_MORE_PORTS = 100
_BACKLOG = 256


class Address:
    """Where to listen.

    Args:
        text: `HOST:PORT`; `HOST:PORT+` takes the next free port if that one is taken; port 0 is any;
            `unix:PATH` or an absolute path, where `%p` is the process's id. A host, if `port` is given.
        port: beside the host.
    """

    def __init__(self, text: str, port: int | None = None) -> None:
        if port is not None:
            text = f"[{text}]:{port}" if ":" in text and not text.startswith("[") else f"{text}:{port}"
        elif text.startswith("/"):
            text = f"unix:{text}"
        self.text = text
        self.path: str | None = None
        self.host, self.port, self.takes_next = "", 0, False
        if text.startswith("unix:"):
            self.path = text.removeprefix("unix:").removeprefix("//")
            if not self.path or "\0" in self.path or len(os.fsencode(self.path)) > 100:
                raise UsageError(f"{text!r} is no path of a socket (1 to 100 bytes)", hint=_FORMS)
            return
        host, colon, number = text.rpartition(":")
        self.takes_next = number.endswith("+")
        number = number.removesuffix("+")
        if not colon or not (number.isascii() and number.isdecimal()) or int(number) > 65535:
            raise UsageError(f"{text!r} is no address to listen at", hint=_FORMS)
        self.host = host.removeprefix("[").removesuffix("]")
        self.port = int(number)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.path is not None or is_loopback(self.host)

    @property
    def is_for_each(self) -> bool:
        """Whether several processes can have one each."""
        return self.takes_next or (self.path is None and self.port == 0) or "%p" in (self.path or "")

    def listen(self) -> tuple[socket.socket, str]:
        """Return a listening socket, and where it is as text.

        Raises:
            SourceError: it is taken, or cannot be had.
        """
        try:
            return self._listen_unix() if self.path is not None else self._listen_tcp()
        except OSError as error:
            raise SourceError(
                f"{self.text}: {error.strerror or error}".lower()
                if self.path is None
                else f"{self.text}: {error.strerror or error}",
                hint=f"choose another address: {_FORMS}",
            ) from None

    def _listen_tcp(self) -> tuple[socket.socket, str]:
        kind = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        ports = range(self.port, min(self.port + _MORE_PORTS, 65536)) if self.takes_next else (self.port,)
        for port in ports:
            sock = plain_socket(kind, socket.SOCK_STREAM)
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((self.host, port))
                sock.listen(_BACKLOG)
            except OSError:
                sock.close()
                if port == ports[-1]:
                    raise
                continue
            host = f"[{self.host}]" if kind == socket.AF_INET6 else self.host
            return sock, f"{host}:{sock.getsockname()[1]}"
        raise OSError("no port is free")

    def _listen_unix(self) -> tuple[socket.socket, str]:
        path = (self.path or "").replace("%p", str(os.getpid()))
        _remove_stale(path)
        sock = plain_socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(path)
            # Nobody can connect before listen: the mode is in force when it counts.
            os.chmod(path, 0o600)
            sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
        return sock, f"unix:{path}"


def _remove_stale(path: str) -> None:
    """Remove a socket at which nobody listens; any other file stays, and binding fails."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
    except OSError:
        return
    with plain_socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            return

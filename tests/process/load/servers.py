"""Servers for tests of `whet load`: well-behaved ones, and every kind of broken one."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from go_toolchain import go_command
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.driver.load.lane import load_native

# What `--client` may say here: where nothing was compiled, auto is python.
CLIENTS = ["python", *(["auto"] if load_native() else [])]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

GO_SERVER = """package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	_ "net/http/pprof"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

func spin(until time.Time) (n int) {
	for time.Now().Before(until) { n += len(fmt.Sprint(n)) }
	return n
}

func main() {
	m := http.DefaultServeMux
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) })
	m.HandleFunc("/method", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "12")
		fmt.Fprintf(w, "%-12s", r.Method)
	})
	m.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		fmt.Fprint(w, "slow")
	})
	m.HandleFunc("/stalled", func(w http.ResponseWriter, r *http.Request) {
		phase := time.Duration(time.Now().UnixNano()) % (3 * time.Second)
		if phase > 2500*time.Millisecond { time.Sleep(3*time.Second - phase) }
		fmt.Fprint(w, "ok")
	})
	m.HandleFunc("/spin", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, spin(time.Now().Add(time.Millisecond)))
	})
	m.HandleFunc("/chunks", func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < 5; i++ { fmt.Fprint(w, "hello"); w.(http.Flusher).Flush() }
	})
	m.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 1<<20)) })
	m.HandleFunc("/here", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", 302) })
	m.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", 302) })
	m.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		n := 0
		b := make([]byte, 65536)
		for { k, err := r.Body.Read(b); n += k; if err != nil { break } }
		fmt.Fprintf(w, "%s %d %s", r.Method, n, r.Header.Get("X-Test"))
	})
	m.HandleFunc("/status/", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/status/"))
		w.WriteHeader(n)
	})
	m.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(103)
		fmt.Fprint(w, "hello")
	})
	m.HandleFunc("/old", func(w http.ResponseWriter, r *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		fmt.Fprint(c, "HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n")
		if r.Method != "HEAD" { fmt.Fprint(c, "hello") }
		c.Close()
	})
	var asked, third atomic.Int64
	m.HandleFunc("/third", func(w http.ResponseWriter, r *http.Request) {
		if third.Add(1) % 3 == 0 { w.Header().Set("Connection", "close") }
		fmt.Fprint(w, "hello")
	})
	counted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/asked" { fmt.Fprint(w, asked.Swap(0)); return }
		asked.Add(1)
		m.ServeHTTP(w, r)
	})
	s := httptest.NewUnstartedServer(counted)
	switch os.Args[1] {
	case "http": s.Start()
	case "tls": s.StartTLS()
	case "h2": s.EnableHTTP2 = true; s.StartTLS()
	}
	fmt.Println(s.URL)
	os.Stdin.Read(make([]byte, 1))
}
"""


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server made of Go's net/http."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "main.go").write_text(GO_SERVER)
    command = [go_command(), "build", "-o", "server", "main.go"]
    subprocess.run(command, cwd=folder, check=True, env={**os.environ, "GOFLAGS": "-mod=mod"})
    return folder / "server"


@contextlib.contextmanager
def go_server(program: Path, kind: str = "http") -> Iterator[str]:
    """Run it; yield its address."""
    child = subprocess.Popen([program, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield child.stdout.readline().strip()
    finally:
        child.kill()
        child.communicate()


class RawServer:
    """Accepts connections; a thread for each calls `behave(connection, number)`.

    Attributes:
        connections: how many came.
    """

    def __init__(self, behave: Callable[[socket.socket, int], None], family: int = socket.AF_INET) -> None:
        self._behave = behave
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._open: list[socket.socket] = []
        self.connections = 0

    def bind(self, address: tuple[str, int] | str) -> None:
        self._listener.bind(address)
        self._listener.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            number, self.connections = self.connections, self.connections + 1
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            self._behave(connection, number)

    def close(self) -> None:
        # Who waits in accept or recv is woken.
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextlib.contextmanager
def raw_server(behave: Callable[[socket.socket, int], None]) -> Iterator[RawServer]:
    """Run a server of this behaviour on a port of its own."""
    server = RawServer(behave)
    server.bind(("127.0.0.1", 0))
    try:
        yield server
    finally:
        server.close()


def read_request(connection: socket.socket) -> bytes:
    """Return a request's head; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        some = connection.recv(65536)
        if not some:
            return b""
        data += some
    return data


def answering(*pieces: bytes) -> Callable[[socket.socket, int], None]:
    """Return a behaviour: the same answer to every request, in pieces."""

    def behave(connection: socket.socket, _number: int) -> None:
        while read_request(connection):
            for piece in pieces:
                connection.sendall(piece)

    return behave


def load(*arguments: object) -> tuple[int, str, str]:
    """Run `whet load`; return its status, data and talk."""
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["load", *map(str, arguments)], Streams(out, err))
    return status, out.getvalue().decode(), err.getvalue().decode()

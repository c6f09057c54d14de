"""Profiles from a real net/http/pprof server, from several at once, and from none."""

from __future__ import annotations

import http.server
import io
import subprocess
import threading
from pathlib import Path

import pytest

from go_toolchain import go_command
from unit_profiles import labelled_profile
from whet.cli.main import main
from whet.cli.streams import Streams
from whet.driver.fetch import adjusted_address, is_address
from whet.formats import pprof

PROGRAM = """package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
)

func spin() { for i := 0; ; i++ { _ = fmt.Sprint(i) } }

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { panic(err) }
	fmt.Println(l.Addr())
	go spin()
	panic(http.Serve(l, nil))
}
"""


def whet(*arguments):
    out, err = io.BytesIO(), io.BytesIO()
    status = main(["prof", *arguments], Streams(out, err))
    return status, out.getvalue().decode(), err.getvalue().decode()


@pytest.fixture(scope="module")
def go_server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("server")
    (directory / "main.go").write_text(PROGRAM)
    binary = str(directory / "server")
    subprocess.run([go_command(), "build", "-o", binary, str(directory / "main.go")], check=True, timeout=240)
    process = subprocess.Popen([binary], stdout=subprocess.PIPE, text=True)
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


@pytest.fixture
def server():
    """Serve one profile at /ok, nothing elsewhere."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/ok")
            body = pprof.encode(labelled_profile()) if found else b"no such profile\n"
            self.send_response(200 if found else 404)
            self.send_header("X-Go-Pprof", "1")
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()


def test_cpu_profile_of_a_go_server_is_recorded(go_server):
    status, text, errors = whet("-top", "-seconds=1", go_server)
    assert status == 0, errors
    assert "main.spin" in text
    assert "/debug/pprof/profile?seconds=1" in errors


def test_heap_profile_of_a_go_server_is_read(go_server):
    status, text, errors = whet("-top", f"http://{go_server}/debug/pprof/heap")
    assert status == 0, errors
    assert "Type: inuse_space" in text


def test_servers_that_fail_are_reported_and_left_out(server):
    status, text, errors = whet("-top", f"{server}/ok", f"{server}/missing", f"{server}/ok")
    assert status == 0
    assert "200ms total" in text
    assert "server response: 404 Not Found - no such profile" in errors
    assert "Fetched 2 source profiles out of 3" in errors


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x", "127.0.0.1:1"])
def test_server_that_is_not_there_is_one_line(address):
    status, _, errors = whet("-top", address)
    assert status == 2
    assert errors.startswith(f"whet: error: {address}: ")


def test_addresses_are_told_from_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a:1").touch()
    assert [is_address(s) for s in ("a:1", "b:1", "http://b/x", "b:x", "https+insecure://b", "cpu.pb")] == [
        False, True, True, False, True, False,
    ]  # fmt: skip


def test_seconds_and_timeouts_are_pprofs():
    assert adjusted_address("h:1", -1, -1) == ("http://h:1/debug/pprof/profile", 65)
    assert adjusted_address("h:1/p?seconds=10", -1, -1) == ("http://h:1/p?seconds=10", 20)
    assert adjusted_address("https://h/p?x=1", 30, -1) == ("https://h/p?seconds=30&x=1", 50)
    assert adjusted_address("h:1/p", 30, 7)[1] == 12

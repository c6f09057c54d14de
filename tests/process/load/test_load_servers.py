"""`whet load` against servers that work: Go's, the standard library's, uvicorn, TLS, HTTP/2, sockets."""

from __future__ import annotations

import contextlib
import http.server
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from json_schema import check
from process.load.servers import (
    OK,
    RawServer,
    answering,
    go_program,
    go_server,
    load,
    raw_server,
    read_request,
)
from whet.driver.load.lane import load_native

__all__ = ["go_program"]
CLIENTS = ["python", "auto"]
LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]


SCHEMA = json.loads((Path(__file__).parents[3] / "docs/load-json.schema.json").read_text())


def numbers(*arguments: object) -> dict:
    status, out, err = load("--json", *arguments)
    assert status == 0, err
    read = json.loads(out)
    check(read, SCHEMA, SCHEMA)
    return read


@pytest.fixture(scope="module")
def go_url(go_program):
    with go_server(go_program) as url:
        yield url


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("place", ["/", "/chunks", "/big", "/here"])
def test_every_request_to_a_go_server_is_answered(go_url, loop, client, place):
    read = numbers("-n", 300, "-c", 7, "--loop", loop, "--client", client, go_url + place)
    size = {"/": 8, "/chunks": 25, "/big": 1 << 20, "/here": 8}[place]
    assert (read["answers"], read["failures"], read["size_bytes"]) == (300, 0, 300 * size)
    assert read["statuses"]["200"]["count"] == read["latency"]["count"] == 300
    assert read["connections"] == 7
    kind = "compiled" if client == "auto" and load_native() else "python"
    assert (read["client"]["kind"], read["client"]["loop"]) == (kind, loop)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "POST"])
def test_methods_get_their_answers(go_url, method):
    read = numbers("-n", 20, "-c", 2, "-m", method, f"{go_url}/method")
    assert read["size_bytes"] == (0 if method == "HEAD" else 240)
    assert read["connections"] == 2


def test_body_and_headers_arrive(go_url, tmp_path):
    (tmp_path / "body").write_bytes(b"x" * 100_000)
    read = numbers(
        "-n", 10, "-c", 2, "-m", "POST", "-D", tmp_path / "body", "-H", "X-Test: é", f"{go_url}/echo"
    )
    assert read["size_bytes"] == 10 * len("POST 100000 é".encode())


def test_redirects_that_never_end_are_given_up_as_go_does(go_url):
    status, out, _ = load("-n", 5, "-c", 1, f"{go_url}/loop")
    assert status == 1
    assert "[5]\tstopped after 10 redirects" in out
    status, out, _ = load("-n", 5, "-c", 1, "-disable-redirects", f"{go_url}/loop")
    assert status == 0
    assert "[302]\t5 responses" in out


def test_redirect_to_another_server_is_followed(go_url):
    answer = f"HTTP/1.1 307 X\r\nLocation: {go_url}/echo\r\nContent-Length: 0\r\n\r\n".encode()
    with raw_server(answering(answer)) as server:
        read = numbers("-n", 20, "-c", 2, "-m", "POST", "-d", "abc", f"http://127.0.0.1:{server.port}/")
    assert read["statuses"]["200"]["count"] == 20
    assert read["size_bytes"] == 20 * len("POST 3 ")
    assert read["connections"] == 4


def test_without_keep_alive_every_request_has_its_connection(go_url):
    read = numbers("-n", 50, "-c", 5, "-disable-keepalive", f"{go_url}/")
    assert read["answers"] == 50
    assert 50 <= read["connections"] <= 51
    assert read["phases"]["dial"]["count"] == read["connections"]


@pytest.mark.parametrize("loop", LOOPS)
def test_tls_with_a_self_signed_certificate_is_loaded_and_timed(go_program, loop):
    with go_server(go_program, "tls") as url:
        read = numbers("-n", 60, "-c", 3, "--loop", loop, f"{url}/big")
    assert (read["answers"], read["size_bytes"]) == (60, 60 << 20)
    assert read["phases"]["tls"]["count"] == 3


@pytest.mark.parametrize("loop", LOOPS)
def test_http2_shares_one_connection(go_program, loop):
    pytest.importorskip("h2", reason="the library h2 is not installed")
    with go_server(go_program, "h2") as url:
        read = numbers("-n", 200, "-c", 20, "-h2", "--loop", loop, f"{url}/")
        big = numbers("-n", 6, "-c", 3, "-h2", "--loop", loop, f"{url}/big")
        echo = numbers("-n", 6, "-c", 3, "-h2", "-m", "POST", "-d", "x" * 200_000, f"{url}/echo")
    assert (read["answers"], read["connections"]) == (200, 1)
    assert read["size_bytes"] == 200 * len("HTTP/2.0")
    assert big["size_bytes"] == 6 << 20
    assert echo["size_bytes"] == 6 * len("POST 200000 ")


def test_http2_from_a_server_without_it_is_refused(go_program, go_url):
    pytest.importorskip("h2", reason="the library h2 is not installed")
    with go_server(go_program, "tls") as url:
        for one in (url, go_url):
            status, _, err = load("-h2", "-n", 5, one)
            assert status == 2
            assert "does not speak HTTP/2" in err


def test_http2_follows_redirects(go_program):
    pytest.importorskip("h2", reason="the library h2 is not installed")
    with go_server(go_program, "h2") as url:
        read = numbers("-n", 20, "-c", 4, "-h2", f"{url}/here")
        status, out, _ = load("--json", "-n", 3, "-c", 1, "-h2", f"{url}/loop")
        kept = numbers("-n", 3, "-c", 1, "-h2", "-disable-redirects", f"{url}/here")
    assert (read["answers"], read["statuses"]["200"]["count"], read["size_bytes"]) == (20, 20, 20 * 8)
    assert (status, json.loads(out)["errors"]) == (1, {"stopped after 10 redirects": 3})
    assert list(kept["statuses"]) == ["302"]


def test_http2_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "h2", None)
    status, _, err = load("-h2", "http://127.0.0.1:1/")
    assert status == 2
    assert "pip install 'whet[load]'" in err


def test_uvloop_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    status, _, err = load("--loop", "uvloop", "http://127.0.0.1:1/")
    assert (status, "uvloop is not installed" in err) == (2, True)


def test_server_of_the_standard_library_is_loaded():
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"abc")

        def log_message(self, format, *args):  # noqa: A002 (the library's name)
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            read = numbers("-n", 100, "-c", 4, f"http://127.0.0.1:{server.server_port}/")
        finally:
            server.shutdown()
    assert (read["answers"], read["size_bytes"]) == (100, 300)


def test_uvicorn_is_loaded(tmp_path):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    (tmp_path / "app.py").write_text(
        "async def app(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    for _ in range(3):\n"
        "        await send({'type': 'http.response.body', 'body': b'hello', 'more_body': True})\n"
        "    await send({'type': 'http.response.body', 'body': b''})\n"
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        command = [sys.executable, "-m", "uvicorn", "--log-level=error", "--lifespan=off"]
        child = subprocess.Popen(
            [*command, f"--fd={listener.fileno()}", "app:app"], cwd=tmp_path, pass_fds=[listener.fileno()]
        )
        try:
            read = numbers("-n", 200, "-c", 10, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        finally:
            child.terminate()
            child.wait()
    assert (read["answers"], read["size_bytes"]) == (200, 3000)


def test_unix_socket_is_loaded(tmp_path):
    server = RawServer(answering(OK), socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    try:
        read = numbers("-n", 30, "-c", 3, "--unix-socket", tmp_path / "socket", "http://any.name/")
    finally:
        server.close()
    assert (read["answers"], read["size_bytes"]) == (30, 150)


def test_ipv6_is_loaded():
    server = RawServer(answering(OK), socket.AF_INET6)
    try:
        server.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        assert numbers("-n", 30, "-c", 3, f"http://[::1]:{server.port}/")["answers"] == 30
    finally:
        server.close()


def test_proxy_is_asked_for_the_whole_address_and_for_tunnels(go_program):
    seen, users = [], []

    def proxy(connection, _number):
        while head := read_request(connection):
            seen.append(head.split(b"\r\n")[0])
            users.append(b"\r\nProxy-Authorization: Basic dTpw\r\n" in head)
            if head.startswith(b"CONNECT"):
                host, port = head.split()[1].decode().rsplit(":", 1)
                with socket.create_connection((host, int(port))) as other:
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=relay, args=(other, connection), daemon=True)
                    back.start()
                    relay(connection, other)
                return
            connection.sendall(OK)

    def relay(source, to):
        # The other direction may have closed both already.
        with contextlib.suppress(OSError):
            while some := source.recv(65536):
                to.sendall(some)

    with raw_server(proxy) as server, go_server(go_program, "tls") as url:
        plain = numbers("-n", 5, "-c", 1, "-x", f"127.0.0.1:{server.port}", "http://no.such.host/x?y")
        tls = numbers("-n", 5, "-c", 1, "-x", f"u:p@127.0.0.1:{server.port}", f"{url}/")
    assert plain["answers"] == tls["answers"] == 5
    assert seen[0] == b"GET http://no.such.host/x?y HTTP/1.1"
    assert seen[-1] == f"CONNECT {url.removeprefix('https://')} HTTP/1.1".encode()
    assert (users[0], users[-1]) == (False, True)


def test_csv_has_a_line_for_each_answer_with_the_columns_of_hey(go_url, tmp_path):
    status, out, err = load("-n", 500, "-c", 5, "-o", "csv", f"{go_url}/")
    lines = out.splitlines()
    assert (status, err, len(lines)) == (0, "", 501)
    for line in lines[1:]:
        total, dial, _, write, delay, read, status_code, offset = map(float, line.split(","))
        assert dial + write + delay + read <= total + 5e-6
        assert (status_code, offset >= 0) == (200, True)


def test_csv_of_hey_has_the_same_header(go_url):
    hey = shutil.which("hey")
    if not hey:
        pytest.skip("hey is not installed")
    theirs = subprocess.run([hey, "-n", "3", "-c", "1", "-o", "csv", go_url], capture_output=True, text=True)
    ours = load("-n", 3, "-c", 1, "-o", "csv", go_url)[1]
    assert ours.splitlines()[0] == theirs.stdout.splitlines()[0]


def test_results_of_two_servers_are_compared_by_whet_stat(go_url, tmp_path):
    from whet.cli.main import main

    for name, place in (("old", "/slow"), ("new", "/")):
        status, out, _ = load("--format", "gobench", "--count", 6, "-n", 40, "-c", 4, go_url + place)
        assert status == 0
        (tmp_path / name).write_text(out.replace("GET_slow", "GET"))
    status, out, err = run_main(main, ["stat", str(tmp_path / "old"), str(tmp_path / "new")])
    assert status == 0, err
    # Of mean, rate and percentiles one may be upset by a busy machine, not all of them.
    assert any("p=0.002" in line for line in out.splitlines() if line.startswith("Load/GET"))


def run_main(main, argv):
    import io

    from whet.cli.streams import Streams

    out, err = io.BytesIO(), io.BytesIO()
    return main(argv, Streams(out, err)), out.getvalue().decode(), err.getvalue().decode()


def test_comparison_tells_the_slower_address(go_url):
    status, out, err = load(
        "--compare", f"{go_url}/slow", "-c", 2, "-z", "5s", "--seed", 1, "--json", f"{go_url}/"
    )
    assert status == 0, err
    read = json.loads(out)
    mean = next(row for row in read["comparisons"] if row["name"] == "mean latency")
    assert mean["decision"]["verdict"] == "different"
    assert mean["decision"]["low"] > 1
    assert read["urls"]["new"].endswith("/slow")


def test_profile_of_the_server_is_filed_with_the_load(go_url, tmp_path):
    folder = tmp_path / "rec"
    status, out, err = load(
        "--while-profiling", go_url, "--recording", folder, "-z", "2s", "-c", 4, f"{go_url}/spin"
    )
    assert status == 0, err
    assert "Requests/sec:" in out
    assert f"recording in {folder}" in err
    assert sorted(path.name for path in folder.iterdir()) == ["cpu.pb.gz", "load.json", "meta.json"]
    meta = json.loads((folder / "meta.json").read_text())
    filed = json.loads((folder / "load.json").read_text())
    assert meta["partial"] is False
    assert meta["load"]["answers"] == filed["answers"] > 0
    from whet.cli.main import main

    status, out, _ = run_main(main, ["prof", "-top", str(folder)])
    assert status == 0
    assert "main.spin" in out


def test_profile_that_cannot_be_had_leaves_no_recording(go_url, tmp_path):
    with raw_server(answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")) as server:
        address = f"http://127.0.0.1:{server.port}"
        recording = "--recording", tmp_path / "rec"
        status, _, err = load("--while-profiling", address, *recording, "-z", "1s", "-c", 1, go_url)
    assert status == 2
    assert "404" in err
    assert not (tmp_path / "rec").exists()


@pytest.mark.parametrize("client", CLIENTS)
def test_interrupt_prints_what_there_is_and_calls_it_partial(go_url, client):
    command = [
        sys.executable,
        "-m",
        "whet",
        "load",
        "-z",
        "5m",
        "-c",
        "2",
        "-o",
        "csv",
        "--client",
        client,
        go_url,
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate()
    assert child.returncode == 130
    assert len(out.splitlines()) > 100
    assert "whet: partial: interrupted" in err
    assert "Traceback" not in err


def test_reader_that_goes_away_ends_the_load(go_url):
    code = f"{sys.executable} -m whet load -z 5m -c 2 -o csv {go_url} | head -3"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert len(done.stdout.splitlines()) == 3
    assert "Traceback" not in done.stderr


def test_warm_up_does_not_count(go_url):
    read = numbers("-n", 20, "-c", 2, "--warm-up", "300ms", go_url)
    assert (read["answers"], read["latency"]["count"]) == (20, 20)
    assert read["connections"] == read["phases"]["dial"]["count"] == 2


def test_help_is_for_everybody():
    status, out, _ = load("--help")
    assert status == 0
    assert "usage: whet load" in out

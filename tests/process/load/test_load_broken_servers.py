"""`whet load` against servers that fail in every way: each failure is counted by its kind, nothing hangs."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

from process.load.servers import OK, answering, load, raw_server, read_request

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def closing(*pieces):
    """Answer one request with these bytes, then close."""

    def behave(connection, _number):
        read_request(connection)
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_RDWR)

    return behave


def resetting(connection, _number):
    read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def endless_head(connection, _number):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: " + b"y" * 1000 + b"\r\n")


def endless_body(connection, _number):
    read_request(connection)
    connection.sendall(CHUNKED)
    while True:
        connection.sendall(b"3e8\r\n" + b"y" * 1000 + b"\r\n")


def dripping(connection, _number):
    read_request(connection)
    for byte in OK * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def silent(connection, _number):
    while connection.recv(1000):
        pass


# name: (behaviour, the error's text)
BROKEN = {
    "closes at once": (closing(), "the server closed the connection before it answered"),
    "closes in the head": (closing(b"HTTP/1.1 200"), "the server closed the connection in the middle"),
    "closes in the body": (closing(OK[:-2]), "the server closed the connection in the middle"),
    "closes in a chunk": (closing(CHUNKED, b"5\r\nhe"), "the server closed the connection in the middle"),
    "resets": (resetting, "connection reset by peer"),
    "garbage": (closing(b"SSH-2.0-OpenSSH\r\n"), "malformed answer: 'SSH-2.0-OpenSSH"),
    "body too long": (answering(OK + b"more"), "malformed answer: bytes after its end"),
    "endless head": (endless_head, "malformed answer: a head of more than"),
    "endless body": (endless_body, "no answer within 0.5 s"),
    "drips": (dripping, "no answer within 0.5 s"),
    "silent": (silent, "no answer within 0.5 s"),
    "two lengths": (answering(OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 6\r\n\r\n")), "content length"),
    "bad chunk": (answering(CHUNKED + b"zz\r\n"), "is no chunk's size"),
}


@pytest.mark.parametrize("client", ["python", "auto"])
@pytest.mark.parametrize("name", BROKEN)
def test_broken_answer_is_counted_by_its_kind(name, client):
    behave, text = BROKEN[name]
    with raw_server(behave) as server:
        url = f"http://127.0.0.1:{server.port}/"
        status, out, err = load("-n", 6, "-c", 2, "-t", 0.5, "--client", client, url)
    errors = out.partition("Error distribution:")[2]
    assert text in errors
    assert sum(int(line.strip()[1:].partition("]")[0]) for line in errors.strip().splitlines()) == 6
    assert status == 1
    assert "all 6 requests failed" in err


def test_some_failures_are_shown_and_are_no_failure_of_the_load():
    def behave(connection, number):
        (answering(OK) if number % 2 else closing(OK[:-1]))(connection, number)

    with raw_server(behave) as server:
        status, out, _ = load("-n", 40, "-c", 4, f"http://127.0.0.1:{server.port}/")
    assert status == 0
    assert "Error distribution:" in out
    assert "[200]" in out


def test_answer_that_ends_with_its_connection_is_whole():
    with raw_server(closing(b"HTTP/1.1 200 OK\r\n\r\nhello")) as server:
        status, out, _ = load("-n", 10, "-c", 2, f"http://127.0.0.1:{server.port}/")
    assert status == 0
    assert "[200]\t10 responses" in out
    assert "Total data:\t50 bytes" in out


def test_connection_that_was_idle_too_long_is_made_again_and_the_request_repeated():
    def behave(connection, _number):
        read_request(connection)
        connection.sendall(OK)
        read_request(connection)  # and the second is not answered

    with raw_server(behave) as server:
        url = f"http://127.0.0.1:{server.port}/"
        status, out, _ = load("-n", 10, "-c", 1, url)
        assert status == 0
        assert "[200]\t10 responses" in out
        assert "9 requests sent again" in out
        status, out, _ = load("-n", 10, "-c", 1, "-m", "POST", url)
    # A request that may have had an effect is not repeated.
    assert "[200]\t5 responses" in out
    assert "[5]\tthe server closed the connection before it answered" in out


def test_answers_in_many_pieces_are_whole():
    with raw_server(answering(*(bytes([byte]) for byte in OK))) as server:
        status, out, _ = load("-n", 50, "-c", 2, f"http://127.0.0.1:{server.port}/")
    assert status == 0
    assert "[200]\t50 responses" in out


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:1/", "connection refused"),
        ("http://no-such-host.invalid/", "the name no-such-host.invalid cannot be resolved"),
    ],
)
def test_server_that_is_not_there_is_one_line_and_status_2(url, text):
    status, out, err = load(url)
    assert (status, out) == (2, "")
    assert text in err.splitlines()[0]


def test_proxy_that_is_not_there_is_named():
    status, out, err = load("-x", "127.0.0.1:1", "http://no.such.host/")
    assert (status, out) == (2, "")
    assert err.splitlines()[0].endswith("the proxy: connection refused")


def test_what_is_no_address_of_a_profile_is_told_before_the_load(tmp_path):
    with raw_server(answering(OK)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        recording = "--recording", tmp_path / "rec"
        status, out, err = load("--while-profiling", "nonsense", *recording, "-z", "1m", url)
        assert (status, out, server.connections) == (2, "", 0)
    assert err.startswith("whet: error: --while-profiling: 'nonsense' is no address\n")
    assert not (tmp_path / "rec").exists()


@pytest.mark.parametrize("status", ["9" * 5000, "99999999999999999999", "2x0", "", "099", "²00"])
def test_http2_answer_without_a_status_is_malformed(status):
    pytest.importorskip("h2", reason="the library h2 is not installed")
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import RequestReceived

    def behave(connection, _number):
        config = H2Configuration(client_side=False, validate_outbound_headers=False)
        served = H2Connection(config)
        served.initiate_connection()
        connection.sendall(served.data_to_send())
        while data := connection.recv(65536):
            for event in served.receive_data(data):
                if isinstance(event, RequestReceived):
                    served.send_headers(event.stream_id, [(":status", status)], end_stream=True)
            connection.sendall(served.data_to_send())

    with raw_server(behave) as server:
        done, out, err = load("-h2", "-n", 3, "-c", 1, f"http://127.0.0.1:{server.port}/")
    assert (done, "[3]\tmalformed answer: " in out) == (1, True), out + err


def test_tls_with_a_server_that_has_none_is_one_line_and_status_2():
    def behave(connection, _number):
        connection.recv(1000)
        connection.sendall(b"no TLS here\r\n")

    with raw_server(behave) as server:
        status, _, err = load("-t", 5, f"https://127.0.0.1:{server.port}/")
    assert status == 2
    assert "TLS: " in err.splitlines()[0]


def test_server_that_never_shakes_hands_is_given_up():
    with raw_server(silent) as server:
        status, _, err = load("-t", 0.5, f"https://127.0.0.1:{server.port}/")
    assert status == 2
    assert "no connection within 0.5 s" in err


def test_no_files_left_is_a_kind_of_failure():
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with raw_server(answering(OK)) as server:
        # The client raises the soft limit to the hard one, so a process of its own gets a low hard one.
        code = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60));"
            "from whet.cli.main import main; sys.exit(main(sys.argv[1:]))"
        )
        url = f"http://127.0.0.1:{server.port}/"
        done = subprocess.run(
            [sys.executable, "-c", code, "load", "-n", "300", "-c", "100", url],
            capture_output=True,
            text=True,
        )
    assert limits == resource.getrlimit(resource.RLIMIT_NOFILE)
    assert done.returncode == 0, done.stderr
    assert "too many open files" in done.stdout
    assert "Traceback" not in done.stderr


def test_process_that_may_open_next_to_nothing_is_told_so():
    code = (
        "import resource, sys; from whet.cli.main import main; import whet.cli.load, asyncio;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10)); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "load", "http://127.0.0.1:1/"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "whet: error: too many open files\nhint: ulimit -n allows more\n"


def test_redirect_to_what_is_no_address_is_a_kind_of_failure():
    with raw_server(
        answering(b"HTTP/1.1 302 F\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n")
    ) as server:
        status, out, err = load("-n", 4, "-c", 2, f"http://127.0.0.1:{server.port}/")
    assert (status, "[4]\ta redirect to what is no address" in out) == (1, True), err


def test_interrupt_while_the_first_connection_is_made_ends_at_once():
    with raw_server(silent) as server:
        command = [sys.executable, "-m", "whet", "load", "-t", "0", f"https://127.0.0.1:{server.port}/"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not server.connections:
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate()
    assert child.returncode == 130
    assert "Traceback" not in err


def test_server_that_goes_away_leaves_failures_by_kind():
    def behave(connection, number):
        if number < 4:
            for _ in range(5):
                read_request(connection)
                connection.sendall(OK)
        server._listener.close()

    with raw_server(behave) as server:
        status, out, _ = load("-n", 60, "-c", 2, f"http://127.0.0.1:{server.port}/")
    assert status == 0
    assert "[200]" in out
    assert "connection refused" in out

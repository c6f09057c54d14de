"""The compiled client beside the event loop's: the same servers, the same counts."""

import json
import random
import socket
import threading
from collections import Counter

import pytest

from process.load.servers import CLIENTS, OK, load, raw_server, read_request
from whet.driver.load.connection import CLOSED_EARLY, CUT_OFF, UNASKED
from whet.driver.load.lane import load_native

HELLO = b"hello, world"
BIG = b"x" * 300_000


def with_length(body, *headers, status=b"200 OK"):
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


GARBAGE = r"malformed answer: '\x00\x01\x02' is no status line"
# What is sent, piece by piece; whether the connection ends then; what the client is to count.
ANSWERS = {
    "plain": ([OK], False, 200),
    "head and body apart": ([OK[:-5], OK[-5:]], False, 200),
    "byte by byte": ([bytes([byte]) for byte in OK], False, 200),
    "another head": ([with_length(HELLO, b"X-Other: yes")], False, 200),
    "large body": ([with_length(BIG)], False, 200),
    "not found": ([with_length(b"", status=b"404 Not Found")], False, 404),
    "no content": ([b"HTTP/1.1 204 No Content\r\n\r\n"], False, 204),
    "not modified, with a length": (
        [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\n\r\n"], False, 304,
    ),
    "chunks and trailers": (
        [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n",
            b"5\r\nhello\r\n0\r\nA: b\r\n\r\n",
        ],
        False, 200,
    ),
    "continue first": ([b"HTTP/1.1 100 Continue\r\n\r\n" + OK], False, 200),
    "to the end": ([b"HTTP/1.1 200 OK\r\n\r\nhello"], True, 200),
    "close, said": ([with_length(HELLO, b"Connection: close")], True, 200),
    "nothing": ([], True, CLOSED_EARLY),
    "half a head": ([b"HTTP/1.1 200 OK\r\nContent-"], True, CUT_OFF),
    "half a body": ([OK[:-2]], True, CUT_OFF),
    "more than it said": ([OK + b"!"], True, UNASKED),
    "garbage": ([b"\x00\x01\x02\r\n\r\n"], True, GARBAGE),
}  # fmt: skip


class Mixed:
    """Answers in random order, plain ones between, and counts what it was asked and what it said."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.said = Counter()
        self.asked = 0

    def behave(self, connection, _number):
        while read_request(connection):
            with self._lock:
                name = self._random.choice([*ANSWERS, *["plain"] * len(ANSWERS)])
                self.asked += 1
                pieces, ends, outcome = ANSWERS[name]
                self.said[str(outcome)] += 1
            for piece in pieces:
                connection.sendall(piece)
            if ends:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
                return


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("seed", range(3))
def test_every_answer_of_a_moody_server_is_counted_once_and_by_its_kind(client, seed):
    server = Mixed(seed)
    with raw_server(server.behave) as raw:
        url = f"http://127.0.0.1:{raw.port}/"
        status, out, err = load("-n", 800, "-c", 8, "-m", "POST", "-t", 60, "--client", client, "--json", url)
    assert status == 0, err
    read = json.loads(out)
    counted = {code: phase["count"] for code, phase in read["statuses"].items()}
    assert counted | read["errors"] == dict(server.said)
    assert (server.asked, read["answers"] + read["failures"]) == (800, 800)


@pytest.mark.skipif(not load_native(), reason="whet was installed without its compiled client")
def test_compiled_client_serves_plain_http_only():
    with raw_server(Mixed(0).behave) as raw:
        url = f"http://127.0.0.1:{raw.port}/"
        kinds = {
            options: json.loads(load("-n", 4, "-c", 2, "--json", *options, url)[1])["client"]["kind"]
            for options in ((), ("-disable-keepalive",), ("-q", 1000))
        }
    assert kinds == {(): "compiled", ("-disable-keepalive",): "python", ("-q", 1000): "python"}


@pytest.mark.parametrize("client", CLIENTS)
def test_large_request_is_sent_whole_and_its_writing_timed(client, tmp_path):
    size = 5_000_000
    (tmp_path / "body").write_bytes(b"y" * size)
    sizes = []

    def behave(connection, _number):
        while head := read_request(connection):
            got = len(head.partition(b"\r\n\r\n")[2])
            while got < size:
                got += len(connection.recv(1 << 20))
            sizes.append(got)
            connection.sendall(OK)

    with raw_server(behave) as raw:
        url = f"http://127.0.0.1:{raw.port}/"
        _, out, _ = load(
            "-n", 6, "-c", 2, "-m", "PUT", "-D", tmp_path / "body", "--client", client, "--json", url
        )
    assert json.loads(out)["answers"] == 6
    assert sizes == [size] * 6


@pytest.mark.parametrize("client", CLIENTS)
def test_connection_that_was_idle_too_long_is_asked_once_more_on_a_new_one(client):
    """The server ends each connection after its second answer and says nothing of it."""
    asked = []

    def behave(connection, _number):
        for _ in range(2):
            if not read_request(connection):
                return
            asked.append(1)
            connection.sendall(OK)

    with raw_server(behave) as raw:
        url = f"http://127.0.0.1:{raw.port}/"
        status, out, err = load("-n", 100, "-c", 1, "-t", 60, "--client", client, "--json", url)
    read = json.loads(out)
    assert (status, read["answers"], read["failures"], len(asked)) == (0, 100, 0, 100), err
    assert read["connections"] == 50

"""The agent's queue on disk, its backends' requests, and the way from one to the other."""

import base64
import http.server
import itertools
import json
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from whet.errors import SourceError, UsageError
from whet.live.continuous.backends import (
    Datadog,
    Directory,
    Otlp,
    Parca,
    Pyroscope,
    backend_for,
    check_label,
)
from whet.live.continuous.batch import Batch
from whet.live.continuous.budget import COARSEST, WITH_TYPES, Budget
from whet.live.continuous.sender import Delivery, RefusedError, Sender, UnreachableError
from whet.live.continuous.spool import Spool


def batch(number=0, size=100):
    return Batch(
        start_ns=10**18 + number,
        end_ns=10**18 + number + 1,
        labels={"service_name": "shop", "zone": "ø"},
        profiles={"cpu": bytes([number % 256]) * size, "heap": b"heap"},
    )


class Backend:
    """A server that answers what the test wants and remembers what it got."""

    def __init__(self, statuses=(), headers=()):
        self.statuses = list(statuses)
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append((self.path, dict(self.headers), body))
                status = outer.statuses.pop(0) if outer.statuses else 200
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"said so")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def test_batch_survives_encoding():
    before = batch(7)
    after = Batch.decode(before.encode())
    assert vars(after) == vars(before)


@pytest.mark.parametrize("cut", [0, 5, 13, 40, -1])
def test_cut_batch_is_refused(cut):
    with pytest.raises(ValueError, match=r"batch|line 1"):
        Batch.decode(batch().encode()[:cut])


def test_spool_gives_batches_in_the_order_of_their_windows(tmp_path):
    spool = Spool(str(tmp_path))
    for number in (3, 1, 2):
        spool.put(batch(number))
    spool.adopt()  # sorts, as after a restart
    seen = []
    while found := spool.first():
        seen.append(found.start_ns - 10**18)
        spool.done(found)
    assert seen == [1, 2, 3]
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_full_spool_drops_the_oldest_and_counts_them(tmp_path):
    spool = Spool(str(tmp_path), max_bytes=3 * len(batch().encode()) + 10)
    for number in range(5):
        spool.put(batch(number))
    assert (len(spool), spool.dropped) == (3, 2)
    assert spool.first().start_ns == 10**18 + 2
    spool.close()


def test_unreadable_file_is_counted_and_does_not_block_the_queue(tmp_path):
    spool = Spool(str(tmp_path))
    spool.put(batch(1))
    spool.put(batch(2))
    (first,) = tmp_path.glob(f"*/{batch(1).start_ns:020d}-*")
    first.write_bytes(b"whet.batch/1\n{}")
    assert spool.first().start_ns == 10**18 + 2
    assert spool.unreadable == 1
    spool.close()


def test_postponed_batch_is_sent_last_and_is_still_the_oldest(tmp_path):
    spool = Spool(str(tmp_path), max_bytes=3 * len(batch().encode()) + 10)
    for number in range(3):
        spool.put(batch(number))
    oldest = spool.first()
    spool.postpone(oldest)
    assert spool.first().start_ns == 10**18 + 1
    spool.put(batch(3))
    assert (len(spool), spool.dropped) == (3, 1)
    assert not list(tmp_path.glob(f"*/{oldest.name}.batch"))
    spool.close()


def test_spool_that_somebody_cleared_takes_batches_again(tmp_path):
    spool = Spool(str(tmp_path / "spool"))
    spool.put(batch(1))
    shutil.rmtree(tmp_path / "spool")
    spool.put(batch(2))
    assert (len(spool), spool.dropped) == (1, 1)
    assert spool.first().start_ns == 10**18 + 2
    other = Spool(str(tmp_path / "spool"))
    assert (len(other), other.adopted) == (0, 0)  # it is locked again
    other.close()
    spool.close()


def test_full_disk_drops_the_window_and_says_so(tmp_path):
    spool = Spool(str(tmp_path))
    (directory,) = tmp_path.iterdir()
    # What cannot be written over stands for a disk that takes no more.
    (directory / f"{(one := batch(1)).name}.batch.tmp").mkdir()
    with pytest.raises(SourceError, match="is a directory"):
        spool.put(one)
    spool.put(batch(2))
    assert (len(spool), spool.dropped) == (1, 1)
    with pytest.raises(SourceError, match="is more than may wait"):
        Spool(str(tmp_path / "small"), max_bytes=10).put(batch(3))
    spool.close()


def test_queue_of_a_killed_process_is_adopted_and_that_of_a_living_one_is_not(tmp_path):
    code = (
        "import os, sys\n"
        "from whet.live.continuous.batch import Batch\n"
        "from whet.live.continuous.spool import Spool\n"
        "spool = Spool(sys.argv[1])\n"
        "spool.put(Batch(start_ns=1, end_ns=2, labels={}, profiles={'cpu': b'kept'}))\n"
        "print('queued', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "queued\n"
        mine = Spool(str(tmp_path))
        assert (len(mine), mine.adopted) == (0, 0)
        process.kill()
        process.wait()
        mine.adopt()
        assert (len(mine), mine.adopted) == (1, 1)
        assert mine.first().profiles == {"cpu": b"kept"}
        mine.close()


def test_processes_that_begin_at_once_have_a_queue_each(tmp_path):
    code = (
        "import sys\n"
        "from whet.live.continuous.batch import Batch\n"
        "from whet.live.continuous.spool import Spool\n"
        "for _ in range(100):\n"
        "    spool = Spool(sys.argv[1])\n"
        "    spool.put(Batch(start_ns=1, end_ns=2, labels={}, profiles={'cpu': b'kept'}))\n"
        "    spool.done(spool.first())\n"
        "    spool.close()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    crowd = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    said = [process.communicate()[1] for process in crowd]
    assert ([process.returncode for process in crowd], said) == ([0] * 4, [b""] * 4)
    assert list(tmp_path.glob("*/*.batch")) == []


def test_spool_that_cannot_be_made_is_an_error_with_a_hint(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match="cannot queue profiles there") as caught:
        Spool(str(tmp_path / "file"))
    assert "WHET_AGENT_SPOOL" in caught.value.hint


def test_request_to_pyroscope():
    body = json.loads(Pyroscope().body(batch()))
    names = [{p["name"]: p["value"] for p in series["labels"]} for series in body["series"]]
    assert names == [
        {"__name__": "process_cpu", "service_name": "shop", "zone": "ø"},
        {"__name__": "memory", "service_name": "shop", "zone": "ø"},
    ]
    (sample,) = body["series"][1]["samples"]
    assert base64.b64decode(sample["rawProfile"]) == b"heap"
    assert len({series["samples"][0]["ID"] for series in body["series"]}) == 2


def test_identity_of_a_batch_is_the_same_at_every_attempt():
    one = batch()
    assert Pyroscope().body(one) == Pyroscope().body(Batch.decode(one.encode()))


def test_request_to_parca():
    body = json.loads(Parca().body(batch()))
    assert [s["labels"]["labels"][0] for s in body["series"]] == [
        {"name": "__name__", "value": "process_cpu"},
        {"name": "__name__", "value": "memory"},
    ]
    assert base64.b64decode(body["series"][1]["samples"][0]["rawProfile"]) == b"heap"


@pytest.mark.parametrize(
    ("address", "kind", "rest"),
    [
        ("http://a:4040", Pyroscope, "http://a:4040"),
        ("pyroscope+https://a/prefix", Pyroscope, "https://a/prefix"),
        ("parca+http://a:7070", Parca, "http://a:7070"),
        ("parca://a", Parca, "http://a:7070"),
        ("datadog://a", Datadog, "http://a:8126"),
        ("datadog://u:p@[::1]/x", Datadog, "http://u:p@[::1]:8126/x"),
        ("otlp://a:1/api/team", Otlp, "http://a:1/api/team"),
        ("otlp+https://a", Otlp, "https://a"),
        ("/var/profiles", Directory, "/var/profiles"),
        ("file:///var/profiles", Directory, "file:///var/profiles"),
    ],
)
def test_addresses(address, kind, rest):
    backend, left = backend_for(address)
    assert (type(backend), left) == (kind, rest)


@pytest.mark.parametrize(
    "address", ["ftp://a", "loki+http://a", "http://", "parca+ws://a", "otlp://", "http://[a"]
)
def test_addresses_that_are_none(address):
    with pytest.raises(UsageError, match="no place that profiles can be pushed to"):
        backend_for(address)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "__name__", "é"])
def test_tags_that_backends_would_refuse(name):
    with pytest.raises(UsageError, match="cannot name a tag"):
        check_label(name)


def deliver_to(backend, address=None, headers=()):
    server, address = backend_for(address or backend.address)
    return Delivery(server, address, dict(headers))


def test_delivery_sends_headers_prefix_and_password():
    with Backend() as backend:
        address = backend.address.replace("http://", "http://me:s%20t@") + "/prefix/"
        deliver_to(backend, address, {"X-Scope-OrgID": "team"}).deliver(batch())
        ((path, headers, _),) = backend.requests
    assert path == "/prefix/push.v1.PusherService/Push"
    assert headers["X-Scope-OrgID"] == "team"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"me:s t"


def test_outage_loses_and_doubles_nothing(tmp_path):
    with Backend(statuses=[500, 503, 429, 200, 502]) as backend:
        spool = Spool(str(tmp_path))
        sender = Sender(spool, deliver_to(backend))
        for number in range(4):
            spool.put(batch(number))
        attempts = 0
        while len(spool):
            sender.send()
            attempts += 1
        assert attempts == 4 + 4
        taken = [json.loads(body)["series"][0]["samples"][0]["ID"] for _, _, body in backend.requests]
    refused = {taken[0], taken[1], taken[2], taken[4]}
    assert len(taken) == 8
    assert len(set(taken)) == 4
    assert refused <= set(taken)
    assert (sender.sent, sender.refused, spool.dropped) == (4, 0, 0)
    spool.close()


def test_what_is_refused_for_good_does_not_block_the_queue(tmp_path):
    with Backend(statuses=[422]) as backend:
        spool = Spool(str(tmp_path))
        sender = Sender(spool, deliver_to(backend))
        spool.put(batch(1))
        spool.put(batch(2))
        assert sender.send()
        assert sender.trouble == f"422 {http.HTTPStatus(422).phrase}: said so"
        assert not sender.send()
    assert (sender.sent, sender.refused, len(spool)) == (1, 1, 0)
    spool.close()


def test_batch_that_the_backend_stumbles_over_does_not_block_the_queue(tmp_path):
    with Backend(statuses=[500, 200, 200, 500, 200]) as backend:
        spool = Spool(str(tmp_path))
        sender = Sender(spool, deliver_to(backend))
        for number in range(3):
            spool.put(batch(number))
        while len(spool):
            sender.send()
        taken = [json.loads(body)["series"][0]["samples"][0]["ID"] for _, _, body in backend.requests]
    assert len(set(taken)) == 3
    assert [taken.index(one) for one in taken] == [0, 1, 2, 0, 0]
    spool.close()


def test_answer_that_comes_a_byte_at_a_time_is_not_waited_for(tmp_path):
    ended = threading.Event()

    def answer(listening):
        connection, _ = listening.accept()
        with connection:
            for byte in itertools.chain(b"HTTP/1.1 200 OK\r\nX: ", itertools.repeat(ord("x"))):
                if ended.wait(0.01):
                    return
                connection.sendall(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        try:
            delivery = deliver_to(None, f"http://127.0.0.1:{listening.getsockname()[1]}")
            # A limit for each byte alone would have it wait for ever.
            with pytest.raises(UnreachableError, match="timed out"):
                delivery.deliver(batch(), timeout_s=1)
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize(
    ("address", "headers", "said"),
    [
        ("http://a:99999", {}, "out of range"),
        ("http://a:port", {}, "port"),
        ("http://a", {"X-Token": "two\nlines"}, "cannot be a header"),
        ("http://a", {"X Token": "x"}, "cannot be a header"),
        ("http://a", {"X-Token": "ø"}, "cannot be a header"),
    ],
)
def test_what_cannot_be_sent_is_said_at_the_start(address, headers, said):
    with pytest.raises(UsageError, match=said):
        deliver_to(None, address, headers)


def test_host_that_no_name_can_have_is_unreachable():
    with pytest.raises(UnreachableError):
        deliver_to(None, f"http://{'a' * 70}.example").deliver(batch())


def test_next_attempt_waits_as_long_as_the_backend_asks(tmp_path):
    with Backend(statuses=[429], headers=[("Retry-After", "60")]) as backend:
        spool = Spool(str(tmp_path))
        sender = Sender(spool, deliver_to(backend))
        spool.put(batch())
        assert not sender.send()
        assert 55 < sender.due_in_s() <= 60
    spool.close()


def test_backend_that_is_not_there_is_unreachable():
    with Backend() as backend:
        address = backend.address
    with pytest.raises(UnreachableError, match="refused"):
        deliver_to(None, address).deliver(batch())


def test_redirect_is_refused_with_its_status():
    with Backend(statuses=[404]) as backend, pytest.raises(RefusedError, match="404 Not Found"):
        deliver_to(backend).deliver(batch())


def test_directory_rotates_and_writing_again_changes_nothing(tmp_path):
    kept = Directory(str(tmp_path / "new"), max_bytes=250)
    for second in range(4):
        one = batch(second * 10**9)
        kept.keep(one)
        kept.keep(one)
    files = sorted((tmp_path / "new").iterdir())
    assert [(path.name[13:15], path.name[26:]) for path in files] == [
        ("41", "heap.pb.gz"),
        ("42", "cpu.pb.gz"),
        ("42", "heap.pb.gz"),
        ("43", "cpu.pb.gz"),
        ("43", "heap.pb.gz"),
    ]


def account(budget, *, own_s=0.0, **spent_s):
    """Account for a window of a second; return which collectors rest."""
    spent_ns = {name: seconds * 1e9 for name, seconds in spent_s.items()}
    return budget.account(spent_ns=spent_ns, own_ns=own_s * 1e9, program_ns=1e9, wall_ns=1e9)


def settled_budget():
    """Return one that has had two windows in which not too much was spent, so that it has the wanted rate."""
    budget = Budget(rate_hz=100, share=0.01)
    rates = [budget.rate_hz]
    for _ in range(2):
        account(budget, heap=0.0026)
        rates.append(budget.rate_hz)
    assert rates == [25, 50, 100]
    return budget


def test_rate_falls_while_the_agent_costs_too_much_and_comes_back():
    budget = settled_budget()
    for _ in range(3):
        assert account(budget, cpu=0.05) == {}
    assert budget.rate_hz == 12.5
    account(budget, cpu=0.05)
    assert budget.rate_hz == 10
    account(budget, cpu=0.003)
    assert budget.rate_hz == 10
    for _ in range(5):
        account(budget, cpu=0.001)
    assert budget.rate_hz == 100


def test_rate_comes_back_where_twice_as_many_samples_fit():
    budget = settled_budget()
    account(budget, cpu=0.004, heap=0.002)
    assert budget.rate_hz == 50
    account(budget, cpu=0.002, heap=0.002)  # twice as many: 0.6 % of a second, where 0.45 % are left
    assert budget.rate_hz == 50
    account(budget, cpu=0.001, heap=0.002)
    assert budget.rate_hz == 100


def test_rate_begins_at_no_less_than_it_may_fall_to():
    assert [Budget(rate_hz=rate, share=0.01).rate_hz for rate in (1, 10, 15, 80)] == [1, 10, 10, 20]


def test_heap_gives_way_where_it_costs_most_for_long():
    budget = settled_budget()
    account(budget, heap=0.001)
    assert budget.heap_step == COARSEST - 1
    for step in (COARSEST - 1, COARSEST):
        assert account(budget, heap=0.02, cpu=0.002, own_s=0.001) == {}
        assert (budget.rate_hz, budget.heap_step) == (100, step)
    # One window of ten has it: 0.02 / 10 + 0.003 s are 0.5 % of a second.
    assert account(budget, heap=0.02, cpu=0.002, own_s=0.001) == {"heap": 9}
    for _ in range(9):
        assert account(budget, cpu=0.002, own_s=0.001) == {}
    # Back again, what it costs is known.
    assert account(budget, heap=0.02, cpu=0.002, own_s=0.001) == {"heap": 9}
    for _ in range(3):
        assert account(budget, heap=0.001) == {}
    assert (budget.rate_hz, budget.heap_step) == (100, COARSEST)


def test_types_are_looked_for_while_there_is_room():
    budget = Budget(rate_hz=100, share=0.01)
    steps = [budget.heap_step]
    for heap_s in (0.0035, 0.001, 0.0035, 0.001, 0.008, 0.0035, 0.001):
        assert account(budget, heap=heap_s, cpu=0.001) == {}
        steps.append(budget.heap_step)
    assert steps == [2, 2, 1, 1, WITH_TYPES, 1, 1, 1]


def test_waits_rest_and_others_leave_a_collector_some_of_the_budget():
    budget = settled_budget()
    assert account(budget, block=0.1, cpu=0.02) == {}
    assert account(budget, block=0.1, cpu=0.02) == {"block": 40}
    assert account(budget, block=1.0) == {"block": 40}
    assert account(budget, cpu=0.02) == {}
    assert budget.rate_hz == 50


def test_idle_process_keeps_its_rate():
    budget = settled_budget()
    budget.account(spent_ns={"cpu": 0.0015e9}, own_ns=0.0, program_ns=0.0001e9, wall_ns=1e9)
    assert budget.rate_hz == 100

"""whet.live on its own thread: what it answers, whom, and what it does to the program."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from process.harness import needs_collector
from process.live_servers import LIMIT_S, ask, live_program, raw, running
from whet.formats.pprof import decode

pytestmark = needs_collector


@pytest.fixture(scope="module")
def server():
    with live_program(json.dumps({"heap": 4096, "block": True})) as (_, address):
        yield address


def profile_of(server, path):
    answer = ask(server, path)
    assert answer.status == 200, answer.text
    return decode(answer.body), answer


def types(profile):
    return [(profile.strings.text(kind), profile.strings.text(unit)) for kind, unit in profile.sample_type]


def test_seconds_that_are_none_are_the_default_within_the_limit():
    with live_program(json.dumps({"max_seconds": 1})) as (_, address):
        paths = [f"/debug/pprof/{name}?seconds=-1" for name in ("profile", "delta_heap")]
        with ThreadPoolExecutor() as pool:
            for profile, _ in pool.map(lambda path: profile_of(address, path), paths):
                assert profile.duration_nanos >= 1e9


def functions(profile):
    return {profile.strings.text(i) for i in profile.functions.name}


def total(profile, column):
    return int(profile.samples.values[:, column].sum())


def test_index_links_to_every_profile(server):
    answer = ask(server, "/debug/pprof/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    names = ["allocs", "block", "cmdline", "goroutine", "heap", "mutex", "profile", "symbol", "threadcreate"]
    assert all(f"<a href='{name}?" in answer.text for name in names)


def test_cpu_profile_is_of_the_seconds_asked_for(server):
    profile, answer = profile_of(server, "/debug/pprof/profile?seconds=1&rate=500")
    assert types(profile) == [("samples", "count"), ("cpu", "nanoseconds")]
    assert answer.headers["content-disposition"] == 'attachment; filename="profile"'
    assert 1_000_000_000 <= profile.duration_nanos < LIMIT_S * 1_000_000_000
    assert "__main__.spin" in functions(profile)
    assert not any("whet.live" in name for name in functions(profile))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("heap", ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]),
        ("allocs", ["alloc_objects", "alloc_space", "inuse_objects", "inuse_space"]),
        ("block", ["contentions", "delay"]),
        ("mutex", ["contentions", "delay"]),
        ("goroutine", ["goroutine"]),
        ("threadcreate", ["threadcreate"]),
    ],
)
def test_profiles_have_gos_value_types(server, name, expected):
    profile, answer = profile_of(server, f"/debug/pprof/{name}")
    assert [kind for kind, _ in types(profile)] == expected
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    if name in ("block", "mutex"):
        # The server may have begun a moment ago, and nobody waited for anybody yet.
        profile, _ = profile_of(server, f"/debug/pprof/{name}?seconds=1")
    assert total(profile, 0) > 0


def test_allocs_shows_allocated_space_first(server):
    profile, _ = profile_of(server, "/debug/pprof/allocs")
    assert profile.strings.text(profile.default_sample_type) == "alloc_space"


@pytest.mark.parametrize("name", ["heap", "block"])
def test_a_delta_is_what_came_in_these_seconds(server, name):
    before, _ = profile_of(server, f"/debug/pprof/{name}")
    delta, answer = profile_of(server, f"/debug/pprof/{name}?seconds=1")
    after, _ = profile_of(server, f"/debug/pprof/{name}")
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}-delta"'
    assert delta.duration_nanos >= 1_000_000_000
    assert 0 < total(delta, 0) <= total(after, 0) - total(before, 0)
    assert (delta.samples.values != 0).any(axis=1).all()


def test_goroutines_are_threads_and_tasks_without_our_own(server):
    profile, _ = profile_of(server, "/debug/pprof/goroutine")
    assert total(profile, 0) == 3 + 4
    text = ask(server, "/debug/pprof/goroutine?debug=2").text
    assert 'task "sleeper-1" [sleep' in text
    assert "whet/live" not in text
    counted = ask(server, "/debug/pprof/goroutine?debug=1").text
    assert re.search(r"3 tasks \[sleep[^]]*\]: sleeper-0, sleeper-1, sleeper-2", counted)


def test_legacy_texts_have_gos_first_lines(server):
    assert ask(server, "/debug/pprof/heap?debug=1").text.startswith("heap profile: ")
    assert ask(server, "/debug/pprof/block?debug=1").text.startswith("--- contention:\ncycles/second=")
    assert ask(server, "/debug/pprof/mutex?debug=1").text.startswith("--- mutex:\ncycles/second=")


def test_an_unknown_profile_is_not_found(server):
    answer = ask(server, "/debug/pprof/nope")
    assert (answer.status, answer.text) == (404, "Unknown profile\n")
    assert answer.headers["x-go-pprof"] == "1"


def test_traces_are_not_there_yet(server):
    assert ask(server, "/debug/pprof/trace?seconds=1").status == 501


def test_a_second_cpu_profile_hears_until_when(server):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(ask, server, "/debug/pprof/profile?seconds=2")
        while (second := ask(server, "/debug/pprof/profile?seconds=1")).status == 200:
            assert not first.done() or first.result().status == 409
            if first.done():
                first = pool.submit(ask, server, "/debug/pprof/profile?seconds=2")
        assert second.status == 409
        assert "cpu profiling already in use until 20" in second.text
        assert int(second.headers["retry-after"]) >= 1


def test_a_client_that_goes_away_ends_its_profile_soon(server):
    host, _, port = server.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /debug/pprof/profile?seconds=250 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + LIMIT_S
        while ask(server, "/debug/pprof/profile?seconds=1").status == 200:
            assert time.monotonic() < deadline
    while ask(server, "/debug/pprof/profile?seconds=1").status == 409:
        assert time.monotonic() < deadline


def test_too_long_a_profile_is_refused(server):
    answer = ask(server, "/debug/pprof/profile?seconds=301")
    assert (answer.status, answer.text) == (
        400,
        "profile duration exceeds the limit of 300 s (max_seconds=)\n",
    )


def test_variables_are_those_of_expvar(server):
    content = json.loads(ask(server, "/debug/vars").text)
    assert content["cmdline"][0] == "live.py"
    assert content["memstats"]["TotalAlloc"] > 0


def test_collections_are_lines(server):
    assert "# whet: gc_collections=" in ask(server, "/debug/gc").text


def test_many_requests_at_once_are_all_answered(server):
    paths = ["goroutine", "heap", "cmdline", "", "mutex?debug=1", "nope", "../metrics", "threadcreate"]
    with ThreadPoolExecutor(200) as pool:
        asked = [f"/debug/pprof/{paths[i % len(paths)]}".replace("/pprof/..", "") for i in range(200)]
        answers = list(pool.map(lambda path: ask(server, path), asked))
    assert {answer.status for answer in answers} == {200, 404}
    assert sum(answer.status == 404 for answer in answers) == 25


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /debug/pprof//\nX:y HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /debug/pprof/%2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET debug/pprof/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /debug/pprof/ HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /debug/pprof/ HTTP/1.1\r\n\r\n",
        b"GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n",
        b"GET /debug/pprof/ HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /debug/pprof/ HTTP/1.1\r\nno colon\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
def test_malformed_requests_are_refused(server, data):
    assert raw(server, data).startswith(b"HTTP/1.1 400 ")
    assert ask(server, "/debug/pprof/cmdline").status == 200


def test_an_endless_head_is_refused(server):
    data = b"GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 8192
    with contextlib.suppress(ConnectionResetError):
        assert raw(server, data).startswith(b"HTTP/1.1 431 ")
    assert ask(server, "/debug/pprof/cmdline").status == 200


def test_paths_and_headers_reach_no_file(server):
    for path in ("/debug/pprof/%2e%2e%2fetc%2fpasswd", "/debug/pprof/etc/passwd", "/etc/passwd", "/"):
        assert ask(server, path).status == 404
    answer = ask(server, "/debug/pprof/../../etc/passwd")
    assert (answer.status, answer.headers["location"]) == (307, "/etc/passwd")


def test_a_redirection_is_one_line_of_printable_characters(server):
    answer = ask(server, "/debug/pprof//%0D%0AX:%20y%C3%A9%22?%0D<b>")
    assert answer.headers["location"] == "/debug/pprof/%0D%0AX:%20y%C3%A9%22?%0D<b>"
    assert answer.text == (
        '<a href="/debug/pprof/%0D%0AX:%20y%C3%A9%22?%0D&lt;b&gt;">Temporary Redirect</a>.\n\n'
    )


def test_other_methods_are_refused(server):
    for method in ("POST", "PUT", "DELETE"):
        answer = ask(server, "/debug/pprof/heap", method=method, body=b"x=1")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    answer = ask(server, "/debug/pprof/cmdline", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-For": "10.0.0.1"}, {"Via": "1.1 proxy"}]
)
def test_only_this_machine_may_ask(server, headers):
    for path in ("/debug/pprof/", "/debug/pprof/heap", "/debug/vars", "/debug/metrics", "/debug/gc"):
        assert ask(server, path, headers=headers).status == 403


@pytest.mark.slow
def test_slow_clients_keep_nobody_waiting_and_time_out(server):
    host, _, port = server.rpartition(":")
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(300)]
        for connection in slow:
            with contextlib.suppress(OSError):  # the oldest are closed beyond the limit
                connection.sendall(b"GET /debug/pprof/ HT")
        assert ask(server, "/debug/pprof/cmdline").status == 200
        slow[-1].settimeout(LIMIT_S)
        assert slow[-1].recv(1000).startswith(b"HTTP/1.1 408 ")


def open_files_and_threads(pid: int) -> tuple[int, int]:
    fds, tasks = (list(Path(f"/proc/{pid}/{name}").iterdir()) for name in ("fd", "task"))
    return len(fds), len(tasks)


def test_a_storm_of_requests_leaves_nothing_behind():
    """Vanished, malformed and half-sent requests, and profiles that nobody waits for."""
    heads = [
        b"GET /debug/pprof/profile?seconds=250 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /debug/pprof/block?seconds=250 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /debug/pprof/goroutine?seconds=250 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /debug/pprof/heap HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /debug/pprof/heap HTTP/1.1\r\nHost: local",
        b"\x00" * 100,
        b"",
    ]
    with live_program(json.dumps({"heap": True})) as (process, address):
        host, _, port = address.rpartition(":")
        ask(address, "/debug/pprof/profile?seconds=1")
        before = open_files_and_threads(process.pid)

        def vanish(number: int) -> None:
            with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as connection:
                connection.sendall(heads[number % len(heads)])

        with ThreadPoolExecutor(50) as pool:
            list(pool.map(vanish, range(1000)))
        deadline = time.monotonic() + LIMIT_S
        # Connections that nobody has accepted yet may still begin profiles, which end at once.
        while (answer := ask(address, "/debug/pprof/profile?seconds=1")).status != 200:
            assert time.monotonic() < deadline, answer.body
        while any(map(int.__gt__, after := open_files_and_threads(process.pid), before)):
            assert time.monotonic() < deadline, (before, after)


def test_a_fork_in_the_middle_of_profiles_disturbs_nobody():
    code = """
import os, threading, urllib.request, whet.live
from whet.collect import windows
s = whet.live.start('127.0.0.1:0')
def fetch(name): got[name] = urllib.request.urlopen(s.url + name).read()
got = {}
names = ['profile?seconds=2', 'heap?seconds=2', 'block?seconds=2', 'goroutine?seconds=2']
threads = [threading.Thread(target=fetch, args=(name,)) for name in names]
for t in threads: t.start()
while not all(map(windows.is_on, ['cpu', 'heap', 'block'])): pass
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        address = s.url
        os._exit(0 if len(urllib.request.urlopen(address + 'profile?seconds=1').read()) > 100 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    if not any(t.is_alive() for t in threads): break
for t in threads: t.join()
print(sorted(got) == sorted(names), all(len(data) > 100 for data in got.values()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT_S)
    assert done.stdout == "True True\n", done.stderr


def test_collectors_are_switched_by_url():
    with live_program() as (_, address):
        answer = ask(address, "/debug/pprof/heap")
        assert answer.status == 409
        assert "?rate=524288" in answer.text
        assert ask(address, "/debug/pprof/heap?rate=4096").status == 200
        profile, _ = profile_of(address, "/debug/pprof/heap")
        assert profile.period == 4096
        assert ask(address, "/debug/pprof/heap?rate=x").status == 400
        assert ask(address, "/debug/pprof/heap?rate=0").status == 200
        assert ask(address, "/debug/pprof/heap").status == 409
        delta, _ = profile_of(address, "/debug/pprof/heap?seconds=1&rate=4096")
        assert total(delta, 0) > 0
        assert ask(address, "/debug/pprof/heap").status == 409


def test_nothing_is_answered_without_the_token():
    with live_program(json.dumps({"token": "long enough"})) as (_, address):
        for path in (
            "",
            "heap",
            "profile?seconds=1",
            "cmdline",
            "../vars",
            "../metrics",
            "nope",
            "goroutine",
        ):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !"}):
                answer = ask(address, f"/debug/pprof/{path}".replace("/pprof/..", ""), headers=headers)
                assert answer.status == 401
        assert ask(address, "/debug/pprof/cmdline?token=long+enough").status == 200
        for header in ("Bearer long enough", "Basic OmxvbmcgZW5vdWdo"):
            assert ask(address, "/debug/pprof/cmdline", headers={"Authorization": header}).status == 200


def test_a_unix_socket_is_its_owners(tmp_path: Path):
    path = tmp_path / "live.sock"
    with live_program(json.dumps({"address": f"unix:{path}"})) as (_, address):
        assert path.stat().st_mode & 0o777 == 0o600
        assert ask(address, "/debug/pprof/cmdline").status == 200
    # It was killed: the next one finds its socket, and takes the place.
    with live_program(json.dumps({"address": f"unix:{path}"})) as (_, address):
        assert ask(address, "/debug/pprof/cmdline").status == 200


def test_the_command_line_is_redacted_where_asked():
    options = json.dumps({"redact": True})
    with live_program(options, "--password=secret") as (_, address):
        assert ask(address, "/debug/pprof/cmdline").text == "live.py\0[redacted]"
        assert "secret" not in ask(address, "/debug/vars").text


def python(code: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={**os.environ, **(env or {})},
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("'0.0.0.0:0'", "0.0.0.0:0 can be reached from other machines"),
        ("'::', 0", "[::]:0 can be reached from other machines"),
        ("'127.0.0.1', 99999", "'127.0.0.1:99999' is no address"),
        ("'/nowhere/at/all'", "unix:/nowhere/at/all: "),
        ("':0'", ":0 can be reached from other machines"),
        ("'127.0.0.1'", "'127.0.0.1' is no address"),
        ("'127.0.0.1:99999'", "'127.0.0.1:99999' is no address"),
        ("'127.0.0.1:0', token='short'", "the token must have 8 characters"),
        ("'127.0.0.1:0', max_seconds=0", "max_seconds must be"),
        ("'unix:/nowhere/at/all'", "unix:/nowhere/at/all: "),
    ],
)
def test_what_cannot_be_served_is_said(call, message):
    done = python(f"import whet.live\ntry: whet.live.start({call})\nexcept Exception as e: print(e)")
    assert done.stdout.startswith(message), done.stderr


@pytest.mark.parametrize("call", ["'127.0.0.1', 0", "'localhost', port=0", "'::1', 0", "'[::1]:0'"])
def test_host_and_port_are_one_address_or_two(call):
    done = python(f"import whet.live; s = whet.live.start({call}); print(s.url)")
    host = "[::1]" if "::1" in call else call.split("'")[1].split(":")[0]
    assert re.fullmatch(rf"http://{re.escape(host)}:\d+/debug/pprof/\n", done.stdout), done.stderr


def test_the_program_ends_as_without():
    done = python("import whet.live; s = whet.live.start('127.0.0.1:0'); print('end')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


def test_closing_gives_the_port_and_the_profile_back():
    code = """
import socket, threading, time, urllib.request, urllib.error, whet.live
s = whet.live.start('127.0.0.1:0')
def fetch():
    try: urllib.request.urlopen(s.url + 'profile?seconds=200').read()
    except Exception as error: failed.append(error)
failed = []
t = threading.Thread(target=fetch); t.start()
from whet.collect import windows
while not windows.is_on('cpu'): time.sleep(0.01)
address = s.address
s.close(); s.close(); t.join()
assert failed
while windows.is_on('cpu'): time.sleep(0.01)
again = whet.live.start(address); again.close()
print('closed')
"""
    done = python(code)
    assert done.stdout == "closed\n", done.stderr


def test_forked_children_serve_where_they_can():
    code = """
import os, urllib.request, whet.live
fixed, free = whet.live.start('127.0.0.1:0'), whet.live.start('127.0.0.1:0')
fixed._where.port = int(fixed.address.rpartition(':')[2])
parent = free.address
pid = os.fork()
if pid == 0:
    assert free.address != parent
    assert urllib.request.urlopen(free.url + 'cmdline').status == 200
    assert fixed._sock is None
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
for server in (fixed, free): assert urllib.request.urlopen(server.url + 'cmdline').status == 200
print('served')
"""
    done = python(code)
    assert done.stdout == "served\n", done.stderr


def test_an_unchanged_program_serves_where_its_environment_says():
    code = "import time; print('started', flush=True); time.sleep(600)"
    with running(
        [sys.executable, "-c", code], wait_for=r"serves http://(\S+?)/", env={"WHET_LIVE": "127.0.0.1:0"}
    ) as (_, address):
        assert "time.sleep" not in ask(address, "/debug/pprof/cmdline").text
        assert '"MainThread"' in ask(address, "/debug/pprof/goroutine?debug=2").text


@pytest.mark.parametrize("value", ["nonsense", "127.0.0.1:0,nonsense", "0.0.0.0:0", "TAKEN"])
def test_an_environment_that_cannot_be_served_is_one_line(value):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        value = value.replace("TAKEN", f"127.0.0.1:{other.getsockname()[1]}")
        done = python("print('runs')", env={"WHET_LIVE": value})
    assert (done.returncode, done.stdout) == (0, "runs\n")
    assert done.stderr.startswith("whet: WHET_LIVE: ")
    assert done.stderr.count("\n") == 1


def test_a_program_under_a_recording_is_profiled_beside_it():
    code = """
import urllib.request, whet.live
from whet.collect.cpu import CpuCollector
recording = CpuCollector(rate_hz=200); recording.start()
s = whet.live.start('127.0.0.1:0')
data = urllib.request.urlopen(s.url + 'profile?seconds=1').read()
recording.stop()
print(len(data) > 100, recording.statistics()['duration_ns'] > 1e9)
"""
    assert python(code).stdout == "True True\n"


def test_prometheus_takes_the_metrics(server):
    promtool = shutil.which("promtool")
    text = ask(server, "/debug/metrics").text
    assert "python_gc_duration_seconds_count" in text
    assert 'python_wait_seconds_total{reason="gil"}' in text
    assert "python_event_loop_lag_seconds" in text
    if promtool is None:
        pytest.skip("no promtool on PATH, so nothing checks the text")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_client_library_reads_the_metrics(server):
    parser = pytest.importorskip("prometheus_client.parser")
    families = {f.name for f in parser.text_string_to_metric_families(ask(server, "/debug/metrics").text)}
    assert {"process_cpu_seconds", "python_gc_duration_seconds", "python_threads"} <= families


def test_pauses_of_the_garbage_collector_are_a_histogram():
    code = """
import gc, urllib.request, whet.live
s = whet.live.start('127.0.0.1:0')
gc.disable()
for _ in range(50): gc.collect()
print(urllib.request.urlopen(s.url.replace('pprof/', 'vars')).read().decode())
print(urllib.request.urlopen(s.url.replace('pprof/', 'metrics')).read().decode())
"""
    variables, end = json.JSONDecoder().raw_decode(text := python(code).stdout)
    pauses = variables["/gc/pauses:seconds"]
    assert len(pauses["Buckets"]) == len(pauses["Counts"]) + 1
    assert sum(pauses["Counts"]) == variables["memstats"]["NumGC"] >= 50
    mean_s = variables["memstats"]["PauseTotalNs"] / 1e9 / sum(pauses["Counts"])
    least, most = (
        sum(map(float.__mul__, map(float, pauses["Counts"]), bounds)) / sum(pauses["Counts"])
        for bounds in (pauses["Buckets"], pauses["Buckets"][1:])
    )
    assert least <= mean_s <= most
    rows = re.findall(r'^python_gc_pauses_seconds_bucket\{le="(.*)"\} (\d+)$', text[end:], re.M)
    counts = [int(count) for _, count in rows]
    assert [float(bound) for bound, _ in rows] == sorted({float(bound) for bound, _ in rows})
    assert counts == sorted(counts)
    assert f"python_gc_pauses_seconds_count {counts[-1]}\n" in text
    assert counts[-1] == sum(pauses["Counts"])

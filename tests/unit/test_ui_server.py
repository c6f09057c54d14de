"""The web UI's server over real sockets: what it answers, and to whom."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from web.profiles import program
from whet.analyze.profile.config import Config
from whet.driver.web import WebSession
from whet.errors import SourceError, UsageError
from whet.ui.guard import Guard, is_loopback
from whet.ui.server import Server, bound, parse_endpoint

Get = Callable[..., tuple[int, dict[str, str], bytes]]


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    servers: list[tuple[Server, threading.Thread]] = []

    def begin(host: str = "127.0.0.1", config: Config | None = None) -> Server:
        server = bound(host, 0)
        server.show(WebSession(program(labels=True), "program", config or Config()))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return server

    yield begin
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def get(server: Server, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=120)
    try:
        connection.putrequest("GET", path, skip_host=True)
        sent = {"Host": f"127.0.0.1:{server.server_port}"} | headers
        for name, value in sent.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
        found = {name.lower(): value for name, value in response.getheaders()}
        return response.status, found, gzip.decompress(body) if "content-encoding" in found else body
    finally:
        connection.close()


def data(server: Server, path: str) -> Any:
    status, _, body = get(server, f"/ui/data/{path}")
    assert status == 200, body
    return json.loads(body)


def test_every_response_forbids_what_pages_of_others_could_do(start: Callable[..., Server]) -> None:
    server = start()
    for path in ("/ui/", "/ui/data/view", "/nothing", "/ui/?si=bogus"):
        _, headers, _ = get(server, path)
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1.evil.example", ""]
)
def test_a_rebound_name_is_refused(start: Callable[..., Server], host: str) -> None:
    server = start()
    status, _, body = get(server, "/ui/data/view", Host=host.format(port=server.server_port))
    assert (status, body) == (403, b"this server answers only its own pages\n")


def test_pages_of_another_origin_are_refused(start: Callable[..., Server]) -> None:
    server = start()
    own = f"http://127.0.0.1:{server.server_port}"
    assert get(server, "/ui/data/view", Origin=own)[0] == 200
    for origin in ("http://evil.example", "null", own.replace("http:", "https:"), own + "0"):
        assert get(server, "/ui/data/view", Origin=origin)[0] == 403


def test_a_server_for_the_network_wants_its_token(start: Callable[..., Server]) -> None:
    server = start("0.0.0.0")
    token = server.guard.token
    assert len(token) >= 32
    assert token in server.url
    for path in ("/ui/", "/ui/data/view", "/download", "/ui/?token=wrong", "/ui/?token="):
        assert get(server, path)[0] == 403
    status, headers, _ = get(server, f"/ui/flamegraph?f=work&token={token}")
    assert (status, headers["location"]) == (302, "/ui/flamegraph?f=work")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert get(server, "/ui/data/view", Cookie=cookie.split(";")[0])[0] == 200
    assert get(server, "/ui/data/view", Cookie="whet-token=wrong")[0] == 403


def test_loopback_needs_no_token() -> None:
    assert [is_loopback(h) for h in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")] == [True] * 5
    assert not any(is_loopback(h) for h in ("0.0.0.0", "", "::", "10.0.0.1", "example.org"))
    assert Guard("localhost", 1).token == ""
    assert Guard("0.0.0.0", 1).token != Guard("0.0.0.0", 1).token


@pytest.mark.parametrize(
    "query",
    [
        "si=bogus", "f=(", "g=nothing", "n=many", "zoom=1", "zoom=a.b", "inverted=2", "time=5",
        "label=thread",
        "label=thread=nobody", "label=none=1", "sort=up", "unknown=1", "time=1-2", "nf=nan", "mean=1",
        "tf=a%3D(", "f=" + "x" * 9000, "&".join(["f=1"] * 200),
    ],
)  # fmt: skip
def test_bad_words_are_one_clear_line(start: Callable[..., Server], query: str) -> None:
    server = start()
    status, headers, body = get(server, f"/ui/data/view?{query}")
    assert status == 400
    assert headers["content-type"].startswith("text/plain")
    assert body.count(b"\n") == 1
    assert b"Traceback" not in body
    assert len(body) > 10


@pytest.mark.parametrize(
    "path", ["/ui/data/sandwich", "/ui/data/source?frame=99999.0", "/ui/data/sandwich?sandwich=1.999999999"]
)
def test_functions_that_are_not_there_are_refused(start: Callable[..., Server], path: str) -> None:
    assert get(start(), path)[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/ui/../../etc/passwd",
        "/ui/data/../../etc/passwd",
        "/ui/report.css",
        "/ui/save/x",
    ],
)
def test_no_path_reaches_the_file_system(start: Callable[..., Server], path: str) -> None:
    status, _, body = get(start(), path)
    assert status == 404
    assert b"root" not in body


def test_view_sums_are_those_of_the_profile(start: Callable[..., Server]) -> None:
    server = start()
    view = data(server, "view")
    assert view["head"]["total"] == view["head"]["net"] == sum(view["tree"]["own"]) == 3_000_000_000
    rows = dict(zip(view["frames"]["name"], view["frames"]["flat"], strict=True))
    assert rows["check"] == 1_410_000_000
    focused = data(server, "view?f=^work$")
    assert focused["head"]["total"] == 3_000_000_000, "shares stay shares of the whole"
    assert focused["head"]["net"] == 2_200_000_000
    labelled = data(server, "view?label=thread=worker-1")
    assert labelled["head"]["total"] == labelled["head"]["net"] < 3_000_000_000


def test_grouping_by_a_label_makes_its_values_the_outermost_frames(start: Callable[..., Server]) -> None:
    view = data(start(), "view?tagroot=thread")
    tree, names = view["tree"], view["frames"]["name"]
    tops = {names[f] for f, step in zip(tree["frame"], tree["parent"], strict=True) if step == 0 and f >= 0}
    assert {"MainThread", "worker-1"} <= tops


def test_options_of_the_command_line_are_in_the_first_address(start: Callable[..., Server]) -> None:
    server = start(config=Config(focus="work", sample_index="samples"))
    status, headers, _ = get(server, "/")
    assert (status, headers["location"]) == (302, "/ui/?si=samples&f=work")


def test_pprofs_addresses_of_peek_and_source_lead_to_ours(start: Callable[..., Server]) -> None:
    server = start()
    assert get(server, "/ui/peek?f=work")[1]["location"] == "/ui/peek?peek=work"
    source = get(server, "/ui/source?f=work")[1]["location"]
    assert data(server, source.removeprefix("/ui/"))["frames"]["name"] == ["work"]
    assert get(server, "/ui/source?f=nobody")[0] == 400


def test_download_is_the_filtered_profile(start: Callable[..., Server]) -> None:
    from whet.formats import pprof

    status, headers, body = get(start(), "/download?f=^work$")
    assert (status, headers["content-disposition"]) == (200, 'attachment; filename="profile.pb.gz"')
    assert int(pprof.decode(body).samples.values[:, 1].sum()) == 2_200_000_000


def test_saved_page_is_offline_and_knows_its_view(start: Callable[..., Server]) -> None:
    status, headers, body = get(start(), "/ui/save/flamegraph?f=^work$&inverted=1")
    assert status == 200
    assert headers["content-disposition"].startswith("attachment")
    assert b"connect-src" not in body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":0", ("localhost", 0)), ("8080", ("localhost", 8080)), ("localhost:", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)), ("0.0.0.0:1", ("0.0.0.0", 1)), ("", ("localhost", 0)),
    ],
)  # fmt: skip
def test_endpoints_are_pprofs(text: str, expected: tuple[str, int]) -> None:
    assert parse_endpoint(text) == expected


@pytest.mark.parametrize("text", ["localhost:http", ":99999", "localhost:-1"])
def test_bad_ports_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="port"):
        parse_endpoint(text)


def test_a_port_in_use_is_one_clear_error() -> None:
    with bound("127.0.0.1", 0) as first, pytest.raises(SourceError, match="cannot listen") as caught:
        bound("127.0.0.1", first.server_port)
    assert caught.value.hint is not None

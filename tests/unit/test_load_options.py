"""The command line of `whet load`, and the bytes that it makes of an address."""

import base64

import pytest

from whet._version import __version__
from whet.cli import bench_options
from whet.cli.load_options import HELP, parse
from whet.driver.load.target import Message, parse_target
from whet.errors import SourceError, UsageError

URL = "http://example.org/"


def request(*arguments):
    return parse([*arguments]).options.target.encoded().decode("latin-1")


def test_defaults_are_those_of_hey():
    options = parse([URL]).options
    assert (options.requests, options.connections, options.timeout_s) == (200, 50, 20)
    assert (options.rate_hz, options.worker_rate_hz, options.duration_s, options.follows) == (0, 0, 0, True)
    assert request(URL) == (
        "GET / HTTP/1.1\r\nHost: example.org\r\nContent-Type: text/html\r\n"
        f"User-Agent: whet/{__version__}\r\nAccept-Encoding: gzip\r\n\r\n"
    )


@pytest.mark.parametrize("dashes", ["-", "--"])
def test_options_of_hey_take_one_dash_or_two(dashes):
    words = (
        "n=500 c=20 q=3.5 m=post A=a/b T=c/d U=me a=u:p d=body host=other.org t=7 cpus=1 h2 "
        "disable-compression disable-keepalive disable-redirects"
    )
    call = parse([*(dashes + word for word in words.split()), URL])
    options, text = call.options, call.options.target.encoded().decode()
    assert (options.requests, options.connections, options.worker_rate_hz) == (500, 20, 3.5)
    assert (options.timeout_s, options.http2, options.follows) == (7, True, False)
    password = base64.b64encode(b"u:p").decode()
    for line in (
        "POST / HTTP/1.1",
        "Host: other.org",
        "Accept: a/b",
        "Content-Type: c/d",
        "User-Agent: me",
        f"Authorization: Basic {password}",
        "Connection: close",
        "Content-Length: 4",
    ):
        assert f"{line}\r\n" in text
    assert text.endswith("\r\n\r\nbody")
    assert "Accept-Encoding" not in text


def test_time_takes_the_place_of_a_number_of_requests():
    options = parse([URL, "-z", "1m30s", "-n", "7"]).options
    assert (options.requests, options.duration_s, options.connections) == (None, 90, 50)


def test_there_are_no_more_connections_than_requests():
    assert parse(["-n", "10", URL]).options.connections == 10
    with pytest.raises(UsageError, match="-n cannot be less than -c"):
        parse(["-n", "10", "-c", "20", URL])


def test_headers_replace_the_default_ones():
    text = request("-H", "content-type: x/y", "-H", "X-One: 1", "-H", "Host: h.org", URL)
    assert "content-type: x/y\r\nX-One: 1\r\n" in text
    assert "text/html" not in text
    assert "Host: h.org\r\n" in text
    assert text.count("Host") == 1


def test_body_comes_from_a_file(tmp_path):
    (tmp_path / "body").write_bytes(b"\x00\xff")
    call = parse(["-D", str(tmp_path / "body"), "-m", "PUT", URL])
    assert call.options.target.encoded().endswith(b"Content-Length: 2\r\n\r\n\x00\xff")
    with pytest.raises(SourceError, match="no such file"):
        parse(["-D", str(tmp_path / "none"), URL])


@pytest.mark.parametrize(
    ("url", "host", "port", "line", "header"),
    [
        ("http://h", "h", 80, "/", "h"),
        ("https://h:443/a?b=c#d", "h", 443, "/a?b=c", "h"),
        ("http://[::1]:81/x y", "::1", 81, "/x%20y", "[::1]:81"),
        ("http://bücher.example/ü", "xn--bcher-kva.example", 80, "/%C3%BC", "xn--bcher-kva.example"),
        ("http://h/%41%2F?q=%20", "h", 80, "/%41%2F?q=%20", "h"),
    ],
)
def test_addresses_become_request_lines(url, host, port, line, header):
    target = parse_target(url, Message())
    assert (target.origin.host, target.origin.port) == (host, port)
    assert target.encoded() == f"GET {line} HTTP/1.1\r\nHost: {header}\r\n\r\n".encode()


def test_user_of_an_address_is_sent_as_basic_authentication():
    assert b"Authorization: Basic dTpwIHE=" in parse_target("http://u:p%20q@h/", Message()).encoded()


def test_proxy_gets_the_whole_address():
    target = parse_target("http://h/x", Message(), proxy="p:3128")
    assert target.encoded().startswith(b"GET http://h/x HTTP/1.1\r\nHost: h\r\n")
    assert (target.proxy.host, target.proxy.port) == ("p", 3128)


def test_user_of_a_proxy_is_told_to_the_proxy_only():
    header = b"\r\nProxy-Authorization: Basic dTpwIHE=\r\n"
    assert header in parse_target("http://h/x", Message(), proxy="http://u:p%20q@p:3128").encoded()
    assert header not in parse_target("https://h/x", Message(), proxy="u:p%20q@p:3128").encoded()


def test_body_that_looks_like_a_file_of_curl_is_sent_and_told(tmp_path):
    (tmp_path / "body").touch()
    call = parse(["-d", f"@{tmp_path}/body", "-m", "POST", URL])
    assert call.options.target.encoded().endswith(f"\r\n\r\n@{tmp_path}/body".encode())
    assert call.note == f"-d: '@{tmp_path}/body' is sent as it is; -D {tmp_path}/body sends the file"
    assert not parse(["-d", "@nobody", "-m", "POST", URL]).note


def test_words_of_other_tools_are_told_their_names_here():
    with pytest.raises(UsageError, match="whet load has no option --duration=5s") as caught:
        parse(["--duration=5s", URL])
    assert caught.value.hint == "here it is -z"
    assert parse(["-t", "4", "-c", "100", "-d", "30s", URL]).note.endswith("; -z 30s runs for that time")
    assert not parse(["-z", "30s", "-d", "30s", URL]).note


def test_address_without_a_scheme_is_told_with_one():
    with pytest.raises(UsageError) as caught:
        parse(["127.0.0.1:80/x"])
    assert caught.value.hint == "whet load http://127.0.0.1:80/x"


@pytest.mark.parametrize(
    ("status", "location", "method", "url", "keeps"),
    [
        (302, "/b", "GET", "http://h/b", True),
        (303, "b?c", "GET", "http://h/a/b?c", True),
        (307, "/b", "POST", "http://h/b", True),
        (308, "https://h/b", "POST", "https://h/b", True),
        (307, "http://other/b", "POST", "http://other/b", False),
    ],
)
def test_redirects_go_where_those_of_go_lead(status, location, method, url, keeps):
    message = Message("POST", (("Authorization", "x"), ("X", "y")), b"body")
    found = parse_target("http://h/a/", message).redirected(status, location)
    assert (found.message.method, found.url) == (method, url)
    assert found.message.body == (b"body" if method == "POST" else b"")
    assert (("Authorization", "x") in found.message.headers) is keeps


@pytest.mark.parametrize(
    "location", ["http://[", "http://[::1/", "ftp://x/", "http://h:x/", "http://a\x00b/"]
)
def test_redirect_to_what_is_no_address_is_refused(location):
    with pytest.raises(UsageError):
        parse_target("http://h/a/", Message()).redirected(302, location)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "no address given"),
        ([URL, URL], "2 addresses given"),
        (["example.org"], "not an address with http"),
        (["ftp://x/"], "not an address with http"),
        (["http://"], "not an address with http"),
        (["http://h:99999/"], "not an address"),
        (["http://[::1/"], "not an address"),
        (["http://a\x00b/"], "not an address"),
        (["http://a\x7f/"], "not an address"),
        (["-x", "http://", URL], "-x: http://: not an address"),
        (["-x", "h:99999", URL], "-x: http://h:99999: not an address"),
        (["-x", "https://h", URL], "-x: https://h: connections to a proxy are made without TLS"),
        (["-x", "p:1", "-h2", URL], "-h2 through a proxy is for https"),
        (["--compare", "http://b", "-n", "5", URL], "--compare needs a time"),
        (["-n", "0", URL], "-n: '0' is not a whole number"),
        (["-n", "²", URL], "-n: '²' is not a whole number"),
        (["-c", "1e3", URL], "-c: '1e3' is not a whole number"),
        (["-t", "-1", URL], "-t: '-1' is not a number"),
        (["-q", "nan", URL], "-q: 'nan' is not a number"),
        (["--rate", "inf", URL], "--rate: 'inf' is not a number"),
        (["-z", "10", URL], "-z: '10' is no time"),
        (["-m", "GE T", URL], "-m: 'GE T' is no HTTP method"),
        (["-H", "x", URL], "-H: 'x' is no header"),
        (["-H", "X: a\r\nY: b", URL], "is no header"),
        (["-host", "a\nb", URL], "is no header"),
        (["-a", "user", URL], "-a: not NAME:PASSWORD"),
        (["-o", "xml", URL], "-o: 'xml' is none of"),
        (["--loop", "trio", URL], "--loop: 'trio' is none of"),
        (["--client", "curl", URL], "--client: 'curl' is none of auto, python"),
        (["--rate", "5", "-q", "5", URL], "exclude each other"),
        (["-d", "x", "-D", "y", URL], "no such file"),
        (["--nothing", URL], "no option --nothing"),
        (["-n"], "-n needs a value"),
        (["-h2=5", URL], "-h2 takes no value"),
        (["--count", "3", URL], "--count is for --format gobench"),
        (["--compare", "http://b", "-o", "csv", URL], "--compare prints"),
        (["--while-profiling", "http://b", "-n", "5", URL], "needs a time"),
        (["--recording", "x", URL], "--recording is for"),
    ],
)
def test_wrong_calls_are_told_in_one_line(arguments, text):
    with pytest.raises((UsageError, SourceError)) as caught:
        parse(arguments)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_names_every_option():
    from whet.cli import load_options

    assert parse(["-h"]) is parse(["--help"]) is None
    for name in load_options._FLAGS | load_options._VALUES:
        assert f"-{name}" in HELP


def test_words_mean_the_same_for_every_command():
    words = bench_options.parse(["--quiet=false", "-json=true", "-count=3", "-"])
    assert (words.quiet, words.format, words.options.count, words.paths) == (False, "json", 3, ["-"])
    call = parse(["--quiet", "-quiet=false", "-n=3", "-c", "1", "--", URL])
    assert call is not None
    assert (call.quiet, call.options.requests, call.options.target.url) == (False, 3, URL)
    for command, read in (("bench", bench_options.parse), ("load", parse)):
        with pytest.raises(UsageError, match="--quiet takes no value"):
            read(["--quiet=often", URL])
        with pytest.raises(UsageError, match=f"whet {command} has no option ---quiet"):
            read(["---quiet", URL])
        with pytest.raises(UsageError, match="--count needs a value"):
            read(["--count"])

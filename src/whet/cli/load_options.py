"""The command line of `whet load`: hey's options by hey's names, ours beside them, with one dash or two."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from whet.cli.words import Words
from whet.driver.load.options import DEFAULT_REQUESTS, DEFAULT_TIMEOUT_S, DEFAULT_WORKERS, LoadOptions
from whet.driver.load.target import (
    Message,
    Target,
    basic,
    check_method,
    default_headers,
    parse_header,
    parse_target,
)
from whet.errors import SourceError, UsageError
from whet.units import parse_duration_s

__all__ = ["HELP", "Call", "parse"]

HELP = """\
usage: whet load [OPTIONS] URL

Send many requests to an HTTP server and tell how long the answers took. Options of hey by their names,
with one dash or two; they may stand anywhere.

  -n N                  number of requests (default: 200)
  -c N                  connections, each with one request at a time (default: 50)
  -q RATE               at most so many requests a second on each connection
  -z TIME               run for this time ("10s", "3m") instead of -n
      --rate RATE       send so many requests a second whatever the server does; latency counts from when
                        a request was due, so that a server that stalls cannot hide it
      --warm-up TIME    load before what counts
  -t SECONDS            for each request (default: 20; 0: no limit)

  -m METHOD             GET, POST, PUT, DELETE, HEAD, OPTIONS ...
  -H "NAME: VALUE"      a header; may be given several times
  -A ACCEPT  -T TYPE    the Accept header; the Content-Type header (default: text/html)
  -U AGENT              the User-Agent header
  -host NAME            the Host header
  -a NAME:PASSWORD      basic authentication
  -d BODY  -D FILE      the request's body, or the file that holds it
  -x HOST:PORT          go through this HTTP proxy; NAME:PASSWORD@ before it logs in
      --unix-socket PATH   connect to this socket
  -h2                   HTTP/2
  -disable-compression, -disable-keepalive, -disable-redirects
  -cpus N               accepted: one core is used whatever it says

  -o csv                a line for each answer instead of the report, with hey's columns
      --json            the report as JSON
      --format FORMAT   text, csv, json or gobench: a line in Go's benchmark format for whet stat
      --count N         with gobench: run the load N times, a line for each
      --compare URL     both addresses in short turns, and the ratio of their latencies with its interval
      --while-profiling URL   record the server's CPU profile from URL/debug/pprof/profile meanwhile, file
                        both together and show the biggest boxes (with -z; default: 10s)
      --recording DIR   where to file them
      --client NAME     auto (default): compiled code for plain HTTP/1.1, Python for the rest; python: Python
                        for everything
      --loop NAME       the event loop around it: auto (default): uvloop where it is installed, else asyncio
      --seed N          of the order of turns
      --quiet           no progress and no warnings
  -h, --help            show this help

Exit status: 0, also when some requests failed; 1 when all of them failed; 2 for a wrong call or no
connection.
"""

_FLAGS = {
    "h2", "disable-compression", "disable-keepalive", "disable-redirects", "json", "quiet", "help",
}  # fmt: skip
_VALUES = {
    "n", "c", "q", "z", "rate", "warm-up", "t", "m", "H", "A", "T", "U", "host", "a", "d", "D", "x",
    "unix-socket", "cpus", "o", "format", "count", "compare", "while-profiling", "recording", "client",
    "loop", "seed",
}  # fmt: skip
# Long names of vegeta, oha, wrk and ab.
_ELSEWHERE = {
    "duration": "-z", "connections": "-c", "workers": "-c", "concurrency": "-c", "requests": "-n",
    "header": "-H", "method": "-m", "body": "-d, or -D for a file", "timeout": "-t", "proxy": "-x",
    "http2": "-h2", "query-per-second": "--rate", "latency-correction": "--rate", "latency": "always on",
    "k": "the default", "threads": "always one",
}  # fmt: skip
_FORMATS = ("text", "csv", "json", "gobench")
_CLIENTS = ("auto", "python")
_LOOPS = ("auto", "asyncio", "uvloop")
DEFAULT_PROFILED_S = 10.0
_MOST = 1_000_000_000_000
_MOST_CONNECTIONS = 100_000
_HINT = "see whet load --help"


@dataclass(frozen=True)
class Call:
    """What was asked for.

    Attributes:
        other: the second address of a comparison.
        profile_url: of the server to be recorded; empty: none.
        recording: directory to file in; None makes one.
        note: what the user may have meant otherwise; empty if nothing.
    """

    options: LoadOptions
    format: str
    count: int
    other: Target | None
    profile_url: str
    recording: str | None
    seed: int | None
    quiet: bool
    note: str


class _Values(Words):
    """The words of `whet load`, and its kinds of values."""

    def number(self, name: str, default: float) -> float:
        if name not in self.values:
            return default
        text = self.text(name)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value < _MOST:
            raise UsageError(f"{_dashed(name)}: {text!r} is not a number of 0 or more", hint=_HINT)
        return value

    def whole(self, name: str, default: int, most: int = _MOST) -> int:
        if name not in self.values:
            return default
        text = self.text(name)
        if not (text.isascii() and text.isdecimal()) or not 0 < int(text) <= most:
            raise UsageError(f"{_dashed(name)}: {text!r} is not a whole number from 1 to {most}", hint=_HINT)
        return int(text)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return the choice that was made; the first one is the default."""
        text = self.text(name) or choices[0]
        if text not in choices:
            raise UsageError(f"--{name}: {text!r} is none of {', '.join(choices)}")
        return text

    def duration_s(self, name: str) -> float:
        if name not in self.values:
            return 0.0
        seconds = parse_duration_s(self.text(name))
        if seconds is None or seconds > _MOST / 1e3:
            raise UsageError(f"{_dashed(name)}: {self.text(name)!r} is no time", hint='for example "10s"')
        return seconds


def _dashed(name: str) -> str:
    return f"--{name}" if name in ("rate", "warm-up", "count", "seed") else f"-{name}"


def parse(argv: Sequence[str]) -> Call | None:
    """Parse the arguments of `whet load`; None asks for help.

    Raises:
        UsageError: an unknown option, a bad value, no address.
        SourceError: the body's file cannot be read.
    """
    words = _Values(
        "whet load", argv, flags=_FLAGS, values=_VALUES, short={"h": "help"}, elsewhere=_ELSEWHERE
    )
    urls = words.rest + (words.after or [])
    if "help" in words.flags:
        return None
    if len(urls) != 1:
        what = f"{len(urls)} addresses" if urls else "no address"
        raise UsageError(f"{what} given", hint="whet load [OPTIONS] URL; --compare names a second one")
    message = _message(words)
    proxy, socket_path = words.text("x"), words.text("unix-socket")
    target = parse_target(urls[0], message, proxy=proxy, socket_path=socket_path)
    other = None
    if "compare" in words.values:
        other = parse_target(words.text("compare"), message, proxy=proxy, socket_path=socket_path)
    call = Call(
        options=_options(words, target),
        format=_format(words),
        count=words.whole("count", 1),
        other=other,
        profile_url=words.text("while-profiling"),
        recording=words.text("recording") or None,
        seed=words.whole("seed", 0) or None,
        quiet="quiet" in words.flags,
        note=_note(words.text("d"), timed="z" in words.values),
    )
    _check(call, words)
    return call


def _message(words: _Values) -> Message:
    given = [parse_header(text) for text in words.values.get("H", [])]
    for name, option in (("Accept", "A"), ("Content-Type", "T"), ("User-Agent", "U")):
        if option in words.values:
            given = [header for header in given if header[0].lower() != name.lower()]
            given.append(parse_header(f"{name}: {words.text(option)}"))
    if "a" in words.values:
        if ":" not in words.text("a"):
            raise UsageError("-a: not NAME:PASSWORD", hint=_HINT)
        given.append(("Authorization", basic(words.text("a"))))
    host = words.text("host") or next((value for name, value in given if name.lower() == "host"), "")
    if host:
        parse_header(f"Host: {host}")
    given = [header for header in given if header[0].lower() not in ("host", "content-length")]
    return Message(
        method=check_method(words.text("m", "GET")),
        headers=default_headers(given, compression="disable-compression" not in words.flags),
        body=_body(words),
        host=host,
        keep_alive="disable-keepalive" not in words.flags,
    )


def _body(words: _Values) -> bytes:
    if "D" not in words.values:
        return words.text("d").encode("utf-8", "surrogateescape")
    path = words.text("D")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise SourceError(f"-D: {path}: {(error.strerror or str(error)).lower()}") from None


def _note(body: str, *, timed: bool) -> str:
    if not timed and parse_duration_s(body):
        return f"-d: {body!r} is sent as a body; -z {body} runs for that time"
    if body.startswith("@") and Path(body[1:]).is_file():
        return f"-d: {body!r} is sent as it is; -D {body[1:]} sends the file"
    return ""


def _options(words: _Values, target: Target) -> LoadOptions:
    duration_s = words.duration_s("z")
    if not duration_s and {"while-profiling", "compare"} & set(words.values):
        duration_s = DEFAULT_PROFILED_S
    requests = None if duration_s else words.whole("n", DEFAULT_REQUESTS)
    default_workers = min(DEFAULT_WORKERS, requests or DEFAULT_WORKERS)
    return LoadOptions(
        target=target,
        requests=requests,
        duration_s=duration_s,
        connections=words.whole("c", default_workers, _MOST_CONNECTIONS),
        rate_hz=words.number("rate", 0.0),
        worker_rate_hz=words.number("q", 0.0),
        timeout_s=words.number("t", DEFAULT_TIMEOUT_S),
        follows="disable-redirects" not in words.flags,
        http2="h2" in words.flags,
        warm_up_s=words.duration_s("warm-up"),
        client=words.one_of("client", _CLIENTS),
        loop=words.one_of("loop", _LOOPS),
    )


def _format(words: _Values) -> str:
    chosen = words.text("format") or words.text("o") or "text"
    if "json" in words.flags:
        chosen = "json"
    if chosen not in _FORMATS:
        raise UsageError(f"-o: {chosen!r} is none of {', '.join(_FORMATS)}", hint=_HINT)
    return chosen


def _check(call: Call, words: _Values) -> None:
    options = call.options
    words.whole("cpus", 1)
    if options.requests is not None and options.connections > options.requests:
        raise UsageError("-n cannot be less than -c", hint=f"-c {options.requests}")
    if options.rate_hz and options.worker_rate_hz:
        raise UsageError("--rate and -q exclude each other", hint="--rate is for all, -q for each connection")
    if call.count > 1 and call.format != "gobench":
        raise UsageError("--count is for --format gobench", hint=_HINT)
    if call.other and (call.profile_url or call.format in ("csv", "gobench")):
        raise UsageError("--compare prints text or JSON, and records no profile", hint=_HINT)
    if call.profile_url and call.count > 1:
        raise UsageError("--while-profiling records one load", hint="leave --count out")
    for name in ("while-profiling", "compare"):
        if name in words.values and "n" in words.values and "z" not in words.values:
            raise UsageError(f"--{name} needs a time", hint="-z 10s instead of -n")
    if call.recording and not call.profile_url:
        raise UsageError("--recording is for --while-profiling", hint=_HINT)
    if options.http2 and options.target.proxy and options.target.origin.scheme == "http":
        raise UsageError("-h2 through a proxy is for https:// addresses", hint="leave -h2 or -x out")
    if options.target.proxy and options.target.origin.socket_path:
        raise UsageError("-x and --unix-socket exclude each other")
    if "d" in words.values and "D" in words.values:
        raise UsageError("-d and -D exclude each other")

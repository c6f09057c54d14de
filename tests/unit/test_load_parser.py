"""Answers of HTTP/1.1: whole, in pieces, and what is none."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whet.driver.load.parser import MOST_HEAD_BYTES, BadAnswerError, HeadCache, Parser

OK = b"HTTP/1.1 200 OK\r\n"
CODED = OK + b"Transfer-Encoding: chunked\r\n"
CHUNKED = CODED + b"\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
ONE = b"Content-Length: 1\r\n\r\nx"
# What comes, and then: is it complete, its status, the size of its body, whether the connection ends.
ANSWERS = {
    "length": (OK + b"Content-Length: 5\r\n\r\nhello", True, 200, 5, False),
    "no body": (OK + b"Content-Length: 0\r\n\r\n", True, 200, 0, False),
    "chunked": (CHUNKED, True, 200, 15, False),
    "chunked wins": (OK + b"Content-Length: 3\r\n" + CHUNKED[len(OK) :], True, 200, 15, False),
    "204": (b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", True, 204, 0, False),
    "304": (b"HTTP/1.1 304 \r\n\r\n", True, 304, 0, False),
    "no phrase": (b"HTTP/1.1 200\r\n" + ONE, True, 200, 1, False),
    "interim": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + ONE, True, 200, 1, False),
    "close": (OK + b"Connection: Close\r\n" + ONE, True, 200, 1, True),
    "1.0": (b"HTTP/1.0 200 OK\r\n" + ONE, True, 200, 1, True),
    "1.0 kept": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + ONE, True, 200, 1, False),
    "same length twice": (OK + b"Content-Length: 1\r\n" + ONE, True, 200, 1, False),
    "to the end": (OK + b"\r\nhello", False, 200, 5, True),
    "half": (OK + b"Content-Length: 9\r\n\r\nhell", False, 200, 4, False),
}
BAD = {
    "garbage": b"\x16\x03\x01 nothing",
    "old": b"ICY 200 OK\r\n\r\n",
    "status": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "status 0": b"HTTP/1.1 000 OK\r\n\r\n",
    "long status": b"HTTP/1.1 2000 OK\r\n\r\n",
    "header": OK + b"no colon here\r\n\r\n",
    "space before colon": OK + b"Content-Length : 5\r\n\r\nhello",
    "lengths differ": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "negative length": OK + b"Content-Length: -5\r\n\r\n",
    "huge length": OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "hex length": OK + b"Content-Length: 0x5\r\n\r\n",
    "other coding": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "chunk size": OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "negative chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "long chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
    "endless chunk line": OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 20_000,
    "endless head": OK + b"X: y\r\n" * (MOST_HEAD_BYTES // 6 + 1),
    "endless interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 101,
    "endless trailer": OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: yyyyyyyyyyyy\r\n" * 20_000,
}  # fmt: skip


def parsed(pieces, *, to_head=False):
    parser = Parser(HeadCache(to_head=to_head))
    complete = False
    for piece in pieces:
        assert not complete
        complete = parser.feed(piece)
    return parser, complete


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_in_one_piece_is_read(name):
    data, complete, status, size, closes = ANSWERS[name]
    parser, done = parsed([data])
    head = parser.head
    assert (done, head.status, parser.size_bytes, head.closes) == (complete, status, size, closes)
    assert not parser.rest


@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(0, 120), max_size=6))
def test_pieces_do_not_matter(name, cuts):
    data, complete, status, size, _ = ANSWERS[name]
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    parser, done = parsed([data[a:b] for a, b in itertools.pairwise(edges)])
    assert (done, parser.head.status, parser.size_bytes) == (complete, status, size)


@pytest.mark.parametrize("name", ANSWERS)
def test_single_bytes_make_the_same_answer(name):
    data, complete, status, size, _ = ANSWERS[name]
    parser, done = parsed([data[i : i + 1] for i in range(len(data))])
    assert (done, parser.head.status, parser.size_bytes) == (complete, status, size)


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("step", [1 << 30, 1000])
def test_what_is_no_answer_is_refused(name, step):
    data = BAD[name]
    with pytest.raises(BadAnswerError) as caught:
        parsed([data[i : i + step] for i in range(0, len(data), step)])
    assert len(str(caught.value)) < 120


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_refused(data):
    parser = Parser(HeadCache())
    try:
        parser.feed(data)
    except BadAnswerError as error:
        assert str(error)
    assert parser.size_bytes <= len(data)


def test_answer_to_head_has_no_body_whatever_it_says():
    parser, done = parsed([OK + b"Content-Length: 500\r\n\r\n"], to_head=True)
    assert (done, parser.size_bytes) == (True, 0)


def test_bytes_after_the_end_are_kept_apart():
    parser, done = parsed([OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1"])
    assert (done, parser.size_bytes, parser.rest) == (True, 2, b"HTTP/1.1")


def test_only_an_answer_without_length_is_complete_at_the_end_of_the_connection():
    assert parsed([OK + b"\r\nabc"])[0].end()
    assert not parsed([OK + b"Content-Length: 9\r\n\r\nabc"])[0].end()
    assert not parsed([OK])[0].end()


def test_location_counts_for_redirects_only():
    for status, location in ((302, "/x"), (308, "/x"), (200, ""), (304, "")):
        parser, _ = parsed([b"HTTP/1.1 %d X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n" % status])
        assert parser.head.location == location


def test_cache_of_heads_is_bounded():
    cache = HeadCache()
    for number in range(5000):
        cache.read(OK + b"X-Id: %d\r\nContent-Length: 1\r\n\r\n" % number)
    assert 0 < len(cache.known) <= 256

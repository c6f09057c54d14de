"""A small shop with three slow requests, and whet.live to find out why.

    python examples/shop.py [--address 127.0.0.1:8000] [--profiles 127.0.0.1:6060] [--fixed]

`/search?q=...` computes, `/order?item=...` waits, `/history` keeps memory. With `--fixed` none of
them does. docs/guide.md walks through it.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import whet.live

WORDS = ["bag", "belt", "boot", "cap", "coat", "dress", "glove", "hat", "jacket", "scarf", "shirt", "shoe"]


class Shop:
    """What is sold, and what was."""

    def __init__(self, *, fixed: bool) -> None:
        draw = random.Random(1).choice
        self.items = [f"{draw(WORDS).upper()} {draw(WORDS)} {number}" for number in range(10_000)]
        self.lowered = [item.lower() for item in self.items]
        self.fixed = fixed
        self.lock = threading.Lock()
        self.journal = tempfile.TemporaryFile("a")  # noqa: SIM115 (open as long as the shop)
        self.seen: list[bytes] = []

    def search(self, text: str) -> str:
        return f"{len(self.matches(text.lower()))} items\n"

    def matches(self, text: str) -> list[str]:
        if self.fixed:
            return [item for item, lowered in zip(self.items, self.lowered, strict=True) if text in lowered]
        return [item for item in self.items if is_match(item, text)]

    def order(self, item: str) -> str:
        with self.lock:
            self.journal.write(f"{item}\n")
            if not self.fixed:
                self.save()
        if self.fixed:
            self.save()
        return "ordered\n"

    def save(self) -> None:
        """Have the journal on the disk before the customer is told."""
        self.journal.flush()
        os.fsync(self.journal.fileno())

    def history(self) -> str:
        page = bytes(100_000)
        if not self.fixed:
            self.seen.append(page)
        return f"{len(page)} bytes\n"


def is_match(item: str, text: str) -> bool:
    """Compare word by word, each time anew."""
    return any(text in word for word in item.lower().split())


class Handler(BaseHTTPRequestHandler):
    """Answers one request; `shop` is set below."""

    protocol_version = "HTTP/1.1"
    shop: Shop

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        if address.path == "/search":
            text = self.shop.search(query.get("q", ["shoe"])[0])
        elif address.path == "/order":
            text = self.shop.order(query.get("item", ["shoe"])[0])
        elif address.path == "/history":
            text = self.shop.history()
        else:
            self.send_error(404, "there are /search, /order and /history")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it has)
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description="a small shop with three slow requests")
    parser.add_argument("--address", default="127.0.0.1:8000")
    parser.add_argument("--profiles", default="127.0.0.1:6060", help="where whet.live listens")
    parser.add_argument("--fixed", action="store_true", help="with nothing slow in it")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    Handler.shop = Shop(fixed=options.fixed)
    server = ThreadingHTTPServer((host, int(port)), Handler)
    profiles = whet.live.start(options.profiles)
    print(f"shop at http://{host}:{server.server_port}/, profiles at {profiles.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

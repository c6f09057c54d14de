"""Draw the Mandelbrot set for whoever asks: a service with whet.live beside it.

    python examples/mandelweb.py [--address 127.0.0.1:8000] [--profiles 127.0.0.1:6060]
    curl "http://127.0.0.1:8000/?size=40&limit=1000"
    whet prof http://127.0.0.1:6060/debug/pprof/profile?seconds=5

Requests are drawn by threads that share the GIL: `/debug/pprof/mutex?seconds=5` shows by whom it is held.
"""

from __future__ import annotations

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from mandelbrot import picture

import whet
import whet.live

LARGEST = {"size": 200, "limit": 100_000}


class Handler(BaseHTTPRequestHandler):
    """Answers `/?size=40&limit=1000` with a picture in text."""

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        try:
            size, limit = (int(query.get(name, ["40"])[0]) for name in ("size", "limit"))
        except ValueError:
            self.send_error(400, "size and limit are integers")
            return
        if not (1 <= size <= LARGEST["size"] and 1 <= limit <= LARGEST["limit"]):
            self.send_error(400, f"size and limit are at most {LARGEST['size']} and {LARGEST['limit']}")
            return
        with whet.labels(size=str(size)):
            lines = picture(size, limit, 2)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write("\n".join([*lines, ""]).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name it has)
        """Say nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description="draw the Mandelbrot set for whoever asks")
    parser.add_argument("--address", default="127.0.0.1:8000")
    parser.add_argument("--profiles", default="127.0.0.1:6060", help="where whet.live listens")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    profiles = whet.live.start(options.profiles)
    print(f"pictures at http://{host}:{server.server_port}/, profiles at {profiles.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

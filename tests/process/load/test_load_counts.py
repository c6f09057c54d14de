"""What `whet load` counts beside what a Go server has counted, in every mode of both."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from process.load.servers import CLIENTS, go_program, go_server, load

__all__ = ["go_program"]
MODES = {
    "number": ["-n", 207, "-c", 13],
    "fewer requests than the default connections": ["-n", 9],
    "time": ["-z", "50ms", "-c", 8],
    "rate": ["-n", 60, "-c", 8, "--rate", 2000],
    "pace": ["-n", 40, "-c", 8, "-q", 500],
    "a connection for each": ["-n", 60, "-c", 8, "-disable-keepalive"],
    "no bodies": ["-n", 60, "-c", 8, "-m", "HEAD"],
    "not repeatable": ["-n", 60, "-c", 8, "-m", "POST", "-d", "abc"],
}
# Statuses of what a place answers, and whether its connections end.
PLACES = {
    "/": "200", "/status/200": "200", "/status/204": "204", "/status/304": "304", "/status/500": "500",
    "/chunks": "200", "/early": "200", "/old": "200", "/third": "200",
}  # fmt: skip


@pytest.fixture(scope="module")
def go_url(go_program):
    with go_server(go_program) as url:
        yield url


def asked(url):
    """How many requests the server has got since it was asked last."""
    with urllib.request.urlopen(f"{url}/asked") as answer:
        return int(answer.read())


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("mode", MODES)
def test_server_counts_the_same_requests(go_url, client, mode):
    asked(go_url)
    for place, status in PLACES.items():
        _, out, err = load(*MODES[mode], "-t", 60, "--client", client, "--json", go_url + place)
        read = json.loads(out)
        assert (read["errors"], list(read["statuses"])) == ({}, [status]), (place, err)
        assert asked(go_url) == read["answers"] == read["latency"]["count"], place
        if "-n" in MODES[mode]:
            assert read["answers"] == MODES[mode][1], place


@pytest.mark.parametrize("client", CLIENTS)
def test_interrupted_load_has_counted_all_but_what_was_under_way(go_url, client):
    asked(go_url)
    arguments = ["-z", "5m", "-c", "4", "-o", "csv", "--client", client, go_url]
    command = [sys.executable, "-m", "whet", "load", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        child.stdout.readline()
        child.send_signal(signal.SIGINT)
        answers = len(child.stdout.read().splitlines())
    assert child.returncode == 130
    assert answers <= asked(go_url) <= answers + 4

"""A real Prometheus scrapes whet.live."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
from pathlib import Path

import pytest

from process.harness import needs_collector
from process.live_servers import LIMIT_S, ask, live_program

pytestmark = needs_collector

CONFIGURATION = """
global: {scrape_interval: 1s}
scrape_configs:
- job_name: live
  metrics_path: /debug/metrics
  static_configs: [{targets: ["%s"]}]
"""


def query(prometheus: str, text: str) -> list[dict]:
    answer = ask(prometheus, "/api/v1/query?" + urllib.parse.urlencode({"query": text}))
    return json.loads(answer.body)["data"]["result"] if answer.status == 200 else []


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_prometheus_scrapes_what_is_there(tmp_path: Path):
    command = shutil.which("prometheus")
    if command is None:
        pytest.skip("no prometheus on PATH (Debian package prometheus), so nothing real scrapes")
    with live_program(json.dumps({"heap": True, "block": True})) as (_, address):
        (tmp_path / "prometheus.yml").write_text(CONFIGURATION % address)
        prometheus = f"127.0.0.1:{free_port()}"
        process = subprocess.Popen(
            [
                command,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address={prometheus}",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "ready to receive web requests" in line:
                    break
            deadline = time.monotonic() + LIMIT_S
            while not query(prometheus, "python_gc_duration_seconds_count"):
                assert time.monotonic() < deadline, ask(prometheus, "/api/v1/targets").text
            assert query(prometheus, "up")[0]["value"][1] == "1"
            assert query(prometheus, 'python_wait_seconds_total{reason="gil"}')
            assert float(query(prometheus, "process_resident_memory_bytes")[0]["value"][1]) > 1 << 20
        finally:
            process.kill()
            process.communicate()

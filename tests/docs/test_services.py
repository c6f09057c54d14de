"""The two services with planted problems: on real servers, under load, recorded and asked meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from process.harness import needs_collector
from process.live_servers import LIMIT_S, ask, running

pytestmark = needs_collector

ROOT = Path(__file__).resolve().parents[2]
LIVE_MD = (ROOT / "docs/live.md").read_text(encoding="utf-8")
COUNTS = {"json": 150, "query": 300, "lock": 150, "leak": 400}


@dataclass
class Service:
    """A service, how it is served, and what is planted: problem -> (path, function)."""

    module: str
    server: tuple[str, ...]
    ready: str
    planted: dict[str, tuple[str, str]]


FLASK = Service(
    "flask_shop",
    ("gunicorn", "--chdir", "examples", "-b", "127.0.0.1:0", "--workers", "4", "--threads", "4"),
    r"Listening at: http://(\S+)",
    {
        "json": ("/catalog", "flask_shop.catalog"),
        "query": ("/customer?name=Ada", "flask_shop.customer"),
        "lock": ("/order", "flask_shop.order"),
        "leak": ("/page", "flask_shop.page"),
    },
)
STARLETTE = Service(
    "starlette_weather",
    ("uvicorn", "--app-dir", "examples", "--port", "0", "--no-access-log"),
    r"running on http://(\S+)",
    {
        "json": ("/map", "starlette_weather.map_of_all"),
        "query": ("/station?name=Oslo", "starlette_weather.station"),
        "lock": ("/report", "starlette_weather.report"),
        "leak": ("/forecast", "starlette_weather.forecast"),
    },
)


@contextmanager
def served(service: Service, recording: Path) -> Iterator[str]:
    """Serve and record; yield the address, and end as an operator would."""
    record = ["-m", "whet", "run", "--all", "--rate", "500", "-q", "--no-report", "-o", str(recording)]
    command = [sys.executable, *record, "-m", *service.server, f"{service.module}:app"]
    with running(command, wait_for=service.ready, cwd=ROOT) as (process, address):
        yield address
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT_S)


def load(address: str, path: str, count: int) -> dict[str, int]:
    """Send requests with `whet load`; return the number of answers by status."""
    command = [sys.executable, "-m", "whet", "load", "-n", str(count), "-c", "4", "-disable-keepalive"]
    command += ["--quiet", "--json", f"http://{address}{path}"]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert answer["failures"] == 0
    return {status: row["count"] for status, row in answer["statuses"].items()}


@contextmanager
def busy(address: str, paths: Sequence[str]) -> Iterator[None]:
    """Keep asking for all paths until the block ends."""
    over = threading.Event()

    def go_on(path: str) -> None:
        while not over.is_set():
            assert ask(address, path).status == 200

    with ThreadPoolExecutor(2 * len(paths)) as pool:
        others = [pool.submit(go_on, path) for path in paths for _ in range(2)]
        try:
            yield
        finally:
            over.set()
        for other in others:
            other.result()


def top(source: Path, *options: str) -> list[str]:
    """Return the functions of `whet prof top`, the first row first."""
    command = [sys.executable, "-m", "whet", "prof", "top", "--json", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [row["name"] for row in json.loads(done.stdout)["rows"]]


def assert_found(service: Service, sources: dict[str, Path]) -> None:
    """Assert that each planted problem comes first in its kind of profile, in sources by that kind."""
    function = {problem: name for problem, (_, name) in service.planted.items()}
    mine = f"-focus={service.module}"
    computing = [name for name in top(sources.pop("cpu"), "-cum", mine) if name in function.values()]
    assert set(computing[:2]) == {function["json"], function["query"]}
    assert top(sources.pop("heap"))[0] == function["leak"]
    for waits in sources.values():
        assert top(waits, mine, "-tagfocus=reason=lock")[0] == function["lock"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "needs"),
    [
        pytest.param(FLASK, ("flask", "gunicorn"), id="flask"),
        pytest.param(STARLETTE, ("starlette", "uvicorn"), id="starlette"),
    ],
)
def test_each_planted_problem_is_first_in_its_profile(service, needs, tmp_path):
    for name in needs:
        pytest.importorskip(name, reason=f"no {name} for this Python")
    recording = tmp_path / "recording"
    with served(service, recording) as address, ThreadPoolExecutor(4) as pool:
        jobs = {
            problem: pool.submit(load, address, path, COUNTS[problem])
            for problem, (path, _) in service.planted.items()
        }
        assert {problem: job.result() for problem, job in jobs.items()} == {
            problem: {"200": count} for problem, count in COUNTS.items()
        }
        taken = {}
        for kinds, problems in ((("profile",), ("json", "query")), (("heap", "mutex"), ("lock", "leak"))):
            with busy(address, [service.planted[problem][0] for problem in problems]):
                fetched = pool.map(lambda kind: ask(address, f"/debug/pprof/{kind}?seconds=1"), kinds)
                for kind, answer in zip(kinds, fetched, strict=True):
                    assert answer.status == 200, answer.text
                    taken[kind] = tmp_path / f"{kind}.pb.gz"
                    taken[kind].write_bytes(answer.body)
    assert_found(service, {"cpu": taken.pop("profile"), **taken})
    assert_found(service, {kind: recording / f"{kind}.pb.gz" for kind in ("cpu", "heap", "mutex", "block")})


@pytest.mark.parametrize("service", [FLASK, STARLETTE], ids=["flask", "starlette"])
def test_the_documents_tell_where_each_shows(service):
    for path, _ in service.planted.values():
        assert f"`{path.partition('?')[0]}`" in LIVE_MD

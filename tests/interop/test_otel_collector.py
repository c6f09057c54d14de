"""What the agent pushes, as the real OpenTelemetry collector understands it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from go_toolchain import built_program
from interop.native_programs import build_go, run_go
from interop.sample_counts import sample_counts
from process.harness import needs_collector
from unit_profiles import labelled_profile
from whet.formats import pprof
from whet.live.continuous.batch import Batch
from whet.live.continuous.otlp import Otlp
from whet.model.profile import Profile

HERE = Path(__file__).parent
AGENT = HERE.parent / "process" / "programs" / "agent.py"

# The collector is large: where it was never built that takes minutes.
pytestmark = [needs_collector, pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class Collector:
    """A running collector; `arrived` reads what it has printed, a line for each profile."""

    address: str
    output: Path

    def arrived(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.output.read_text().splitlines()[1:]]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    program = built_program(HERE / "collector")
    output = tmp_path / "collector.out"
    with output.open("wb") as file, subprocess.Popen([program], stdout=file) as process:
        while not (lines := output.read_text().splitlines()):
            assert process.poll() is None
        try:
            yield Collector(lines[0], output)
        finally:
            process.kill()


def run_agent(push: str, spool: Path, what: str) -> int:
    command = [sys.executable, str(AGENT), push, str(spool), "2.5", what]
    return subprocess.run(command, capture_output=True, timeout=240, check=False).returncode


def expected(batch: Batch) -> dict[str, dict[str, object]]:
    """Return what is to arrive of a batch, by the profiles' IDs."""
    found = {}
    for number, data in enumerate(batch.profiles.values()):
        profile = pprof.decode(data)
        for kind, (name, unit) in enumerate(profile.sample_type_names()):
            identity = int(batch.identity, 16) ^ number << 8
            period = "/".join(map(profile.strings.text, profile.period_type or (0, 0)))
            found[f"{identity & ~0xFF | identity & 0xFF ^ kind:032x}"] = {
                "Type": f"{name}/{unit}",
                "PeriodType": period,
                "Period": profile.period,
                "TimeNano": profile.time_nanos,
                "Nanos": profile.duration_nanos,
                "Samples": sums(profile, kind),
            }
    return found


def sums(profile: Profile, number: int) -> Counter[tuple[object, ...]]:
    """Return the sum of the values of each stack with its labels."""
    found: Counter[tuple[object, ...]] = Counter()
    for (stack, labels, value), count in sample_counts(profile, number).items():
        lines = tuple(f"{name} {file}:{line}" for place in stack for name, file, _, line, _ in place[2:])
        found[lines, frozenset((key, f"{value}{unit}") for key, value, unit in labels)] += value * count
    return found


def seen(one: dict) -> dict[str, object]:
    found: Counter[tuple[object, ...]] = Counter()
    for sample in one["Samples"]:
        found[tuple(sample["Stack"]), frozenset(sample["Attributes"].items())] += sum(sample["Values"])
    return {
        **{key: one[key] for key in ("Type", "PeriodType", "Period", "TimeNano", "Nanos")},
        "Samples": found,
    }


def test_windows_that_waited_in_the_queue_arrive_as_they_were(collector, tmp_path):
    spool = tmp_path / "spool"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert run_agent(f"otlp://127.0.0.1:{nobody.getsockname()[1]}", spool, "killed") == -9
    waiting = [Batch.decode(path.read_bytes()) for path in spool.glob("*/*.batch")]
    assert len(waiting) >= 2
    assert run_agent(f"otlp://{collector.address}", spool, "kept") == 0
    assert list(spool.glob("*/*.batch")) == []

    arrived = {one["ID"]: one for one in collector.arrived()}
    assert len(arrived) == len(collector.arrived())
    for batch in waiting:
        for identity, what in expected(batch).items():
            one = arrived[identity]
            assert seen(one) == what
            assert one["Scope"] == "whet"
            assert one["Resource"]["service.name"] == "shop"
            assert one["Resource"]["zone"] == "eu"
    kinds = {one["Type"] for one in arrived.values()}
    assert {"cpu/nanoseconds", "alloc_space/bytes", "inuse_space/bytes", "delay/nanoseconds"} <= kinds
    # Those that were recorded while the collector was there have come, too.
    assert len(arrived) > sum(len(expected(batch)) for batch in waiting)


def post(collector: Collector, body: bytes) -> int:
    request = urllib.request.Request(
        f"http://{collector.address}{Otlp.path}", data=body, headers=dict(Otlp.headers), method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_profiles_of_other_programs_arrive_as_they_were(collector, tmp_path):
    directory = run_go(build_go(tmp_path))
    made = {path.name: path.read_bytes() for path in sorted(directory.glob("*.pb.gz"))}
    made["labelled"] = pprof.encode(labelled_profile())
    batch = Batch(start_ns=1, end_ns=2, labels={"zone": "ø"}, profiles=made, identity="0123456789abcdef" * 2)
    assert post(collector, Otlp().body(batch)) == 200
    arrived = collector.arrived()
    assert {one["ID"]: seen(one) for one in arrived} == expected(batch)
    assert all(one["Resource"] == {"zone": "ø"} for one in arrived)


def test_what_is_no_profile_is_refused_by_the_collector(collector):
    assert post(collector, b"\xff\xff\xff") == 400
    assert collector.arrived() == []

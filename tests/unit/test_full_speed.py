"""What the machine can do is remembered, for a while and for one build."""

import json
import time

import pytest

from whet.driver.full_speed import FullSpeed


def seen(*references):
    return [(1, 1, 0, 0, reference) for reference in references]


def test_the_fastest_is_kept_between_runs(tmp_path):
    path = tmp_path / "new" / "speed.json"
    first = FullSpeed(path)
    assert (first.ns, first.slow_from_ns) == (0, 0)
    first.learn(seen(0, 0))
    assert not path.exists()
    first.learn(seen(1000, 1000))
    first.learn(seen(2000, 2000))
    second = FullSpeed(path)
    assert (second.ns, second.slow_from_ns) == (1000, 1100)
    second.learn(seen(900))
    assert FullSpeed(path).ns == 900


def test_what_is_reached_again_is_kept_for_longer(tmp_path):
    path = tmp_path / "speed.json"
    FullSpeed(path).learn(seen(1000))
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "seen": time.time() - 800}))
    FullSpeed(path).learn(seen(1200))
    assert json.loads(path.read_text())["seen"] < time.time() - 700
    FullSpeed(path).learn(seen(1050))
    kept = json.loads(path.read_text())
    assert (kept["ns"], kept["seen"] > time.time() - 60) == (1000, True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: "",
        lambda record: "[1]",
        lambda record: json.dumps({**record, "ns": "x"}),
        lambda record: json.dumps({**record, "ns": -1}),
        lambda record: json.dumps({**record, "of": "another boot"}),
        lambda record: json.dumps({**record, "seen": time.time() - 1000}),
    ],
)
def test_what_is_old_or_broken_is_not_believed(tmp_path, damage):
    path = tmp_path / "speed.json"
    FullSpeed(path).learn(seen(1000))
    path.write_text(damage(json.loads(path.read_text())))
    assert FullSpeed(path).ns == 0


def test_a_directory_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    speed = FullSpeed(tmp_path / "file" / "speed.json")
    speed.learn(seen(1000))
    assert speed.ns == 1000

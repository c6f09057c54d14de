import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SMALL = {
    "indexer.py": ["--files", "12", "path"],
    "mandelbrot.py": ["--size", "8", "--limit", "20"],
    "orders.py": [],
}


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True, check=True
    )
    assert not done.stderr
    return done.stdout


# Run by other modules: name -> which one.
ELSEWHERE = {
    "flask_shop.py": "test_services.py",
    "mandelweb.py": "test_mandelweb.py",
    "shop.py": "test_guide.py",
    "starlette_weather.py": "test_services.py",
}


def test_every_example_is_run_by_a_test() -> None:
    assert {p.name for p in EXAMPLES.glob("*.py")} == {*SMALL, *ELSEWHERE}
    assert all((Path(__file__).parent / module).exists() for module in ELSEWHERE.values())


@pytest.mark.parametrize("name", SMALL)
def test_example_runs_and_prints_something(name: str) -> None:
    assert run(name, *SMALL[name]).strip()


def test_indexer_gives_the_same_answer_with_and_without_its_hot_spot() -> None:
    assert run("indexer.py", *SMALL["indexer.py"]) == run("indexer.py", "--fixed", *SMALL["indexer.py"])


def test_mandelbrot_is_symmetric_about_the_real_axis() -> None:
    lines = run("mandelbrot.py", "--size", "9", "--limit", "30", "--threads", "2").splitlines()
    assert lines[1:] == lines[1:][::-1]

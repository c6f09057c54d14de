import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"

# Modules of the standard library that are slow to load and that a server must not get from us.
HEAVY = {"numpy", "click", "rich", "dataclasses", "inspect", "argparse", "http.server", "asyncio", "typing"}


def modules_added_by(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    # Without site: an editable install's import hook would be counted as ours.
    command = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_next_to_nothing() -> None:
    added = modules_added_by("import whet")
    assert not added & HEAVY
    assert len(added) <= 6, sorted(added)


def test_asking_for_the_version_loads_no_more_than_the_package() -> None:
    added = modules_added_by("sys.argv = ['whet', '--version']; from whet.__main__ import main; main()")
    assert not added & HEAVY
    assert len(added) <= 6, sorted(added)


def test_live_endpoints_load_little() -> None:
    doors = "import whet.live.server, whet.live.asgi_door, whet.live.wsgi_door"
    added = modules_added_by(f"{doors}, whet.live.endpoints, whet.live.metrics")
    assert not added & {*HEAVY, "whet.model", "whet.formats", "http", "urllib.parse", "json"}


def test_plain_reports_are_made_without_numpy() -> None:
    statement = "import whet.cli.prof, whet.driver.prof, whet.analyze.profile.digest, whet.render.profile.top"
    added = modules_added_by(f"{statement}, whet.formats.digest")
    slow = {"numpy", "dataclasses", "inspect", "re", "typing", "whet.model.profile", "whet.formats.sniff"}
    assert not added & slow

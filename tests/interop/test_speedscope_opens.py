"""speedscope itself, in Chromium, opens what whet writes."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from format_samples import DATA
from whet.formats import sniff, speedscope

pytestmark = pytest.mark.slow

PROFILES = ["py_spy.collapsed.txt", "austin_full.mojo", "go_heap.txt", "cpython315.gecko.json"]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm to get speedscope with")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "speedscope@1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=240)
    if done.returncode:
        pytest.skip("npm could not get speedscope")
    return folder / "node_modules" / "speedscope" / "dist" / "release" / "index.html"


@pytest.mark.parametrize("name", PROFILES)
def test_speedscope_shows_the_biggest_function(name: str, page_file: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium")
    from playwright.sync_api import sync_playwright

    profile = sniff.decode((DATA / name).read_bytes())
    content = base64.b64encode(speedscope.encode(profile, len(profile.sample_type) - 1)).decode()
    script = page_file.with_name("profile.js")
    script.write_text(f"speedscope.loadFileFromBase64('{name}.json', '{content}')")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{page_file.as_uri()}#localProfilePath={script}&view=sandwich")
        page.get_by_text("Symbol Name").first.wait_for(timeout=120_000)
        text = page.inner_text("body")
        browser.close()
    assert problems == []
    assert "%" in text
    if name != "go_heap.txt":
        assert "spin" in text

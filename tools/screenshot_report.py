"""Take the README's pictures of a report.

    tools/screenshot_report.py REPORT.html [DIRECTORY]

Opens the report in the system's Chromium and writes DIRECTORY/report-light.png and
DIRECTORY/report-dark.png (default: docs/images).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

WIDTH, HEIGHT = 1280, 800
SCALE = 2


def main(arguments: list[str]) -> int:
    """Take both pictures; return the exit status."""
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    report = Path(arguments[0]).resolve()
    directory = Path(arguments[1] if len(arguments) == 2 else "docs/images")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or not report.is_file():
        what = "no chromium on PATH" if chromium is None else f"{report}: no such file"
        print(f"screenshot_report: error: {what}", file=sys.stderr)
        return 2
    directory.mkdir(parents=True, exist_ok=True)
    take(report, directory, chromium)
    return 0


def take(report: Path, directory: Path, chromium: str) -> None:
    """Open the report in both themes and write the pictures."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for theme in ("light", "dark"):
            page = browser.new_page(
                color_scheme=theme,
                viewport={"width": WIDTH, "height": HEIGHT},
                device_scale_factor=SCALE,
            )
            page.goto(report.as_uri())
            page.wait_for_selector("body[data-ready=true]")
            page.screenshot(path=directory / f"report-{theme}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

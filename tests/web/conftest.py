"""A browser for the report's tests: the system's Chromium, or a skip that says why."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from web.opened import Opened
from whet.analyze.profile.config import Config
from whet.driver.web import WebSession
from whet.model.profile import Profile
from whet.render.html import render_html
from whet.ui.server import Server, bound

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Start Chromium once for all tests."""
    reason = ""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        reason = "playwright is not installed"
    if not reason and chromium is None:
        reason = "no chromium on PATH"
    if reason:
        print(f"skipped: {reason}")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def open_ui(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Return a function that serves a profile and opens its web UI."""
    pages: list[Any] = []
    servers: list[tuple[Server, threading.Thread]] = []

    def open_it(profile: Profile, path: str = "", *, config: Config | None = None) -> Opened:
        server = bound("127.0.0.1", 0)
        server.show(WebSession(profile, "program", config or Config()))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        page = browser.new_page(color_scheme="light", viewport={"width": 1280, "height": 800})
        pages.append(page)
        opened = Opened(page, Path())
        watch(page, opened)
        page.goto(server.url + path if path else server.url.removesuffix("ui/"))
        page.wait_for_selector("body[data-ready=true]")
        return opened

    yield open_it
    for page in pages:
        page.close()
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def watch(page: Any, opened: Opened) -> None:
    """Collect what goes wrong in a page, and what it asks for; be patient with it."""
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", lambda message: opened.errors.append(message.text))
    page.on("dialog", lambda dialog: (opened.errors.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: opened.requests.append(request.url))


@contextmanager
def opened_file(browser: Any, path: Path, theme: str) -> Iterator[Opened]:
    """Open a file in a page of its own."""
    page = browser.new_page(color_scheme=theme, viewport={"width": 1280, "height": 800})
    opened = Opened(page, path)
    watch(page, opened)
    page.goto(path.as_uri())
    yield opened
    page.close()


@pytest.fixture
def open_report(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Opened]]:
    """Return a function that renders a profile and opens it from a file."""
    pages: list[Any] = []

    def open_it(profile: Profile, *, theme: str = "light", hash_: str = "", **options: Any) -> Opened:
        path = tmp_path / f"report{len(pages)}.html"
        page_text = render_html(profile, **{"title": "program", **options})
        path.write_bytes(page_text.encode("utf-8", "backslashreplace"))
        page = browser.new_page(color_scheme=theme, viewport={"width": 1280, "height": 800})
        pages.append(page)
        opened = Opened(page, path)
        watch(page, opened)
        page.goto(path.as_uri() + hash_)
        page.wait_for_selector("body[data-ready=true]")
        return opened

    yield open_it
    for page in pages:
        page.close()

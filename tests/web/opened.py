"""A report that is open in a browser page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Opened"]


@dataclass
class Opened:
    """A report in a page, and everything that went wrong in it."""

    page: Any
    path: Path
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page."""
        return self.page.evaluate(script)

    def press(self, *keys: str) -> None:
        """Press keys and wait until the page has drawn."""
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def go(self, changes: str) -> None:
        """Change the state, wait for its data and until the page has drawn."""
        self.page.evaluate(f"report.goTo({changes})")
        self.settle()

    def settle(self) -> None:
        """Wait until no zoom is under way."""
        self.wait(
            "!document.body.dataset.busy && ((f) => f.range[0] === f.layout.start[f.node]"
            " && f.range[1] === f.layout.start[f.node] + f.tree.mass[f.node])(report.flame)"
        )

    def wait(self, condition: str) -> None:
        """Wait for a condition; the page's policy forbids what the browser driver would do."""
        self.page.evaluate(
            "() => new Promise((done) => { const look = () =>"
            f" {condition} ? done() : requestAnimationFrame(look); look(); }})"
        )

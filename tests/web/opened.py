"""A report that is open in a browser page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Opened"]

# The smallest WCAG contrast ratio of any of these inks, which are custom properties, on either ground.
CONTRAST = """(inks) => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = getComputedStyle(document.documentElement);
  const ratios = [];
  for (const ink of inks)
    for (const paper of ["paper", "raised"]) {
      const [x, y] = [ink, paper].map((n) => light(style.getPropertyValue(`--${n}`))).sort((p, q) => q - p);
      ratios.push((x + 0.05) / (y + 0.05));
    }
  return Math.min(...ratios);
}"""


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

    def least_contrast(self, *inks: str) -> float:
        """Return the smallest contrast of these inks of the page's palette with what is behind text."""
        return float(self.page.evaluate(CONTRAST, list(inks)))

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

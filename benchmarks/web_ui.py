"""The web UI in headless Chromium: from the command to a flame graph, and from view to view.

    benchmarks/web_ui.py [--quick] [--samples N] [--rounds N]

`go tool pprof -http` stands beside the first number, on the same profile and in the same browser. A
flame graph is usable when its boxes are drawn and a box can be found under the pointer (whet), or when
its boxes are in the page (pprof, which builds them from one blob). A later view counts from the call
that changes the state to the next frame drawn. Bytes are those on the wire; the heap is V8's after a
collection. Writes results/web_ui.json and the tables in README.md (not with --quick).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import describe_machine, machine_line, publish, save, spread
from playwright.sync_api import sync_playwright

MIB = 1 << 20
READY = "body[data-ready=true]"
PPROF_TIMEOUT_MS = 300_000
# What is done one after the other: name, change of the state. Each asks the server for something new.
STEPS = {
    "zoom into the largest box below the root": "zoomed",
    "inverted": "{ inverted: true, zoom: '' }",
    "call tree again": "{ inverted: false }",
    "focus on a module": "{ filters: { f: 'module_1' } }",
    "ignore a module": "{ filters: { i: 'module_12' } }",
    "hide a module": "{ filters: { h: 'module_1' } }",
    "show from a module": "{ filters: { sf: 'module_2' } }",
    "by files": "{ filters: { g: 'files' } }",
    "the other sample type": "{ filters: {}, type: 0 }",
    "sandwich": "{ type: 1, sandwich: 40 }",
    "search": "{ sandwich: -1, search: 'module_12' }",
    "biggest boxes": "{ search: '', view: 'boxes' }",
    "source": "{ view: 'source', frame: 40 }",
    "peek": "{ view: 'peek', peek: 'function_0010' }",
    "graph": "{ view: 'graph' }",
}
CHANGE = """async (change) => {
  const begin = performance.now();
  const { tree, layout } = report.flame;
  const largest = layout.sorted[layout.first[0]];
  const state = change === 'zoomed' ? { zoom: report.data.zoomWord(tree, largest) } : eval(`(${change})`);
  const pending = report.goTo(state);
  await pending;
  report.flame.draw();
  await new Promise((done) => requestAnimationFrame(() => done()));
  return performance.now() - begin;
}"""


@contextmanager
def serving(command: list[str]) -> Iterator[tuple[str, float, int]]:
    """Start a server; yield its address, when the command was started, and its process."""
    started = time.perf_counter()
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert child.stderr is not None
        for line in child.stderr:
            found = re.search(r"http://\S+", line)
            if found:
                yield found[0], started, child.pid
                break
        else:
            raise SystemExit(f"{' '.join(command)}: no address")
    finally:
        os.killpg(child.pid, signal.SIGTERM)  # `go tool` has a child of its own
        child.wait()


def measure_whet(browser: Any, path: str) -> dict[str, Any]:
    """Open the UI and go through all steps."""
    command = [sys.executable, "-m", "whet", "prof", "--http", "localhost:0", "-no_browser", path]
    with serving(command) as (url, started, pid):
        page = browser.new_page(viewport={"width": 1600, "height": 1000}, bypass_csp=True)
        sizes: list[int] = []
        page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
        page.goto(url + "flamegraph")
        page.wait_for_selector(READY)
        page.evaluate("report.flame.draw(), report.flame.hit(400, 30).node")
        usable_s = time.perf_counter() - started
        first_bytes = sum(sizes)
        steps, cpu = {}, {}
        for name, change in STEPS.items():
            before = _cpu_s(pid)
            steps[name] = page.evaluate(CHANGE, change) / 1000
            cpu[name] = _cpu_s(pid) - before
        heap_bytes = _heap(page)
        page.close()
    return {
        "usable_s": usable_s, "first_bytes": first_bytes, "heap_bytes": heap_bytes,
        "steps_s": steps, "cpu_s": cpu,
    }  # fmt: skip


def _cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, all threads together (proc(5): utime, stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _heap(page: Any) -> int:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return int(session.send("Runtime.getHeapUsage")["usedSize"])


def measure_pprof(browser: Any, path: str, port: int) -> dict[str, Any] | None:
    """Open pprof's flame graph; None where there is no go."""
    if not shutil.which("go"):
        print("no go command on PATH: nothing to compare with")
        return None
    command = ["go", "tool", "pprof", "-no_browser", f"-http=localhost:{port}", path]
    with serving(command) as (url, started, _):
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(PPROF_TIMEOUT_MS)
        sizes: list[int] = []
        page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
        page.goto(f"{url}/ui/flamegraph" if "/ui" not in url else url, wait_until="load")
        page.wait_for_selector("#stack-chart .boxtext, .boxtext")
        usable_s = time.perf_counter() - started
        result = {"usable_s": usable_s, "first_bytes": sum(sizes), "heap_bytes": _heap(page)}
        page.close()
    return result


def tables(whet: list[dict[str, Any]], pprof: list[dict[str, Any]], samples: int) -> str:
    """Return both tables."""

    def row(name: str, found: list[dict[str, Any]], ratio: str) -> str:
        size, heap = (statistics.median(f[k] for f in found) / MIB for k in ("first_bytes", "heap_bytes"))
        return f"| {name} | {spread([f['usable_s'] for f in found])} | {ratio} | {size:.2f} | {heap:.0f} |"

    ours = statistics.median(f["usable_s"] for f in whet)
    lines = [
        f"**{samples:,} samples: from the command to a usable flame graph, in headless Chromium**",
        "",
        "| | s: median (lowest–highest) | ratio | first page on the wire, MiB | JavaScript heap, MiB |",
        "|---|---|---|---|---|",
        row("whet prof --http", whet, "1.00"),
    ]
    if pprof:
        theirs = statistics.median(f["usable_s"] for f in pprof)
        lines.append(row("go tool pprof -http", pprof, f"{ours / theirs:.3f}"))
    lines += ["", "The heap of whet is that after all views below, pprof's that of the first page.", ""]
    lines += [
        "| later view of whet | ms: median (lowest–highest) | CPU time of the server, ms |",
        "|---|---|---|",
    ]
    for name in STEPS:
        wall, cpu = ([1000 * f[key][name] for f in whet] for key in ("steps_s", "cpu_s"))
        lines.append(f"| {name} | {spread(wall, 0)} | {spread(cpu, 0)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="the web UI in headless Chromium")
    parser.add_argument("--quick", action="store_true", help="a small profile, nothing written")
    parser.add_argument("--samples", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-pprof", action="store_true", help="measure whet alone, nothing written")
    options = parser.parse_args()
    samples, rounds = (5000, 2) if options.quick else (options.samples, options.rounds)

    machine = describe_machine()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory(prefix="whet-web-ui-") as folder, sync_playwright() as playwright:
        path = str(Path(folder) / "profile.pb.gz")
        script = Path(__file__).with_name("make_profile.py")
        subprocess.run([sys.executable, str(script), path, f"--samples={samples}"], check=True)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        whet = [measure_whet(browser, path) for _ in range(rounds)]
        once = None if options.no_pprof else measure_pprof(browser, path, 17_871)
        browser.close()
    pprof = [] if once is None else [once]
    text = tables(whet, pprof, samples)
    print(text)
    if not options.quick and not options.no_pprof:
        save("web_ui", {"machine": machine, "samples": samples, "whet": whet, "pprof": pprof})
        publish("web_ui", f"{text}\n\n{rounds} rounds, pprof once. {machine_line(machine)}")


if __name__ == "__main__":
    main()

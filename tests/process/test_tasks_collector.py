"""The collector of asyncio tasks inside real processes: are its labels, waits and slow steps true?"""

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from go_toolchain import go_command
from process.harness import PROGRAMS, needs_collector
from process.samples import samples_of
from whet.formats.pprof import decode

pytestmark = needs_collector

WITH_UVLOOP = pytest.param(
    ["--uvloop"],
    id="uvloop",
    marks=pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="no uvloop for this Python"),
)

PRELUDE = """
import asyncio, json, os, sys, time
from whet.collect.cpu import CpuCollector
from whet.collect.tasks import SLOW, TASKS, TaskCollector
watcher = TaskCollector(wait_threshold_ns=1000, slow_threshold_ns=150_000_000)
def write(directory, collector):
    for name, data in collector.snapshots([]).items():
        open(os.path.join(directory, name), "wb").write(data)
"""


def run_code(code: str, *arguments: object) -> Any:
    command = [sys.executable, "-c", PRELUDE + code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout else None


def by_task(path: Path, column: int) -> Counter[str | int]:
    total = Counter[str | int]()
    for sample in samples_of(decode(path.read_bytes())):
        total[sample.labels.get("task", "")] += sample.values[column]
    return total


@pytest.mark.parametrize("loop", [pytest.param([], id="stock"), WITH_UVLOOP])
def test_a_thousand_tasks_get_their_own_cpu_time_and_waits(tmp_path: Path, loop: list[str]) -> None:
    command = [sys.executable, str(PROGRAMS / "tasks.py"), str(tmp_path), *loop]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    truth = json.loads(done.stdout)
    cpu = by_task(tmp_path / "cpu.pb.gz", 1)
    total_s = sum(truth["used"].values())
    measured = sum(cpu[group] for group in truth["used"])
    for group, seconds in truth["used"].items():
        assert cpu[group] / measured == pytest.approx(seconds / total_s, abs=0.02), group
    # What is not in a task is the loop's own.
    assert measured / sum(cpu.values()) > 0.9
    delay = by_task(tmp_path / "tasks.pb.gz", 1)
    for group, seconds in truth["waited"].items():
        assert delay[group] / 1e9 == pytest.approx(seconds, rel=0.02), group
    assert truth["statistics"]["tasks"] >= 1001
    assert truth["statistics"]["steps"] >= 5000


def test_waits_have_the_chain_of_awaits_as_their_stack(tmp_path: Path) -> None:
    run_code(
        """
async def leaf(event):
    await event.wait()
async def generate(event):
    await leaf(event)
    yield 1
async def iterate(event):
    async for _ in generate(event):
        pass
async def main():
    event = asyncio.Event()
    task = asyncio.create_task(iterate(event), name="iterating")
    never = asyncio.create_task(leaf(asyncio.Event()), name="for ever")
    await asyncio.sleep(0.3)
    event.set()
    await task
    await asyncio.sleep(0.1)
    watcher.stop()
    write(sys.argv[1], watcher)
watcher.start()
asyncio.run(main())
""",
        tmp_path,
    )
    profile = decode((tmp_path / "tasks.pb.gz").read_bytes())
    waits = {sample.labels["task"]: (sample.names, sample.values) for sample in samples_of(profile)}
    stack, (count, delay) = waits["iterating"]
    assert stack == ["Event.wait", "leaf", "generate", "iterate"]
    assert count == 1
    # The other wait began with it, and has seen a sleep of 0.1 s more.
    assert 0.29e9 <= delay <= waits["for ever"][1][1] - 0.09e9
    # A wait that has not ended counts too.
    stack, (count, delay) = waits["for ever"]
    assert (stack, count) == (["Event.wait", "leaf"], 1)
    assert delay > 0.38e9


def test_short_waits_are_sampled_without_bias(tmp_path: Path) -> None:
    result = run_code(
        """
watcher = TaskCollector(wait_threshold_ns=20_000_000)
waited = 0
async def work():
    global waited
    for i in range(1000):
        begin = time.perf_counter()
        await asyncio.sleep(0.0002 * (1 + i % 5))
        waited += time.perf_counter() - begin
async def main():
    await asyncio.gather(*(work() for _ in range(20)))
watcher.start()
asyncio.run(main())
watcher.stop()
write(sys.argv[1], watcher)
print(json.dumps([waited, watcher.statistics()["waits_recorded"]]))
""",
        tmp_path,
    )
    count, delay = by_task(tmp_path / "tasks.pb.gz", 0)["work"], by_task(tmp_path / "tasks.pb.gz", 1)["work"]
    assert result[1] < 10_000
    # 20,000 waits; with about one in fourteen kept, four standard errors.
    assert count == pytest.approx(20_000, rel=0.2)
    assert delay / 1e9 == pytest.approx(result[0], rel=0.15)


def test_the_task_that_blocks_the_loop_is_told_with_its_stack(tmp_path: Path) -> None:
    statistics = run_code(
        """
def blocks():
    time.sleep(0.6)
async def handler():
    await asyncio.sleep(0.01)
    blocks()
    await asyncio.sleep(0.01)
async def main():
    await asyncio.create_task(handler(), name="the culprit")
watcher.start()
asyncio.run(main())
watcher.stop()
write(sys.argv[1], watcher)
print(json.dumps(watcher.statistics()))
""",
        tmp_path,
    )
    slow = samples_of(decode((tmp_path / "slow.pb.gz").read_bytes()))
    # A busy machine may make other steps slow.
    culprit = next(sample for sample in slow if sample.labels["task"] == "the culprit")
    count, blocked = culprit.values
    assert culprit.labels["coroutine"] == "handler"
    assert culprit.names[:2] == ["blocks", "handler"]
    assert count == 1
    assert 0.6e9 <= blocked < 3e9
    assert statistics["longest_step_ns"] >= 0.6e9


def test_tasks_without_a_name_of_their_own_are_called_as_their_coroutine(tmp_path: Path) -> None:
    run_code(
        """
import whet
cpu = CpuCollector(rate_hz=1000)
def spin(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
async def nameless():
    spin(0.2)
async def labelled():
    with whet.labels(task="mine", route="/x"):
        spin(0.2)
async def main():
    await asyncio.create_task(nameless())
    await asyncio.create_task(labelled(), name="hidden")
cpu.start()
watcher.start()
asyncio.run(main())
watcher.stop()
spin(0.2)
cpu.stop()
write(sys.argv[1], cpu)
""",
        tmp_path,
    )
    found, roots = Counter[tuple[str | int | None, ...]](), Counter[str]()
    for sample in samples_of(decode((tmp_path / "cpu.pb.gz").read_bytes())):
        found[*map(sample.labels.get, ("task", "coroutine", "route"))] += sample.values[1]
        roots[sample.names[-1]] += sample.values[1]
    assert found["nameless", "nameless", None] == pytest.approx(0.2e9, rel=0.2)
    assert found["mine", "labelled", "/x"] == pytest.approx(0.2e9, rel=0.2)
    # A task's stack begins with its coroutine, not with the loop that runs it.
    assert roots["nameless"] == pytest.approx(0.2e9, rel=0.2)
    assert roots["labelled"] == pytest.approx(0.2e9, rel=0.2)
    # After stop() nobody is in a task.
    assert found[None, None, None] >= 0.15e9


def test_waits_and_allocations_carry_the_task_too(tmp_path: Path) -> None:
    slept_ns = run_code(
        """
from whet.collect.blocking import BlockCollector
from whet.collect.heap import HeapCollector
block, heap = BlockCollector(), HeapCollector()
kept = []
async def sleeps():
    begin_ns = time.monotonic_ns()
    time.sleep(0.3)
    print(time.monotonic_ns() - begin_ns)
async def allocates():
    kept.extend(bytes(1000) for _ in range(60_000))
async def main():
    await asyncio.create_task(sleeps(), name="sleepy")
    await asyncio.create_task(allocates(), name="hungry")
for collector in (block, heap, watcher):
    collector.start()
asyncio.run(main())
for collector in (watcher, heap, block):
    collector.stop()
write(sys.argv[1], block)
write(sys.argv[1], heap)
""",
        tmp_path,
    )
    assert by_task(tmp_path / "block.pb.gz", 1)["sleepy"] == pytest.approx(slept_ns, rel=0.02)
    # With the list that grows; sampled every 512 KiB: about 130 samples, more than four standard errors.
    assert by_task(tmp_path / "heap.pb.gz", 1)["hungry"] == pytest.approx(68e6, rel=0.4)


def test_cancelled_failing_and_forking_tasks_do_no_harm() -> None:
    child, parent = run_code(
        """
async def fails():
    await asyncio.sleep(0)
    raise ValueError
async def cancelled():
    try:
        await asyncio.sleep(100)
    finally:
        await asyncio.sleep(0)
async def forks():
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        async def again():
            await asyncio.sleep(0)
        coroutine = again()
        for _ in range(2):
            try:
                coroutine.send(None)
            except StopIteration:
                pass
        os.write(theirs, json.dumps([watcher.statistics(), watcher._probe.tasks_running()]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return json.loads(os.read(ours, 1000))
async def main():
    tasks = [asyncio.create_task(f()) for f in (fails, cancelled) for _ in range(200)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(r) for r in results} == {ValueError, asyncio.CancelledError}
    return await forks()
watcher.start()
child = asyncio.run(main())
watcher.stop()
print(json.dumps([child, watcher.statistics()["tasks"]]))
"""
    )
    assert child == [{}, False]
    assert parent >= 401


def test_watching_starts_and_stops_while_tasks_run() -> None:
    statistics = run_code(
        """
async def work():
    while not done:
        await asyncio.sleep(0)
async def main():
    global done
    tasks = [asyncio.create_task(work(), name=f"w{i}") for i in range(20)]
    for i in range(1000):
        one = TaskCollector()
        one.start()
        await asyncio.sleep(0)
        if i % 100 == 0:
            one.snapshots([])
        one.stop()
        await asyncio.sleep(0)
    done = True
    await asyncio.gather(*tasks)
    return one.statistics()
done = False
print(json.dumps(asyncio.run(main())))
"""
    )
    assert 20 <= statistics["steps"] <= 22


def test_an_interrupt_in_a_step_reaches_the_program() -> None:
    said = run_code(
        """
import signal
async def spins():
    while True:
        pass
async def main():
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    await asyncio.create_task(spins())
watcher.start()
signal.signal(signal.SIGALRM, signal.default_int_handler)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print('"interrupted"')
"""
    )
    assert said == "interrupted"


def test_a_second_watcher_is_refused() -> None:
    message = run_code(
        """
from whet.errors import CollectError
watcher.start()
try:
    TaskCollector().start()
except CollectError as error:
    print(json.dumps(str(error)))
"""
    )
    assert message == "tasks are being watched in this process already"


def test_a_program_may_end_while_it_is_watched() -> None:
    for _ in range(10):
        # Many code objects die at the end, and the service thread would like to know.
        run_code(
            """
async def work(i):
    namespace = {}
    exec(f"async def f{i}(): pass", namespace)
    await namespace[f"f{i}"]()
async def main():
    await asyncio.gather(*(work(i) for i in range(300)))
watcher.start()
asyncio.run(main())
"""
        )


def test_go_tool_pprof_shows_the_cost_under_the_task(tmp_path: Path) -> None:
    run_code(
        """
cpu = CpuCollector(rate_hz=1000)
async def handler():
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        pass
async def main():
    await asyncio.create_task(handler(), name="GET /")
cpu.start()
watcher.start()
asyncio.run(main())
watcher.stop()
cpu.stop()
write(sys.argv[1], cpu)
""",
        tmp_path,
    )
    command = [
        go_command(),
        "tool",
        "pprof",
        "-tagroot=task",
        "-show=^GET /$|handler",
        "-traces",
        str(tmp_path / "cpu.pb.gz"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "GET /\n" in done.stdout

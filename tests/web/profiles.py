"""Profiles for the report's tests, written as stacks of names instead of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from whet.model.profile import (
    Functions,
    Labels,
    Locations,
    Mappings,
    Profile,
    Samples,
    StringTable,
)

CPU = (("samples", "count"), ("cpu", "nanoseconds"))


@dataclass(frozen=True)
class Step:
    """One step of a stack; without a name it is only an address."""

    name: str = ""
    file: str = "/app/main.py"
    start: int = 1
    line: int = 2
    address: int = 0


@dataclass(frozen=True)
class Sample:
    """Root-first steps, one value a sample type, string labels."""

    steps: Sequence[Step]
    values: Sequence[int]
    labels: dict[str, str] = field(default_factory=dict)


def build(
    samples: Sequence[Sample],
    types: Sequence[tuple[str, str]] = CPU,
    comments: Sequence[str] = (),
) -> Profile:
    """Build a profile."""
    texts = {"": 0}

    def text(value: str) -> int:
        return texts.setdefault(value, len(texts))

    functions: dict[tuple[str, str, int], int] = {}
    locations: dict[Step, int] = {}
    for sample in samples:
        for step in sample.steps:
            if step.name:
                functions.setdefault((step.name, step.file, step.start), len(functions))
            locations.setdefault(step, len(locations))
    named = [bool(step.name) for step in locations]
    labels = [(text(k), text(v)) for sample in samples for k, v in sample.labels.items()]
    stacks = [[locations[step] for step in reversed(sample.steps)] for sample in samples]
    profile = Profile(
        sample_type=[(text(t), text(u)) for t, u in types],
        samples=Samples(
            stack_start=_starts([len(stack) for stack in stacks]),
            stack=np.array([row for stack in stacks for row in stack], np.int32),
            values=np.array([s.values for s in samples], np.int64).reshape(len(samples), len(types)),
            label_start=_starts([len(sample.labels) for sample in samples]),
            labels=Labels(
                key=np.array([k for k, _ in labels], np.int32),
                text=np.array([v for _, v in labels], np.int32),
                number=np.zeros(len(labels), np.int64),
                unit=np.zeros(len(labels), np.int32),
            ),
        ),
        mappings=_one_mapping(text("/usr/bin/python3")),
        locations=Locations(
            id=np.arange(1, len(locations) + 1, dtype=np.uint64),
            mapping=np.zeros(len(locations), np.int32),
            address=np.array([step.address for step in locations], np.uint64),
            is_folded=np.zeros(len(locations), np.bool_),
            line_start=_starts([int(n) for n in named]),
            line_function=np.array(
                [functions[s.name, s.file, s.start] for s in locations if s.name], np.int32
            ),
            line=np.array([s.line for s in locations if s.name], np.int64),
            column=np.zeros(sum(named), np.int64),
        ),
        functions=Functions(
            id=np.arange(1, len(functions) + 1, dtype=np.uint64),
            name=np.array([text(name) for name, _, _ in functions], np.int32),
            system_name=np.zeros(len(functions), np.int32),
            filename=np.array([text(file) for _, file, _ in functions], np.int32),
            start_line=np.array([start for _, _, start in functions], np.int64),
        ),
        comments=[text(comment) for comment in comments],
        duration_nanos=3_000_000_000,
        period_type=(text("cpu"), text("nanoseconds")),
        period=10_000_000,
    )
    profile.strings = StringTable.from_texts(list(texts))
    return profile


def program(*, labels: bool = False) -> Profile:
    """Build the profile of a small program: own code, a library, two threads."""
    main = Step("main", start=1, line=3)
    work = Step("work", start=10, line=12)
    check = Step("check", start=20, line=22)
    dumps = Step("dumps", "/usr/lib/python3.12/json/__init__.py", 183, 231)
    call = Step("request", "/venv/lib/python3.12/site-packages/http_lib/api.py", 5, 9)
    parts = [([main], 3), ([main, work], 40), ([main, work, check], 120), ([main, check], 21)]
    parts += [([main, work, dumps], 60), ([main, call], 30), ([main, call, dumps], 26)]
    samples = []
    for index, (steps, count) in enumerate(parts):
        thread = {"thread": "worker-1" if index % 2 else "MainThread"} if labels else {}
        samples.append(Sample(steps, (count, count * 10_000_000), thread))
    return build(samples, comments=("whet: rate_hz=100", "whet: overhead_share=0.002"))


def random_program(seed: int, samples: int = 5000) -> Profile:
    """Build a wide and deep profile with many frames below the report's cutoff."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(samples):
        steps = []
        number = 0
        for _ in range(int(draw.integers(1, 25))):
            number = (number * 7 + int(draw.integers(0, 5))) % 997
            steps.append(Step(f"function_{number}", f"/app/module_{number % 13}.py", number + 1, number + 2))
        count = int(1 / (draw.random() + 1e-3)) if draw.random() < 0.3 else 1
        labels = {"thread": f"t{int(draw.integers(0, 4))}"}
        made.append(Sample(steps, (count, count * 10_000_000 + int(draw.integers(0, 999))), labels))
    return build(made)


def _starts(lengths: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))]).astype(np.int64)


def _one_mapping(filename: int) -> Mappings:
    number, flag = np.zeros(1, np.uint64), np.ones(1, np.bool_)
    return Mappings(
        id=number + np.uint64(1),
        memory_start=number,
        memory_limit=number,
        file_offset=number,
        filename=np.array([filename], np.int32),
        build_id=np.zeros(1, np.int32),
        has_functions=flag,
        has_filenames=flag,
        has_line_numbers=flag,
        has_inline_frames=flag,
    )

"""A WSGI service for long runs: hundreds of stacks, allocations, a lock; nothing that grows."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterable
from typing import Any

lock = threading.RLock()
DEPTH = 6


def left(depth: int, numbers: list[int]) -> int:
    return walk(depth - 1, sorted(numbers))


def right(depth: int, numbers: list[int]) -> int:
    return walk(depth - 1, numbers[::-1])


def middle(depth: int, numbers: list[int]) -> int:
    with lock:
        return walk(depth - 1, [number ^ depth for number in numbers])


def at_the_end(numbers: list[int]) -> int:
    return len(json.dumps(numbers)) + len(bytes(20_000))


def walk(depth: int, numbers: list[int]) -> int:
    if not depth:
        return at_the_end(numbers)
    step = (left, right, middle)[random.randrange(3)]
    return step(depth, numbers)


def app(_environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = f"{walk(DEPTH, list(range(100)))}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

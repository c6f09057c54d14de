"""Keeps objects of known types, each kind made by a function of its own; prints what they are called.

    types_program.py [running]      with `running` the profile is of a recording that goes on

A JSON object: function -> {type, '' where none is told: bytes in use}.
"""

import collections
import json
import sys

import numpy as np

from whet.collect.heap import HEAP, HeapCollector
from whet.formats.pprof import decode

KEYS = [f"key {i}" for i in range(300)]
kept = []


class Plain:
    def __init__(self):
        self.one = self.two = None


class Slotted:
    __slots__ = ("one", "two")


class Numbers(list):
    pass


class Sneaky(type):
    def __getattribute__(cls, name):
        raise RuntimeError("somebody asked a metaclass")


class Hidden(metaclass=Sneaky):
    pass


def makes_list():
    return [None] * 1000


def makes_numbers():
    return Numbers(KEYS)


def makes_dict():
    return dict.fromkeys(KEYS)


def makes_set():
    return set(KEYS)


def makes_bytearray():
    return bytearray(5000)


def makes_bytes():
    return bytes(5000)


def makes_str():
    return "x" * 5000


def makes_tuple():
    return tuple(KEYS)


def makes_plain():
    return [Plain() for _ in range(100)]


def makes_slotted():
    return [Slotted() for _ in range(100)]


def makes_hidden():
    return [Hidden() for _ in range(100)]


def makes_deque():
    return collections.deque(KEYS)


def makes_ndarray():
    return np.zeros(10_000)


def makes_view():
    return np.frombuffer(bytearray(6000), np.uint8)


def makes_keys():
    return {f"long key of a dict {i}": None for i in range(300)}


def makes_nested():
    return (len(KEYS) / 7, (bytes(3000), "y" * len(KEYS) * 10))


def makes_local_of_a_generator():
    held = bytes(7000)
    yield held


MAKERS = [value for name, value in list(globals().items()) if name.startswith("makes_")]


def main():
    collector = HeapCollector(mean_bytes=1)
    collector.start()
    for maker in MAKERS:
        made = maker()
        if hasattr(made, "__next__"):
            next(made)
        kept.append(made)
    if "running" not in sys.argv:
        collector.stop()
        # What comes after stop() in the same memory must not be taken for what was there.
        kept.clear()
        kept.extend((dict.fromkeys(KEYS), bytes(5000), [None] * 1000, tuple(KEYS)) for _ in range(50))
    profile = decode(collector.snapshots()[HEAP])
    collector.stop()
    texts, s = profile.strings.texts(), profile.samples
    names = [texts[profile.functions.system_name[f]] for f in profile.locations.line_function]
    found = {}
    for row in range(len(s)):
        labels = range(s.label_start[row], s.label_start[row + 1])
        label = next((texts[s.labels.text[i]] for i in labels if texts[s.labels.key[i]] == "type"), "")
        assert not (label and s.values[row, 0]), "allocations have no type"
        stack = [names[at] for at in s.stack[s.stack_start[row] : s.stack_start[row + 1]]]
        maker = next((name for name in stack if name.startswith("makes_")), "")
        if maker and s.values[row, 3]:
            by_type = found.setdefault(maker.partition(".")[0], {})
            by_type[label] = by_type.get(label, 0) + int(s.values[row, 3])
    return found


if __name__ == "__main__":
    print(json.dumps(main()))

"""A call-heavy program, traced completely first and sampled then.

    python edges_program.py OUT EDGES RATE_HZ SECONDS

The work is parsing and unparsing modules of the standard library. EDGES gets a JSON list of
[caller name, caller file, caller line, callee name, callee file, callee line] of all calls seen by
sys.setprofile; OUT gets the profile. sys.setprofile does not report the call that only makes a
generator or coroutine object, so those functions are listed by "made": [name, file, line].
"""

import ast
import json
import sys
import textwrap
import time

from whet.collect.cpu import CpuCollector

OUT, EDGES, RATE_HZ, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
MODULES = [sys.modules[name].__file__ for name in ("textwrap", "ast", "json", "re")]
SOURCES = []
for path in MODULES:
    with open(path, encoding="utf-8") as file:
        SOURCES.append(file.read())
MAKES_OBJECT = 0x20 | 0x80 | 0x200  # generator, coroutine, async generator


class Count(ast.NodeVisitor):
    def __init__(self):
        self.names = 0

    def visit_Name(self, node):
        self.names += 1

    def visit_Attribute(self, node):
        self.generic_visit(node)


def turn(source):
    tree = ast.parse(source)
    ast.unparse(tree)
    Count().visit(tree)
    textwrap.dedent(source[:2000])


def work():
    for source in SOURCES:
        turn(source)


def place(code):
    return (code.co_qualname, code.co_filename, code.co_firstlineno)


def drive(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        work()


edges, made = set(), set()


def on_event(frame, event, _):
    if event == "call" and frame.f_back is not None:
        edges.add((*place(frame.f_back.f_code), *place(frame.f_code)))
        if frame.f_code.co_flags & MAKES_OBJECT:
            made.add(place(frame.f_code))


sys.setprofile(on_event)
drive(0.01)
sys.setprofile(None)

collector = CpuCollector(rate_hz=RATE_HZ)
collector.start()
drive(SECONDS)
collector.stop()
with open(OUT, "wb") as file:
    file.write(collector.snapshots()["cpu.pb.gz"])
with open(EDGES, "w", encoding="utf-8") as file:
    json.dump({"edges": sorted(edges), "made": sorted(made)}, file)

"""A program whose code objects come and go, one at the address of another; prints `ready` first.

Each round makes a function of one of seven names, whose only statement stands on a line of its own, has
it call itself 40 times, and drops it: stacks of equal depth whose frames lie at the same places. The
caller stays, and its name tells which of them it is. A stack that has another of these names, or a name with
the line of another, cannot exist.
"""

import sys
import time
import types

NAMES, DEPTH = 7, 40


def made(number: int) -> types.FunctionType:
    """Return a function that nobody else has."""
    name = f"link{number}"
    call = f"    return {name}(depth - 1, work) if depth else work()\n"
    source = f"def {name}(depth, work):\n" + "\n" * number + call
    namespace: dict[str, types.FunctionType] = {}
    exec(compile(source, f"{name}.py", "exec"), namespace)  # type: ignore[arg-type]
    function = namespace.pop(name)
    function.__globals__[name] = function
    return function


def spin() -> None:
    """Work a little."""
    for _ in range(3000):
        pass


def main() -> None:
    """Make and drop functions until the time is over."""
    print("ready", flush=True)
    end = time.monotonic() + float(sys.argv[1])
    number = 0
    while time.monotonic() < end:
        number = (number + 1) % NAMES
        function = made(number)
        CALLERS[f"call{number}"](function, DEPTH, spin)
        function.__globals__.clear()


CALLERS: dict[str, types.FunctionType] = {}
for _number in range(NAMES):
    exec(f"def call{_number}(function, depth, work):\n    function(depth, work)\n", CALLERS)  # type: ignore[arg-type]


main()

"""Threads and tasks as text, in the manner of Go's `goroutine?debug=1` and `debug=2`."""

from whet.collect.threads import Stack

__all__ = ["counted_text", "full_text", "grouped", "lasted_text"]

_SHOWN_NAMES = 5


def grouped(stacks: list[Stack]) -> list[list[Stack]]:
    """Return groups of the same kind, state and stack, the largest first."""
    groups: dict[tuple[object, ...], list[Stack]] = {}
    for stack in stacks:
        groups.setdefault((stack.kind, stack.state, *stack.frames), []).append(stack)
    return sorted(groups.values(), key=len, reverse=True)


def counted_text(stacks: list[Stack]) -> str:
    """Return equal stacks once, with how many and who: `debug=1`."""
    threads = sum(stack.kind == "thread" for stack in stacks)
    lines = [f"threads profile: total {threads} threads, {len(stacks) - threads} tasks"]
    for group in grouped(stacks):
        first = group[0]
        names = ", ".join(stack.name for stack in group[:_SHOWN_NAMES])
        more = f", {len(group) - _SHOWN_NAMES} more" if len(group) > _SHOWN_NAMES else ""
        plural = "s" if len(group) > 1 else ""
        facts = ", ".join([first.state, *_range(group)])
        lines.append(f"{len(group)} {first.kind}{plural} [{facts}]: {names}{more}")
        lines += [f"#\t{name}\t{file}:{line}" for name, file, line, _ in first.frames]
        lines.append("")
    return "\n".join(lines)


def _range(group: list[Stack]) -> list[str]:
    """Return how long the stacks have been in their state, as far as that is known."""
    known = [stack.lasted_ns for stack in group if stack.lasted_ns is not None]
    if not known:
        return []
    shortest, longest = lasted_text(min(known)), lasted_text(max(known))
    return [longest if shortest == longest else f"{shortest} to {longest}"]


def lasted_text(nanoseconds: int) -> str:
    """Return a length of time in one unit: `350 ms`, `12 s`, `5 minutes`, `3 hours`."""
    for limit_s, unit_s, unit in ((1, 0.001, "ms"), (120, 1, "s"), (7200, 60, "minutes")):
        if nanoseconds < limit_s * 1e9:
            return f"{int(nanoseconds / (unit_s * 1e9))} {unit}"
    return f"{nanoseconds // 3_600_000_000_000} hours"


def full_text(stacks: list[Stack]) -> str:
    """Return every stack: `debug=2`."""
    lines = []
    for stack in stacks:
        facts = [stack.state, *_range([stack])]
        if stack.kind == "thread" and stack.daemon:
            facts.append("daemon")
        number = f" {stack.native_id or stack.ident}" if stack.kind == "thread" else ""
        lines.append(f'{stack.kind}{number} "{stack.name}" [{", ".join(facts)}]:')
        for name, file, line, _ in stack.frames:
            lines += [f"{name}()", f"\t{file}:{line}"]
        lines.append("")
    return "\n".join(lines)

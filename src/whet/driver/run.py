"""`whet run`: record a program that is run as plain `python` runs it.

Plans the run (what can fail fails before the program starts), has it supervised, and makes
the recording whole: `meta.json`, and `report.html` if wanted. It does not print; what should
be said is in the `Outcome`.
"""

from __future__ import annotations

import os
import sys
import time

from whet.collect import injection
from whet.collect.recording import (
    CPU,
    META,
    PROCESSES,
    REPORT,
    REQUEST,
    SESSION,
    claim,
    encode_json,
    explain,
    file_sizes,
    fresh_directory,
    metadata,
    release,
    write_atomically,
)
from whet.driver.supervise import Ending, supervise
from whet.errors import CollectError, SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from whet.collect.settings import Settings
    from whet.driver.summary import Summary
    from whet.model.profile import Profile

__all__ = [
    "Outcome",
    "Plan",
    "Recorded",
    "add_summaries",
    "execute",
    "interpreter_flags",
    "load_profiles",
    "plan",
    "write_meta",
    "write_report",
]

# How long a program that is about to be killed may take for its last save.
LAST_SAVE_S = 2.0
_POLL_S = 0.005


class Plan:
    """A run that can start: the command, its environment and a claimed directory."""

    def __init__(self, command: list[str], directory: str, settings: Settings, *, made: bool) -> None:
        self.command = command
        self.directory = directory
        self.settings = settings
        self.made = made
        self.cwd = os.getcwd()


class Recorded:
    """A recording that is finished.

    Attributes:
        directory: where it lies.
        cwd: the directory that the program was started in.
        meta: the content of meta.json.
        has_profile: whether a profile was saved.
        trouble: why the recording is not what it should be, or None.
    """

    def __init__(self, directory: str, cwd: str, meta: dict[str, object]) -> None:
        self.directory = directory
        self.cwd = cwd
        self.meta = meta
        self.has_profile = os.path.exists(os.path.join(directory, CPU))
        self.trouble: str | None = None


class Outcome(Recorded):
    """The recording of a program that was run; `ending` tells how the program ended."""

    def __init__(self, plan: Plan, ending: Ending, meta: dict[str, object]) -> None:
        super().__init__(plan.directory, plan.cwd, meta)
        self.ending = ending


def plan(
    target: Sequence[str],
    *,
    settings: Settings,
    directory: str | None = None,
) -> Plan:
    """Check everything that a run needs and claim its directory.

    Args:
        target: what follows `python` on a command line: SCRIPT, -m MODULE or -c CODE, arguments.
        settings: what to collect.
        directory: where to record; None makes a new directory with the program's name in it.

    Raises:
        CollectError: this interpreter's flags keep the collector out.
        SourceError: the script or the directory cannot be used.
    """
    blocker = injection.blocked_by()
    if blocker:
        raise CollectError(
            f"{blocker} keeps the collector out of the program",
            hint="start whet by an interpreter without it; whet.profile() in the program works too",
        )
    if target[0] not in ("-m", "-c", "-") and not os.path.exists(target[0]):
        raise SourceError(f"{target[0]}: no such script")
    try:
        directory = fresh_directory(_name(target)) if directory is None else os.path.abspath(directory)
    except FileNotFoundError:
        raise SourceError("the current directory does not exist any more") from None
    made = claim(directory)
    command = [sys.executable, *interpreter_flags(), *target]
    return Plan(command, directory, settings, made=made)


def execute(plan: Plan) -> Outcome:
    """Run the program to its end and finish `meta.json`.

    Raises:
        CollectError: the collector refused, and the program was not run.
        SourceError: the interpreter cannot be started.
    """
    environ = injection.environment(os.environ, plan.directory, plan.settings)
    try:
        ending = supervise(plan.command, environ, save=_saver(plan.directory))
    except SourceError:
        release(plan.directory, made=plan.made)
        raise
    facts = _read_facts(plan.directory)
    if "refused" in facts:
        release(plan.directory, made=plan.made)
        raise CollectError(str(facts["refused"]), hint=_text_or_none(facts.get("hint")))
    meta = _meta(plan, ending, facts)
    meta["processes"] = []
    outcome = Outcome(plan, ending, meta)
    problems = [_add_wall(plan.directory, facts)]
    if os.path.isdir(os.path.join(plan.directory, PROCESSES)):
        from whet.driver.processes import join_processes

        meta["processes"], more = join_processes(plan.directory, ending.pid)
        problems += more
    outcome.trouble = "; ".join(filter(None, problems)) or None
    write_meta(outcome)
    return outcome


def write_meta(outcome: Recorded) -> None:
    """Write `meta.json` as it is known now; a failure is the outcome's trouble."""
    outcome.meta["files"] = file_sizes(outcome.directory)
    try:
        path = os.path.join(outcome.directory, META)
        write_atomically(path, encode_json(outcome.meta).encode() + b"\n")
        for name in (SESSION, REQUEST):
            _unlink_if_there(os.path.join(outcome.directory, name))
    except OSError as error:
        outcome.trouble = f"{outcome.directory}: cannot write the recording: {explain(error)}"


def load_profiles(outcome: Recorded) -> dict[str, Profile]:
    """Read the recorded profiles, by what a person calls them; the CPU profile is the first.

    Raises:
        SourceError: one cannot be read.
        FormatError: one is malformed.
    """
    from whet.driver.sources import load_recording

    return load_recording(outcome.directory)


def add_summaries(outcome: Recorded, profiles: Mapping[str, Profile]) -> dict[str, Summary]:
    """Put the biggest boxes of each profile into the recording's metadata, and return them."""
    from whet.driver.summary import summarize, summary_record

    summaries: dict[str, Summary] = {}
    for name, profile in profiles.items():
        if name == "Threads":
            continue  # one moment, which has no biggest box
        # What is in use at the end of a program is rarely what it needed.
        index = "alloc_space" if name == "Memory" else ""
        summaries[name] = summarize(profile, limit=5 if summaries else 10, sample_index=index)
    outcome.meta["summary"] = {name.lower(): summary_record(one) for name, one in summaries.items()}
    return summaries


def write_report(outcome: Recorded, profiles: Mapping[str, Profile]) -> str:
    """Write `report.html` and return its path (absolute).

    Raises:
        OSError: it cannot be written.
    """
    from whet.driver.over_time import over_time
    from whet.render.html import render_html

    path = os.path.join(outcome.directory, REPORT)
    others = dict(profiles)
    name = next(iter(others))
    page = render_html(
        others.pop(name),
        title=_title(outcome),
        read_source=_read_source,
        name=name,
        others=others,
        over_time=over_time(outcome.directory),
    )
    write_atomically(path, page.encode("utf-8", "backslashreplace"))
    return path


def interpreter_flags() -> list[str]:
    """Return the flags in `python FLAGS -m whet ...`, which the program shall have too."""
    arguments = sys.argv[1:]
    head = sys.orig_argv[1 : len(sys.orig_argv) - len(arguments)]
    if sys.orig_argv[len(sys.orig_argv) - len(arguments) :] != arguments or not head:
        return []
    if head[-1] == "whet" and len(head) > 1 and head[-2].endswith("m"):
        return head[:-2] + _without_m(head[-2])
    if head[-1].startswith("-") and head[-1].endswith("mwhet"):
        return head[:-1] + _without_m(head[-1].removesuffix("whet"))
    return head[:-1] if head[-1] == sys.argv[0] else []


def _without_m(flags: str) -> list[str]:
    rest = flags.removesuffix("m")
    return [rest] if rest != "-" else []


def _name(target: Sequence[str]) -> str:
    if target[0] == "-m":
        return target[1]
    if target[0] in ("-c", "-"):
        return "command"
    return os.path.splitext(os.path.basename(os.path.abspath(target[0])))[0]


def _saver(directory: str) -> Callable[[Callable[[], bool]], None]:
    """Return a function that has the program's session save, and waits for it a while."""
    request = os.path.join(directory, REQUEST)

    def save(runs: Callable[[], bool]) -> None:
        try:
            with open(request, "wb"):
                pass
        except OSError:
            return
        give_up = time.monotonic() + LAST_SAVE_S
        while runs() and os.path.exists(request) and time.monotonic() < give_up:
            time.sleep(_POLL_S)

    return save


def _add_wall(directory: str, facts: Mapping[str, object]) -> str | None:
    if "block" not in facts:
        return None
    from whet.driver.wall import add_wall

    return add_wall(directory, facts)


def _read_facts(directory: str) -> dict[str, object]:
    import json

    try:
        with open(os.path.join(directory, SESSION), encoding="ascii") as file:
            facts: dict[str, object] = json.load(file)
    except (OSError, ValueError):
        return {}
    return facts


def _meta(plan: Plan, ending: Ending, facts: Mapping[str, object]) -> dict[str, object]:
    return metadata(
        plan.directory,
        made_by="whet run",
        partial_reason=_why_partial(ending, facts),
        program={
            "command": plan.command,
            "cwd": plan.cwd,
            "pid": ending.pid,
            "start_time_ns": ending.start_ns,
            "wall_ns": ending.wall_ns,
            "cpu_user_ns": ending.cpu_user_ns,
            "cpu_system_ns": ending.cpu_system_ns,
            "max_rss_bytes": ending.max_rss_bytes,
            "exit_status": ending.exit_status,
            "signal": ending.signal,
        },
        facts=facts,
    )


def _why_partial(ending: Ending, facts: Mapping[str, object]) -> str | None:
    session = facts.get("session")
    if not isinstance(session, dict):
        return "the collector did not start in the program"
    if session["trouble"]:
        return f"the program could not save: {session['trouble']}"
    ended = session["ended"]
    if ended in ("execv", "execve"):
        return "the program became another one by exec"
    if ended is not None:
        return None
    if ending.signal is not None:
        return f"the program was killed by signal {ending.signal}"
    return f"the program ended with status {ending.exit_status} past Python's own shutdown"


def _title(outcome: Recorded) -> str:
    program = outcome.meta["program"]
    assert isinstance(program, dict)
    return " ".join(["python", *program["command"][1:]])


def _read_source(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, ValueError):
        return None


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


def _unlink_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return

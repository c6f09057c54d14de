"""`whet lock`: one measurement at a time on this machine.

Talk goes to stderr, stdout belongs to the command. The exit status is the command's, 124 when the
lock did not become free in time, 2 for a wrong call.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from dataclasses import asdict, dataclass

from whet.cli.streams import Streams
from whet.driver.lock import HELD_VARIABLE, LockTimeoutError, MachineLock, Ticket, lock_directory
from whet.driver.quiet import keep_quiet, quiet_process, settings_for
from whet.driver.supervise import Ending, die_by, supervise
from whet.errors import UsageError

__all__ = ["HELP", "main", "parse"]

HELP = """\
usage: whet lock [OPTIONS] COMMAND [ARGS...]
       whet lock --list [--json]

Run a command while nobody else on this machine holds the lock: measurements that take turns do not
disturb each other. First come, first served; a holder that is killed frees the lock. The exit status
is the command's.

  -s, --shared         run beside others that are shared, never beside an exclusive one
      --timeout SECS   give up after SECS seconds of waiting, with exit status 124
  -n, --nonblock       the same as --timeout 0
  -l, --list           show who holds the lock and who waits
      --json           with --list: as JSON
  -q, --quiet          say nothing while waiting
  -h, --help           show this help

Quieting the machine, as far as the user may (exclusive only); everything is put back at the end:
      --governor PCT   pin CPU frequencies PCT percent of the way from lowest to highest ("90%")
      --no-turbo       no frequencies above the nominal one
      --cpus LIST      run the command on these CPUs only ("1", "0,2-3")
      --no-aslr        run the command without address space randomization
      --tune           all of it: --governor 90% --no-turbo --no-aslr

The lock lives in /run/lock/whet, or in the directory that WHET_LOCK names.
"""

TIMEOUT_STATUS = 124
_FLAGS = {
    "-s": "shared", "--shared": "shared", "-n": "nonblock", "--nonblock": "nonblock",
    "-l": "list", "--list": "list", "--json": "json", "-q": "quiet", "--quiet": "quiet",
    "-h": "help", "--help": "help", "--no-turbo": "no_turbo", "--no-aslr": "no_aslr",
}  # fmt: skip
_VALUES = ("--timeout", "--governor", "--cpus")
_MAX_CPU = 8191  # the kernel's own limit


@dataclass(slots=True)
class Options:
    """The options of one call, checked."""

    shared: bool = False
    nonblock: bool = False
    timeout_s: float | None = None
    list: bool = False
    json: bool = False
    quiet: bool = False
    help: bool = False
    governor_percent: int | None = None
    no_turbo: bool = False
    no_aslr: bool = False
    cpus: frozenset[int] = frozenset()
    command: tuple[str, ...] = ()


def main(argv: list[str], streams: Streams) -> int:
    """Run `whet lock ARGV...`; return the command's exit status or die by its signal."""
    options = parse(argv)
    if options.help:
        streams.write(HELP)
        return 0
    lock = MachineLock(lock_directory())
    if options.list:
        streams.write(_json(lock.tickets()) if options.json else _table(lock.tickets()))
        return 0
    executable = shutil.which(options.command[0])
    if executable is None:
        raise UsageError(f"{options.command[0]}: no such command")
    try:
        ending = _run_locked(lock, executable, options, streams)
    except LockTimeoutError as error:
        streams.talk(f"whet: {error}; whet lock --list shows who holds it")
        return TIMEOUT_STATUS
    if ending.signal is not None:
        die_by(ending.signal)
    return ending.exit_status or 0


def _run_locked(lock: MachineLock, executable: str, options: Options, streams: Streams) -> Ending:
    number = lock.join(shlex.join(options.command), shared=options.shared)
    try:
        _announce(lock, number, options, streams)
        lock.wait(number, shared=options.shared, timeout_s=0 if options.nonblock else options.timeout_s)
        settings, troubles = settings_for(
            governor_percent=options.governor_percent, no_turbo=options.no_turbo
        )
        troubles += quiet_process(cpus=set(options.cpus), no_aslr=options.no_aslr)
        _warn(troubles, streams)
        with keep_quiet(settings) as troubles:
            _warn(troubles, streams)
            troubles.clear()
            command = [executable, *options.command[1:]]
            ending = supervise(command, {**os.environ, HELD_VARIABLE: str(number)}, save=lambda _runs: None)
        _warn(troubles, streams)
        return ending
    finally:
        lock.leave()


def _warn(troubles: list[str], streams: Streams) -> None:
    for trouble in troubles:
        streams.talk(f"whet: {trouble}")


def _announce(lock: MachineLock, number: int, options: Options, streams: Streams) -> None:
    tickets = lock.tickets()
    mine = next((ticket for ticket in tickets if ticket.number == number), None)
    if options.quiet or options.nonblock or mine is None or mine.served:
        return
    streams.talk("whet: waiting for the machine lock behind:")
    streams.talk(_table([ticket for ticket in tickets if ticket.number < number]).rstrip("\n"))


def _table(tickets: list[Ticket]) -> str:
    if not tickets:
        return "nobody holds the lock\n"
    lines = []
    for ticket in tickets:
        state = "holds it" if ticket.served else "waits"
        kind = "shared" if ticket.shared else "exclusive"
        owner = f"{ticket.user or '?'}:{ticket.pid or '?'}"
        lines.append(f"{state:<8}  {kind:<9}  {owner:<14}  {ticket.command or '(command unknown)'}\n")
    return "".join(lines)


def _json(tickets: list[Ticket]) -> str:
    return json.dumps([asdict(ticket) for ticket in tickets], indent=2) + "\n"


def parse(argv: list[str]) -> Options:
    """Parse the arguments of `whet lock`; what follows the command's name is the command's.

    Raises:
        UsageError: an unknown option, a bad value, or no command.
    """
    options, rest = Options(), list(argv)
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, given, value = word.partition("=")
        if word in _FLAGS:
            setattr(options, _FLAGS[word], True)
        elif word == "--tune":
            options.governor_percent, options.no_turbo, options.no_aslr = 90, True, True
        elif name in _VALUES:
            if not given and not rest:
                raise UsageError(f"{name} needs a value", hint="see whet lock --help")
            _set(options, name, value if given else rest.pop(0))
        else:
            raise UsageError(f"whet lock has no option {name}", hint="see whet lock --help")
    options.command = tuple(rest)
    _check(options)
    return options


def _check(options: Options) -> None:
    if options.help or options.list:
        if options.list and options.command:
            raise UsageError("--list takes no command", hint="whet lock --list [--json]")
        return
    if not options.command:
        raise UsageError("no command to run", hint="whet lock COMMAND [ARGS...], or whet lock --list")
    if options.shared and (options.no_turbo or options.governor_percent is not None):
        raise UsageError("--shared and quieting the machine exclude each other")


def _set(options: Options, name: str, text: str) -> None:
    if name == "--cpus":
        options.cpus = _cpus(text)
        return
    try:
        value = float(text.removesuffix("%") if name == "--governor" else text)
    except ValueError:
        raise UsageError(f"{name}: {text!r} is not a number") from None
    if name == "--timeout":
        if not 0 <= value < float("inf"):
            raise UsageError(f"{name}: {text} is not a number of seconds")
        options.timeout_s = value
    elif not 0 <= value <= 100 or value != int(value):
        raise UsageError(f"{name}: {text} is not a percentage from 0 to 100")
    else:
        options.governor_percent = int(value)


def _cpus(text: str) -> frozenset[int]:
    chosen: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            low, high = int(first), int(last if dash else first)
        except ValueError:
            raise UsageError(f"--cpus: {text!r} is not a list of CPUs", hint='for example "0,2-3"') from None
        if not 0 <= low <= high <= _MAX_CPU:
            raise UsageError(f"--cpus: {part!r} is no range of CPUs from 0 to {_MAX_CPU}")
        chosen.update(range(low, high + 1))
    return frozenset(chosen)

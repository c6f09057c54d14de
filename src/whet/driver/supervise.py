"""Start a program and stand in for it: signals go to it, its end becomes ours.

The supervisor keeps all signals blocked and takes them one by one (`sigwaitinfo(2)`), so there
are no handlers and no races. What the terminal sends reaches the program by itself, because
both are in one process group; what another process sends to the supervisor is passed on.
It knows nothing of recordings: `save` is called before a signal that will kill the program.
"""

from __future__ import annotations

import os
import signal
import time

from whet.errors import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Ending", "die_by", "supervise"]

# Not sent by others, or not to be blocked: these end or stop the supervisor as any process.
_NEVER_BLOCKED = {
    signal.SIGKILL,
    signal.SIGSTOP,
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGABRT,
    signal.SIGTRAP,
    signal.SIGSYS,
    signal.SIGPIPE,
    signal.SIGTTOU,
    signal.SIGTTIN,
}
_TAKEN = signal.valid_signals() - _NEVER_BLOCKED
# Harmless to a program that does nothing about them.
_IGNORED_BY_DEFAULT = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
_STOPPING = {signal.SIGTSTP}


class Ending:
    """How a program ended.

    Attributes:
        exit_status: 0 to 255, or None if a signal killed it.
        signal: the signal that killed it, or None.
        pid, start_ns (since the epoch), wall_ns.
        cpu_user_ns, cpu_system_ns, max_rss_bytes: of the program and the children it waited for.
    """

    def __init__(self, pid: int, start_ns: int, wall_ns: int, status: int, usage: object) -> None:
        self.pid = pid
        self.start_ns = start_ns
        self.wall_ns = wall_ns
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        self.exit_status = None if self.signal else os.WEXITSTATUS(status)
        self.cpu_user_ns = round(usage.ru_utime * 1e9)  # type: ignore[attr-defined]
        self.cpu_system_ns = round(usage.ru_stime * 1e9)  # type: ignore[attr-defined]
        self.max_rss_bytes = usage.ru_maxrss * 1024  # type: ignore[attr-defined]


def supervise(
    command: list[str], environ: Mapping[str, str], *, save: Callable[[Callable[[], bool]], None]
) -> Ending:
    """Run `command` to its end.

    Args:
        command: the executable's path and its arguments.
        environ: the program's environment.
        save: called before a signal is passed on that will kill the program; it gets a
            function that tells whether the program still runs.

    Raises:
        SourceError: the executable cannot be started.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _TAKEN)
    try:
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # or there would be no status to wait for
        start_ns, begin_ns = time.time_ns(), time.monotonic_ns()
        try:
            # Python ignores these two from its start; what it starts begins with the default.
            defaults = [signal.SIGPIPE, signal.SIGXFSZ]
            pid = os.posix_spawn(command[0], command, environ, setsigmask=mask, setsigdef=defaults)
        except OSError as error:
            raise SourceError(f"{command[0]}: cannot be started: {error.strerror}") from error
        status, usage = _wait(pid, save)
        return Ending(pid, start_ns, time.monotonic_ns() - begin_ns, status, usage)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def die_by(number: int) -> None:
    """End this process by signal `number`, so that the caller sees what the program died of."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))  # the program's own core dump is enough
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})


def _wait(pid: int, save: Callable[[Callable[[], bool]], None]) -> tuple[int, object]:
    while True:
        info = signal.sigwaitinfo(_TAKEN)
        if info.si_signo == signal.SIGCHLD:
            ended, status, usage = os.wait4(pid, os.WNOHANG | os.WUNTRACED)
            if ended and not os.WIFSTOPPED(status):
                return status, usage
            if ended and _has_terminal():
                _stop_too(pid)
        elif _is_for_program(info, pid):
            if _will_kill(pid, info.si_signo):
                save(lambda: _runs(pid))
            _send(pid, info.si_signo)


def _is_for_program(info: signal.struct_siginfo, pid: int) -> bool:
    # A positive code means the kernel: a key of the terminal, which the program got too.
    return (info.si_code <= 0 and info.si_pid != pid) or info.si_signo == signal.SIGCONT


def _will_kill(pid: int, number: int) -> bool:
    """Tell whether the program neither catches nor ignores the signal."""
    if number in _IGNORED_BY_DEFAULT or number in _STOPPING:
        return False
    handled = 0
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(("SigIgn:", "SigCgt:")):
                    handled |= int(line.split()[1], 16)
    except OSError:
        return False
    return not handled >> (number - 1) & 1


def _runs(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _has_terminal() -> bool:
    # Without a terminal nobody would wake us when the program is woken.
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _stop_too(pid: int) -> None:
    """Stop as the program did, so that the shell gets its prompt back; then wake it with us."""
    os.kill(os.getpid(), signal.SIGSTOP)
    _send(pid, signal.SIGCONT)

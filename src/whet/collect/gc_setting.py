"""A setting of the garbage collector, put into force in a program that is measured under it.

The program is started as `whet run` starts one, see injection.py, with the setting and the
place of a report in its environment. At its end the report says what the collector did; a
program that ends past Python's own shutdown leaves none.
"""

import os
import time

from whet.collect.recording import encode_json, write_atomically
from whet.errors import UsageError

__all__ = ["GcSetting", "begin"]

_MOST = 2**31 - 1
_FORMS = "for example default, 10000 or 10000,20,20, freeze, 10000+freeze, off"


class GcSetting:
    """What to do to the collector before the program starts.

    Attributes:
        text: as the user writes it: `default`, `off`, `freeze`, one to three thresholds
            separated by commas, or thresholds and `+freeze`.
        thresholds: those to set, from the youngest generation on; none leaves them.
        freezes: put aside (gc.freeze) what survives the first full collection.
        is_off: collect only where the program itself asks for it.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.thresholds: tuple[int, ...] = ()
        words = text.split("+")
        self.freezes = "freeze" in words
        self.is_off = text == "off"
        numbers = [word for word in words if word != "freeze"]
        if text in ("default", "off") or (not numbers and words == ["freeze"]):
            return
        if len(numbers) != 1 or len(words) > 2 or (len(words) == 2 and not self.freezes):
            raise UsageError(f"{text!r} is no setting of the collector", hint=_FORMS)
        self.thresholds = tuple(_threshold(text, number) for number in numbers[0].split(","))
        if len(self.thresholds) > 3:
            raise UsageError(f"{text!r}: there are three generations", hint=_FORMS)

    def code(self) -> str:
        """Return the Python statements that put the setting into force in a program."""
        statements = []
        if self.is_off:
            statements.append("gc.disable()")
        if self.thresholds:
            statements.append(f"gc.set_threshold({', '.join(map(str, self.thresholds))})")
        if self.freezes:
            statements.append("gc.collect(); gc.freeze()  # once everything long-lived is loaded")
        return "; ".join(["import gc", *statements]) if statements else ""

    def apply(self) -> None:
        """Put the setting into force in this process."""
        import gc

        if self.is_off:
            gc.disable()
        if self.thresholds:
            gc.set_threshold(*self.thresholds)
        if self.freezes:
            gc.callbacks.append(_freeze_once)


def begin(text: str, report: str | None) -> None:
    """Put a setting into force and see to it that a report is written at the end."""
    import atexit

    from whet.collect.gc import GcCollector

    collector = GcCollector()
    collector.start()
    GcSetting(text).apply()
    pid = os.getpid()

    def write_report() -> None:
        if report is None or os.getpid() != pid:
            return
        collector.stop()
        content = {"statistics": collector.statistics(), "peak_rss_bytes": _peak_rss_bytes(), **_state()}
        try:
            write_atomically(report, encode_json(content).encode())
        except OSError:
            return  # the report is missing, and that is seen

    atexit.register(write_report)


_frozen_ns = 0


def _freeze_once(phase: str, info: "dict[str, int]") -> None:
    global _frozen_ns
    if phase == "stop" and info["generation"] == 2 and not _frozen_ns:
        import gc

        gc.freeze()
        _frozen_ns = time.monotonic_ns()


def _state() -> "dict[str, object]":
    import gc

    return {
        "thresholds": list(gc.get_threshold()),
        "enabled": gc.isenabled(),
        "frozen_objects": gc.get_freeze_count(),
    }


def _threshold(text: str, number: str) -> int:
    if not number.isdecimal() or not number.isascii() or not 0 < int(number) <= _MOST:
        raise UsageError(f"{text!r} is no setting of the collector", hint=_FORMS)
    return int(number)


def _peak_rss_bytes() -> int:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0

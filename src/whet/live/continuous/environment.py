"""`WHET_AGENT=http://pyroscope:4040 python app.py`: the agent in a program that does not know of it."""

import os

from whet.errors import UsageError
from whet.live.continuous.agent import DEFAULT_RATE_HZ, DEFAULT_SHARE, DEFAULT_WINDOW_S, agent

__all__ = ["start_agent"]


def start_agent() -> None:
    """Start the agent that WHET_AGENT and the variables beside it describe.

    WHET_AGENT_SERVICE, WHET_AGENT_TAGS (name=value,...), WHET_AGENT_PROFILES (cpu,heap,block),
    WHET_AGENT_WINDOW (seconds), WHET_AGENT_RATE (Hz), WHET_AGENT_BUDGET (a share), WHET_AGENT_HEADERS
    (name=value,...) and WHET_AGENT_SPOOL are the arguments of `whet.live.agent`.

    Raises:
        CollectError, SourceError, UsageError: as `agent` does.
    """
    agent(
        os.environ["WHET_AGENT"],
        service=_variable("SERVICE") or None,
        tags=_pairs("TAGS"),
        headers=_pairs("HEADERS"),
        profiles=tuple((_variable("PROFILES") or "cpu,heap").split(",")),
        window_s=_number("WINDOW", DEFAULT_WINDOW_S),
        rate_hz=_number("RATE", DEFAULT_RATE_HZ),
        budget=_number("BUDGET", DEFAULT_SHARE),
        spool=_variable("SPOOL") or None,
    )


def _variable(name: str) -> str:
    return os.environ.get(f"WHET_AGENT_{name}", "")


def _pairs(name: str) -> dict[str, str]:
    pairs = {}
    for word in filter(None, _variable(name).split(",")):
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"WHET_AGENT_{name}: {word!r} is not name=value")
        pairs[key.strip()] = value.strip()
    return pairs


def _number(name: str, default: float) -> float:
    text = _variable(name)
    try:
        return float(text) if text else default
    except ValueError:
        raise UsageError(f"WHET_AGENT_{name}: {text!r} is not a number") from None

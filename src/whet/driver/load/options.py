"""What a load is to be: the command line's wishes, checked."""

from __future__ import annotations

from dataclasses import dataclass

from whet.driver.load.target import Target

__all__ = ["DEFAULT_REQUESTS", "DEFAULT_TIMEOUT_S", "DEFAULT_WORKERS", "LoadOptions"]

# hey's.
DEFAULT_REQUESTS = 200
DEFAULT_WORKERS = 50
DEFAULT_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class LoadOptions:
    """One load.

    Attributes:
        requests: how many; None: as many as `duration_s` allows.
        duration_s: how long requests start; 0: until `requests` are made.
        connections: workers, each with one request at a time.
        rate_hz: of all workers together, whatever the server does; 0: none.
        worker_rate_hz: of each worker; 0: none.
        timeout_s: for one request; 0: none.
        warm_up_s: time before that which counts.
        client: `python`, or `auto` for the compiled one where it can serve.
        loop: `asyncio`, `uvloop`, or `auto` for uvloop where it is installed.
    """

    target: Target
    requests: int | None = DEFAULT_REQUESTS
    duration_s: float = 0.0
    connections: int = DEFAULT_WORKERS
    rate_hz: float = 0.0
    worker_rate_hz: float = 0.0
    timeout_s: float = DEFAULT_TIMEOUT_S
    follows: bool = True
    http2: bool = False
    warm_up_s: float = 0.0
    client: str = "auto"
    loop: str = "auto"

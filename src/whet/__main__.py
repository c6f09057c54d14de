"""`python -m whet` and the `whet` command.

Answers `--version` itself, so that asking costs little more than a bare interpreter;
everything else is `whet.cli.main`.
"""

from __future__ import annotations

import sys

from whet._version import __version__

__all__ = ["main"]


def main() -> int:
    """Run the command line of this process and return its exit status."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"whet {__version__}\n")
        return 0
    from whet.cli.main import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

"""The door to the compiled collectors, `whet._probe`, and the only importer of it."""

from types import ModuleType

from whet.errors import CollectError

__all__ = ["load_probe"]


def load_probe() -> ModuleType:
    """Return the compiled collectors.

    Raises:
        CollectError: whet was installed without a compiler.
    """
    try:
        import whet._probe as _probe
    except ImportError as error:
        raise CollectError(
            "whet was installed without its compiled collectors: it can read profiles but not record them",
            hint="install a C++ compiler and Python's headers, then: pip install --force-reinstall whet",
        ) from error
    return _probe

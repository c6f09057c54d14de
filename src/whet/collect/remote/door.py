"""The door to the compiled reader of other processes, `whet._remote`, and the only importer of it."""

from types import ModuleType

from whet.errors import CollectError

__all__ = ["load_remote"]


def load_remote() -> ModuleType:
    """Return the compiled reader.

    Raises:
        CollectError: whet was installed without a compiler.
    """
    try:
        import whet._remote as _remote
    except ImportError as error:
        raise CollectError(
            "whet was installed without its compiled collectors: it cannot read other processes",
            hint="install a C++ compiler and Python's headers, then: pip install --force-reinstall whet",
        ) from error
    return _remote

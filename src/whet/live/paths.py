"""Paths of requests, as Go's ServeMux sees them: which are cleaned, and how they are spelled in a URL."""

import posixpath

__all__ = ["cleaned", "has_bad_escape", "in_url", "unquoted"]

_HEX = frozenset("0123456789abcdefABCDEF")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_IN_PATH = "".join(c for c in _PRINTABLE if c not in '"#%<>?[\\]^`{|}')


def cleaned(path: str) -> str:
    """Return an absolute path without empty parts, `.` and `..`; a slash at the end stays."""
    if "//" not in path and "/." not in path:
        return path
    clean = "/" + posixpath.normpath(path).lstrip("/")
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def has_bad_escape(text: str) -> bool:
    """Whether a `%` is not followed by two hexadecimal digits."""
    return any(len(rest) < 2 or not _HEX.issuperset(rest[:2]) for rest in text.split("%")[1:])


def unquoted(path: str) -> str:
    """Return a path without escapes; a slash that was escaped is no slash and stays escaped."""
    if "%" not in path:
        return path
    from urllib.parse import unquote

    return unquote(path.replace("%2f", "%252F").replace("%2F", "%252F"))


def in_url(path: str, query: str) -> str:
    """Return a path and an undecoded query in printable ASCII, as a URL has them."""
    from urllib.parse import quote

    return quote(path, safe=_IN_PATH) + (f"?{quote(query, safe=_PRINTABLE)}" if query else "")

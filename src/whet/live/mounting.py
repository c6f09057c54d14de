"""Where a path lies below an application's own root and below the mount."""

__all__ = ["mounted_path"]


def mounted_path(path: str, root: str, prefix: str) -> str:
    """Return the path as on our own server (`/debug/...`), or '' if it is not below the mount.

    Args:
        path: as the server gives it, with or without `root`.
        root: where the application is mounted.
        prefix: the mount, with a slash at its end.
    """
    if root and path.startswith(root):
        path = path[len(root) :]
    if not path.startswith(prefix):
        return ""
    return f"/debug/{path[len(prefix) :]}"

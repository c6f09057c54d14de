"""Module names for the files of another process: profiles are told apart by `module.function`.

The module is guessed from the file's place: below site-packages, the standard library or the topmost
package, as import would name it; the script that the process was started with is `__main__`. Files are
looked at through /proc/PID/root, so that a container's are its own.
"""

import os
import re

from whet.collect.remote.runtime import command_line

__all__ = ["FileNames"]

_LIBRARY = re.compile(r".*/(?:site-packages|dist-packages|lib(?:64)?/python3(?:\.\d+t?)?(?:/lib-dynload)?)/")
_OPTIONS_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


class FileNames:
    """The files of one process: where they are, and which modules they hold."""

    def __init__(self, pid: int) -> None:
        self._root = f"/proc/{pid}/root"
        try:
            self._cwd = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            self._cwd = ""
        arguments = command_line(pid)
        script = _script(arguments)
        self._typed = "" if script else "<string>" if "-c" in arguments else "<stdin>"
        self._main = self.absolute(script) if script else ""
        self._modules: dict[str, str] = {}

    def absolute(self, file: str) -> str:
        """Return a file name as it is found from anywhere, or itself where that is not known."""
        if not file or file[0] in "/<" or not self._cwd:
            return file
        path = os.path.normpath(os.path.join(self._cwd, file))
        return path if os.path.exists(self._root + path) else file

    def function(self, name: str, file: str) -> str:
        """Return `module.name` for a function in `file` (absolute)."""
        if file not in self._modules:
            self._modules[file] = self._module(file)
        module = self._modules[file]
        return f"{module}.{name}" if module else name

    def _module(self, file: str) -> str:
        if file.startswith("<frozen ") and file.endswith(">"):
            return file[8:-1]
        if not file or (file[0] == "<" and file != self._typed):
            return ""  # made by a program, which does not tell where
        if file in (self._main, self._typed):
            return "__main__"
        match = _LIBRARY.match(file)
        below = file[match.end() :] if match else self._in_package(file)
        return below.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def _in_package(self, file: str) -> str:
        """Return the path from above the topmost folder that is a package."""
        folder, below = os.path.split(file)
        while len(folder) > 1 and os.path.exists(f"{self._root}{folder}/__init__.py"):
            folder, name = os.path.split(folder)
            below = f"{name}/{below}"
        return below


def _script(arguments: list[str]) -> str:
    """Return the script in a command line of Python, '' where it runs no file."""
    rest = arguments[1:]
    while rest:
        word = rest.pop(0)
        if word in _OPTIONS_WITH_VALUE:
            rest = rest[1:]
        elif word.startswith("-") and not word.startswith("--"):
            if "c" in word[1:] or "m" in word[1:] or word == "-":
                return ""
        elif not word.startswith("-"):
            return word
    return ""

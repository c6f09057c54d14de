"""Prints what a program can see of how it was started."""

import os
import sys

main = sys.modules["__main__"]
print(sys.argv, sys.orig_argv[1:], sys.flags, sys.warnoptions, sys._xoptions)
print(sys.path, [type(finder) for finder in sys.meta_path], len(sys.path_hooks), sep="\n")
for name in ("__name__", "__file__", "__cached__", "__spec__", "__package__", "__doc__", "__builtins__"):
    print(name, repr(getattr(main, name, "absent")))
print("__loader__", type(main.__loader__), sorted(vars(main)))
print([item for item in os.environ.items() if item[0] != "_"])
print(sys.executable, sys.prefix, sys.exec_prefix, sys.gettrace(), sys.getprofile())
print(sys.getswitchinterval(), sys.getrecursionlimit(), sys.excepthook, sys.displayhook, sys.unraisablehook)
print(sys.modules.get("sitecustomize"), sys.modules.get("usercustomize"))
print("stdin" in dir(sys), sys.stdin and sys.stdin.encoding, sys.stdout.errors, sys.stderr.line_buffering)
print(
    os.getcwd(),
    os.umask(0o22),
    os.getpgrp() == os.getpgid(os.getppid()),
    [fd for fd in sorted(os.listdir("/proc/self/fd")) if os.path.lexists(f"/proc/self/fd/{fd}")],
)

"""Forks in several ways; children end in several ways."""

import os
import subprocess
import sys


def child(end: str) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        print("child", end, flush=True)
        if end == "_exit":
            os._exit(3)
        if end == "raise":
            sys.stderr.close()
            raise ValueError
        sys.exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


print([child(end) for end in ("_exit", "raise", "exit")])
grandchild = "import os, sys; print(sorted(k for k in os.environ if 'WHET' in k))"
print(subprocess.run([sys.executable, "-c", grandchild], capture_output=True, text=True).stdout)
print(subprocess.run(["sh", "-c", "exit 5"]).returncode)

"""Ends in the way its argument names."""

import atexit
import os
import signal
import sys
import threading

how = sys.argv[1]
atexit.register(lambda: print("atexit ran", flush=True))
print("begin", flush=True)


def deep(depth: int) -> None:
    if depth:
        deep(depth - 1)
    raise ValueError("böse\nnews")


if how == "status":
    sys.exit(int(sys.argv[2]))
elif how == "text":
    sys.exit("a text")
elif how == "none":
    sys.exit(None)
elif how == "object":
    sys.exit((1, "two"))
elif how == "raise":
    deep(3)
elif how == "chained":
    try:
        deep(1)
    except ValueError as error:
        raise RuntimeError("worse") from error
elif how == "_exit":
    print("not flushed", end="")
    os._exit(7)
elif how == "_exit_wrongly":
    os._exit("seven")
elif how == "interrupt":
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
elif how == "signal":
    os.kill(os.getpid(), int(sys.argv[2]))
    signal.pause()
elif how == "abort":
    os.abort()
elif how == "exec":
    os.execvp("sh", ["sh", "-c", "echo shell; exit 9"])
elif how == "exec_fails":
    os.execv("/no/such/program", ["x"])
elif how == "thread_exit":
    threading.Thread(target=sys.exit, args=(5,)).start()
elif how == "thread_raises":
    threading.Thread(target=deep, args=(1,), name="worker").start()
elif how == "atexit_raises":
    atexit.register(deep, 0)
elif how == "atexit_exits":
    atexit.register(sys.exit, 4)
elif how == "systemexit_subclass":

    class Leave(SystemExit):
        code = 6

    raise Leave

"""Counts its threads and leaves a daemon thread running."""

import signal
import sys
import threading
import time

print("threading" in sys.modules, threading.active_count(), threading.enumerate()[0].name)
print(
    {
        s: signal.getsignal(s)
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGPIPE)
    }
)
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
threading.Thread(target=lambda: time.sleep(3600), daemon=True).start()
worker = threading.Thread(target=lambda: print("worker done"))
worker.start()
worker.join()
print(threading.active_count() >= 2)

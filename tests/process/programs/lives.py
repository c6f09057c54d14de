"""Threads that compute, sleep, wait for a lock and fight for the GIL; prints how long each lived.

In ns: from its first line to its last, and from the call that starts it to its end for others.
"""

import json
import threading
import time

lives, started_ns = {}, {}
lock = threading.Lock()


def lived(work):
    """Return a thread that notes its life in ns."""

    def run():
        begin_ns = time.monotonic_ns()
        work()
        name, end_ns = threading.current_thread().name, time.monotonic_ns()
        lives[name] = [end_ns - begin_ns, end_ns - started_ns[name]]

    return threading.Thread(target=run, name=work.__name__)


def computes():
    end = time.monotonic() + 0.8
    while time.monotonic() < end:
        sum(range(2_000))


def fights():
    computes()


def sleeps():
    for _ in range(8):
        time.sleep(0.1)


def waits():
    with lock:
        pass


lock.acquire()
threads = [lived(work) for work in (computes, fights, sleeps, waits)]
for thread in threads:
    started_ns[thread.name] = time.monotonic_ns()
    thread.start()
time.sleep(0.7)
lock.release()
for thread in threads:
    thread.join()
print(json.dumps(lives))

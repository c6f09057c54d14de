"""Loads and unloads a big library, asks for addresses and forks, all at the same time.

loads.py SECONDS LIBRARY
"""

import ctypes
import os
import sys
import threading
import time
from collections import Counter

seconds, library = float(sys.argv[1]), os.fsencode(sys.argv[2])
libc = ctypes.CDLL(None)
libc.dlopen.restype = ctypes.c_void_p
libc.dlclose.argtypes = [ctypes.c_void_p]
until = time.monotonic() + seconds
done = Counter[str]()


def load() -> None:
    while time.monotonic() < until:
        handle = libc.dlopen(library, os.RTLD_NOW)
        assert handle
        assert libc.dlclose(handle) == 0
        done["loads"] += 1


def ask() -> None:
    while time.monotonic() < until:
        assert libc["getpid"]() == os.getpid()


threads = [threading.Thread(target=target) for target in (load, ask)]
for thread in threads:
    thread.start()
while time.monotonic() < until:
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    done["forks"] += 1
    time.sleep(0.002)
for thread in threads:
    thread.join()
print("done" if done["loads"] and done["forks"] else done)

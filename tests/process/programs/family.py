"""Starts other Python processes in each way there is; prints what plain Python would."""

import concurrent.futures
import multiprocessing
import os
import subprocess
import sys


def burn(seconds):
    import time

    until = time.thread_time() + seconds
    while time.thread_time() < until:
        sum(range(1000))
    return os.getppid()


def forked_worker(seconds):
    return burn(seconds)


def spawned_worker(seconds):
    return burn(seconds)


def served_worker(seconds):
    return burn(seconds)


def by_os_fork():
    pid = os.fork()
    if not pid:
        burn(0.1)
        os._exit(3)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def by_pool(kind, worker):
    context = multiprocessing.get_context(kind)
    with context.Pool(1) as pool:
        pool.map(worker, [0.1])


def by_futures():
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(spawned_worker, 0.1).result()


CHILD = """
import os, sys
sys.path.insert(0, sys.argv[1])
import family
family.burn(0.1)
print(os.environ.get("X"), sorted(k for k in os.environ if "WHET" in k or k == "PYTHONPATH"))
"""


def by_subprocess():
    here = os.path.dirname(os.path.abspath(__file__))
    command = [sys.executable, "-c", CHILD, here]
    for environ in (
        None,
        {"X": "given", "PATH": os.environ["PATH"]},
        {**os.environ, "PYTHONPATH": "/nowhere"},
    ):
        done = subprocess.run(command, env=environ, capture_output=True, text=True)
        print(done.stdout, done.stderr, done.returncode)
    print(subprocess.run([sys.executable, "-I", "-c", "print(1)"], capture_output=True, text=True).stdout)


def by_exec():
    here = os.path.dirname(os.path.abspath(__file__))
    os.execv(sys.executable, [sys.executable, "-c", CHILD, here])


WAYS = {
    "os.fork": by_os_fork,
    "fork": lambda: by_pool("fork", forked_worker),
    "forkserver": lambda: by_pool("forkserver", served_worker),
    "spawn": by_futures,
    "subprocess": by_subprocess,
    "exec": by_exec,
}

if __name__ == "__main__":
    burn(0.05)
    WAYS[sys.argv[1]]()

"""Computes, waits for a lock, holds it, collects garbage and starts a worker."""

import multiprocessing
import threading
import time

lock = threading.Lock()


def computes():
    until = time.thread_time() + 0.3
    while time.thread_time() < until:
        sum(range(1000))


def holds():
    with lock:
        held.set()
        time.sleep(0.2)


def waits():
    held.wait()
    with lock:
        pass


def litters():
    for _ in range(20_000):
        one = []
        one.append(one)


def allocates():
    return [bytes(1000) for _ in range(20_000)]


def works():
    computes()


if __name__ == "__main__":
    held = threading.Event()
    threads = [threading.Thread(target=target) for target in (holds, waits, litters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    computes()
    kept = allocates()
    worker = multiprocessing.get_context("fork").Process(target=works)
    worker.start()
    worker.join()
    print("done")

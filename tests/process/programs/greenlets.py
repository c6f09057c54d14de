"""Three times as much work in one greenlet as in another, switching all the time; gevent's patches are in.

Where an argument names a file, it gets the CPU time of either kind of work, ns, as JSON.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402

spent_ns = {"often": 0, "seldom": 0}


def burn():
    return sum(i * i for i in range(10_000))


def often():
    for _ in range(300):
        before_ns = time.thread_time_ns()
        burn()
        spent_ns["often"] += time.thread_time_ns() - before_ns
        gevent.sleep(0)


def seldom():
    for _ in range(100):
        before_ns = time.thread_time_ns()
        burn()
        spent_ns["seldom"] += time.thread_time_ns() - before_ns
        gevent.sleep(0)


def down(depth):
    if depth:
        return down(depth - 1)
    gevent.sleep(0)
    return depth


greenlets = [gevent.spawn(often), gevent.spawn(seldom), *(gevent.spawn(down, 300) for _ in range(50))]
gevent.joinall(greenlets)
thread = threading.Thread(target=gevent.sleep, args=(0.01,))
thread.start()
thread.join()
gevent.get_hub().threadpool.apply(burn)
print("done", all(greenlet.successful() for greenlet in greenlets))
if len(sys.argv) > 1:
    with open(sys.argv[1], "w") as file:
        json.dump(spent_ns, file)

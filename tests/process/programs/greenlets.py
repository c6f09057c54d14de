"""Three times as much work in one greenlet as in another, switching all the time; gevent's patches are in."""

from gevent import monkey

monkey.patch_all()

import threading  # noqa: E402

import gevent  # noqa: E402


def burn():
    return sum(i * i for i in range(10_000))


def often():
    for _ in range(300):
        burn()
        gevent.sleep(0)


def seldom():
    for _ in range(100):
        burn()
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

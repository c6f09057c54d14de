"""Waits of every reason on several threads, each timed by the program itself.

    python waits_program.py OUT THREADS ROUNDS [KIND...]

Writes block.pb.gz and mutex.pb.gz into OUT and prints a JSON object: by function the reason that
its waits have, how many there were, their nanoseconds as the program's own clock has them, and how
much of that the thread was computing or, on a busy machine, waiting for a processor.
"""

import asyncio
import ctypes
import fcntl
import importlib
import json
import multiprocessing
import os
import pty
import queue
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from whet.collect.blocking import BlockCollector

SHORT_S = 0.012
THRESHOLD_NS = 10_000
HERE = tempfile.mkdtemp()
sys.path.insert(0, HERE)
libc_without_gil = ctypes.CDLL(None)
libc_with_gil = ctypes.PyDLL(None)

kinds = {}
truth = {}
serial = iter(range(1_000_000_000))


def reason(text):
    """Declare a function: prepare() -> wait, or (wait, clean up); the wait itself is timed."""

    def declare(prepare):
        kinds[prepare.__name__] = (prepare, text)
        return prepare

    return declare


def later(function, delay_s=SHORT_S):
    """Call a function in another thread, some time after this returns."""

    def run():
        libc_without_gil.usleep(int(delay_s * 1e6))
        function()

    thread = threading.Thread(target=run, name="helper")
    thread.start()
    return thread


@reason("sleep")
def wait_sleep():
    return lambda: time.sleep(SHORT_S)


@reason("lock")
def wait_lock():
    lock = threading.Lock()
    lock.acquire()
    later(lock.release)
    return lock.acquire


@reason("lock")
def wait_lock_timeout():
    lock = threading.Lock()
    lock.acquire()
    return lambda: lock.acquire(timeout=SHORT_S)


@reason("lock")
def wait_rlock():
    lock, taken = threading.RLock(), threading.Event()

    def hold():
        with lock:
            taken.set()
            libc_without_gil.usleep(int(SHORT_S * 1e6))

    threading.Thread(target=hold, name="helper").start()
    taken.wait()
    return lock.acquire


@reason("lock")
def wait_condition():
    condition = threading.Condition()

    def wait():
        with condition:
            condition.wait(SHORT_S)

    return wait


@reason("lock")
def wait_event():
    event = threading.Event()
    later(event.set)
    return event.wait


@reason("lock")
def wait_queue():
    items = queue.Queue()
    later(lambda: items.put(1))
    return items.get


@reason("lock")
def wait_simple_queue():
    items = queue.SimpleQueue()
    later(lambda: items.put(1))
    return items.get


@reason("multiprocessing lock")
def wait_process_lock():
    lock = multiprocessing.Lock()
    lock.acquire()
    later(lock.release)
    return lock.acquire


@reason("multiprocessing lock")
def wait_process_lock_timeout():
    lock = multiprocessing.Lock()
    lock.acquire()
    return lambda: lock.acquire(timeout=SHORT_S)


@reason("thread join")
def wait_join():
    thread = later(lambda: None)
    return thread.join


@reason("import lock")
def wait_import():
    name = f"slow_module_{next(serial)}"
    begun = threading.Event()
    sys.modules["slow_module_events"].begun[name] = begun
    source = f"import slow_module_events as e, time\ne.begun[{name!r}].set()\ntime.sleep({SHORT_S})\n"
    Path(HERE, name + ".py").write_text(source)
    importlib.invalidate_caches()
    threading.Thread(target=__import__, args=(name,), name="helper").start()
    begun.wait()
    return lambda: __import__(name)


@reason("socket read")
def wait_recv():
    a, b = socket.socketpair()
    later(lambda: (b.send(b"x"), b.close()))
    return lambda: a.recv(1), a.close


@reason("socket read")
def wait_recv_timeout():
    a, b = socket.socketpair()
    a.settimeout(5)
    later(lambda: (b.send(b"x"), b.close()))
    return lambda: a.recv(1), a.close


@reason("socket write")
def wait_send():
    a, b = socket.socketpair()
    a.setblocking(False)
    try:
        while True:
            a.send(bytes(4096))
    except BlockingIOError:
        a.setblocking(True)
    later(lambda: b.recv(1 << 20))
    return lambda: a.send(b"x"), lambda: (a.close(), b.close())


@reason("socket accept")
def wait_accept():
    server = socket.create_server(("127.0.0.1", 0))
    later(lambda: socket.create_connection(server.getsockname()).close())
    return server.accept, server.close


@reason("socket accept")
def wait_accept_timeout():
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(5)
    later(lambda: socket.create_connection(server.getsockname()).close())
    return server.accept, server.close


@reason("socket connect")
def wait_connect():
    path = f"{HERE}/socket{next(serial)}"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(0)
    first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    first.connect(path)
    later(server.accept)
    return lambda: second.connect(path), lambda: (first.close(), second.close(), server.close())


@reason("pipe read")
def wait_pipe_read():
    r, w = os.pipe()
    later(lambda: (os.write(w, b"x"), os.close(w)))
    return lambda: os.read(r, 1), lambda: os.close(r)


@reason("pipe write")
def wait_pipe_write():
    r, w = os.pipe()
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, bytes(65536))
    except BlockingIOError:
        os.set_blocking(w, True)
    later(lambda: os.read(r, 65536))
    return lambda: os.write(w, b"x"), lambda: (os.close(w), os.close(r))


@reason("file read")
def wait_terminal():
    ours, theirs = pty.openpty()
    later(lambda: os.write(theirs, b"x\n"))
    return lambda: os.read(ours, 1), lambda: (os.close(ours), os.close(theirs))


@reason("file open")
def wait_open():
    path = f"{HERE}/fifo{next(serial)}"
    os.mkfifo(path)
    later(lambda: os.close(os.open(path, os.O_WRONLY)))
    return lambda: os.close(os.open(path, os.O_RDONLY))


@reason("file lock")
def wait_flock():
    path = f"{HERE}/lock{next(serial)}"
    a, b = os.open(path, os.O_CREAT | os.O_RDWR), os.open(path, os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)
    later(lambda: os.close(a))
    return lambda: fcntl.flock(b, fcntl.LOCK_EX), lambda: os.close(b)


@reason("select")
def wait_select():
    r, w = os.pipe()
    return lambda: select.select([r], [], [], SHORT_S), lambda: (os.close(r), os.close(w))


@reason("select")
def wait_poll():
    a, b = socket.socketpair()
    poll = select.poll()
    poll.register(a, select.POLLIN)
    return lambda: poll.poll(SHORT_S * 1000), lambda: (a.close(), b.close())


@reason("select")
def wait_epoll():
    a, b = socket.socketpair()
    selector = selectors.DefaultSelector()
    selector.register(a, selectors.EVENT_READ)
    return lambda: selector.select(SHORT_S), lambda: (selector.close(), a.close(), b.close())


@reason("select")
def wait_asyncio():
    loop = asyncio.new_event_loop()
    return lambda: loop.run_until_complete(asyncio.sleep(SHORT_S)), loop.close


@reason("subprocess wait")
def wait_child():
    child = subprocess.Popen(["sleep", str(SHORT_S)])
    return child.wait


@reason("signal")
def wait_signal():
    def wait():
        signal.sigtimedwait([signal.SIGUSR2], SHORT_S)

    return wait


@reason("gil")
def wait_gil():
    ready = threading.Event()

    def hold():
        ready.set()
        libc_without_gil.usleep(1000)
        libc_with_gil.usleep(int(SHORT_S * 1e6))

    threading.Thread(target=hold, name="helper").start()
    ready.wait()
    # When this sleep is over, the other thread has had the GIL for a while.
    return lambda: time.sleep(0.004)


def busy():
    """Nanoseconds that this thread has been computing or waiting for a processor."""
    running, delayed, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return int(running) + int(delayed)


def make_timed(name):
    """Return a function of the kind's own name: it stands in the waits' stacks."""
    space = {"clock": time.monotonic_ns}
    source = f"def {name}(wait):\n begin = clock()\n wait()\n return clock() - begin\n"
    exec(compile(source, "<timed>", "exec"), space)
    return space[name]


def work(names, rounds, offset):
    functions = {name: make_timed(name) for name in names}
    for round_number in range(rounds):
        for i in range(len(names)):
            name = names[(i + offset + round_number) % len(names)]
            prepared = kinds[name][0]()
            wait, clean_up = prepared if isinstance(prepared, tuple) else (prepared, lambda: None)
            busy_ns = busy()
            took_ns = functions[name](wait)
            truth[name].append((took_ns, busy() - busy_ns))
            clean_up()


def main():
    out, threads, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    names = sys.argv[4:] or list(kinds)
    events = type(sys)("slow_module_events")
    events.begun = {}
    sys.modules["slow_module_events"] = events
    truth.update({name: [] for name in names})
    collector = BlockCollector(threshold_ns=THRESHOLD_NS)
    collector.start()
    workers = [
        threading.Thread(target=work, args=(names, rounds, 3 * i), name=f"worker-{i}") for i in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    collector.stop()
    for name, data in collector.snapshots().items():
        (out / name).write_bytes(data)
    result = {
        name: {
            "reason": kinds[name][1],
            "count": len(truth[name]),
            "ns": sum(took for took, _ in truth[name]),
            "busy_ns": sum(busy for _, busy in truth[name]),
        }
        for name in names
    }
    print(json.dumps({"waits": result, "statistics": collector.statistics()}))


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
main()

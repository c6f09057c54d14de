"""One demanding neighbour of the off-CPU collector, chosen by name.

    python attacks_program.py NAME

Prints one JSON object with what the test asserts about.
"""

import ctypes
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from whet.collect.blocking import BlockCollector
from whet.collect.cpu import CpuCollector
from whet.errors import CollectError

HOOKED = ("sem_wait", "sem_post", "pthread_cond_timedwait", "read", "poll", "clock_nanosleep", "dlsym")


def reasons(collector):
    s = collector.statistics()
    return {name[6:]: count for name, count in s.items() if name.startswith("waits:") and count}


def unrest(ended, pipe):
    """Threads that wait, argue about a lock and fight for the GIL until `ended`."""
    lock = threading.Lock()

    def argue():
        while not ended.is_set():
            with lock:
                time.sleep(0.0002)

    def fight():
        while not ended.is_set():
            sum(range(1000))

    def listen():
        while os.read(pipe, 1) != b"e":
            pass

    def turn():
        while not ended.wait(0.001):
            pass

    return [threading.Thread(target=f) for f in (argue, argue, fight, fight, listen, turn, ended.wait)]


def start_and_stop():
    """A thousand times in the midst of unrest."""
    ended = threading.Event()
    r, w = os.pipe()
    threads = unrest(ended, r)
    for thread in threads:
        thread.start()
    events = 0
    for i in range(int(os.environ.get("WHET_STARTS", "1000"))):
        collector = BlockCollector(threshold_ns=20_000)
        collector.start()
        if i % 10 == 0:
            os.write(w, b"x")
            time.sleep(0.0005)
        collector.stop()
        if i % 100 == 0:
            collector.snapshots()
        events += collector.statistics()["events"]
    ended.set()
    os.write(w, b"e")
    for thread in threads:
        thread.join()
    return {"events": events}


def fork_children():
    """Children are not recorded, can wait, and can be recorded by themselves."""
    collector = BlockCollector()
    collector.start()
    statuses = []
    for record_child in (False, True):
        pid = os.fork()
        if pid == 0:
            helper = threading.Thread(target=time.sleep, args=(0.02,))
            helper.start()
            helper.join()
            if record_child:
                mine = BlockCollector()
                mine.start()
                time.sleep(0.02)
                mine.stop()
                os._exit(0 if reasons(mine).get("sleep") == 1 else 3)
            os._exit(0)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    try:
        BlockCollector().start()
        refused = ""
    except CollectError as error:
        refused = str(error)
    collector.stop()
    return {"statuses": statuses, "reasons": reasons(collector), "refused": refused}


def slots():
    """Bytes of the GOT entries of some redirected functions in the interpreter and its library."""
    found = {}
    maps = Path("/proc/self/maps").read_text().splitlines()
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    for file in {os.path.realpath(sys.executable), *(m.split()[-1] for m in maps if "libpython" in m)}:
        mapped = [m for m in maps if m.endswith(" " + file)]
        if not mapped:
            continue
        base = int(mapped[0].split("-")[0], 16)
        headers = subprocess.run(["readelf", "-hrW", file], capture_output=True, text=True, check=True).stdout
        if re.search(r"Type: +EXEC", headers):
            base = 0
        for line in headers.splitlines():
            parts = line.split()
            if len(parts) > 4 and parts[4].split("@")[0] in HOOKED:
                entry = os.pread(memory, 8, base + int(parts[0], 16))
                found[f"{file} {parts[0]} {parts[4]}"] = entry.hex()
    return found


def put_back():
    """Memory is as it was: entries and the protection of their pages."""
    time.sleep(0.001)
    os.read(os.open("/dev/zero", os.O_RDONLY), 1)
    lock = threading.Lock()
    lock.acquire()
    lock.acquire(timeout=0.001)
    before = slots()
    libc = ctypes.CDLL(None)
    addresses = {}
    for name in {k.split()[-1] for k in before}:
        address = ctypes.cast(libc[name.split("@")[0]], ctypes.c_void_p).value
        addresses[name] = address.to_bytes(8, "little").hex()

    def protections():
        """(page, protection) of every page that belongs to a file."""
        pages = set()
        for line in Path("/proc/self/maps").read_text().splitlines():
            addresses, protection, _, _, inode = line.split()[:5]
            begin, end = (int(a, 16) for a in addresses.split("-"))
            if inode != "0":
                pages.update((page, protection) for page in range(begin, end, 4096))
        return pages

    collector = BlockCollector()
    protected = protections()
    collector.start()
    during = slots()
    collector.stop()
    return {
        "slots": len(before),
        "changed": sum(during[k] != before[k] for k in before),
        # An entry that was not bound before may have been by now, to the function itself.
        "left": [k for k, v in slots().items() if v not in (before[k], addresses[k.split()[-1]])],
        "same_pages": protections() == protected,
    }


def late_module():
    """An extension module that is loaded while waits are recorded."""
    assert "_multiprocessing" not in sys.modules
    collector = BlockCollector()
    collector.start()
    import multiprocessing

    lock = multiprocessing.Lock()
    lock.acquire()
    lock.acquire(timeout=0.02)
    collector.stop()
    return {"reasons": reasons(collector)}


def interrupted():
    """Signals cut waits short; results and errno are as ever."""
    seen = []
    signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    collector = BlockCollector(threshold_ns=1000)
    collector.start()
    begin = time.monotonic()
    time.sleep(0.2)
    slept = time.monotonic() - begin
    r, w = os.pipe()
    threading.Timer(0.05, lambda: os.write(w, b"done")).start()
    data = os.read(r, 4)
    errors = []
    try:
        os.read(999_999, 1)
    except OSError as error:
        errors.append(error.errno)
    a, _b = socket.socketpair()
    a.settimeout(0.01)
    try:
        a.recv(1)
    except TimeoutError as error:
        errors.append(str(error))
    signal.setitimer(signal.ITIMER_REAL, 0, 0)
    collector.stop()
    return {"slept": slept, "data": data.decode(), "errors": errors, "signals": len(seen)}


def never_stopped():
    """The interpreter ends while waits are recorded and daemon threads wait."""
    r, _ = os.pipe()
    lock = threading.Lock()
    lock.acquire()
    for wait in (lambda: os.read(r, 1), lock.acquire, lambda: time.sleep(100), spin):
        threading.Thread(target=wait, daemon=True).start()
    BlockCollector().start()
    time.sleep(0.05)
    return {}


def spin():
    while True:
        sum(range(100))


def short_threads():
    """Threads of half a millisecond, and some that Python does not know and that are cancelled."""
    libc = ctypes.CDLL(None)
    collector = BlockCollector()
    collector.start()
    routine = ctypes.cast(libc.pause, ctypes.c_void_p)
    ids = []
    for _ in range(4):
        thread = ctypes.c_ulong()
        libc.pthread_create(ctypes.byref(thread), None, routine, None)
        ids.append(thread)
    time.sleep(0.05)
    for thread in ids:
        libc.pthread_cancel(thread)
        libc.pthread_join(thread, None)
    for _ in range(300):
        thread = threading.Thread(target=time.sleep, args=(0.0005,))
        thread.start()
        thread.join()
    collector.stop()
    rows = collector.threads()
    return {"threads": sum(row["threads"] for row in rows), "reasons": reasons(collector)}


def end_as_recordings_stop():
    """A thread that has been joined ends in the kernel while its recording stops."""
    threads = []
    for _ in range(300):
        collector = BlockCollector()
        collector.start()
        thread = threading.Thread(target=time.sleep, args=(0.0005,))
        thread.start()
        thread.join()
        collector.stop()
        threads.append(sum(row["threads"] for row in collector.threads()))
    # The thread of the round before may still be there.
    return {"least": min(threads)}


def interpreters():
    """Other interpreters wait, with GILs of their own where they have them."""
    try:
        import _interpreters as module
    except ImportError:
        import _xxsubinterpreters as module
    collector = BlockCollector()
    collector.start()
    code = "import time\nfor _ in range(5): time.sleep(0.05)\nsum(range(300000))"

    def run():
        interpreter = module.create()
        (getattr(module, "exec", None) or module.run_string)(interpreter, code)
        module.destroy(interpreter)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    collector.stop()
    return {"reasons": reasons(collector), "statistics": collector.statistics()}


def beside_the_cpu_sampler():
    """Both collectors at once, samples landing in the redirected calls."""
    cpu, block = CpuCollector(rate_hz=2000), BlockCollector(threshold_ns=1000)
    cpu.start()
    block.start()
    lock = threading.Lock()
    ended = time.monotonic() + 2

    def work():
        r, w = os.pipe()
        while time.monotonic() < ended:
            with lock:
                sum(range(200))
            os.write(w, b"x")
            os.read(r, 1)
            select.select([r], [], [], 0)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    block.stop()
    cpu.stop()
    cpu.snapshots()
    block.snapshots()
    return {"block": block.statistics(), "cpu": cpu.statistics()}


print(json.dumps(globals()[sys.argv[1]]()))

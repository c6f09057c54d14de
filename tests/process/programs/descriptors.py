"""Keep threads busy and waiting; list own descriptors again and again, and close those that nobody opened."""

import os
import sys
import threading
import time

LISTS = 4000


def work(until_s: float) -> None:
    while time.monotonic() < until_s:
        sum(range(2000))
        time.sleep(0.0005)


def descriptors() -> list[str]:
    # The last one is that of the list itself.
    return sorted(os.listdir("/proc/self/fd"), key=int)


def main() -> None:
    threads = [threading.Thread(target=work, args=(time.monotonic() + 2.0,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = {tuple(descriptors()) for _ in range(LISTS)}
    for _ in range(LISTS):
        os.closerange(3, 64)
        with open(__file__, encoding="utf-8") as file:
            assert file.readline().startswith('"""Keep'), "somebody else read from it"
    for thread in threads:
        thread.join()
    print(len(seen), "list of descriptors", *(["as it began"] if len(seen) == 1 else seen))


if __name__ == "__main__":
    sys.exit(main())

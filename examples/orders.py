"""Four threads work off orders. Three boxes are planted: one computes, one makes others wait, one leaks.

whet run --all examples/orders.py
"""

import json
import os
import queue
import tempfile
import threading

ORDERS, WORKERS, ITEMS = 400, 4, 60

orders: queue.SimpleQueue[int | None] = queue.SimpleQueue()
journal = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as the program runs)
journal_lock = threading.Lock()
receipts: dict[int, str] = {}


def price(order: int) -> list[dict[str, float]]:
    """Make a receipt's lines."""
    return [
        {"item": item, "price": sum(i * i % 97 for i in range(order % 50 + 50)) / 100}
        for item in range(ITEMS)
    ]


def log(text: str) -> None:
    """Write to the journal: the lock is held while the disk works, and everybody waits for it."""
    with journal_lock:
        journal.write(text.encode())
        journal.flush()
        os.fsync(journal.fileno())


def remember(order: int, receipt: str) -> None:
    """Keep every receipt for good: nobody ever removes one."""
    receipts[order] = receipt * 20


def work() -> None:
    """Work off orders until there are no more."""
    while (order := orders.get()) is not None:
        receipt = json.dumps(price(order))
        log(receipt)
        remember(order, receipt)


def main() -> None:
    """Start the workers, send the orders, wait for the end."""
    threads = [threading.Thread(target=work, name=f"worker {i}") for i in range(WORKERS)]
    for thread in threads:
        thread.start()
    for order in range(ORDERS):
        orders.put(order)
    for _ in threads:
        orders.put(None)
    for thread in threads:
        thread.join()
    print(f"{len(receipts)} receipts")


if __name__ == "__main__":
    main()

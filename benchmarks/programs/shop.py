"""A Flask service with SQLite and four planted boxes: slow query, lock held too long, leak, big JSON."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections import deque

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()
# It forgets at last, so that a long benchmark does not measure swapping.
leak: deque[bytearray] = deque(maxlen=2000)


def connect() -> sqlite3.Connection:
    return sqlite3.connect(os.environ["SHOP_DB"])


def fill() -> None:
    """Make the table that `slow_query` reads; to be called once, before the workers start."""
    with connect() as database:
        database.execute("create table articles (number int, name text)")
        rows = ((number, f"article {number * 7919 % 20011}") for number in range(20_000))
        database.executemany("insert into articles values (?, ?)", rows)


def slow_query() -> int:
    database = connect()
    try:
        question = "select count(*) from articles where name like '%99%'"
        return int(database.execute(question).fetchone()[0])
    finally:
        database.close()


def hold_the_lock() -> None:
    with lock:
        time.sleep(0.0005)


def grow() -> None:
    leak.append(bytearray(10_000))


def big_json() -> str:
    return json.dumps([{"number": n, "name": f"article {n}", "tags": ["a", "b"]} for n in range(500)])


@app.route("/")
def index() -> str:
    count = slow_query()
    hold_the_lock()
    grow()
    return f"{count} {len(big_json())}"


if __name__ == "__main__":
    fill()

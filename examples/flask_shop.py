"""A shop on Flask with four planted problems, and whet.live to find them. Needs flask and gunicorn.

    gunicorn --chdir examples --threads 8 flask_shop:app
    whet load -z 10s -c 8 http://127.0.0.1:8000/catalog
    whet prof -top -focus=flask_shop "http://127.0.0.1:8000/debug/pprof/profile?seconds=5"

`/catalog` writes all of it for everybody, `/customer?name=Ada` reads a table without an index, `/order`
keeps a lock while the bank is asked, `/page` never forgets. docs/live.md says where each of them shows.
"""

from __future__ import annotations

import sqlite3
import tempfile
import threading
import time
from contextlib import closing

from flask import Flask, Response, jsonify, request

import whet.live

CUSTOMERS = ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Grace", "John", "Niklaus"]

shop = Flask(__name__)
app = whet.live.wsgi(shop, heap=True, block=True)

database = tempfile.NamedTemporaryFile(suffix=".db")  # noqa: SIM115 (there as long as the shop is)
stock = {"hat": 1_000_000}
stock_lock = threading.Lock()
pages: list[str] = []


def fill() -> None:
    """Write orders into a table; what it lacks is an index on `customer`."""
    orders = ((CUSTOMERS[number % 8], f"article {number % 1009}", number % 97) for number in range(50_000))
    with closing(sqlite3.connect(database.name)) as connection, connection:
        connection.execute("create table orders (customer text, article text, price integer)")
        connection.executemany("insert into orders values (?, ?, ?)", orders)


@shop.get("/catalog")
def catalog() -> Response:
    return jsonify([{"number": number, "name": f"article {number}", "in": "stock"} for number in range(5000)])


@shop.get("/customer")
def customer() -> str:
    question = "select sum(price) from orders where customer = ?"
    with closing(sqlite3.connect(database.name)) as connection:
        (spent,) = connection.execute(question, [request.args.get("name", "Ada")]).fetchone()
    return f"{spent} spent\n"


@shop.get("/order")
def order() -> str:
    with stock_lock:
        ask_the_bank()  # with the lock in its hands
        stock["hat"] -= 1
    return "ordered\n"


def ask_the_bank() -> None:
    """Wait as one does for an answer from the other end of the town."""
    time.sleep(0.005)


@shop.get("/page")
def page() -> str:
    pages.append("nobody will ask for this very page again\n" * 5000)
    return pages[-1]


fill()

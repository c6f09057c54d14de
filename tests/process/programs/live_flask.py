"""A Flask application behind whet.live; LIVE_OPTIONS is JSON, LIVE_OPTIONS=none leaves whet out."""

import json
import os
import time

from flask import Flask

app = Flask(__name__)


def crunch():
    until = time.thread_time() + 0.02
    while time.thread_time() < until:
        sum(i * i for i in range(1000))


@app.get("/")
def hello():
    return "hello"


@app.get("/work")
def work():
    crunch()
    return "done"


@app.get("/fails")
def fails():
    raise ValueError("on purpose")


@app.get("/debug/toolbar")
def toolbar():
    return "the application's own"


if os.environ.get("LIVE_OPTIONS", "{}") != "none":
    import whet.live

    app.wsgi_app = whet.live.wsgi(app.wsgi_app, **json.loads(os.environ.get("LIVE_OPTIONS", "{}")))

"""A WSGI application that works a little for each request."""


def app(environ, start_response):
    total = sum(i * i for i in range(20_000))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(total).encode()]

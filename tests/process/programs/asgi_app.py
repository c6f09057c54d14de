"""An ASGI application that works a little for each request."""


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    total = sum(i * i for i in range(20_000))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(total).encode()})

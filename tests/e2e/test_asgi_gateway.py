"""An ASGI app in the gateway: its scope, its messages, and what becomes of a request."""
import pytest

from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import ASGI

HELLO = """
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise ValueError("no " + scope["type"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"hello " + repr(scope).encode()})
"""


def test_hello(serve_app):
    app = serve_app(HELLO)
    assert app.workers[0].interface == ASGI
    answer = app.ask()
    print(answer)
    assert 0

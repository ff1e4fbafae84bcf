"""Answers whose head comes long before their content: the client sees the head at once, over each protocol."""
import threading

import pytest

from edge import PATIENCE
from http2_client import DATA, END_STREAM, HEADERS, RST_STREAM, Http2, request
from origin import Hangup

SITE = """\
    edge: {threads: 1}
    log: {access: {path: access.log, format: "$request $status $body_bytes_sent"}}
    upstreams:
      api: {servers: [SERVER], READ_TIMEOUT}
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: [{address: "127.0.0.1:0", http2: true}]
        routes:
          - {path: /app/, app: app}
          - {path: /coded/, proxy: api, compress: {types: [text/plain], min_size: 1}}
          - {path: /, proxy: api}
"""
APP = '''\
    """Sends its head by an empty piece of the body, and the rest when the test lets it."""
    import asyncio
    import os


    async def application(scope, receive, send):
        if scope["type"] != "http":
            raise RuntimeError("HTTP alone")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.get_running_loop().run_in_executor(None, lambda: open(os.environ["GO_ON"]).close())
        await send({"type": "http.response.body", "body": b"hello"})
'''
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVary: X-Late\r\n"


class Late:
    """A server that sends its head, and the content when the test has seen that head."""

    def __init__(self):
        self.go_on = threading.Event()

    def __call__(self, seen, client):
        coded = seen.target != "/length"
        client.sendall(HEAD + (b"Transfer-Encoding: chunked\r\n\r\n" if coded else b"Content-Length: 5\r\n\r\n"))
        assert self.go_on.wait(PATIENCE), "nobody has seen the head"
        return b"5\r\nhello\r\n0\r\n\r\n" if coded else b"hello"


def never(seen, client):
    client.sendall(HEAD + b"Content-Length: 5\r\n\r\n")
    client.recv(1)                                      # until edge has enough of it
    raise Hangup


@pytest.fixture
def before(serve, origins, gate):
    """edge before a server that answers so."""
    def make(answer, read_timeout="60s"):
        site = SITE.replace("SERVER", origins(answer).url).replace("READ_TIMEOUT", f"read_timeout: {read_timeout}")
        return serve(site, {"app.py": APP}, environment=gate.environment)
    return make


@pytest.mark.parametrize("target, framing", [("/length", ("Content-Length", "5")), ("/", ("Transfer-Encoding", "chunked"))])
def test_the_head_comes_first(before, target, framing):
    late = Late()
    edge = before(late)
    with edge.connect() as client:
        head = client.ask("GET", target).head()
        assert (head.status, head.get("Vary"), head.get(framing[0])) == (200, "X-Late", framing[1])
        late.go_on.set()
        assert (client.exactly(5) if target == "/length" else client.chunk() + client.chunk()) == b"hello"
        assert client.request("GET", target).body == b"hello"       # the connection goes on


def test_the_head_comes_first_over_http2(before):
    late = Late()
    edge = before(late)
    with Http2(edge.port) as client:
        client.send(request(1))
        head = client.until(lambda f: f.stream == 1 and f.kind == HEADERS)
        assert head.status == 200 and not head.flags & END_STREAM
        late.go_on.set()
        data = client.until(lambda f: f.stream == 1 and f.kind == DATA)
        assert data.payload == b"hello"


def test_the_head_of_a_coded_answer_comes_first(before):
    late = Late()
    edge = before(late)
    with edge.connect() as client:
        head = client.ask("GET", "/coded/", headers=["Accept-Encoding: gzip"]).head()
        assert (head.status, head.get("Content-Encoding")) == (200, "gzip")
        late.go_on.set()
        assert client.chunk()


def test_content_that_does_not_come_breaks_the_answer_off(before):
    edge = before(never, read_timeout="1s")
    with edge.connect() as client:
        assert client.ask("GET", "/").head().status == 200
        assert client.is_closed()
    edge.log.wait_for("error request [0-9a-f]{32}: GET /: .*nothing came within read_timeout")
    with Http2(edge.port) as client:
        client.send(request(1))
        assert client.until(lambda f: f.stream == 1 and f.kind == HEADERS).status == 200
        assert client.until(lambda f: f.stream == 1 and f.kind in (DATA, RST_STREAM)).kind == RST_STREAM


def test_an_asgi_app_sends_its_head_by_an_empty_piece(before, gate):
    edge = before(never)
    with edge.connect() as client:
        assert client.ask("GET", "/app/").head().status == 200
        gate.open()
        assert client.chunk() + client.chunk() == b"hello"

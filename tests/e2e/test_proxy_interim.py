"""What stands before and behind the answer of a server: 103 Early Hints and trailers."""
import subprocess

import pytest

from edge import PATIENCE
from http2_client import DATA, END_STREAM, HEADERS, Http2, request
from origin import Hangup, Origin

SITE = """\
    edge: {{threads: 1}}
    http: {{compress: {{types: [text/plain], min_size: 1}}}}
    upstreams: {{api: {{servers: ["{server}"]}}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}]
        routes: [{{path: /, proxy: api}}]
"""
HINTS = (b"HTTP/1.1 100 Continue\r\n\r\n"
         b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X-Drop\r\nX-Drop: 1\r\n"
         b"X-Accel-Redirect: /inner\r\nX-Sendfile: /srv/inner\r\nX-Accel-Buffering: no\r\n\r\n"
         b"HTTP/1.1 103 Early Hints\r\nLink: </b.js>; rel=preload\r\n\r\n")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\nContent-Type: %b\r\n\r\n"
TRAILERS = b"5\r\nhello\r\n0\r\nX-Sum: 42\r\nContent-Length: 7\r\nDate: then\r\nServer: inner\r\n\r\n"
ONLY_TRAILERS = b"0\r\nX-Sum: 42\r\n\r\n"


@pytest.fixture
def site(serve):
    servers = []

    def make(answer):
        servers.append(Origin(lambda seen, client: answer))
        return serve(SITE.format(server=servers[0].url))

    yield make
    for server in servers:
        server.close()


def test_early_hints(site):
    edge = site(HINTS + OK)
    with edge.connect() as client:
        for _ in range(2):                              # the connection goes on
            client.ask("GET", "/")
            first, second = client.head(), client.head()
            assert (first.status, first.all("Link")) == (103, ["</a.css>; rel=preload"])
            assert first.get("X-Drop") is None and first.get("Content-Length") is None
            assert [name for name in ("X-Accel-Redirect", "X-Sendfile", "X-Accel-Buffering") if first.get(name)] == []
            assert (second.status, second.all("Link")) == (103, ["</b.js>; rel=preload"])
            answer = client.answer()
            assert (answer.status, answer.body, answer.all("Link")) == (200, b"hello", [])


def test_early_hints_of_an_upload(site):
    edge = site(HINTS + OK)
    with edge.connect() as client:
        client.ask("POST", "/", body=b"x" * 200_000)
        assert [client.head().status, client.head().status, client.answer().body] == [103, 103, b"hello"]


def test_no_early_hints_for_http10(site):
    edge = site(HINTS + OK)
    with edge.connect() as client:
        client.ask("GET", "/", version="HTTP/1.0")
        assert client.answer().status == 200


def test_early_hints_over_http2(site):
    edge = site(HINTS + OK)
    curl = subprocess.run(["curl", "-sv", "--http2-prior-knowledge", "--max-time", str(PATIENCE), edge.url()],
                          capture_output=True, text=True, timeout=PATIENCE)
    heads = [line[2:].strip() for line in curl.stderr.splitlines() if line.startswith("< ") and line[2:].strip()]
    assert heads[:4] == ["HTTP/2 103", "link: </a.css>; rel=preload", "HTTP/2 103", "link: </b.js>; rel=preload"]
    assert heads[4] == "HTTP/2 200" and curl.stdout == "hello" and "x-drop: 1" not in heads


def test_hints_and_no_answer(serve):
    def leave(seen, client):
        client.sendall(HINTS)
        raise Hangup

    server = Origin(leave)
    edge = serve(SITE.format(server=server.url))
    with edge.connect() as client:
        client.ask("GET", "/")
        assert [client.head().status, client.head().status, client.answer().status] == [103, 103, 502]
    server.close()


@pytest.mark.parametrize("content", [TRAILERS, ONLY_TRAILERS], ids=["content", "none"])
@pytest.mark.parametrize("kind", [b"image/png", b"text/plain"], ids=["plain", "compressed"])
def test_trailers(site, content, kind):
    edge = site(CHUNKED % kind + content)
    with edge.connect() as client:                      # who does not ask for them gets none
        client.ask("GET", "/", headers=["Accept-Encoding: gzip"])
        assert client.answer().status == 200
        client.ask("GET", "/", headers=["TE: trailers", "Accept-Encoding: gzip", "Connection: close"])
        assert client.head().status == 200
        assert client.rest().endswith(b"0\r\nX-Sum: 42\r\n\r\n")


@pytest.mark.parametrize("content", [TRAILERS, ONLY_TRAILERS], ids=["content", "none"])
def test_trailers_over_http2(site, content):
    edge = site(CHUNKED % b"image/png" + content)
    with Http2(edge.port) as client:
        client.send(request(1, more=[("te", "trailers")]))
        assert client.until(lambda f: f.kind == HEADERS).status == 200
        last = client.until(lambda f: f.flags & END_STREAM)
        assert last.kind == HEADERS and b"42" in last.payload
        body = b"".join(f.payload for f in client.seen if f.kind == DATA)
        assert body == (b"hello" if content is TRAILERS else b"")
        client.send(request(3))
        assert client.answer(3)[1] == body and client.seen[-1].kind == DATA

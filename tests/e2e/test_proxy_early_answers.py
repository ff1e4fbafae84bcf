"""A server that answers a streamed request before it has all of it."""
import socket
import threading

import pytest

from edge import PATIENCE
from http2_client import DATA, END_STREAM, HEADERS, RST_STREAM, Http2, frame, request

SITE = """\
    edge: {{threads: 1}}
    log: {{access: off}}
    http: {{body_timeout: 600s}}
    upstreams:
      api: {{servers: ["{server}"], read_timeout: 600s, send_timeout: 600s, eject: {{failures: 1000}}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}]
        routes: [{{path: /, proxy: {{to: api, buffer_request: false}}}}]
"""
REFUSAL = b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno"
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"


class Refuser:
    """Reads the head of each request, says its word, and keeps the connection until it is told to leave it."""

    def __init__(self, word):
        self.word, self.may_leave, self.connections = word, threading.Event(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(threading.Thread(target=self.refuse, args=[client]))
            self.connections[-1].start()

    def refuse(self, client):
        with client:
            client.settimeout(PATIENCE)
            received = b""
            while b"\r\n\r\n" not in received:
                received += client.recv(65536)
            client.sendall(self.word)
            self.may_leave.wait(PATIENCE)

    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def close(self):
        self.may_leave.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in [self.thread, *self.connections]:
            thread.join(PATIENCE)


@pytest.fixture
def refuser():
    opened = []

    def start(word=REFUSAL):
        opened.append(Refuser(word))
        return opened[-1]

    yield start
    for server in opened:
        server.close()


@pytest.mark.parametrize("sent, more", [(b"", b""), (b"some content", b""), (b"", b"Expect: 100-continue\r\n")],
                         ids=["nothing sent", "a part sent", "asked for leave"])
def test_a_client_that_stands_still_gets_the_answer_at_once(serve, refuser, sent, more):
    edge = serve(SITE.format(server=refuser().url()))
    with edge.connect() as client:
        client.send(HEAD + more + b"\r\n" + sent)
        if more:
            assert client.head().status == 100
        answer = client.answer()
        assert (answer.status, answer.body, answer.get("Connection")) == (401, b"no", "close")
        assert client.is_closed()


def test_so_does_one_that_trickles(serve, refuser):
    edge = serve(SITE.format(server=refuser().url()))
    with edge.connect() as client:
        client.send(HEAD + b"\r\n")
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.05):
                try:
                    client.socket.send(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert client.answer().status == 401
        finally:
            stop.set()
            thread.join(PATIENCE)


def test_over_http2_too_and_the_connection_goes_on(serve, refuser):
    edge = serve(SITE.format(server=refuser().url()))
    with Http2(edge.port) as client:
        for stream in (1, 3):
            client.send(request(stream, body=b"", method="POST", more=[("content-length", "1000")]))
            client.send(frame(DATA, 0, stream, b"some"))
            data = client.until(lambda f: f.stream == stream and f.kind == DATA)
            assert data.payload == b"no" and data.flags & END_STREAM
            assert client.until(lambda f: f.stream == stream and f.kind == RST_STREAM).payload == bytes(4), "NO_ERROR"


def test_hints_come_while_the_client_stands_still(serve, refuser):
    edge = serve(SITE.format(server=refuser(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n").url()))
    with edge.connect() as client:
        client.send(HEAD + b"\r\n")
        head = client.head()
        assert (head.status, head.get("Link")) == (103, "</a.css>")


def test_a_long_answer_is_passed_on_while_its_server_still_makes_it(serve, refuser):
    server = refuser(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 200_000)
    edge = serve(SITE.format(server=server.url()))
    with edge.connect() as client:
        client.send(HEAD + b"\r\nsome")
        assert client.head().status == 200
        assert client.exactly(200_000) == b"x" * 200_000


@pytest.mark.parametrize("sent", [b"", b"some content"], ids=["nothing sent", "a part sent"])
@pytest.mark.parametrize("word", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n"], ids=["silence", "half a head", "nonsense"])
def test_a_server_that_breaks_off_meanwhile_fails_the_request_at_once(serve, refuser, word, sent):
    server = refuser(word)
    edge = serve(SITE.format(server=server.url()))
    with edge.connect() as client:
        client.send(HEAD + b"\r\n" + sent)
        server.may_leave.set()
        answer = client.answer()
        assert (answer.status, answer.get("Connection")) == (502, "close")
        assert client.is_closed()
    assert len(server.connections) == 1, "the client may have sent what nobody can read any more"


def test_so_it_is_over_http2(serve, refuser):
    server = refuser(b"")
    edge = serve(SITE.format(server=server.url()))
    with Http2(edge.port) as client:
        client.send(request(1, body=b"", method="POST", more=[("content-length", "1000")]))
        client.send(frame(DATA, 0, 1, b"some"))
        server.may_leave.set()
        assert client.until(lambda f: f.stream == 1 and f.kind == HEADERS).status == 502


def test_a_client_that_leaves_meanwhile_is_noticed(serve, refuser):
    edge = serve(SITE.format(server=refuser(b"").url()))
    with edge.connect() as client:
        client.send(HEAD + b"\r\nsome content")
    edge.log.wait_for(r"info request \w+: POST /: .*: the client closed the connection$")

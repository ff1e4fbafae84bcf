"""Tunnels at the wrong moment, and with what does not belong into them; and clients that leave."""
import threading

import pytest

from chat_server import SWITCH, ChatSites, Ends, accept_of, echo
from edge import PATIENCE, run, wait_until
from http2_client import (DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PROTOCOL_ERROR, RST_STREAM, Http2, field,
                          frame, head, number, request, setting)
from http_client import SLOWNESS
from origin import OK, Hangup, Origin

ASK = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
       "Sec-WebSocket-Version: 13"]
REFUSAL = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"


@pytest.fixture
def chat(serve):
    sites = ChatSites(serve)
    yield sites
    sites.close()


def connect(stream, path="/chat", flags=0, more=()):
    """An extended CONNECT (RFC 8441 5)."""
    block = head(path, method="CONNECT", more=[("sec-websocket-version", "13"), *more])
    return frame(HEADERS, END_HEADERS | flags, stream, field(":protocol", "websocket") + block)


class Slow:
    """Agrees when the test says so, and then sends back what comes."""

    def __init__(self):
        self.asked, self.agrees, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, seen, client):
        self.asked.set()
        assert self.agrees.wait(PATIENCE)
        try:
            echo(seen, client)
        finally:
            self.ended.set()


# ---- error pages -------------------------------------------------------------------------------------------------

PAGES = "error_pages: {403: /page}"


def refuse_but_the_page(seen, client):
    if seen.target != "/page":
        return REFUSAL
    if seen.get("Upgrade"):
        return SWITCH + accept_of(seen) + b"\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nthe page"


def test_an_error_page_is_no_tunnel(chat):
    edge, server = chat(refuse_but_the_page, site=PAGES)
    with edge.connect() as client:
        client.ask("GET", "/chat", headers=ASK)
        answer = client.answer()
        assert (answer.status, answer.body) == (403, b"the page")
    assert [seen.line for seen in server.seen] == ["GET /chat HTTP/1.1", "GET /page HTTP/1.1"]


def test_an_error_page_waits_for_nothing_that_was_meant_for_a_tunnel(chat):
    edge, server = chat(refuse_but_the_page, site=PAGES)
    with Http2(edge.port) as client:
        assert client.send(connect(1) + frame(DATA, 0, 1, b"early")).answer(1) == (403, b"the page")
    asked = [("GET /chat HTTP/1.1", b""), ("GET /page HTTP/1.1", b"")]
    assert [(seen.line, seen.body) for seen in server.seen] == asked


# ---- heads -------------------------------------------------------------------------------------------------------

def test_a_length_that_a_tunnel_does_not_keep_to(chat):
    ends = Ends()
    edge, _ = chat(ends)
    with Http2(edge.port) as client:
        client.send(connect(1, more=[("content-length", "3")]))
        assert client.until(lambda f: f.stream == 1).status == 200
        client.send(frame(DATA, 0, 1, b"more than three"))
        assert client.until(lambda f: f.stream == 1).code == PROTOCOL_ERROR
        assert ends.ended.wait(PATIENCE)
        assert client.send(request(3, "/files/none")).until(lambda f: f.stream == 3).status == 404


def test_who_expects_100_continue_has_its_answer(chat):
    edge, _ = chat()
    with Http2(edge.port) as client:
        client.send(connect(1, more=[("expect", "100-continue")]))
        assert client.until(lambda f: f.stream == 1).status == 200
        client.send(frame(DATA, 0, 1, b"hello"))
        found = client.until(lambda f: f.stream == 1 and f.kind in (HEADERS, DATA))
        assert (found.kind, found.payload) == (DATA, b"hello")


def test_a_client_that_has_ended_with_its_head(chat):
    def greet(seen, client):
        client.sendall(SWITCH + accept_of(seen) + b"\r\n")
        assert client.recv(1) == b""
        client.sendall(b"you said nothing")
        raise Hangup

    edge, _ = chat(greet)
    with Http2(edge.port) as client:
        assert client.send(connect(1, flags=END_STREAM)).answer(1) == (200, b"you said nothing")


def test_who_decides_is_asked_for_no_tunnel(chat):
    def decide(seen, client):
        if seen.target == "/check":
            return OK if seen.get("Cookie") == "good" else b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
        return echo(seen, client)

    edge, server = chat(decide, site="auth_request: {to: chat, uri: /check}")
    with edge.connect() as client:
        client.ask("GET", "/chat", headers=ASK)
        assert client.answer().status == 401                # the connection speaks HTTP still
        client.ask("GET", "/chat", headers=[*ASK, "Cookie: good"])
        assert client.head().status == 101
        client.send(b"hello")
        assert client.exactly(5) == b"hello"
    with Http2(edge.port) as client:
        assert client.send(connect(1)).until(lambda f: f.stream == 1).status == 401
        assert client.send(connect(3, more=[("cookie", "good")])).until(lambda f: f.stream == 3).status == 200
    asked = [seen for seen in server.seen if seen.target == "/check"]
    assert [seen.line for seen in asked] == ["GET /check HTTP/1.1"] * 4
    assert [seen.get("Upgrade") for seen in asked] == [None] * 4
    assert len(server.seen) == 6


# ---- moments -----------------------------------------------------------------------------------------------------

def test_a_reset_before_the_server_has_agreed(chat):
    server = Slow()
    edge, _ = chat(server)
    with Http2(edge.port) as client:
        client.send(connect(1))
        assert server.asked.wait(PATIENCE)
        client.send(frame(RST_STREAM, 0, 1, number(8)))
        client.send(request(3, "/files/none")).until(lambda f: f.stream == 3)
        server.agrees.set()
        assert server.ended.wait(PATIENCE)


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1", "HTTP/2"])
def test_who_agrees_after_the_stop_has_begun_holds_it_up_for_nothing(chat, http2):
    server = Slow()
    edge, _ = chat(server)
    with Http2(edge.port) if http2 else edge.connect() as client:
        client.send(connect(1)) if http2 else client.ask("GET", "/chat", headers=ASK)
        assert server.asked.wait(PATIENCE)
        edge.signal(15)
        edge.log.wait_for("stop")
        server.agrees.set()
        assert edge.wait(10 * SLOWNESS) == 0                # less than shutdown_timeout


def test_a_reload_without_the_upstream_leaves_it_alone(chat, tmp_path):
    edge, server = chat()
    with edge.connect() as client:
        client.ask("GET", "/chat", headers=ASK)
        assert client.head().status == 101
        text = (tmp_path / "site.yaml").read_text()
        begin, end = text.index("upstreams:"), text.index("sites:")
        text = text[:begin] + text[end:]
        text = "\n".join(line for line in text.splitlines() if "routes:" not in line)
        (tmp_path / "site.yaml").write_text(text + "\n    routes: [{path: /, return: {status: 200}}]\n")
        assert run("reload", folder=tmp_path).returncode == 0
        client.send(b"x" * 100_000)
        assert client.exactly(100_000) == b"x" * 100_000
        client.end_of_sending()
        assert client.is_closed()


# ---- sizes -------------------------------------------------------------------------------------------------------

def test_a_client_of_http2_that_opens_no_window(chat):
    flooded = threading.Event()

    def flood(seen, client):
        client.sendall(SWITCH + accept_of(seen) + b"\r\n")
        try:
            while True:
                client.sendall(b"z" * 65536)
        except OSError:
            flooded.set()
        raise Hangup

    edge, _ = chat(flood, site="send_timeout: 500ms")
    with Http2(edge.port, settings=setting(INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(connect(1))
        assert flooded.wait(PATIENCE)
        assert client.until(lambda f: f.stream == 1 and f.kind == RST_STREAM)
        edge.log.wait_for(r"the client did not read within send_timeout")


def test_a_tunnel_keeps_to_the_bandwidth(chat):
    edge, _ = chat(site="limits: {bandwidth: {rate: 100k/s}}")
    with edge.connect() as client:
        client.ask("GET", "/chat", headers=ASK)
        assert client.head().status == 101
        data = bytes(range(256)) * 200
        client.send(data)
        assert client.exactly(len(data)) == data
        client.end_of_sending()
        assert client.is_closed()


def test_last_words_reach_a_client_that_still_talks(chat, tmp_path):
    words = b"w" * 200_000                                  # more than the client's system takes, less than edge's

    def leave(seen, client):
        client.sendall(SWITCH + accept_of(seen) + b"\r\n" + words)
        raise Hangup

    edge, _ = chat(leave)
    with edge.connect(receive_buffer=4096) as client:
        client.ask("GET", "/chat", headers=ASK)
        assert client.head().status == 101
        log = tmp_path / "access.log"
        wait_until(lambda: f" 101 {len(words)}\n" in log.read_text(), "the end of the tunnel")
        client.send(b"are you there?")
        assert client.exactly(len(words)) == words
        assert client.is_closed()


# ---- a client that leaves ----------------------------------------------------------------------------------------

def test_nobody_else_is_asked_for_a_client_that_has_gone(serve):
    asked, left = threading.Event(), threading.Event()

    def hold(seen, client):
        asked.set()
        assert client.recv(1) == b""                        # until edge has ended it
        left.set()
        raise Hangup

    servers = [Origin(hold), Origin(hold)]
    edge = serve(f"""\
        edge: {{threads: 1}}
        upstreams: {{api: {{servers: ["{servers[0].url}", "{servers[1].url}"]}}}}
        sites: [{{listen: "127.0.0.1:0", routes: [{{path: /, proxy: api}}]}}]
    """)
    with edge.connect() as client:
        client.ask("GET", "/")
        assert asked.wait(PATIENCE)
    assert left.wait(PATIENCE)
    edge.stop()
    assert "another server is asked" not in edge.log.text()
    for server in servers:
        server.close()

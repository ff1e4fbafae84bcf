"""WebSockets over HTTP/2 (RFC 8441): an extended CONNECT of the client, an Upgrade to the server behind edge."""
import base64
import struct
import time

import pytest

from chat_server import SWITCH, ChatSites, Ends, accept_of
from edge import PATIENCE, wait_until
from http2_client import (DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Http2,
                          field, frame, head, number)
from origin import OK, Hangup

ENABLE_CONNECT_PROTOCOL = 8                             # of SETTINGS


@pytest.fixture
def chat(serve):
    sites = ChatSites(serve)
    yield sites
    sites.close()


def connect(stream, path="/chat", protocol="websocket", more=()):
    """An extended CONNECT (RFC 8441 5)."""
    protocol = [(":protocol", protocol)] if protocol else []
    block = head(path, method="CONNECT", more=[("sec-websocket-version", "13"), *more])
    pseudo = b"".join(field(name, value) for name, value in protocol)
    return frame(HEADERS, END_HEADERS, stream, pseudo + block)


def test_http2_says_that_it_can(chat):
    edge, _ = chat()
    with Http2(edge.port, preface=None) as client:
        client.send(PREFACE + frame(SETTINGS))
        settings = client.until(lambda f: f.kind == SETTINGS).payload
        assert struct.pack(">HI", ENABLE_CONNECT_PROTOCOL, 1) in settings


def test_a_websocket_over_http2(chat, tmp_path):
    edge, server = chat()
    with Http2(edge.port) as client:
        client.send(connect(1))
        opened = client.until(lambda f: f.kind == HEADERS)
        assert opened.status == 200 and not opened.flags & END_STREAM
        assert b"upgrade" not in opened.payload and b"sec-websocket-accept" not in opened.payload
        client.send(frame(DATA, 0, 1, b"hello"))
        assert client.until(lambda f: f.kind == DATA).payload == b"hello"
        client.send(frame(DATA, END_STREAM, 1, b""))
        assert client.until(lambda f: f.stream == 1 and f.flags & END_STREAM)
        assert client.send(connect(3)).until(lambda f: f.kind == HEADERS).status == 200     # the connection goes on
    seen = server.seen[0]
    assert seen.line == "GET /chat HTTP/1.1" and seen.get("Upgrade") == "websocket"
    assert len(base64.b64decode(seen.get("Sec-WebSocket-Key"))) == 16
    assert seen.get("Sec-WebSocket-Key") != server.seen[1].get("Sec-WebSocket-Key")
    log = tmp_path / "access.log"
    wait_until(lambda: "CONNECT /chat HTTP/2.0 101 5\n" in log.read_text(), "the line of the tunnel")


def test_much_over_http2(chat):
    data = bytes(range(256)) * 8_000                        # 2 MB: over every window
    edge, _ = chat()
    with Http2(edge.port) as client:
        client.send(connect(1))
        got, sent, window, own = b"", 0, 65_535, 65_535
        while len(got) < len(data):
            size = min(window, own, 16_384, len(data) - sent)
            if size > 0:
                client.send(frame(DATA, 0, 1, data[sent:sent + size]))
                sent, window, own = sent + size, window - size, own - size
                continue
            found = client.next()
            assert found and found.kind != RST_STREAM
            if found.kind == WINDOW_UPDATE:
                if found.stream:
                    own += found.code
                else:
                    window += found.code
            elif found.kind == DATA:
                got += found.payload
                opened = number(len(found.payload))
                client.send(frame(WINDOW_UPDATE, 0, 0, opened) + frame(WINDOW_UPDATE, 0, 1, opened))
        assert got == data


def test_a_reset_ends_it(chat):
    ends = Ends()
    edge, _ = chat(ends)
    with Http2(edge.port) as client:
        client.send(connect(1))
        assert client.until(lambda f: f.kind == HEADERS).status == 200
        client.send(frame(RST_STREAM, 0, 1, number(8)))
        assert ends.ended.wait(PATIENCE)


def test_the_end_of_the_server_over_http2(chat):
    def leave(seen, client):
        client.sendall(SWITCH + accept_of(seen) + b"\r\nlast words")
        raise Hangup

    edge, _ = chat(leave)
    with Http2(edge.port) as client:
        client.send(connect(1))
        assert client.answer(1) == (200, b"last words")


@pytest.mark.parametrize("answer, status", [
    [SWITCH + b"Sec-WebSocket-Accept: wrong\r\n\r\n", 502], [SWITCH + b"\r\n", 502], [OK, 502],
    [b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 403]])
def test_what_is_no_websocket_over_http2(chat, answer, status):
    edge, _ = chat(lambda seen, client: answer)
    with Http2(edge.port) as client:
        assert client.send(connect(1)).until(lambda f: f.kind == HEADERS).status == status


@pytest.mark.parametrize("asked, status", [[connect(1, "/files/x"), 501], [connect(1, protocol="tcp"), 501],
                                           [connect(1, protocol="h2c"), 501]])
def test_what_takes_no_tunnel_over_http2(chat, asked, status):
    edge, server = chat()
    with Http2(edge.port) as client:
        assert client.send(asked).until(lambda f: f.kind == HEADERS).status == status
    assert not server.seen


def test_a_stop_ends_it_over_http2(chat):
    edge, _ = chat()
    with Http2(edge.port) as client:
        client.send(connect(1))
        assert client.until(lambda f: f.kind == HEADERS).status == 200
        began = time.monotonic()
        edge.stop()
        assert time.monotonic() - began < 15

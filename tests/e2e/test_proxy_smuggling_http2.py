"""Malformed requests by HTTP/2 through a whole edge: a server behind it gets one well-formed request, or nothing."""
import pytest

from http2_client import (
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, KEEPS_NOTHING, RST_STREAM, Http2, field, frame, request)
from recording_server import RecordingServer
from test_proxy_smuggling import UPSTREAMS, check_message, check_server

SITE = """\
    edge: {{threads: 1}}
    http: {{header_timeout: 2s, body_timeout: 2s}}
    log: {{access: off}}
    upstreams:
      api: {{servers: ["{url}"], {more}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}]
        routes: [{{path: /, proxy: {{to: api, buffer_request: {buffered}}}}}]
"""
USUAL = {":method": "GET", ":scheme": "http", ":path": "/asked", ":authority": "localhost"}
SMUGGLED = "a\r\nContent-Length: 0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a"


def ask(*more, body=None, trailers=None, **pseudo):
    """A request on stream 1. `method`, `path` …: the pseudo fields, None: left out."""
    fields = [*(USUAL | {f":{name}": value for name, value in pseudo.items()}).items(), *more]
    block = b"".join(field(name, value) for name, value in fields if value is not None)
    frames = frame(HEADERS, END_HEADERS | (END_STREAM if body is None else 0), 1, block)
    if body is not None:
        frames += frame(DATA, 0 if trailers else END_STREAM, 1, body)
    if trailers:
        frames += frame(HEADERS, END_HEADERS | END_STREAM, 1, b"".join(field(*pair) for pair in trailers))
    return frames


def post(*more, body=b"hello", **options):
    return ask(*more, body=body, method="POST", **options)


# name -> (frames, the request's content where edge may take it)
CASES = {
    "CR and LF in a value": (ask(("x-a", SMUGGLED)), None),
    "LF in a value": (ask(("x-a", "a\nx-b: c")), None),
    "CR in a value": (ask(("x-a", "a\rx-b: c")), None),
    "NUL in a value": (ask(("x-a", "a\0b")), None),
    "a control byte in a value": (ask(("x-a", "a\x01b")), None),
    "LF in a name": (ask(("x-a\nx-b", "c")), None),
    "a colon in a name": (ask(("x-a: b\r\nx-c", "d")), None),
    "a blank in a name": (ask(("x a", "b")), None),
    "an empty name": (ask(("", "b")), None),
    "a name in capitals": (ask(("X-A", "b")), None),
    "CR and LF in the path": (ask(path="/ HTTP/1.1\r\nHost: a\r\n\r\nGET /smuggled"), None),
    "a blank in the path": (ask(path="/a b"), None),
    "a version in the path": (ask(path="/ HTTP/1.1"), None),
    "NUL in the path": (ask(path="/a\0b"), None),
    "a fragment in the path": (ask(path="/a#b"), None),
    "an empty path": (ask(path=""), None),
    "no path": (ask(path=None), None),
    "a path without a slash": (ask(path="smuggled"), None),
    "an absolute path": (ask(path="http://evil/"), None),
    "two paths": (ask((":path", "/other")), None),
    "a path above the root": (ask(path="/../../a"), None),
    "CR and LF in the method": (ask(method="GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"), None),
    "a blank in the method": (ask(method="GET /smuggled"), None),
    "an empty method": (ask(method=""), None),
    "no method": (ask(method=None), None),
    "a method in lower case": (ask(method="get"), b""),
    "CONNECT": (ask(method="CONNECT", path=None, scheme=None), None),
    "a scheme with a line end": (ask(scheme="http\r\nX: a"), None),
    "a scheme that nobody knows": (ask(scheme="ftp"), b""),
    "CR and LF in the authority": (ask(authority="a\r\nX: b"), None),
    "a blank in the authority": (ask(authority="a b"), None),
    "a path in the authority": (ask(authority="a/b"), None),
    "a user in the authority": (ask(authority="a@b"), None),
    "no authority": (ask(authority=None), None),
    "two authorities": (ask((":authority", "b")), None),
    "another host": (ask(("host", "evil")), None),
    "two hosts": (ask(("host", "a"), ("host", "b"), authority=None), None),
    "the host twice": (ask(("host", "localhost")), b""),
    "a pseudo field that nobody knows": (ask((":evil", "a")), None),
    "a pseudo field behind a field": (ask(("x-a", "b"), (":method", "POST"), method=None), None),
    "a pseudo field of answers": (ask((":status", "200")), None),
    "Transfer-Encoding": (post(("transfer-encoding", "chunked"), body=b"5\r\nhello\r\n0\r\n\r\n"), None),
    "Connection": (ask(("connection", "x-forwarded-for, close")), None),
    "Keep-Alive": (ask(("keep-alive", "timeout=5")), None),
    "Proxy-Connection": (ask(("proxy-connection", "keep-alive")), None),
    "Upgrade": (ask(("upgrade", "websocket")), None),
    "TE of more than trailers": (ask(("te", "gzip")), None),
    "TE of trailers": (ask(("te", "trailers")), b""),
    "a longer length": (post(("content-length", "50")), None),
    "a shorter length": (post(("content-length", "2")), None),
    "a length and no content": (ask(("content-length", "5"), method="POST"), None),
    "two lengths": (post(("content-length", "5"), ("content-length", "6")), None),
    "two equal lengths": (post(("content-length", "5"), ("content-length", "5")), None),
    "a list of lengths": (post(("content-length", "5, 5")), None),
    "a signed length": (post(("content-length", "+5")), None),
    "a length beyond 64 bits": (post(("content-length", "18446744073709551621")), None),
    "an empty length": (post(("content-length", "")), None),
    "a length": (post(("content-length", "5")), b"hello"),
    "no length": (post(), b"hello"),
    "an underscore's length": (post(("content_length", "50"), ("transfer_encoding", "chunked")), b"hello"),
    "an underscore's origin": (ask(("x_forwarded_for", "6.6.6.6"), ("x-forwarded-for", "6.6.6.6")), b""),
    "a proxy for programs": (ask(("proxy", "http://evil.example")), b""),
    "cookies in crumbs": (ask(("cookie", "a=b"), ("cookie", "c=d")), b""),
    "content that looks like a request": (post(body=b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
                                          b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
    "content that looks like chunks": (post(body=b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
                                       b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
    "trailers": (post(trailers=[("x-a", "b")]), b"hello"),
    "trailers that frame": (post(trailers=[("content-length", "50"), ("host", "evil")]), b"hello"),
    "trailers with a line end": (post(trailers=[("x-a", SMUGGLED)]), None),
    "trailers with a pseudo field": (post(trailers=[(":path", "/smuggled")]), None),
    "blanks around a value": (ask(("x-a", "  a  ")), b""),
    "Expect": (post(("expect", "100-continue")), b"hello"),
}


@pytest.fixture(scope="module", params=UPSTREAMS)
def behind(serve_module, request, tmp_path_factory):
    """edge, and the server behind it."""
    protocol, more, buffered = UPSTREAMS[request.param]
    server = RecordingServer(protocol)
    edge = serve_module(SITE.format(url=server.url, more=more, buffered=buffered),
                        folder=tmp_path_factory.mktemp("edge"))
    yield edge, server
    server.close()


def outcome(connection, stream):
    """The status of the answer; None: the stream or the connection was ended without one."""
    status = None
    while found := connection.next():
        if found.kind == GOAWAY or (found.stream == stream and found.kind == RST_STREAM):
            return status
        if found.stream == stream and found.kind == HEADERS and status is None:
            status = found.status
        if found.stream == stream and found.flags & END_STREAM and found.kind in (DATA, HEADERS):
            return status
    return status


@pytest.mark.parametrize("name", CASES)
def test_it_is_one_request_or_none(behind, name):
    edge, server = behind
    frames, content = CASES[name]
    with Http2(edge.port, settings=KEEPS_NOTHING) as connection:
        connection.send(frames)
        status = outcome(connection, 1)
        seen = server.take()
        if status == 200:
            assert content is not None, f"edge took it as {seen}"
            assert [message.target for message in seen] == ["/asked"]
            check_message(seen[0], content)
        else:
            assert status in (None, 400, 404, 405, 421, 501) and seen == []
        check_following(connection, server)
    check_server(edge, server)


def check_following(connection, server):
    """The next request of the connection, if edge has not ended it."""
    try:
        connection.send(request(3, "/following"))
    except ConnectionError:
        return
    if outcome(connection, 3) == 200:
        assert [(message.target, message.body) for message in server.take()] == [("/following", b"")]

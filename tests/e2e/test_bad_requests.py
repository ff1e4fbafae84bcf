"""Requests that break the protocol or its limits: the right status, and the connection closes."""
import pytest

from edge import wait_until

SITE = """\
    http:
      max_uri: 1k
      max_header_size: 4k
      max_headers: 20
      client_max_body_size: 10k
      header_timeout: 5s
      body_timeout: 5s
    log: {access: off}
    apps:
      echo: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /app/
            app: echo
          - path: /
            return: {status: 200, body: "ok\\n", type: text/plain}
"""
APP = '''\
    """Reads the body to its end."""


    def application(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
'''


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, {"app.py": APP})


def get(target=b"/", *fields, version=b"HTTP/1.1", method=b"GET", host=b"Host: a"):
    return b"\r\n".join([method + b" " + target + b" " + version, *([host] if host else []), *fields, b"", b""])


def post(*fields, body=b""):
    return get(b"/app/", *fields, method=b"POST") + body


def chunked(body):
    return post(b"Transfer-Encoding: chunked", body=body)


HELLO = bytes.fromhex("160301020001000100fc0303") + b"a" * 64         # how a TLS client begins

MALFORMED = {
    # two ways to say where the body ends
    "Content-Length and Transfer-Encoding": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "Transfer-Encoding and Content-Length": post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    "two Content-Lengths": post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello!"),
    "two equal Content-Lengths": post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"),
    "a list of Content-Lengths": post(b"Content-Length: 5, 5", body=b"hello"),
    "a signed Content-Length": post(b"Content-Length: +5", body=b"hello"),
    "a negative Content-Length": post(b"Content-Length: -5", body=b"hello"),
    "a hexadecimal Content-Length": post(b"Content-Length: 0x5", body=b"hello"),
    "an empty Content-Length": post(b"Content-Length:", body=b"hello"),
    "a Content-Length with a space inside": post(b"Content-Length: 1 0", body=b"hello"),
    "a Content-Length beyond 64 bits": post(b"Content-Length: 18446744073709551621", body=b"hello"),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunked in two fields": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked not last": post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "Transfer-Encoding in HTTP/1.0": get(b"/app/", b"Transfer-Encoding: chunked", method=b"POST", version=b"HTTP/1.0")
                                     + b"0\r\n\r\n",
    # lines and fields
    "bare LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare LF after a field": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "bare LF at the end of the head": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare CR in a field": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "space before the colon": get(b"/", b"X-Name : value"),
    "space before the colon of Content-Length": post(b"Content-Length : 5", body=b"hello"),
    "tab before the colon": get(b"/", b"X-Name\t: value"),
    "obs-fold": get(b"/", b"X-Name: a", b" folded"),
    "obs-fold by a tab": get(b"/", b"X-Name: a", b"\tfolded"),
    "a fold before the first field": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a field without a colon": get(b"/", b"X-Name"),
    "a field without a name": get(b"/", b": value"),
    "a field name with a byte that is no token": get(b"/", b"X[0]: value"),
    "NUL in a field's value": get(b"/", b"X-Name: a\0b"),
    "NUL in a field's name": get(b"/", b"X\0Name: a"),
    "NUL in the target": get(b"/a\0b"),
    "a control byte in a field's value": get(b"/", b"X-Name: a\x01b"),
    # the request line
    "an encoded NUL in the path": get(b"/a%00b"),
    "a broken escape": get(b"/a%zz"),
    "a path above the root": get(b"/../../etc/passwd"),
    "a path above the root, encoded": get(b"/%2e%2e/%2e%2e/etc/passwd"),
    "a target without a slash": get(b"index.html"),
    "a fragment": get(b"/a#b"),
    "a space in the target": get(b"/a b"),
    "a lower-case protocol": b"GET / http/1.1\r\nHost: a\r\n\r\n",
    "a TLS hello": HELLO,
    # Host
    "no Host": get(host=None),
    "two Hosts": get(b"/", b"Host: b"),
    "two equal Hosts": get(b"/", b"Host: a"),
    "a Host with a space": get(host=b"Host: a b"),
    "a Host with a path": get(host=b"Host: a/b"),
    "a Host with a user": get(host=b"Host: a@b"),
    "a Host with a port that is none": get(host=b"Host: a:b"),
    "absolute-form with another Host": get(b"http://b/"),
    "absolute-form with a user": get(b"http://user@a/"),
    # chunks
    "a chunk size that is no number": chunked(b"xyz\r\nhello\r\n0\r\n\r\n"),
    "an empty chunk size": chunked(b"\r\nhello\r\n0\r\n\r\n"),
    "a signed chunk size": chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with 0x": chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size beyond 64 bits": chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a chunk longer than it said": chunked(b"3\r\nhello\r\n0\r\n\r\n"),
    "a chunk without CRLF at its end": chunked(b"5\r\nhello0\r\n\r\n"),
    "bare LF after a chunk size": chunked(b"5\nhello\r\n0\r\n\r\n"),
    "bare LF after a chunk": chunked(b"5\r\nhello\n0\r\n\r\n"),
    "bare CR in a chunk extension": chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "NUL in a chunk extension": chunked(b"5;a=\0\r\nhello\r\n0\r\n\r\n"),
    "a trailer without a colon": chunked(b"5\r\nhello\r\n0\r\nTrailer\r\n\r\n"),
    "a folded trailer": chunked(b"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n"),
}
OTHERWISE_REFUSED = {
    "a transfer coding that nobody knows": (post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), {400, 501}),
    "a method that nobody knows": (get(method=b"BREW"), {501}),
    "a method in lower case": (get(method=b"get"), {400, 501}),
    "a version that is no number": (b"GET / HTTP/x.y\r\nHost: a\r\n\r\n", {400, 505}),
    "a method that is no token": (b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", {400, 501}),
    "something else than HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", {400, 501}),
    "bare CR for CRLF": (b"GET / HTTP/1.1\rHost: a\r\r", {400, 505}),
    "CONNECT": (get(b"a:80", method=b"CONNECT"), {400, 405, 501}),
    "HTTP/0.9": (b"GET /\r\n\r\n", {400, 505}),
    "HTTP/2.0": (get(version=b"HTTP/2.0"), {505}),
    "HTTP/3.7": (get(version=b"HTTP/3.7"), {505}),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 501, 505}),
    "a long target": (get(b"/" + b"a" * 1024), {414}),
    "a very long target": (get(b"/" + b"a" * 50_000), {414}),
    "a long query": (get(b"/?" + b"a" * 1024), {414}),
    "a long field": (get(b"/", b"X-Name: " + b"a" * 4096), {431}),
    "a very long field": (get(b"/", b"X-Name: " + b"a" * 60_000), {431}),
    "a long field name": (get(b"/", b"a" * 4096 + b": a"), {431}),
    "many fields": (get(b"/", *[b"X-%d: a" % i for i in range(20)]), {431}),
    "a declared body over the limit": (post(b"Content-Length: 10241"), {413}),
    "a huge declared body": (post(b"Content-Length: 9223372036854775807"), {413}),
    "a chunk over the limit": (chunked(b"2801\r\n" + b"a" * 10241), {413}),
    "chunks over the limit": (chunked(b"1000\r\n" + b"a" * 4096 + b"\r\n1000\r\n" + b"a" * 4096
                                      + b"\r\n1000\r\n" + b"a" * 4096), {413}),
    "a chunk size of all that there is": (chunked(b"7fffffffffffffff\r\nhello"), {400, 408, 413}),
}
CASES = {name: (request, {400}) for name, request in MALFORMED.items()} | OTHERWISE_REFUSED


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_and_the_connection_closes(edge, name):
    request, statuses = CASES[name]
    with edge.connect() as connection:
        connection.send(request)
        answer = connection.answer(request.partition(b" ")[0].decode("latin-1"))
        assert answer.status in statuses
        assert answer.get("Connection") == "close"
        assert connection.is_closed(), "another request would have been read from this connection"


@pytest.mark.parametrize("name", CASES)
def test_what_follows_is_never_served(edge, name):
    """A smuggled request behind a bad one, in the same packet."""
    request, statuses = CASES[name]
    with edge.connect() as connection:
        connection.send(request + get(b"/smuggled"))
        answer = connection.answer(request.partition(b" ")[0].decode("latin-1"))
        assert answer.status in statuses | {400}
        assert connection.is_closed()


@pytest.mark.parametrize("name", ["bare LF after a field", "two Hosts", "a chunk longer than it said", "HTTP/2.0"])
def test_a_bad_request_byte_by_byte(edge, name):
    request, statuses = CASES[name]
    with edge.connect() as connection:
        sent = connection.send_slowly(request)
        assert sent <= len(request)
        assert connection.answer().status in statuses
        assert connection.is_closed()


def test_a_good_request_before_a_bad_one_is_answered(edge):
    with edge.connect() as connection:
        connection.send(get() + get(b"/", b"X : y") + get(b"/smuggled"))
        assert connection.answer().body == b"ok\n"
        assert connection.answer().status == 400
        assert connection.is_closed()


@pytest.mark.parametrize("endless, piece", [
    (b"GET /", b"a" * 1000),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"a" * 1000),
    (b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: a\r\n" * 100),
    (chunked(b"5;"), b"a" * 1000),
    (chunked(b"5;a=\""), b"a" * 1000),
    (chunked(b"0"), b"0" * 1000),
    (chunked(b"5\r\nhello\r\n0\r\n"), b"X: a\r\n" * 100),
    (chunked(b""), b"1;" + b"a" * 200 + b"\r\nx\r\n"),
    (b"", b"\r\n" * 500),
], ids=["target", "field", "fields", "chunk extension", "quoted chunk extension", "chunk size", "trailers",
        "extension on every chunk", "empty lines"])
def test_nothing_may_go_on_for_ever(edge, endless, piece):
    with edge.connect() as connection:
        connection.send(endless)
        connection.send_until_refused(piece, most=8 << 20)
        assert connection.answer().status in (400, 413, 414, 431)
        assert connection.is_closed()


def test_the_answer_to_an_upload_that_goes_on_is_not_lost(edge):
    """A server that closes with unread bytes resets the connection, and the client never sees why."""
    with edge.connect() as connection:
        connection.ask("POST", "/app/", headers=[f"Content-Length: {1 << 20}"])
        for _ in range(256):
            connection.send(b"a" * 4096)
        assert connection.answer("POST").status == 413


def test_every_refused_connection_is_freed(edge):
    assert edge.get("/").status == 200
    before = edge.descriptors()
    for request, _ in CASES.values():
        with edge.connect() as connection:
            connection.send(request)
            connection.answer(request.partition(b" ")[0].decode("latin-1"))
    wait_until(lambda: edge.descriptors() <= before, "every connection is closed")
    assert edge.get("/").status == 200

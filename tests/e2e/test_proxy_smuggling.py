"""Malformed and ambiguous requests through a whole edge: a server behind it gets one well-formed request, or nothing."""
import pytest

from edge import wait_until
from recording_server import RecordingServer
from test_bad_requests import CASES, chunked, get, post

SITE = """\
    edge: {{threads: 1}}
    http:
      max_uri: 1k
      max_header_size: 4k
      max_headers: 20
      client_max_body_size: 10k
      header_timeout: 2s
      body_timeout: 2s
    log: {{access: off}}
    upstreams:
      api: {{servers: ["{url}"], {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: {{to: api, buffer_request: {buffered}}}}}]
"""
FOLLOWING = get(b"/following", b"Connection: close")
HELLO = b"5\r\nhello\r\n0\r\n\r\n"


def coded(value, name=b"Transfer-Encoding"):
    return post(name + b": " + value, body=HELLO)


def sized(value, name=b"Content-Length"):
    return post(name + b": " + value, body=b"hello")


# name -> (request, its content where edge takes it): what parsers are known to disagree about
AMBIGUOUS = {
    "chunked in capitals": (coded(b"CHUNKED"), b"hello"),
    "xchunked": (coded(b"xchunked"), None),
    "chunked by another name": (coded(b"chunkedx"), None),
    "chunked quoted": (coded(b'"chunked"'), None),
    "chunked with a parameter": (coded(b"chunked;q=1"), None),
    "chunked behind a comma": (coded(b",chunked"), None),
    "chunked before a comma": (coded(b"chunked,"), None),
    "chunked behind a tab": (coded(b"\tchunked"), b"hello"),
    "chunked before blanks": (coded(b"chunked \t "), b"hello"),
    "chunked behind a vertical tab": (coded(b"\x0bchunked"), None),
    "chunked before a form feed": (coded(b"chunked\x0c"), None),
    "chunked behind a non-breaking space": (coded(b"\xa0chunked"), None),
    "chunked before NUL": (coded(b"chunked\0"), None),
    "identity": (coded(b"identity"), None),
    "identity and chunked": (coded(b"identity, chunked"), None),
    "chunked and identity": (coded(b"chunked, identity"), None),
    "cow and chunked in two fields": (post(b"Transfer-Encoding: cow", b"Transfer-Encoding: chunked", body=HELLO), None),
    "chunked and cow in two fields": (post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: cow", body=HELLO), None),
    "an empty coding": (coded(b""), None),
    "a coding by an underscore": (post(b"Transfer_Encoding: chunked", b"Content-Length: 5", body=b"hello"), b"hello"),
    "a length by an underscore": (post(b"Content_Length: 50", b"Content-Length: 5", body=b"hello"), b"hello"),
    "a length with leading zeros": (sized(b"0005"), b"hello"),
    "a length before a tab": (sized(b"5\t"), b"hello"),
    "a length with a semicolon": (sized(b"5;"), None),
    "a length with a fraction": (sized(b"5.0"), None),
    "a length with an exponent": (sized(b"5e0"), None),
    "a length with an underscore": (sized(b"0_5"), None),
    "a length in other digits": (sized("٥".encode()), None),
    "a length in quotes": (sized(b'"5"'), None),
    "a list of equal lengths": (sized(b"5, 5"), None),
    "a length of nothing before a body": (post(b"Content-Length: 0"), b""),
    "a GET with content": (get(b"/app/", b"Content-Length: 5") + b"hello", b"hello"),
    "a GET in chunks": (get(b"/app/", b"Transfer-Encoding: chunked") + HELLO, b"hello"),
    "a HEAD with content": (get(b"/app/", b"Content-Length: 5", method=b"HEAD") + b"hello", b"hello"),
    "a DELETE with content": (get(b"/app/", b"Content-Length: 5", method=b"DELETE") + b"hello", b"hello"),
    "a TRACE with content": (get(b"/app/", b"Content-Length: 5", method=b"TRACE") + b"hello", b"hello"),
    "chunks of nothing": (chunked(b"0\r\n\r\n"), b""),
    "a chunk extension": (chunked(b"5;a=b\r\nhello\r\n0\r\n\r\n"), b"hello"),
    "a chunk extension with CRLF in quotes": (chunked(b'5;a="\r\n"\r\nhello\r\n0\r\n\r\n'), None),
    "a chunk extension of a bare LF": (chunked(b"5;\nhello\r\n0\r\n\r\n"), None),
    "a blank behind a chunk size": (chunked(b"5 \r\nhello\r\n0\r\n\r\n"), b"hello"),
    "a blank before a chunk size": (chunked(b" 5\r\nhello\r\n0\r\n\r\n"), None),
    "a chunk size with leading zeros": (chunked(b"0005\r\nhello\r\n0\r\n\r\n"), b"hello"),
    "a chunk size with an underscore": (chunked(b"0_5\r\nhello\r\n0\r\n\r\n"), None),
    "a chunk size of two lines": (chunked(b"5\r\n\r\nhello\r\n0\r\n\r\n"), None),
    "a last chunk of many zeros": (chunked(b"5\r\nhello\r\n000\r\n\r\n"), b"hello"),
    "a last chunk with an extension": (chunked(b"5\r\nhello\r\n0;a=b\r\n\r\n"), b"hello"),
    "a length in the trailers": (chunked(b"5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n"), b"hello"),
    "a coding in the trailers": (chunked(b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), b"hello"),
    "a Host in the trailers": (chunked(b"5\r\nhello\r\n0\r\nHost: evil\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"), b"hello"),
    "the coding as of this connection": (post(b"Connection: Transfer-Encoding", b"Transfer-Encoding: chunked", body=HELLO),
                                         b"hello"),
    "the length as of this connection": (post(b"Connection: Content-Length", b"Content-Length: 5", body=b"hello"), b"hello"),
    "the Host as of this connection": (get(b"/", b"Connection: Host"), b""),
    "who asks as of this connection": (get(b"/", b"Connection: X-Forwarded-For, Forwarded, X-Forwarded-Host, Via",
                                           b"X-Forwarded-For: 6.6.6.6"), b""),
    "a right as of this connection": (get(b"/", b"Connection: Authorization, Cookie", b"Authorization: Basic YTpi"), b""),
    "Connection of nonsense": (get(b"/", b"Connection: , ,;close=\"a,b\",,"), b""),
    "who asks by an underscore": (get(b"/", b"X_Forwarded_For: 6.6.6.6", b"X-Forwarded_For: 6.6.6.6"), b""),
    "twins of one variable": (get(b"/", b"X-Role: user", b"X_Role: admin", b"X-Role: admin"), b""),
    "names of other signs": (get(b"/", b"X.Role: a", b"X!Role: a", b"X~Role: a", b"X'Role: a"), b""),
    "two types of content": (post(b"Content-Type: a/b", b"Content-Type: c/d", b"Content-Length: 5", body=b"hello"), b"hello"),
    "a proxy for programs": (get(b"/", b"Proxy: http://evil.example"), b""),
    "variables by name": (get(b"/", b"Remote-User: root", b"Https: on", b"Script-Name: /evil", b"Server-Port: 1"), b""),
    "Expect of the usual": (post(b"Expect: 100-continue", b"Content-Length: 0"), b""),
    "Expect of something else": (post(b"Expect: 200-ok", b"Content-Length: 5", body=b"hello"), b"hello"),
    "Expect of two": (post(b"Expect: 100-continue, x", b"Content-Length: 5", body=b"hello"), b"hello"),
    "Expect in HTTP/1.0": (get(b"/", b"Expect: 100-continue", b"Content-Length: 5", method=b"POST", version=b"HTTP/1.0")
                           + b"hello", b"hello"),
    "HTTP/1.0 that wants to stay": (get(b"/", b"Connection: keep-alive", version=b"HTTP/1.0"), b""),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), b""),
    "an upgrade to HTTP/2": (get(b"/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                                 b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"), b""),
    "absolute-form": (get(b"http://a/absolute"), b""),
    "absolute-form with an empty path": (get(b"http://a?x=1"), b""),
    "absolute-form of another scheme": (get(b"ftp://a/"), None),
    "OPTIONS of all": (get(b"*", method=b"OPTIONS"), b""),
    "an encoded CRLF in the path": (get(b"/a%0d%0aX:%20b"), b""),
    "an encoded slash and dots": (get(b"/a/..%2f..%2fb"), b""),
    "a backslash": (get(b"/a\\..\\b"), b""),
    "bytes above ASCII in the target": (get(b"/\xe4\xff"), b""),
    "empty lines before a request": (b"\r\n\r\n" + get(), b""),
    "blanks around a value": (get(b"/", b"X-A: \t a \t "), b""),
    "an empty value": (get(b"/", b"X-A:"), b""),
}
UPSTREAMS = {                                           # name -> (protocol, settings, whether bodies are read first)
    "http": ("http", "", "true"), "http streamed": ("http", "", "false"), "uwsgi": ("uwsgi", "", "true"),
    "fastcgi": ("fastcgi", "fastcgi: {root: /srv, index: app.php}", "true")}


@pytest.fixture(scope="module", params=UPSTREAMS)
def behind(serve_module, request, tmp_path_factory):
    """edge, and the server behind it."""
    protocol, more, buffered = UPSTREAMS[request.param]
    server = RecordingServer(protocol)
    edge = serve_module(SITE.format(url=server.url, more=more, buffered=buffered),
                        folder=tmp_path_factory.mktemp("edge"))
    yield edge, server
    server.close()


def answers_to(edge, request):
    """All answers to the request and to the one behind it, until edge closes."""
    methods = [request.lstrip().partition(b" ")[0].decode("latin-1"), "GET"]
    answers = []
    with edge.connect() as connection:
        connection.send(request + FOLLOWING)
        while not answers or answers[-1].keeps_alive:
            answers.append(connection.answer(methods.pop(0)))
        assert connection.is_closed(), f"there is more behind {answers}"
    return answers


def check_server(edge, server):
    """Nothing malformed came, and the connections that are kept are clean."""
    assert server.malformed == []
    answer = edge.get("/afterwards")
    assert (answer.status, answer.body) == (200, b"/afterwards")
    *others, last = server.take()
    assert others == [] and (last.target, last.body) == ("/afterwards", b"")


def check_message(message, content):
    assert message.body == content
    asked_by = message.all("X-Forwarded-For") + message.all("HTTP_X_FORWARDED_FOR")
    assert asked_by == ["127.0.0.1"], message
    assert not any("6.6.6.6" in value or "evil" in value for name, value in message.fields
                   if name not in ("HTTP_SCRIPT_NAME", "Script-Name")), message


@pytest.mark.parametrize("name", CASES)
def test_what_edge_refuses_asks_no_server(behind, name):
    edge, server = behind
    request, statuses = CASES[name]
    [answer] = answers_to(edge, request)
    assert answer.status in statuses | {400}
    assert server.take() == []
    check_server(edge, server)


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_is_ambiguous_is_one_request_or_none(behind, name):
    edge, server = behind
    request, content = AMBIGUOUS[name]
    first, *following = answers_to(edge, request)
    seen = server.take()
    if first.status == 204:                             # edge's own, to OPTIONS of all
        assert [message.target for message in seen] == ["/following"] * len(following)
    elif first.status != 200:
        assert first.status in (400, 404, 405, 417, 501, 505) and following == [] and seen == []
    else:
        assert content is not None, f"edge took it as {seen}"
        check_message(seen[0], content)
        assert [message.target for message in seen[1:]] == ["/following"] * len(following)
        assert [answer.body for answer in following] == [b"/following"] * len(following)
    check_server(edge, server)


def test_a_request_that_breaks_off_leaves_no_half_behind(behind):
    """What a client leaves unsaid, another does not say."""
    edge, server = behind
    for broken in (post(b"Content-Length: 50", body=b"hello"), post(b"Transfer-Encoding: chunked", body=b"5\r\nhel")):
        with edge.connect() as connection:
            connection.send(broken)
            connection.tear()
        check_server(edge, server)
    assert all(b"/afterwards" not in part for part in server.cut_off)


def test_every_request_of_many_in_one_write_is_one(behind):
    edge, server = behind
    with edge.connect() as connection:
        connection.send(b"".join(post(b"Content-Length: %d" % len(body), body=body) + get(b"/%d" % number)
                                 for number, body in enumerate([b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"] * 20)))
        bodies = [connection.answer().body for _ in range(40)]
    assert bodies == [part for number in range(20) for part in (b"/app/", b"/%d" % number)]
    wait_until(lambda: len(server.messages) == 40, "the server has all")
    assert [message.target for message in server.take() if "smuggled" in message.target] == []
    check_server(edge, server)

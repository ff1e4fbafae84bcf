"""Answers of servers that are malformed, ambiguous or endless: none of their bytes is a second answer to anyone."""
import re
import threading

import pytest

from edge import wait_until
from http_client import PATIENCE
from origin import OK, Hangup, Origin

SITE = """\
    edge: {{threads: 1}}
    log: {{access: off}}
    upstreams:
      api: {{servers: ["{url}"], retries: 0, eject: {{failures: 0}}, read_timeout: 2s}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""
SPLIT = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def answer(*fields, line=b"HTTP/1.1 200 OK", body=b""):
    return b"\r\n".join([line, *fields, b"", b""]) + body


def chunked(body):
    return answer(b"Transfer-Encoding: chunked", body=body)


REFUSED = {
    "Content-Length and Transfer-Encoding": answer(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "Transfer-Encoding and Content-Length": answer(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n"),
    "two Content-Lengths": answer(b"Content-Length: 2", b"Content-Length: 4", body=b"okay"),
    "a list of Content-Lengths": answer(b"Content-Length: 2, 4", body=b"okay"),
    "a signed Content-Length": answer(b"Content-Length: +2", body=b"ok"),
    "a negative Content-Length": answer(b"Content-Length: -2", body=b"ok"),
    "a hexadecimal Content-Length": answer(b"Content-Length: 0x2", body=b"ok"),
    "a Content-Length beyond 64 bits": answer(b"Content-Length: 18446744073709551618", body=b"ok"),
    "a coding that nobody knows": answer(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked not last": answer(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "chunked in two fields": answer(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "bare LF after the status line": b"HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok",
    "bare LF after a field": b"HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok",
    "bare CR in a field": answer(b"X: a\rSet-Cookie: evil=1", b"Content-Length: 2", body=b"ok"),
    "bare CR in the reason": answer(b"Content-Length: 2", line=b"HTTP/1.1 200 O\rK", body=b"ok"),
    "NUL in a field": answer(b"X: a\0b", b"Content-Length: 2", body=b"ok"),
    "NUL in the reason": answer(b"Content-Length: 2", line=b"HTTP/1.1 200 O\0K", body=b"ok"),
    "NUL in a name": answer(b"X\0: a", b"Content-Length: 2", body=b"ok"),
    "a control byte in a field": answer(b"X: a\x01b", b"Content-Length: 2", body=b"ok"),
    "obs-fold": answer(b"X: a", b" folded", b"Content-Length: 2", body=b"ok"),
    "a space before the colon": answer(b"Content-Length : 2", body=b"ok"),
    "a field without a colon": answer(b"nonsense", b"Content-Length: 2", body=b"ok"),
    "a field without a name": answer(b": a", b"Content-Length: 2", body=b"ok"),
    "a status of two digits": answer(b"Content-Length: 2", line=b"HTTP/1.1 20 OK", body=b"ok"),
    "a status of four digits": answer(b"Content-Length: 2", line=b"HTTP/1.1 2000 OK", body=b"ok"),
    "a status of letters": answer(b"Content-Length: 2", line=b"HTTP/1.1 2OO OK", body=b"ok"),
    "status 0": answer(b"Content-Length: 2", line=b"HTTP/1.1 000 OK", body=b"ok"),
    "HTTP/2.0": answer(b"Content-Length: 2", line=b"HTTP/2.0 200 OK", body=b"ok"),
    "another protocol": answer(b"Content-Length: 2", line=b"ICY 200 OK", body=b"ok"),
    "HTTP/0.9": b"ok",
    "101 that nobody asked for": answer(b"Connection: Upgrade", b"Upgrade: websocket",
                                        line=b"HTTP/1.1 101 Switching Protocols") + SPLIT,
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20),
    "fields without end": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200_000,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
    "interim answers and nothing else": b"HTTP/1.1 100 Continue\r\nLink: </a>\r\n\r\n" * 3,
}
BROKEN = {                                              # whose head is good
    "a chunk size that is no number": chunked(b"2\r\nok\r\nzz\r\n"),
    "a chunk size beyond 64 bits": chunked(b"2\r\nok\r\n10000000000000002\r\nok\r\n0\r\n\r\n"),
    "a signed chunk size": chunked(b"+2\r\nok\r\n0\r\n\r\n"),
    "a chunk longer than it said": chunked(b"2\r\nokay\r\n0\r\n\r\n"),
    "a chunk without CRLF at its end": chunked(b"2\r\nok0\r\n\r\n"),
    "bare LF after a chunk": chunked(b"2\r\nok\n0\r\n\r\n"),
    "bare LF after a chunk size": chunked(b"2\nok\r\n0\r\n\r\n"),
    "a chunk extension without end": chunked(b"2;" + b"a" * (1 << 20)),
    "trailers without end": chunked(b"2\r\nok\r\n0\r\n" + b"X: a\r\n" * 200_000),
    "chunks that end too early": chunked(b"2\r\nok\r\n"),
    "less than its length": answer(b"Content-Length: 50", body=b"ok"),
}
TRIMMED = {                                             # name -> (method, answer, what the client gets)
    "two answers in one": ("GET", OK + SPLIT, b"ok"),
    "more than its length": ("GET", OK + b"evil", b"ok"),
    "more behind the chunks": ("GET", chunked(b"2\r\nok\r\n0\r\n\r\n") + SPLIT, b"ok"),
    "a body to HEAD": ("HEAD", OK + SPLIT, b""),
    "chunks to HEAD": ("HEAD", chunked(b"4\r\nevil\r\n0\r\n\r\n"), b""),
    "a body of 204": ("GET", answer(b"Content-Length: 4", line=b"HTTP/1.1 204 No Content", body=b"evil"), b""),
    "a body of 304": ("GET", answer(b"Content-Length: 4", line=b"HTTP/1.1 304 Not Modified", body=b"evil"), b""),
    "an answer behind an interim one": ("GET", b"HTTP/1.1 100 Continue\r\nX: evil\r\n\r\n" + OK + SPLIT, b"ok"),
    "fields in the trailers": ("GET", chunked(b"2\r\nok\r\n0\r\nSet-Cookie: evil=1\r\n\r\n") + SPLIT, b"ok"),
}


@pytest.fixture
def behind(serve):
    """edge before a server that answers /bad with given bytes, and the rest well."""
    made = []

    def make(bad, ends):
        def answer_to(seen, client):
            if seen.target != "/bad":
                return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(seen.target) + seen.target.encode()
            client.sendall(bad)
            if ends:
                raise Hangup
            released.wait(PATIENCE)
            raise Hangup
        released = threading.Event()
        made.extend([Origin(answer_to), released])
        return serve(SITE.format(url=made[0].url)), made[0]

    yield make
    if made:
        made[1].set()
        made[0].close()


def check_others(edge, origin):
    """Nobody else gets a byte of it, and its connection is not used again."""
    used = [seen.connection for seen in origin.seen if seen.target == "/bad"]
    for number in range(3):
        got = edge.get(f"/good/{number}")
        assert (got.status, got.text) == (200, f"/good/{number}")
    assert not {seen.connection for seen in origin.seen if seen.target != "/bad"} & set(used)
    assert edge.process.poll() is None


def errors(edge):
    return re.findall(r"(?:error|warn) request [0-9a-f]{32}: \S+ /bad: .*", edge.log.text())


def stays(name):
    """Whether the server says no more and does not end it either, where that must not make a difference."""
    return name not in ("HTTP/0.9", "interim answers and nothing else", "chunks that end too early", "less than its length")


@pytest.mark.parametrize("ends", [True, False], ids=["and ends", "and stays"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_answer_is_502_told_once(behind, name, ends):
    edge, origin = behind(REFUSED[name], ends or not stays(name))
    with edge.connect() as client:
        got = client.request("GET", "/bad")
        assert got.status == 502 and b"evil" not in got.body
        assert "evil" not in str(got.fields)
        assert not got.keeps_alive or client.request("GET", "/next").body == b"/next"
    wait_until(lambda: errors(edge), "the log tells why")
    assert len(errors(edge)) == 1, errors(edge)
    assert f"server 127.0.0.1:{origin.port}" in errors(edge)[0]
    check_others(edge, origin)


@pytest.mark.parametrize("ends", [True, False], ids=["and ends", "and stays"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_body_that_breaks_is_never_a_whole_one(behind, name, ends):
    edge, origin = behind(BROKEN[name], ends or not stays(name))
    with edge.connect() as client:
        client.ask("GET", "/bad")
        try:
            assert client.answer().status == 502
        except (AssertionError, ConnectionError) as error:
            assert "stream ended" in str(error) or isinstance(error, ConnectionError), error
    check_others(edge, origin)
    wait_until(lambda: "/bad" in edge.log.text(), "the log tells why")


@pytest.mark.parametrize("ends", [True, False], ids=["and ends", "and stays"])
@pytest.mark.parametrize("name", TRIMMED)
def test_what_is_behind_an_answer_is_nobodys(behind, name, ends):
    method, bad, body = TRIMMED[name]
    edge, origin = behind(bad, ends)
    with edge.connect() as client:
        got = client.request(method, "/bad")
        assert got.status in (200, 204, 304) and got.body == body and "evil" not in str(got.fields)
        assert client.request("GET", "/next").body == b"/next"
    check_others(edge, origin)

"""Answers by uwsgi and FastCGI that are malformed, ambiguous or endless: none of their bytes is another's answer."""
import re

import pytest

from edge import wait_until
from recording_server import END, PARAMS, STDERR, STDOUT, RecordingServer, fastcgi_answer, record
from test_proxy_bad_answers import BROKEN, OK, REFUSED, SPLIT

SITE = """\
    edge: {{threads: 1}}
    log: {{access: off}}
    upstreams:
      api: {{servers: ["{url}"], retries: 0, eject: {{failures: 0}}, read_timeout: 2s, {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""
DONE = record(STDOUT) + record(END, bytes(8))


def said(text, more=DONE):
    return record(STDOUT, text) + more


def head(*fields, body=b"ok"):
    return said(b"\r\n".join([*fields, b"", b""]) + body)


NO_HEAD = {
    "not FastCGI": OK,
    "another version": record(STDOUT, b"X: a\r\n\r\nok", version=2) + DONE,
    "another request": record(STDOUT, b"X: a\r\n\r\nok", request=2) + DONE,
    "no request": record(STDOUT, b"X: a\r\n\r\nok", request=0) + DONE,
    "a record that only clients send": record(PARAMS, b"X") + DONE,
    "a record of an unknown kind": record(99, b"X") + DONE,
    "an end and nothing else": DONE,
    "an end of the wrong size": record(END, bytes(4)),
    "a refusal": record(END, bytes(4) + b"\2" + bytes(3)),
    "half a head": said(b"X: a\r\n"),
    "a line that is no field": head(b"nonsense"),
    "a status line of HTTP": head(b"HTTP/1.1 200 OK", b"Content-Length: 2"),
    "a space before the colon": head(b"X : a"),
    "an empty name": head(b": a"),
    "NUL in a field": head(b"X: a\0b"),
    "bare CR in a field": head(b"X: a\rSet-Cookie: evil=1"),
    "a fold": head(b"X: a", b" Set-Cookie: evil=1"),
    "Transfer-Encoding": head(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SPLIT),
    "two lengths": head(b"Content-Length: 2", b"Content-Length: 4"),
    "a signed length": head(b"Content-Length: +2"),
    "a length beyond 64 bits": head(b"Content-Length: 18446744073709551618"),
    "a status of letters": head(b"Status: 2OO OK"),
    "a status of four digits": head(b"Status: 2000 OK"),
    "an interim status": head(b"Status: 100 Continue"),
    "an upgrade that nobody asked for": head(b"Status: 101 Switching Protocols"),
    "two statuses": head(b"Status: 200 OK", b"Status: 404 No"),
    "a head without end": b"".join(record(STDOUT, b"X: " + b"a" * 60_000) for _ in range(20)),
    "fields without end": b"".join(record(STDOUT, b"X: a\r\n" * 10_000) for _ in range(20)),
    "errors without end": record(STDERR, b"e" * 60_000) * 400,
    "empty records without end": record(STDOUT, b"", padding=bytes(255)) * 100_000,
}
BREAKS = {
    "less than its length": head(b"Content-Length: 50"),
    "half a record with the head": record(STDOUT, b"X: a\r\n\r\n", size=5000),
    "half a record of content": said(b"X: a\r\n\r\nok", record(STDOUT, b"more", size=5000)),
    "no end": said(b"X: a\r\n\r\nok", b""),
    "another request's content": said(b"X: a\r\n\r\nok", record(STDOUT, b"evil", request=2) + DONE),
    "a refusal behind content": said(b"X: a\r\n\r\nok", record(END, bytes(4) + b"\2" + bytes(3))),
}
TRIMMED = {
    "more than its length": head(b"Content-Length: 2", body=b"okevil"),
    "two answers in one": head(b"Content-Length: 2") + fastcgi_answer(b"evil"),
    "content behind the end": head(b"Content-Length: 2") + record(STDOUT, b"evil"),
    "bytes behind the end": head(b"Content-Length: 2") + b"evil",
}


@pytest.fixture
def behind(serve):
    """edge before a server that answers /bad with given bytes, and the rest well."""
    made = []

    def make(protocol, bad, ends=True):
        made.append(RecordingServer(protocol, {"/bad": bad}, ends))
        more = "fastcgi: {root: /srv}" if protocol == "fastcgi" else ""
        return serve(SITE.format(url=made[0].url, more=more)), made[0]

    yield make
    for server in made:
        server.close()


def check_others(edge, server, in_frames=False):
    """Nobody else gets a byte of it, and its connection is not used again unless its frames were good."""
    for number in range(3):
        got = edge.get(f"/good/{number}")
        assert (got.status, got.text) == (200, f"/good/{number}")
    seen = server.take()
    used = {message.connection for message in seen if message.target == "/bad"}
    assert used
    assert in_frames or not {message.connection for message in seen if message.target != "/bad"} & used
    assert server.malformed == [] and edge.process.poll() is None


def errors(edge):
    return re.findall(r"(?:error|warn) request [0-9a-f]{32}: \S+ /bad: .*", edge.log.text())


def check_refused(edge, server):
    with edge.connect() as client:
        got = client.request("GET", "/bad")
        assert got.status == 502 and b"evil" not in got.body and "evil" not in str(got.fields)
        assert not got.keeps_alive or client.request("GET", "/next").body == b"/next"
    wait_until(lambda: errors(edge), "the log tells why")
    assert len(errors(edge)) == 1, errors(edge)
    check_others(edge, server)


def check_broken(edge, server):
    with edge.connect() as client:
        client.ask("GET", "/bad")
        try:
            assert client.answer().status == 502
        except (AssertionError, ConnectionError) as error:
            assert "stream ended" in str(error) or isinstance(error, ConnectionError), error
    check_others(edge, server)


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - {"HTTP/2.0"}))         # uWSGI says what it was told
def test_what_is_no_answer_by_uwsgi_is_502_told_once(behind, name):
    check_refused(*behind("uwsgi", REFUSED[name]))


@pytest.mark.parametrize("name", BROKEN)
def test_a_body_by_uwsgi_that_breaks_is_never_a_whole_one(behind, name):
    check_broken(*behind("uwsgi", BROKEN[name]))


@pytest.mark.parametrize("ends", [True, False], ids=["and ends", "and stays"])
@pytest.mark.parametrize("name", NO_HEAD)
def test_what_is_no_answer_by_fastcgi_is_502_told_once(behind, name, ends):
    check_refused(*behind("fastcgi", NO_HEAD[name], ends))


@pytest.mark.parametrize("name", BREAKS)
def test_a_body_by_fastcgi_that_breaks_is_never_a_whole_one(behind, name):
    check_broken(*behind("fastcgi", BREAKS[name]))


@pytest.mark.parametrize("ends", [True, False], ids=["and ends", "and stays"])
@pytest.mark.parametrize("name", TRIMMED)
def test_what_is_behind_an_answer_by_fastcgi_is_nobodys(behind, name, ends):
    edge, server = behind("fastcgi", TRIMMED[name], ends)
    with edge.connect() as client:
        got = client.request("GET", "/bad")
        assert (got.status, got.body) == (200, b"ok")
        assert client.request("GET", "/next").body == b"/next"
    check_others(edge, server, in_frames=name == "more than its length")


def test_what_a_program_says_of_errors_forges_no_line_of_the_log(behind):
    edge, _ = behind("fastcgi", record(STDERR, b"oops\n2026-01-01T00:00:00.000Z error forged\x1b[2J") + record(STDERR)
                     + head(b"Content-Length: 2"))
    assert edge.get("/bad").body == b"ok"
    edge.log.wait_for(r"warn .*oops")
    assert not [line for line in edge.log.all() if line.startswith("2026-01-01") or "\x1b" in line]

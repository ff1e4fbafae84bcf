"""Which answers and failures leave a server out, and what brings it back."""
import itertools
import socket
import struct
from collections import Counter

import pytest

from edge import wait_until
from origin import OK, Hangup

SITE = """\
    edge: {{threads: 1}}
    log: {{access: off}}
    upstreams:
      api: {{servers: [{servers}], {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
LEFT_OUT = r"server 127\.0\.0\.1:{} is left alone"


def break_off(seen, client):
    raise Hangup


def alternating(*answers):
    """One after the other, over and over."""
    turns = itertools.cycle(answers)
    return lambda seen, client: next(turns)(seen, client)


@pytest.mark.parametrize("good", [OK, CHUNKED, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"],
                         ids=["with its length", "in chunks", "404"])
def test_an_answer_ends_a_row_of_failures(serve, origins, good):
    """However short it is: it may come with its head, in one piece."""
    origin = origins(alternating(break_off, break_off, lambda seen, client: good))
    edge = serve(SITE.format(servers=origin.url, more="eject: {failures: 3, for: 1h}, keepalive: 0"))
    status = int(good.split()[1])
    assert [edge.get("/").status for _ in range(9)] == [502, 502, status] * 3
    assert "left alone" not in edge.log.text()


def test_a_row_of_failures_leaves_a_server_out(serve, origins):
    bad, good = origins(break_off), origins()
    edge = serve(SITE.format(servers=f"{bad.url}, {good.url}", more="eject: {failures: 3, for: 1h}"))
    assert [edge.get("/").status for _ in range(20)] == [200] * 20
    assert (len(bad.seen), len(good.seen)) == (3, 20)
    edge.log.wait_for(LEFT_OUT.format(bad.port))


def test_one_answer_brings_a_server_back(serve, origins):
    broken = [True]

    def answer(seen, client):
        return break_off(seen, client) if broken else OK
    origin, other = origins(answer), origins()
    edge = serve(SITE.format(servers=f"{origin.url}, {other.url}", more="eject: {failures: 1, for: 100ms}"))
    wait_until(lambda: edge.get("/").status == 200 and origin.seen, "the failure is felt")
    edge.log.wait_for(LEFT_OUT.format(origin.port))
    broken.clear()
    wait_until(lambda: edge.get("/").status == 200 and "answers again" in edge.log.text(), "it is tried and answers")
    before = len(origin.seen)
    assert [edge.get("/").status for _ in range(10)] == [200] * 10
    assert len(origin.seen) >= before + 3               # its share of them


def test_who_answers_while_all_are_left_out_is_back_at_once(serve, origins):
    """Else the one that is down now would get as many requests as those that are well again."""
    broken = {"a", "b"}

    def answers_as(name):
        return lambda seen, client: break_off(seen, client) if name in broken else OK
    first, second = origins(answers_as("a")), origins(answers_as("b"))
    edge = serve(SITE.format(servers=f"{first.url}, {second.url}", more="eject: {failures: 1, for: 1h}"))
    assert edge.get("/").status == 502
    for origin in (first, second):
        edge.log.wait_for(LEFT_OUT.format(origin.port))
    broken.remove("a")
    wait_until(lambda: edge.get("/").status == 200, "the one that is well is asked")
    edge.log.wait_for(rf"server 127\.0\.0\.1:{first.port} answers again")
    before = len(second.seen)
    assert [edge.get("/").status for _ in range(10)] == [200] * 10
    assert len(second.seen) == before


def reset(seen, client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Hangup


@pytest.mark.parametrize("how", [break_off, reset], ids=["orderly", "by a reset"])
@pytest.mark.parametrize("method, body", [("GET", None), ("HEAD", None), ("PUT", b"x" * 300_000)],
                         ids=["GET", "HEAD", "PUT"])
def test_a_kept_connection_that_the_server_has_ended_fails_nothing(serve, origins, how, method, body):
    """As servers do for idleness, at the very moment when the next request comes. It is no failure of the server's."""
    asked = Counter()

    def answer(seen, client):
        asked[seen.connection] += 1
        return OK if asked[seen.connection] == 1 else how(seen, client)
    origin = origins(answer)
    edge = serve(SITE.format(servers=origin.url, more="retries: 0, eject: {failures: 1, for: 1h}"))
    assert [edge.get("/", method=method, body=body).status for _ in range(6)] == [200] * 6
    assert origin.connections > 1 and "upstream api" not in edge.log.text() and "left alone" not in edge.log.text()


def test_a_server_that_ends_every_connection_is_asked_once_more_and_no_oftener(serve, origins):
    broken = []
    origin = origins(lambda seen, client: break_off(seen, client) if broken else OK)
    edge = serve(SITE.format(servers=origin.url, more="eject: {failures: 0}"))
    assert edge.get("/first").status == 200
    broken.append(True)
    assert [edge.get("/second").status, edge.get("/third").status] == [502, 502]
    assert [seen.target for seen in origin.seen] == ["/first", "/second", "/second", "/third"]


def test_a_streamed_body_takes_no_kept_connection(serve, origins):
    """It could not be sent again."""
    asked = Counter()

    def answer(seen, client):
        asked[seen.connection] += 1
        return OK if asked[seen.connection] == 1 else break_off(seen, client)
    site = SITE.replace("proxy: api", "proxy: {{to: api, buffer_request: false}}")
    edge = serve(site.format(servers=origins(answer).url, more="retries: 0"))
    assert [edge.get("/", method="PUT", body=b"x" * 100_000).status for _ in range(4)] == [200] * 4

"""Connections to servers that are kept: what a server says on one of its own accord is never the answer to a request."""
import contextlib
import json
import signal
import socket
import threading
from collections import Counter
from pathlib import Path

import pytest

from edge import PATIENCE, run, wait_until
from origin import OK, Hangup

SITE = """\
    edge: {{threads: 1, control: control.sock}}
    log: {{access: off}}
    upstreams:
      api: {{servers: ["{server}"], retries: 0, eject: {{failures: 1, for: 1h}}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""
WAITED = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate"
WAITED_10 = b"HTTP/1.0 408 Request Time-out\r\n\r\nlate"
SAID_BY_AN_APP = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nlate"


def with_408(origins, word=WAITED):
    """Its first answer on a connection is well; in place of the next one comes `word`, and the end."""
    asked = Counter()

    def answer(seen, client):
        asked[seen.connection] += 1
        if asked[seen.connection] == 1:
            return OK
        client.sendall(word)
        raise Hangup
    return origins(answer)


def speaks_while_it_rests(origins, word):
    """The first connection ends so, once it has answered; the event is there when edge has closed it as well."""
    closed = threading.Event()

    def answer(seen, client):
        if seen.connection > 0:
            return OK
        client.sendall(OK)
        client.sendall(word) if word else client.shutdown(1)
        with contextlib.suppress(ConnectionResetError):             # edge may have left the word unread
            while client.recv(65536):
                pass
        closed.set()
        raise Hangup
    return origins(answer), closed


@pytest.mark.parametrize("word", [WAITED, WAITED_10], ids=["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("method, body", [("GET", None), ("HEAD", None), ("PUT", b"x" * 300_000)],
                         ids=["GET", "HEAD", "PUT"])
def test_a_408_that_crosses_a_request_is_not_its_answer(serve, origins, word, method, body):
    """It is sent once more, on a new connection, and the server has done nothing wrong."""
    origin = with_408(origins, word)
    edge = serve(SITE.format(server=origin.url))
    assert [edge.get("/", method=method, body=body).status for _ in range(6)] == [200] * 6
    assert origin.connections > 1 and "upstream api" not in edge.log.text() and "left alone" not in edge.log.text()


def test_a_post_that_a_408_crosses_is_sent_once(serve, origins):
    """The 408 is true of it: the server has not waited for it. Whoever asked decides whether to ask again."""
    origin = with_408(origins)
    edge = serve(SITE.format(server=origin.url))
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        assert client.request("POST", "/", body=b"order").status == 408
    assert [seen.body for seen in origin.seen] == [b"", b"order"]


def test_a_408_on_a_new_connection_or_one_that_goes_on_is_an_answer(serve, origins):
    origin = origins(lambda seen, client: WAITED if seen.target == "/close" else SAID_BY_AN_APP)
    edge = serve(SITE.format(server=origin.url))
    for target in ("/close", "/", "/"):
        got = edge.get(target)
        assert (got.status, got.text) == (408, "late")
    assert [(seen.target, seen.connection) for seen in origin.seen] == [("/close", 0), ("/", 1), ("/", 1)]


def test_who_always_says_408_is_asked_once_more_and_no_oftener(serve, origins):
    origin = origins(lambda seen, client: OK if seen.target == "/first" else WAITED)
    edge = serve(SITE.format(server=origin.url))
    assert [edge.get("/first").status, edge.get("/second").status] == [200, 408]
    assert [seen.target for seen in origin.seen] == ["/first", "/second", "/second"]


@pytest.mark.parametrize("word", [WAITED, b""], ids=["408", "an end"])
@pytest.mark.parametrize("method, body", [("GET", None), ("POST", b"order")], ids=["GET", "POST"])
def test_what_comes_while_it_rests_ends_it(serve, origins, word, method, body):
    origin, closed = speaks_while_it_rests(origins, word)
    edge = serve(SITE.format(server=origin.url))
    assert edge.get("/").status == 200
    assert closed.wait(PATIENCE)
    assert edge.get("/", method=method, body=body).status == 200
    assert [(seen.body, seen.connection) for seen in origin.seen] == [(b"", 0), (body or b"", 1)]


def is_stopped(edge):
    return Path(f"/proc/{edge.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


@pytest.mark.parametrize("word", [WAITED, b""], ids=["408", "an end"])
@pytest.mark.parametrize("method, body", [("GET", None), ("POST", b"order")], ids=["GET", "POST"])
def test_it_is_looked_at_before_the_next_request(serve, origins, word, method, body):
    """What came before the loop has been told of it: behind the request, and in the same turn."""
    origin = origins()
    edge = serve(SITE.format(server=origin.url))
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        edge.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_stopped(edge), "it stands still")
        client.ask(method, "/", body=body)
        if word:
            origin.clients[0].sendall(word)
        origin.clients[0].shutdown(socket.SHUT_WR)
        edge.process.send_signal(signal.SIGCONT)
        assert client.answer(method).status == 200
    assert [(seen.body, seen.connection) for seen in origin.seen] == [(b"", 0), (body or b"", 1)]


def idle(edge):
    told = run("status", "--json", folder=edge.folder)
    assert told.returncode == 0, told.stderr
    [upstream] = json.loads(told.stdout)["upstreams"]
    return [server["idle"] for server in upstream["servers"]]


def test_status_shows_how_many_there_are(serve, origins):
    together = threading.Barrier(3)

    def answer(seen, client):
        together.wait(PATIENCE)
        return OK
    origin = origins(answer)
    edge = serve(SITE.format(server=origin.url).replace("threads: 1", "threads: 2"))
    assert idle(edge) == [0]
    with contextlib.ExitStack() as clients:
        for client in [clients.enter_context(edge.connect()) for _ in range(3)]:
            client.ask("GET", "/")
        wait_until(lambda: idle(edge) == [3], "all three are kept")
    for client in list(origin.clients):
        client.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: idle(edge) == [0], "the server has ended them")

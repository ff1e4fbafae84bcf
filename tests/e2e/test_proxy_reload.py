"""Reloads while servers behind edge are asked: nothing that is under way is lost, whatever comes and goes."""
import contextlib
import threading
import time

import pytest

from edge import PATIENCE, run, wait_until, write_files
from origin import OK
from test_proxy_outages import Load, OverHttp1

SITE = """\
    edge: {{threads: 2, control: control.sock}}
    log: {{access: off}}
    http: {{keepalive_requests: 1000000000}}
    upstreams:
      {name}: {{servers: [{servers}], {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        headers: {{X-Number: "{number}"}}
        routes:
          - {{path: /, proxy: {name}}}
          - {{path: /streamed/, proxy: {{to: {name}, buffer_request: false}}}}
"""
EMPTY = """\
    edge: {threads: 2, control: control.sock}
    log: {access: off}
    http: {keepalive_requests: 1000000000}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{path: /, return: {status: 404}}]
"""
RELOADS = 30
SECONDS = 10


def site(*servers, name="api", number=0, more=""):
    return SITE.format(name=name, number=number, more=more, servers=", ".join(servers))


def reload(edge, text):
    write_files(edge.folder, {"site.yaml": text})
    done = run("reload", folder=edge.folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


class Busy(Load):
    """Beside the usual clients some whose answers are slow, some whose answers drip, and some whose uploads do."""

    def __init__(self, edge):
        super().__init__(edge, OverHttp1)
        self.slow = 0
        kinds = [self.wait_long, self.drink, lambda c, t: self.upload(c, "/up" + t),
                 lambda c, t: self.upload(c, "/streamed" + t)]
        self.threads += [threading.Thread(target=self.repeat, args=(kind, f"{kind}-{number}"))
                         for kind in kinds for number in range(3)]

    def repeat(self, kind, name):
        try:
            with contextlib.closing(self.edge.connect()) as connection:
                for turn in range(1 << 30):
                    kind(connection, f"/{turn}")
                    self.slow += 1
                    if self.enough.is_set():
                        return
        except Exception as error:                          # whatever it is, the test must hear of it
            self.wrong.append((name, error))

    @staticmethod
    def wait_long(connection, target):
        answer = connection.request("GET", f"/slow/700{target}")
        assert (answer.status, answer.text) == (200, f"/slow/700{target} 0")

    @staticmethod
    def drink(connection, target):
        answer = connection.request("GET", f"/drip/40{target}")
        assert (answer.status, answer.body) == (200, b"".join(b"%4d" % number for number in range(40)))

    def upload(self, connection, target):
        connection.send(f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 80000\r\n\r\n".encode())
        for _ in range(8):
            connection.send(b"u" * 10_000)
            self.enough.wait(0.1)                           # a slow line
        answer = connection.answer("POST")
        assert (answer.status, answer.text) == (200, f"{target} 80000")


def test_thirty_reloads_under_load_fail_nothing(serve, outage_servers):
    """Each changes the name and the settings of the upstream, and which two of three servers it has."""
    def numbered(number):
        chosen = [server for at, server in enumerate(outage_servers) if at != number % 3]
        more = ("balance: least_conn, keepalive: 2", "balance: random", "keepalive: 0", "balance: hash $uri")[number % 4]
        return site(*(f"http://{server.name}" for server in chosen), name=("even", "odd")[number % 2], number=number,
                    more=more)
    edge = serve(numbered(0))
    with Busy(edge) as busy:
        begun = time.monotonic()
        for number in range(1, RELOADS + 1):
            reload(edge, numbered(number))
            busy.enough.wait(max(0, begun + number * SECONDS / RELOADS - time.monotonic()))
    assert busy.wrong == [], f"{len(busy.wrong)} wrong of {busy.gets.total()} GETs and {len(busy.posts)} POSTs"
    assert set(busy.posts.values()) == {200}
    assert busy.slow > 12 and all(server.requests() for server in outage_servers)
    assert "error request" not in edge.log.text() and "another server" not in edge.log.text()
    assert edge.get("/last").get("X-Number") == str(RELOADS)


def test_an_upstream_is_removed_while_it_answers(serve, origins):
    release = threading.Event()

    def answer(seen, client):
        if seen.target == "/head":                          # the head is here, the content is not
            client.sendall(OK[:-1])
            release.wait(PATIENCE)
            return OK[-1:]
        if seen.target == "/nothing":
            release.wait(PATIENCE)
        return OK
    origin = origins(answer)
    edge = serve(site(origin.url))
    with edge.connect() as head, edge.connect() as nothing:
        head.ask("GET", "/head")
        nothing.ask("GET", "/nothing")
        wait_until(lambda: len(origin.seen) == 2, "both are at the server")
        reload(edge, EMPTY)
        assert edge.get("/new").status == 404
        release.set()
        for connection in (head, nothing):
            answer = connection.answer()
            assert (answer.status, answer.body) == (200, b"ok")
            assert connection.request("GET", "/new").status == 404
    wait_until(lambda: all(client.fileno() < 0 for client in origin.clients), "its connections are closed")


def test_servers_change_while_one_answers(serve, origins):
    release = threading.Event()
    first = origins(lambda seen, client: release.wait(PATIENCE) and OK)
    second = origins()
    edge = serve(site(first.url))
    with edge.connect() as waiting:
        waiting.ask("POST", "/order", body=b"x")
        wait_until(lambda: first.seen, "it is at the first")
        reload(edge, site(second.url))
        assert [edge.get("/new").status for _ in range(5)] == [200] * 5
        assert (len(first.seen), len(second.seen)) == (1, 5)
        release.set()
        assert waiting.answer("POST").body == b"ok"
    wait_until(lambda: all(client.fileno() < 0 for client in first.clients), "connections to the first are closed")
    assert len(second.seen) == 5, "the order was taken once"


@pytest.mark.parametrize("after", ["the same", "other settings", "another server", "none"])
def test_who_waits_for_a_place_gets_it_over_a_reload(serve, origins, after):
    release = threading.Event()
    origin = origins(lambda seen, client: (seen.target == "/warm" or release.wait(PATIENCE)) and OK)
    other = origins()
    narrow = f"{{url: {origin.url}, max_connections: 1}}"
    edge = serve(site(narrow))
    with edge.connect() as first, edge.connect() as second, edge.connect() as third:
        for connection in (first, second, third):           # so that edge reads from it already
            assert connection.request("GET", "/warm").status == 200
        first.ask("GET", "/first")
        wait_until(lambda: len(origin.seen) == 4, "one is at the server")
        second.ask("GET", "/second")
        third.ask("POST", "/third", body=b"x")
        reload(edge, {"the same": site(narrow, number=1), "other settings": site(narrow, more="queue: 5"),
                      "another server": site(other.url), "none": EMPTY}[after])
        release.set()
        for connection in (first, second, third):
            assert connection.answer().status == 200
    assert sorted(seen.target for seen in origin.seen[3:] + other.seen) == ["/first", "/second", "/third"]


def test_a_server_that_dies_during_a_reload_is_left_out_as_before(serve, outage_servers):
    """What is known of servers that stay outlives the reload."""
    dead, *others = outage_servers
    text = site(*(f"http://{server.name}" for server in outage_servers), more="eject: {failures: 1, for: 1h}")
    edge = serve(text)
    dead.kill()
    wait_until(lambda: edge.get("/x").status == 200 and "is left alone" in edge.log.text(), "it is left out")
    reload(edge, text.replace('X-Number: "0"', 'X-Number: "1"'))
    assert [edge.get(f"/{turn}").status for turn in range(20)] == [200] * 20
    assert edge.log.text().count("is left alone") == 1 and edge.log.text().count("another server is asked") <= 2

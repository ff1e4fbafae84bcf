"""A server that breaks off within the head of its answer: which requests another one is asked, and which are not."""
import socket
import struct

import pytest

from certificates import Authority
from edge import wait_until
from origin import OK, Hangup, Seen, read_head
from recording_server import END, STDERR, STDOUT, RecordingServer, fastcgi_answer, record
from tls_origin import TlsOrigin

SITE = """\
    edge: {{threads: 1}}
    log: {{access: {{path: access.log, format: "[$upstream_addr] [$upstream_status]"}}}}
    upstreams:
      api: {{servers: [{servers}], read_timeout: 1s, {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {{path: /streamed, proxy: {{to: api, buffer_request: false}}}}
          - {{path: /, proxy: api}}
"""
HALF = b"HTTP/1.1 200 OK\r\nContent-Le"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </%b.css>; rel=preload\r\n\r\n"
NEVER_EJECT = "eject: {failures: 0}"
BREAKS_OFF = "the server closed the connection before the head of its answer was whole"


def ends(client):
    raise Hangup


def resets(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Hangup


def stays(client):
    client.recv(1)                                      # until edge has enough of it
    raise Hangup


def says(part, then=ends):
    def answer(seen, client):
        client.sendall(part)
        then(client)
    return answer


def urls(*servers):
    return ", ".join(server.url for server in servers)


@pytest.fixture
def pair(serve, origins):
    """edge before a server that answers so, and one that is well; requests take turns."""
    def make(answer, more=NEVER_EJECT):
        bad, good = origins(answer), origins()
        return serve(SITE.format(servers=urls(bad, good), more=more)), bad, good
    return make


@pytest.mark.parametrize("how, why", [(ends, BREAKS_OFF), (resets, "Connection reset by peer"),
                                      (stays, "nothing came within read_timeout")], ids=["ends", "resets", "stays"])
@pytest.mark.parametrize("method, body", [("GET", None), ("HEAD", None), ("OPTIONS", None), ("PUT", b"x" * 300_000),
                                          ("DELETE", None)], ids=["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_another_server_is_asked(pair, method, body, how, why):
    edge, bad, good = pair(says(HALF, how))
    assert [edge.get("/", method=method, body=body).status for _ in range(4)] == [200] * 4
    assert len(bad.seen) == 2 and [seen.body for seen in good.seen] == [body or b""] * 4
    edge.log.wait_for(rf"upstream api, server 127\.0\.0\.1:{bad.port}: .*{why}; another server is asked")
    line = f"[127.0.0.1:{bad.port}, 127.0.0.1:{good.port}] [200]"
    wait_until(lambda: (edge.folder / "access.log").read_text().count(line) == 2, "the log names both")


def test_it_counts_as_a_failure_of_that_server(pair):
    edge, bad, good = pair(says(HALF), "eject: {failures: 2, for: 1h}")
    assert [edge.get("/").status for _ in range(8)] == [200] * 8
    assert (len(bad.seen), len(good.seen)) == (2, 8)
    edge.log.wait_for(rf"server 127\.0\.0\.1:{bad.port} is left alone")


def test_no_more_servers_than_retries_allow(serve, origins):
    servers = [origins(says(HALF)) for _ in range(4)]
    edge = serve(SITE.format(servers=urls(*servers), more=NEVER_EJECT + ", retries: 2"))
    assert edge.get("/").status == 502
    assert sorted(len(server.seen) for server in servers) == [0, 1, 1, 1]


@pytest.mark.parametrize("method, path", [("POST", "/"), ("PATCH", "/"), ("PUT", "/streamed")])
def test_what_may_not_be_repeated_is_not(serve, origins, method, path):
    """Not for its method, or because what was sent of its body is gone."""
    servers = [origins(says(HALF)) for _ in range(2)]
    edge = serve(SITE.format(servers=urls(*servers), more=NEVER_EJECT))
    bodies = [b"order %d" % number for number in range(4)]
    for body in bodies:
        assert edge.get(path, method=method, body=body).status == 502
    assert sorted(seen.body for server in servers for seen in server.seen) == bodies
    assert "another server is asked" not in edge.log.text()


class LeavesAtOnce(TlsOrigin):
    def _serve_secured(self, client, number):
        client.close()


class ResetsAfterTheHead(TlsOrigin):
    def _serve_secured(self, client, number):
        with client:
            self.seen.append(Seen(read_head(client, b"")[0], b"", number))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("server, newest", [(LeavesAtOnce, False), (ResetsAfterTheHead, True)])
@pytest.mark.parametrize("size", [120_000, 900_000])
def test_what_has_left_over_tls_is_not_repeated(serve, tmp_path, server, newest, size):
    """Of a body that goes in many records some leave before one fails, and then none of them is counted as sent."""
    authority = Authority(tmp_path / "authority")
    pair = authority.issue("server", ["IP:127.0.0.1"])
    servers = [server(pair=pair, newest=newest) for _ in range(2)]
    try:
        edge = serve(SITE.format(servers=urls(*servers), more=f"{NEVER_EJECT}, tls: {{ca: {authority.certificate}}}"))
        targets = [f"/{number}" for number in range(20)]
        assert {edge.get(target, method="POST", body=b"x" * size).status for target in targets} == {502}
        assert [one.connections for one in servers] == [10, 10]
        seen = [seen.target for one in servers for seen in one.seen]
        assert len(seen) == len(set(seen))
        assert "another server is asked" not in edge.log.text()
    finally:
        for one in servers:
            one.close()


@pytest.mark.parametrize("nonsense", [b"HTTP/1.1 200 OK\r\nNo field\r\n\r\n", b"\x15\x03\x01", HALF + b"x" * 100_000,
                                      b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1_000],
                         ids=["a broken head", "another protocol", "too large a head", "too many fields"])
def test_what_no_server_should_say_is_502_at_once(pair, nonsense):
    """As with nginx, whose `proxy_next_upstream` has no `invalid_header` unless that is asked for."""
    edge, bad, good = pair(says(nonsense))
    assert sorted(edge.get("/").status for _ in range(4)) == [200, 200, 502, 502]
    assert (len(bad.seen), len(good.seen)) == (2, 2)
    edge.log.wait_for(rf"upstream api, server 127\.0\.0\.1:{bad.port}: the server answered with ")


def test_hints_that_the_client_has_seen_keep_nobody_from_another_answer(serve, origins):
    """Both servers' reach it: a client takes any number of interim answers (RFC 9110 15.2)."""
    servers = [origins(says(HINTS % b"first" + HALF)), origins(lambda seen, client: HINTS % b"other" + OK)]
    edge = serve(SITE.format(servers=urls(*servers), more=NEVER_EJECT))
    told = []
    for _ in range(2):
        with edge.connect() as client:
            client.ask("GET", "/")
            heads = [client.head()]
            while heads[-1].status == 103:
                heads.append(client.head())
            told.append([head.all("Link") for head in heads[:-1]])
            assert heads[-1].status == 200
    first, other = [["</first.css>; rel=preload"], ["</other.css>; rel=preload"]]
    assert sorted(told) == [[first, other], [other]]


@pytest.mark.parametrize("bad, is_repeated", [
    (record(STDERR, b"it ends here"), True),
    (record(STDOUT, b"X: a\r\n"), True),
    (record(END, bytes(4) + b"\2" + bytes(3)), True),
    (record(STDOUT, b"nonsense\r\n\r\n"), False),
    (record(STDOUT, b"X: a\r\n") + record(END, bytes(8)), False),
], ids=["errors and an end", "half a head", "it is overloaded", "a broken head", "an end of the request"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_by_fastcgi(serve, bad, is_repeated, method):
    servers = [RecordingServer("fastcgi", {"/bad": bad}, True), RecordingServer("fastcgi", {"/bad": fastcgi_answer(b"well")}, True)]
    try:
        edge = serve(SITE.format(servers=urls(*servers), more=NEVER_EJECT + ", fastcgi: {root: /srv}"))
        expected = [200, 200] if is_repeated and method == "GET" else [200, 502]
        assert sorted(edge.get("/bad", method=method).status for _ in range(2)) == expected
    finally:
        for server in servers:
            server.close()

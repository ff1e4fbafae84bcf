"""Bans of clients who are connected: tunnels end, answers where they are asked for."""
import pytest

from chat_server import Ends, accept_of, SWITCH
from edge import run
from http2_client import END_HEADERS, END_STREAM, HEADERS, RST_STREAM, Http2, field, frame, head
from http_client import Connection
from origin import Hangup, Origin

BAD, GOOD, PROXY = "127.0.0.5", "127.0.0.6", "127.0.0.9"
ASK = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
       "Sec-WebSocket-Version: 13"]
SITE = """\
    edge: {{threads: 2, control: control.sock, trusted_proxies: [{proxy}]}}
    upstreams: {{chat: {{servers: ["{server}"]}}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}]
        routes: [{{path: /, proxy: chat}}]
"""


@pytest.fixture
def chat(serve):
    servers = []

    def start(answer):
        servers.append(Origin(answer))
        return serve(SITE.format(proxy=PROXY, server=servers[-1].url))
    yield start
    for server in servers:
        server.close()


def command(edge, *arguments):
    done = run(*arguments, "site.yaml", folder=edge.folder)
    assert done.returncode == 0, done.stderr


def open_tunnel(edge, source, headers=()):
    client = Connection(edge.port, source=source)
    client.ask("GET", "/chat", headers=[*ASK, *headers])
    assert client.head().status == 101
    return client


def talks(client):
    client.send(b"tick")
    return client.exactly(4) == b"tick"


def echo(seen, client):
    client.sendall(SWITCH + accept_of(seen) + b"\r\n")
    while data := client.recv(65536):
        client.sendall(data)
    raise Hangup


def test_a_ban_ends_the_tunnels_of_its_clients_and_no_others(chat):
    edge = chat(echo)
    with open_tunnel(edge, BAD) as banned, open_tunnel(edge, GOOD) as other:
        assert talks(banned) and talks(other)
        command(edge, "ban", BAD)
        assert banned.is_closed()
        edge.log.wait_for(rf"info a tunnel through localhost ends: {BAD} is banned")
        assert talks(other)
        command(edge, "ban", "127.0.0.4/30")
        assert other.is_closed()


def test_the_tunnel_of_a_client_behind_a_proxy_ends_and_not_those_beside_it(chat):
    edge = chat(echo)
    with open_tunnel(edge, PROXY, ["X-Forwarded-For: 198.51.100.1"]) as banned, \
            open_tunnel(edge, PROXY, ["X-Forwarded-For: 198.51.100.2"]) as other:
        command(edge, "ban", "198.51.100.1")
        assert banned.is_closed()
        command(edge, "ban", "127.0.0.8/29")                # the proxy itself is never banned
        assert talks(other)


def test_the_server_is_told_that_the_tunnel_has_ended(chat):
    ends = Ends()
    edge = chat(ends)
    with open_tunnel(edge, BAD):
        command(edge, "ban", BAD)
        assert ends.ended.wait(60)


def test_a_ban_ends_tunnels_over_http2(chat):
    edge = chat(echo)
    with Http2(edge.port, source=BAD) as client:
        block = field(":protocol", "websocket") + head("/chat", method="CONNECT", more=[("sec-websocket-version", "13")])
        client.send(frame(HEADERS, END_HEADERS, 1, block))
        assert client.until(lambda f: f.kind == HEADERS).status == 200
        command(edge, "ban", BAD)
        assert client.until(lambda f: f.stream == 1 and (f.kind == RST_STREAM or f.flags & END_STREAM))


def test_who_is_banned_is_answered_where_that_is_asked_for(serve):
    edge = serve("""\
        edge: {control: control.sock}
        sites:
          - listen: ["127.0.0.1:0"]
            routes:
              - {path: /, return: {body: served}}
              - {path: /told/, deny_with: 403, return: {body: served}}
    """)
    command(edge, "ban", BAD)
    with edge.connect(source=BAD) as client:
        assert client.request("GET", "/told/").status == 403
        assert client.ask("GET", "/").is_closed()
    with edge.connect(source=GOOD) as client:
        assert client.request("GET", "/told/").text == "served"

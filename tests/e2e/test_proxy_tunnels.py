"""WebSockets and other tunnels: through edge to a server behind it, to their end."""
import asyncio
import socket
import ssl
import struct
import textwrap
import threading
import time

import pytest
import websockets

from certificates import Authority
from chat_server import SITE, SWITCH, ChatSites, Ends
from edge import PATIENCE, run, wait_until
from http_client import SLOWNESS, Connection
from origin import Hangup

ASK = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
       "Sec-WebSocket-Version: 13"]


@pytest.fixture
def chat(serve):
    sites = ChatSites(serve)
    yield sites
    sites.close()


def open_tunnel(port, **options):
    client = Connection(port, **options)
    client.ask("GET", "/chat?room=1", headers=ASK)
    opened = client.head()
    assert opened.status == 101, opened
    return client, opened


# ---- real WebSockets ---------------------------------------------------------------------------------------------

class Echo:
    """A server of the websockets library, in a thread of its own."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.ready.wait(PATIENCE)
        return self

    def _run(self):
        asyncio.set_event_loop(self.loop)

        async def converse(client):
            async for message in client:
                await client.send(message)

        async def listen():
            self.server = await websockets.serve(converse, "127.0.0.1", 0, max_size=2**24, compression="deflate")
            self.port = self.server.sockets[0].getsockname()[1]
            self.ready.set()

        self.loop.run_until_complete(listen())
        self.loop.run_forever()
        self.server.close()
        self.loop.run_until_complete(self.server.wait_closed())
        self.loop.close()

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_websockets_of_a_library(serve, tmp_path, secure):
    authority = Authority(tmp_path)
    pair = authority.issue("localhost", hosts=["localhost"])
    tls = f"tls: {{certificate: {pair.certificate}, key: {pair.key}}}" if secure else ""
    with Echo() as server:
        edge = serve(f"""\
            upstreams: {{chat: {{servers: ["http://127.0.0.1:{server.port}"]}}}}
            sites:
              - listen: [{{address: "127.0.0.1:0", tls: {str(secure).lower()}}}]
                {tls}
                routes: [{{path: /, proxy: chat}}]
        """)
        trust = ssl.create_default_context(cafile=str(authority.certificate)) if secure else None

        async def talk(index):
            url = f"{'wss' if secure else 'ws'}://localhost:{edge.port}/{index}"
            async with websockets.connect(url, ssl=trust, max_size=2**24, open_timeout=PATIENCE) as client:
                for message in [f"hello {index}", b"\0\1\2", "x" * 3_000_000, "ä" * 1000, ""]:
                    await client.send(message)
                    assert await asyncio.wait_for(client.recv(), PATIENCE) == message
                await asyncio.wait_for(await client.ping(), PATIENCE)
                await client.close(1000, "bye")
                assert (client.close_code, client.close_reason) == (1000, "bye")

        async def all_of_them():
            await asyncio.gather(*(talk(i) for i in range(8)))

        asyncio.run(all_of_them())


# ---- the bytes ---------------------------------------------------------------------------------------------------

def test_the_heads_of_both_sides(chat):
    edge, server = chat()
    client, opened = open_tunnel(edge.port)
    with client:
        assert opened.get("Upgrade") == "websocket" and opened.get("Connection").lower() == "upgrade"
        assert opened.get("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert opened.get("Content-Length") is None and opened.get("Transfer-Encoding") is None
    [seen] = server.seen
    assert seen.line == "GET /chat?room=1 HTTP/1.1"
    assert seen.get("Upgrade") == "websocket" and seen.get("Connection") == "Upgrade"
    assert seen.get("Sec-WebSocket-Version") == "13" and seen.get("X-Forwarded-For") == "127.0.0.1"


def test_bytes_that_come_with_the_heads(chat):
    def greet(seen, client):
        client.sendall(SWITCH + b"\r\nearly")
        client.sendall(client.recv(100))
        raise Hangup

    edge, _ = chat(greet)
    with Connection(edge.port) as client:
        client.send(("GET / HTTP/1.1\r\nHost: localhost\r\n" + "\r\n".join(ASK) + "\r\n\r\nsoon").encode())
        assert client.head().status == 101
        assert client.rest() == b"earlysoon"


def test_much_in_both_directions_at_once(chat):
    data = bytes(range(256)) * 40_000                       # 10 MB
    edge, _ = chat()
    client, _ = open_tunnel(edge.port, receive_buffer=8192)
    with client:
        sender = threading.Thread(target=lambda: client.socket.sendall(data))
        sender.start()
        assert client.exactly(len(data)) == data
        sender.join(PATIENCE)


def test_the_end_of_the_client_is_told(chat):
    def count(seen, client):
        client.sendall(SWITCH + b"\r\n")
        got = b""
        while data := client.recv(65536):
            got += data
        client.sendall(b"got %d" % len(got))
        raise Hangup

    edge, _ = chat(count)
    client, _ = open_tunnel(edge.port)
    with client:
        client.send(b"x" * 100_000)
        client.end_of_sending()
        assert client.rest() == b"got 100000"


def test_the_end_of_the_server_is_told(chat):
    def leave(seen, client):
        client.sendall(SWITCH + b"\r\n" + b"y" * 1_000_000)
        raise Hangup

    edge, _ = chat(leave)
    client, _ = open_tunnel(edge.port)
    with client:
        assert client.rest() == b"y" * 1_000_000


def test_the_line_in_the_log(chat, tmp_path):
    edge, _ = chat()
    client, _ = open_tunnel(edge.port)
    with client:
        client.send(b"four")
        assert client.exactly(4) == b"four"
    log = tmp_path / "access.log"
    wait_until(lambda: log.exists() and log.read_text() == "GET /chat?room=1 HTTP/1.1 101 4\n", "the line of the tunnel")


def test_a_client_that_has_gone_leaves_its_place(chat):
    ends = Ends()
    edge, _ = chat(ends, most=1)
    client, _ = open_tunnel(edge.port)
    client.tear()
    assert ends.ended.wait(PATIENCE)
    open_tunnel(edge.port)[0].close()


def test_a_server_that_breaks_off(chat):
    def reset(seen, client):
        client.sendall(SWITCH + b"\r\n")
        client.recv(10)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        raise Hangup

    edge, server = chat(reset)
    client, _ = open_tunnel(edge.port)
    with client:
        client.send(b"go")
        assert client.is_closed()
    edge.log.wait_for(rf"GET /chat\?room=1: 127.0.0.1:{server.port}: Connection reset by peer")


# ---- who may ----------------------------------------------------------------------------------------------------

def told_upgrade(seen, client):
    text = (seen.get("Upgrade") or "none").encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)


@pytest.mark.parametrize("route, asked, told", [
    ["", "websocket", b"websocket"], ["", "WebSocket", b"WebSocket"], ["", "tcp", b"none"],
    ["upgrade: [tcp, other/1]", "tcp", b"tcp"], ["upgrade: [tcp, other/1]", "other/1", b"other/1"],
    ["upgrade: [tcp]", "websocket", b"none"], ["upgrade: []", "websocket", b"none"], ["", "tcp, websocket", b"websocket"],
    ["upgrade: [websocket, tcp]", "other, tcp,websocket", b"tcp"], ["", ", ,tcp ,", b"none"],
    ["", "h2c", b"none"]])
def test_only_the_protocols_that_are_allowed(chat, route, asked, told):
    edge, _ = chat(told_upgrade, route=route)
    answer = edge.get("/", headers=["Connection: Upgrade", f"Upgrade: {asked}"])
    assert (answer.status, answer.body) == (200, told)


@pytest.mark.parametrize("headers, options", [
    [["Upgrade: websocket"], {}], [["Connection: Upgrade", "Upgrade: websocket"], {"version": "HTTP/1.0"}],
    [["Connection: Upgrade", "Upgrade: websocket"], {"method": "POST", "body": b"x"}],
    [["Connection: Upgrade", "Upgrade: websocket"], {"method": "HEAD"}]])
def test_who_does_not_ask_properly_stays(chat, headers, options):
    edge, server = chat(told_upgrade)
    with Connection(edge.port) as client:
        client.ask(options.pop("method", "GET"), "/", headers=headers, **options)
        assert client.head().status == 200
    assert server.seen[0].get("Upgrade") is None


def test_a_server_that_refuses(chat):
    edge, _ = chat(lambda seen, client: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    answer = edge.get("/chat", headers=ASK)
    assert (answer.status, answer.body) == (403, b"no")


@pytest.mark.parametrize("route, problem", [
    ["upgrade: [h2c]", "would carry requests that no rule, limit or log sees"],
    ["upgrade: ['a b']", "is no name of a protocol; expected one such as websocket"]])
def test_protocols_that_cannot_be(tmp_path, route, problem):
    site = SITE.format(server="http://127.0.0.1:1", more="", route=route, most=1, site="")
    (tmp_path / "site.yaml").write_text(textwrap.dedent(site))
    checked = run("check", "site.yaml", folder=tmp_path)
    assert checked.returncode == 2 and problem in checked.stderr and "site.yaml:8:" in checked.stderr


# ---- its end -----------------------------------------------------------------------------------------------------

def test_nothing_moves(chat):
    most = int(500 * SLOWNESS)
    edge, _ = chat(more=f"tunnel_timeout: {most}ms")
    client, _ = open_tunnel(edge.port)
    with client:
        began = time.monotonic()
        while time.monotonic() - began < SLOWNESS:          # as long as something moves it stays
            client.send(b"tick")
            assert client.exactly(4) == b"tick"
        assert client.is_closed()
    edge.log.wait_for(rf"the tunnel ends, as nothing moved in it for {most} ms")


def test_a_client_that_does_not_read(chat):
    def flood(seen, client):
        client.sendall(SWITCH + b"\r\n")
        try:
            while True:
                client.sendall(b"z" * 65536)
        except OSError:
            flooded.set()
        raise Hangup

    flooded = threading.Event()
    edge, _ = chat(flood, site="send_timeout: 500ms")
    client, _ = open_tunnel(edge.port, receive_buffer=4096)
    with client:
        assert flooded.wait(PATIENCE)
        edge.log.wait_for(r"the client did not read within send_timeout")


def test_a_reload_leaves_it_alone(chat, tmp_path):
    edge, _ = chat()
    client, _ = open_tunnel(edge.port)
    with client:
        (tmp_path / "site.yaml").write_text((tmp_path / "site.yaml").read_text().replace("200s", "201s"))
        assert run("reload", folder=tmp_path).returncode == 0
        client.send(b"still here")
        assert client.exactly(10) == b"still here"


def test_a_stop_ends_it_at_once(chat):
    edge, _ = chat()
    client, _ = open_tunnel(edge.port)
    with client:
        began = time.monotonic()
        edge.stop()
        assert client.is_closed()
    assert time.monotonic() - began < 15 * SLOWNESS         # less than shutdown_timeout

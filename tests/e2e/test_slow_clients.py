"""Clients that are slow, stop, or vanish: cut at the timeout, and nothing of them stays."""
import signal
import time
from pathlib import Path

import pytest

from edge import PATIENCE, wait_until
from http_client import SLOWNESS

SITE = """\
    edge: {hot_files: 0}                                # no file stays open
    http:
      header_timeout: 400ms
      body_timeout: 400ms
      send_timeout: 400ms
      keepalive_timeout: 400ms
    log: {access: off}
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /app/
            app: app
          - path: /files/
            static: {directory: ./files}
          - path: /
            return: {status: 200, body: "ok\\n", type: text/plain}
""".replace("400ms", f"{int(400 * SLOWNESS)}ms")
APP = '''\
    """Reads the body; or answers with more than any socket buffer holds."""


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/app/endless":
            start_response("200 OK", [])
            return (b"x" * 65536 for _ in range(4096))
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
'''
LARGE = 64 << 20
SOON = 10 * SLOWNESS                                    # seconds: the timeouts above, and a slow machine
PARTS = {
    "of a request line": b"GET / HT",
    "of a field": b"GET / HTTP/1.1\r\nHost: a\r\nX-Na",
    "of a head": b"GET / HTTP/1.1\r\nHost: a\r\n",
    "of a body": b"POST /app/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello",
    "of a chunk": b"POST /app/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    "of a chunk size": b"POST /app/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5",
}


def state(edge):
    """As the kernel calls it: "T" is stopped."""
    return Path(f"/proc/{edge.pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture(scope="module")
def edge(serve_module):
    started = serve_module(SITE, {"app.py": APP, "files/.keep": ""})
    with open(started.folder / "files" / "large.bin", "wb") as file:
        file.truncate(LARGE)
    return started


def test_a_request_that_came_while_edge_was_held_up_is_in_time(edge):
    """The one who waits was edge: its timeouts are over when it goes on, and the request is there."""
    with edge.connect() as connection, edge.connect() as begins:
        assert connection.request("GET", "/").status == 200
        edge.signal(signal.SIGSTOP)
        try:
            wait_until(lambda: state(edge) == "T", "edge stands still")
            for each in (connection, begins):
                each.ask("GET", "/")
            connection.socket.settimeout(SLOWNESS)      # longer than keepalive_timeout
            with pytest.raises(TimeoutError):
                connection.socket.recv(1)
            connection.socket.settimeout(PATIENCE)
        finally:
            edge.signal(signal.SIGCONT)
        for each in (connection, begins):
            assert each.answer("GET").status == 200


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_never_finished_is_cut(edge, part):
    with edge.connect() as connection:
        began = time.monotonic()
        connection.send(PARTS[part])
        answer = connection.answer()
        assert answer.status == 408 and answer.get("Connection") == "close"
        assert connection.is_closed()
        assert 0.2 * SLOWNESS < time.monotonic() - began < SOON


def test_a_head_that_drips_is_cut_from_its_first_byte(edge):
    """Each byte comes in time; the whole does not."""
    with edge.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        connection.socket.settimeout(0.1 * SLOWNESS)
        began = time.monotonic()
        while time.monotonic() - began < SOON:
            try:
                if connection.more():
                    break
            except TimeoutError:
                connection.send(b"X")
        connection.socket.settimeout(SOON)
        assert connection.answer().status == 408
        assert connection.is_closed()


def test_a_body_that_drips_in_time_is_served(edge):
    with edge.connect() as connection:
        connection.send(b"POST /app/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        connection.socket.settimeout(0.1 * SLOWNESS)
        for byte in b"0123456789":
            with pytest.raises(TimeoutError):
                connection.more()
            connection.send(bytes([byte]))
        connection.socket.settimeout(SOON)
        assert connection.answer("POST").body == b"0123456789"


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["a new one", "a used one"])
def test_an_idle_connection_is_closed_without_a_word(edge, before):
    began = time.monotonic()
    with edge.connect() as connection:
        if before:
            assert connection.send(before).answer().status == 200
        assert connection.is_closed()
        assert 0.2 * SLOWNESS < time.monotonic() - began < SOON


def clients(edge):
    """How many connections edge holds, as the kernel counts them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listens, without_a_descriptor = "0A", "0"
    return sum(row[1].endswith(f":{edge.port:04X}") and row[3] != listens and row[9] != without_a_descriptor
               for row in rows)


def descriptors_without_clients(edge):
    assert edge.get("/").status == 200
    wait_until(lambda: clients(edge) == 0, "the clients of the tests before are gone")
    return edge.descriptors()


@pytest.mark.parametrize("target", ["/files/large.bin", "/app/endless"])
def test_a_client_that_does_not_read_is_cut(edge, target):
    before = descriptors_without_clients(edge)
    with edge.connect(receive_buffer=4096) as connection:
        connection.ask("GET", target)
        assert connection.head().status == 200
        wait_until(lambda: edge.descriptors() <= before, "edge has cut it")
        with pytest.raises((AssertionError, ConnectionResetError)):
            connection.exactly(LARGE)


@pytest.mark.parametrize("part", [*PARTS, "idle", "a large file", "an endless answer"])
def test_a_torn_connection_frees_everything(edge, part):
    wait_until(lambda: len(edge.family()) > 0, "the app is there")
    before = descriptors_without_clients(edge)
    connections = [edge.connect(receive_buffer=4096) for _ in range(20)]
    for connection in connections:
        if part in PARTS:
            connection.send(PARTS[part])
        elif part != "idle":
            connection.ask("GET", "/files/large.bin" if part == "a large file" else "/app/endless")
    for connection in connections:
        connection.tear()
    wait_until(lambda: edge.descriptors() <= before, "every descriptor is back")
    assert edge.get("/app/", method="POST", body=b"still here").body == b"still here"


def test_slow_clients_do_not_hold_python(edge):
    """More half-sent bodies than there are processes, and another client is served."""
    slow = [edge.connect() for _ in range(10)]
    try:
        for connection in slow:
            connection.send(PARTS["of a body"])
        assert edge.get("/app/", method="POST", body=b"quick").body == b"quick"
    finally:
        for connection in slow:
            connection.close()

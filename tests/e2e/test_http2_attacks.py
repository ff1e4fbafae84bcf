"""Attacks over HTTP/2: each is ended with a word in the log, costs little memory, and others are served meanwhile."""
import contextlib
import itertools
import select
import signal
import ssl
import time

import pytest

from bystander import Bystander, Memory, Work
from edge import PATIENCE, wait_until
from http2_client import (
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING,
    PREFACE, PRIORITY, PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, Http2, field, frame, head, number, request,
    setting, text)
from http_client import SLOWNESS

SITE = """\
    edge: {threads: 1, hot_files: 0}                                  # so that others share the loop that is attacked
    http: {header_timeout: 1s, body_timeout: 1s, send_timeout: 1s, keepalive_timeout: 3s}
    log: {access: off}
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: [{address: "127.0.0.1:0", http2: true}, {address: "127.0.0.2:0", tls: true}]
        tls: {self_signed: true}
        routes:
          - path: /app/
            app: app
          - path: /files/
            static: {directory: ./files}
          - path: /
            return: {status: 200, body: "ok\\n", type: text/plain}
"""
APP = '''\
    """Counts its requests: /app/slow waits until its client has gone, /app/most says how many there were at a time."""
    running = most = 0


    async def application(scope, receive, send):
        global running, most
        if scope["type"] != "http":
            return
        if scope["path"] == "/app/slow":
            running += 1
            most = max(most, running)
            try:
                while (await receive())["type"] != "http.disconnect":
                    pass
            finally:
                running -= 1
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{running} {most}".encode()})
'''
LARGE = 10 << 20
FEW = 32 << 20                                          # bytes of memory: one connection, and what is kept in pools
MANY = 50_000
LITTLE = 0.5                                            # seconds of work: a loop that spins while it waits takes more
SOON = 15 * SLOWNESS                                    # seconds: the timeouts above, and a slow machine


@pytest.fixture(scope="module")
def edge(serve_module):
    started = serve_module(SITE, {"app.py": APP, "files/.keep": ""})
    (started.folder / "files" / "large.bin").write_bytes(bytes(LARGE))
    assert started.get("/app/most").status == 200
    return started


@pytest.fixture(params=["plain", "tls"])
def connect(edge, request):
    """Makes connections without TLS and with it."""
    if request.param == "plain":
        return lambda **options: Http2(edge.ports[0], **options)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return lambda **options: Http2(edge.ports[1], host="127.0.0.2", tls=context, **options)


def test_rapid_reset(edge, connect):
    memory = Memory(edge)
    with Bystander(edge), connect() as client:
        sent = client.flood(lambda i: request(2 * i + 1, "/app/slow") + frame(RST_STREAM, 0, 2 * i + 1, number(CANCEL)),
                            MANY)
        assert client.goaway() == ENHANCE_YOUR_CALM
    assert sent < MANY
    memory.check(FEW)
    wait_until(lambda: edge.get("/app/most").body.startswith(b"0 "), "no request of the attack runs any more")
    assert int(edge.get("/app/most").body.split()[1]) <= 128


def test_more_streams_than_allowed(edge, connect):
    memory = Memory(edge)
    with Bystander(edge), connect() as client:
        client.flood(lambda i: request(2 * i + 1, "/app/slow"), MANY)
        assert client.goaway() in (PROTOCOL_ERROR, ENHANCE_YOUR_CALM)   # by RFC 9113 5.1.2 it may be either
    memory.check(FEW)
    wait_until(lambda: edge.get("/app/most").body.startswith(b"0 "), "no request of the attack runs any more")
    assert int(edge.get("/app/most").body.split()[1]) <= 128


FLOODS = {                                              # what is sent once, what endlessly, what the log names
    "continuations": (frame(HEADERS, 0, 1, head()), frame(CONTINUATION, 0, 1, field("a", "b")), "CONTINUATION"),
    "empty continuations": (frame(HEADERS, 0, 1, head()), frame(CONTINUATION, 0, 1), "CONTINUATION"),
    "settings": (b"", frame(SETTINGS), "SETTINGS"),
    "large settings": (b"", frame(SETTINGS, payload=setting(INITIAL_WINDOW_SIZE, 1000) * 30), "SETTINGS"),
    "pings": (b"", frame(PING, payload=b"12345678"), "(SETTINGS or )?PING"),
    "empty data": (request(1, "/app/slow", body=b"", method="POST"), frame(DATA, 0, 1), "empty DATA"),
    "padded data": (request(1, "/app/slow", body=b"", method="POST"), frame(DATA, 8, 1, b"\0"), "empty DATA"),
    "windows": (b"", frame(WINDOW_UPDATE, 0, 0, number(1)), "WINDOW_UPDATE"),
    "priorities": (b"", frame(PRIORITY, 0, 1, b"\0\0\0\3\0"), "PRIORITY"),
    "unknown frames": (b"", frame(0xbd, payload=b"grease"), "frames of unknown types"),
    "heads of streams that have ended": (request(1), request(1), "frames of unknown types", True),
    "data for streams that have ended": (request(1), frame(DATA, 0, 1, b"x"), "frames of unknown types", True),
}


def flood(client, kind):
    begin, again, _, *after_answer = FLOODS[kind]
    client.send(begin)
    if after_answer:
        client.until(lambda f: f.stream == 1 and f.flags & END_STREAM)
    sent = client.flood(lambda _: again, 1_000_000)
    return client.goaway(), sent


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood(edge, connect, kind):
    memory, work = Memory(edge), Work(edge)
    with Bystander(edge), connect() as client:
        code, sent = flood(client, kind)
    assert code == ENHANCE_YOUR_CALM and sent < 1_000_000
    memory.check(FEW)
    work.check(LITTLE)


@pytest.mark.parametrize("kind", FLOODS)
def test_the_log_says_what_there_was_too_much_of(serve, kind):
    """On an edge of its own, for of many such lines in a second one is written."""
    edge = serve(SITE, {"app.py": APP, "files/.keep": ""})
    with Http2(edge.port) as client:
        flood(client, kind)
    edge.log.wait_for(rf"warn HTTP/2 connection \d+ from 127\.0\.0\.1 is closed: too many {FLOODS[kind][2]}")


def test_fields_that_grow_in_the_decoder(edge, connect):
    """4 kB in the table of HPACK, then 10,000 times the byte that stands for them."""
    bomb = b"\x40" + text("z") + text("a" * 4000)
    memory, work = Memory(edge), Work(edge)
    with Bystander(edge), connect() as client:
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, head() + bomb + b"\xbe" * 10_000))
        assert client.goaway() == ENHANCE_YOUR_CALM
    memory.check(FEW)
    work.check(LITTLE)


def test_fields_that_grow_a_little_in_many_heads(edge, connect):
    """Below what ends a connection: each head is refused, and all of them together cost little."""
    memory, work = Memory(edge), Work(edge)
    with Bystander(edge), connect() as client:
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, head() + b"\x40" + text("z") + text("a" * 4000)))
        many = range(3, 203, 2)
        client.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, i, head() + b"\xbe" * 30) for i in many))
        assert client.until(lambda f: f.kind == HEADERS and f.stream == 1).status == 200
        assert client.until(lambda f: f.kind == HEADERS).status == 431     # the rest is told by a byte of HPACK's
        for _ in many[1:]:
            assert client.until(lambda f: f.kind == HEADERS).stream in many
        assert client.send(request(203, "/")).answer(203) == (200, b"ok\n")
    memory.check(FEW)
    work.check(LITTLE)


def test_no_window_of_the_connection(edge, connect):
    memory, work = Memory(edge), Work(edge)
    began = time.monotonic()
    with Bystander(edge), connect(settings=setting(INITIAL_WINDOW_SIZE, 2**31 - 1)) as client:
        client.send(b"".join(request(2 * i + 1, "/files/large.bin") for i in range(100)))
        assert client.goaway() == ENHANCE_YOUR_CALM
        assert sum(len(f.payload) for f in client.seen if f.kind == DATA) <= 65_535
        assert client.is_closed()
    assert time.monotonic() - began < SOON
    memory.check(FEW)
    work.check(LITTLE)


def test_no_windows_of_streams(edge, connect):
    """Each is given up, and then the connection is one that asks nothing."""
    memory, work = Memory(edge), Work(edge)
    began = time.monotonic()
    with Bystander(edge), connect(settings=setting(INITIAL_WINDOW_SIZE, 0)) as client:
        client.send(b"".join(request(2 * i + 1, "/files/large.bin") for i in range(100)))
        reset = set()
        while len(reset) < 100:
            reset.add(client.until(lambda f: f.kind == RST_STREAM).stream)
        assert time.monotonic() - began < SOON
        assert client.is_closed()
    memory.check(FEW)
    work.check(LITTLE)


def test_a_socket_that_is_not_read(edge, connect):
    """Windows of 2 GiB, and no byte is taken."""
    memory, work = Memory(edge), Work(edge)
    descriptors = edge.descriptors()
    with Bystander(edge), connect(settings=setting(INITIAL_WINDOW_SIZE, 2**31 - 1), receive_buffer=4096) as client:
        client.send(frame(WINDOW_UPDATE, 0, 0, number(2**31 - 1 - 65_535)))
        client.send(b"".join(request(2 * i + 1, "/files/large.bin") for i in range(100)))
        wait_until(lambda: edge.descriptors() <= descriptors + 1, "edge has cut it", within=SOON)
    memory.check(FEW)
    work.check(LITTLE)


def test_questions_whose_answers_are_not_read(edge, connect):
    """One after the other, until edge has sent its client away and waited for a moment that it goes."""
    memory = Memory(edge)
    began = time.monotonic()
    with Bystander(edge), connect(receive_buffer=4096) as client:
        client.socket.settimeout(SOON)
        with contextlib.suppress(OSError):
            for i in itertools.count():
                client.send(request(2 * i + 1, method="HEAD"))
                assert time.monotonic() - began < SOON, f"edge has taken {i} requests, and no answer was read"
    memory.check(FEW)


@pytest.mark.parametrize("begin", [b"", b"P", PREFACE[:9], PREFACE, PREFACE + frame(SETTINGS)[:5]],
                         ids=["nothing", "a byte", "a part", "a preface alone", "a part of a frame"])
def test_who_does_not_go_on_is_left(edge, connect, begin):
    began = time.monotonic()
    with connect(preface=None) as client:
        client.send(begin)
        assert client.is_closed()
    assert time.monotonic() - began < SOON


def test_a_preface_that_drips_is_cut_from_its_first_byte(edge, connect):
    """Each byte comes in time; the whole does not."""
    drips(connect(preface=None), PREFACE)


def test_a_head_that_drips_is_cut_from_its_first_byte(edge, connect):
    drips(connect(), frame(HEADERS, END_HEADERS | END_STREAM, 1, head("/" + "a" * 2000)))


def drips(client, what):
    """A byte every 0.2 s, until edge ends it."""
    began = time.monotonic()
    with client:
        client.socket.settimeout(0.2)
        sent = 0
        while time.monotonic() - began < SOON:
            try:
                if not client.more():
                    return
            except TimeoutError:
                with contextlib.suppress(ConnectionError):
                    client.send(what[sent:sent + 1])
                sent += 1
    pytest.fail("edge went on listening")


def test_one_byte_at_a_time(edge, connect):
    with connect(preface=None) as client:
        for byte in PREFACE + frame(SETTINGS) + request(1, "/") + request(3, "/app/most", more=[("a", "b")]):
            client.send(bytes([byte]))
        assert client.answer(1) == (200, b"ok\n")
        assert client.answer(3)[0] == 200


def test_requests_do_not_put_off_the_end(serve):
    """A client that is told of the end, does not answer the PING that comes with it, and asks on and on."""
    edge = serve("""\
        edge: {threads: 1}
        sites:
          - listen: [{address: "127.0.0.1:0", http2: true}]
            routes: [{path: /, return: {status: 200, body: ok}}]
    """)
    with Http2(edge.port) as client:
        client.send(request(1, "/"))
        assert client.answer(1) == (200, b"ok")
        edge.process.send_signal(signal.SIGTERM)
        streams = itertools.count(3, 2)
        told = []
        while len(told) < 2 and (stream := next(streams)) < 3 + 2 * 5 * SOON:       # five a second
            client.send(request(stream, "/"))
            until = time.monotonic() + 0.2
            while (left := until - time.monotonic()) > 0 and select.select([client.socket], [], [], left)[0]:
                client.next()
            told = [each for each in client.seen if each.kind == GOAWAY]
        assert [each.code for each in told] == [0, 0], "edge never said where it stops"
        assert client.is_closed()
    assert edge.process.wait(PATIENCE) == 0

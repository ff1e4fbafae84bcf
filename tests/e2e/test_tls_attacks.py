"""Attacks over TLS: half-open handshakes, drips, broken records, clients that stall or come back again and again."""
import contextlib
import resource
import socket
import ssl
import struct
import subprocess
import time

import pytest

from bystander import Bystander, Memory
from edge import SYSTEM_PATH, wait_until
from http_client import PATIENCE, SLOWNESS

SITE = """\
    edge: {{threads: 1, hot_files: 0}}                  # so that others share the loop that is attacked
    http: {{header_timeout: {patience}, send_timeout: 1s, keepalive_timeout: 60s, keepalive_requests: 1000000000}}
    log: {{access: off}}
    sites:
      - listen: [{{address: "127.0.0.1:0", tls: true}}, "127.0.0.2:0"]
        tls: {{self_signed: true}}
        routes:
          - path: /files/
            static: {{directory: ./files}}
          - path: /
            return: {{status: 200, body: "ok\\n", type: text/plain}}
"""
LARGE = 1 << 20
SOON = 15 * SLOWNESS                                    # seconds: the timeouts above, and a slow machine
FEW = 32 << 20                                          # bytes of memory
HALF_OPEN = 10_000
OF_HANDSHAKE = 48 * 1024                                # bytes that each may cost
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def start(serve, patience="60s", folder=None):
    started = serve(SITE.format(patience=patience), {"files/.keep": ""}, folder=folder)
    (started.folder / "files" / "large.bin").write_bytes(bytes(LARGE))
    return started


@pytest.fixture(scope="module")
def edge(serve_module):
    return start(serve_module)


@pytest.fixture(scope="module")
def hasty(serve_module, tmp_path_factory):
    """One that waits a second for a handshake."""
    return start(serve_module, patience="1s", folder=tmp_path_factory.mktemp("hasty"))


def bystander(edge):
    """Another client, which asks without TLS on the same loop."""
    return Bystander(edge, port=edge.ports[1], host="127.0.0.2")


@pytest.fixture
def others(edge):
    return bystander(edge)


def context(highest=ssl.TLSVersion.TLSv1_3, protocols=("http/1.1",)):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.maximum_version = highest
    made.set_alpn_protocols(list(protocols))
    return made


def plain(edge, receive_buffer=None):
    made = socket.socket()
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(PATIENCE)
    made.connect(("127.0.0.1", edge.port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def connect(edge, session=None, made=None, **options):
    return (made or context()).wrap_socket(plain(edge, **options), server_hostname="localhost", session=session)


def hello():
    """The first bytes of a client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def is_closed(connection):
    """Whether edge ends it, orderly or not; what it says before is passed over. Waits for it."""
    try:
        while connection.recv(65536):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    return True


class ByHand:
    """TLS whose records the test carries itself."""

    def __init__(self, edge, **options):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context(**options).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.socket = plain(edge)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send_slowly(self):
        for byte in self.outgoing.read():
            self.socket.send(bytes([byte]))

    def until_done(self, action):
        """`action` again and again, with what edge says to it; each byte of ours goes alone."""
        while True:
            try:
                result = action()
                self.send_slowly()
                return result
            except ssl.SSLWantReadError:
                self.send_slowly()
                data = self.socket.recv(65536)
                assert data, "edge closed in the middle"
                self.incoming.write(data)


def test_half_open_handshakes(serve):
    """Each has said hello and been answered, and goes no further."""
    edge = start(serve)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(HALF_OPEN, hard - 500, edge.most_descriptors() - 500)
    first = hello()
    memory = Memory(edge)
    half = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with bystander(edge):
            for _ in range(count):
                half.append(plain(edge))
                half[-1].send(first)
            for connection in half:
                assert connection.recv(5)[:1] == b"\x16"
        memory.check(FEW + count * OF_HANDSHAKE)
        print(f"{count} half-open handshakes: {memory.grown() / count / 1024:.1f} KiB each")
        with connect(edge) as another:
            another.send(GET)
            assert another.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        for connection in half:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until(lambda: edge.descriptors() < 100, "every descriptor is back")
    if count < HALF_OPEN:
        pytest.skip(f"the limit of descriptors left {count} connections only, and those were borne")


@pytest.mark.parametrize("size", [0, 1, 5, 100], ids=["nothing", "a byte", "a record's head", "a part"])
def test_a_handshake_that_is_not_gone_on_with_is_cut(hasty, size):
    began = time.monotonic()
    with bystander(hasty), plain(hasty) as connection:
        connection.send(hello()[:size])
        assert is_closed(connection)
    assert time.monotonic() - began < SOON


def test_a_handshake_that_drips_is_cut_from_its_first_byte(hasty):
    began = time.monotonic()
    with plain(hasty) as connection:
        connection.settimeout(0.2)
        for byte in hello():
            try:
                if not connection.recv(100):
                    break
            except TimeoutError:
                connection.send(bytes([byte]))
            except ConnectionError:
                break
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_one_byte_at_a_time(edge, highest):
    with ByHand(edge, highest=highest) as client:
        client.until_done(client.tls.do_handshake)
        client.until_done(lambda: client.tls.write(GET))
        assert client.until_done(lambda: client.tls.read(1000)).startswith(b"HTTP/1.1 200")


def test_renegotiation_is_refused(edge, others):
    with others:
        # s_client asks for it when a line is "R"; edge may refuse it and go on, or end the connection.
        asked = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.port}", "-tls1_2", "-servername", "localhost"],
            input=b"R\n" * 3, capture_output=True, timeout=PATIENCE, env={"PATH": SYSTEM_PATH})
    assert b"RENEGOTIATING" in asked.stdout + asked.stderr
    assert b"no renegotiation" in asked.stdout + asked.stderr


RECORDS = {
    "of another kind": b"\x99\x03\x03\x00\x05hello",
    "longer than any may be": b"\x17\x03\x03\xff\xff" + b"a" * 65_535,
    "just too long": b"\x17\x03\x03" + struct.pack(">H", 16_384 + 257) + b"a" * (16_384 + 257),
    "that nobody encrypted": b"\x17\x03\x03\x00\x40" + b"a" * 64,
    "in plain text": GET,
}


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("when", ["first", "behind a handshake"])
def test_a_record(edge, others, record, when):
    """It ends the connection and no other."""
    with others, ByHand(edge) as client:
        if when != "first":
            client.until_done(client.tls.do_handshake)
        with contextlib.suppress(ConnectionError):
            client.socket.sendall(RECORDS[record])
        assert is_closed(client.socket)


def test_readers_that_stall(edge, others):
    """Each asks for 20 times 1 MiB, and takes none."""
    memory = Memory(edge)
    with others, contextlib.ExitStack() as stack:
        before = edge.descriptors()
        stalled = [stack.enter_context(connect(edge, receive_buffer=4096)) for _ in range(50)]
        wait_until(lambda: edge.descriptors() >= before + len(stalled), "they are there")
        for connection in stalled:
            connection.send(b"GET /files/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        wait_until(lambda: edge.descriptors() <= before, "edge has cut them", within=SOON)
    memory.check(FEW)


def test_many_resumptions(edge, others):
    """A session is good for many connections, and none of them leaves anything."""
    made = context()
    with connect(edge, made=made) as first:
        first.send(GET)
        assert first.recv(100).startswith(b"HTTP/1.1 200")
        session = first.session
    before = edge.descriptors()
    memory = Memory(edge)
    with others:
        for _ in range(500):
            with connect(edge, session=session, made=made) as again:
                assert again.session_reused
    memory.check(FEW)
    wait_until(lambda: edge.descriptors() <= before, "every descriptor is back")


def test_handshakes_that_are_torn(edge, others):
    first = hello()
    before = edge.descriptors()
    memory = Memory(edge)
    with others:
        for _ in range(500):
            with plain(edge) as connection:
                connection.send(first)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    memory.check(FEW)
    wait_until(lambda: edge.descriptors() <= before, "every descriptor is back")

"""Requests and answers through TLS arrive whole, at any pace, and those that break off are seen to."""
import hashlib
import os
import re
import ssl
import threading

import pytest

from certificates import Authority
from edge import wait_until
from tls_client import TlsConnection, curl, trusting

MEGABYTES = os.urandom(1 << 16) * 64                    # 4 MiB
APP = '''\
    """Digests what it gets, sends much, breaks off."""
    import hashlib


    def broken():
        yield b"a part" * 100000                        # more than lies in the channel, so that the head leaves
        raise RuntimeError("the rest is lost")


    def application(environ, start_response):
        path = environ["PATH_INFO"]
        headers = [("Content-Type", "text/plain")]
        if path == "/broken/length":
            headers.append(("Content-Length", "1000000"))
        start_response("200 OK", headers)
        if path.startswith("/broken"):
            return broken()
        if path == "/much":
            return (bytes([n % 251]) * 65536 for n in range(64))
        digest, size = hashlib.sha256(), 0
        while piece := environ["wsgi.input"].read(65536):
            digest.update(piece)
            size += len(piece)
        return [f"{size} {digest.hexdigest()} {environ['wsgi.url_scheme']}".encode()]
'''
SITE = """\
    log: {{access: {{path: stdout, format: "log $request_uri $server_protocol $status $body_bytes_sent"}}}}
    http: {{client_max_body_size: 20M}}
    apps: {{app: {{module: app, processes: 1, threads: 4}}}}
    sites:
      - host: a.example
        listen: [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{pair}}}
        routes:
          - {{path: /, return: {{body: "this is a"}}}}
          - {{path: /app, app: app}}
          - {{path: /much, app: app}}
          - {{path: /broken, app: app}}
          - {{path: /files/, static: {{directory: files}}}}
"""
MUCH = b"".join(bytes([n % 251]) * 65536 for n in range(64))


class World:
    def __init__(self, serve_module):
        self.folder = serve_module.folder
        self.authority = Authority(self.folder / "authority")
        (self.folder / "files").mkdir()
        (self.folder / "files" / "big").write_bytes(MEGABYTES)
        (self.folder / "files" / "small").write_text("small")
        pair = self.authority.issue("a", ["a.example"])
        self.edge = serve_module(SITE.format(pair=pair), {"app.py": APP})
        self.port = self.edge.port

    def connect(self, versions=None, **options):
        return TlsConnection(self.port, trusting(self.authority.certificate, versions=versions), **options)

    def curl(self, path, *options):
        code, out, err = curl(self.port, path, *options, authority=self.authority.certificate)
        assert code == 0, err
        return out


@pytest.fixture(scope="module")
def world(serve_module):
    return World(serve_module)


def ask(client, target, method="GET", **options):
    return client.request(method, target, host="a.example", **options)


@pytest.mark.parametrize("options", [
    ["--http1.1", "--tlsv1.2", "--tls-max", "1.2"], ["--http1.1"], ["--http2", "--tlsv1.2", "--tls-max", "1.2"],
    ["--http2"]], ids=["1.1-tls1.2", "1.1-tls1.3", "h2-tls1.2", "h2-tls1.3"])
def test_megabytes_come_and_go(world, options, tmp_path):
    assert world.curl("/files/big", *options) == MEGABYTES
    assert world.curl("/much", *options) == MUCH
    (tmp_path / "body").write_bytes(MEGABYTES)
    said = world.curl("/app", *options, "--data-binary", f"@{tmp_path}/body", "-H", "Expect:").decode()
    assert said == f"{len(MEGABYTES)} {hashlib.sha256(MEGABYTES).hexdigest()} https"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("path, content", [("/files/big", MEGABYTES), ("/much", MUCH)], ids=["file", "app"])
def test_a_slow_reader_gets_all_and_holds_nobody(world, version, path, content):
    with world.connect(version, receive_buffer=4096) as slow, world.connect(version) as quick:
        slow.ask("GET", path, host="a.example")
        head = slow.head()
        assert ask(quick, "/").text == "this is a"
        body = slow.buffer
        pieces = 0
        while len(body) < len(content) // 2:            # small reads, with others' requests in between
            slow.buffer = b""
            slow.buffer += slow.socket.recv(7000)
            body += slow.buffer
            pieces += 1
            if pieces % 64 == 0:
                assert ask(quick, "/files/small").text == "small"
        slow.buffer = body
        if head.get("Content-Length"):
            assert slow.exactly(len(content)) == content
        else:
            got = b""
            while piece := slow.chunk():
                got += piece
            assert got == content


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_pipelined_requests_of_one_record(world, version):
    with world.connect(version) as client:
        both = b"GET /files/small HTTP/1.1\r\nHost: a.example\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
        client.send(both * 100)
        for _ in range(100):
            assert client.answer().text == "small"
            assert client.answer().text == "this is a"


@pytest.mark.parametrize("size", [1, 16383, 16384, 16385, 65536, 200_000, 3_000_000])
def test_a_body_in_one_burst_with_the_next_request_behind_it(world, size):
    """What OpenSSL holds and the socket no longer shows must not be waited for."""
    body = MEGABYTES[:size]
    head = f"POST /app HTTP/1.1\r\nHost: a.example\r\nContent-Length: {size}\r\n\r\n".encode()
    with world.connect() as client:
        client.send(head + body + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert client.answer("POST").text == f"{size} {hashlib.sha256(body).hexdigest()} https"
        assert client.answer().text == "this is a"


def test_a_request_in_many_small_records(world):
    with world.connect() as client:
        for byte in b"POST /app HTTP/1.1\r\nHost: a.example\r\nContent-Length: 40\r\n\r\n" + b"x" * 40:
            client.socket.send(bytes([byte]))
        assert client.answer("POST").text.startswith("40 ")


def test_connections_are_kept_and_closed_as_asked(world):
    with world.connect() as client:
        for _ in range(5):
            assert ask(client, "/").keeps_alive
        answer = ask(client, "/", headers=["Connection: close"])
        assert not answer.keeps_alive
        assert client.rest() == b"", "an orderly end: close_notify, or this raises"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_that_ends_its_sending_gets_an_answer_that_is_ready(world, version):
    with world.connect(version) as client:
        client.ask("GET", "/", host="a.example", headers=["Connection: close"])
        client.end_of_sending()                         # without close_notify, as many do
        assert client.answer().text == "this is a"
        assert client.rest() == b""


@pytest.mark.parametrize("path", ["/broken/length", "/broken/chunks"])
def test_an_answer_that_breaks_off_is_seen_to(world, path):
    with world.connect() as client:
        client.ask("GET", path, host="a.example")
        assert client.head().status == 200
        with pytest.raises((AssertionError, ssl.SSLEOFError, ConnectionError), match="early|EOF|reset|ended"):
            if path.endswith("length"):
                client.exactly(1_000_000)
            else:
                while client.chunk():
                    pass
    for options in (["--http1.1"], ["--http2"]):
        code, out, err = curl(world.port, path, *options, "-i", authority=world.authority.certificate)
        assert code in (18, 56, 92), (options, code, out, err)        # partial file, receive error, stream error


def test_an_answer_without_framing_that_breaks_off_has_no_close_notify(world):
    """To HTTP/1.0 only the end of the stream tells that the answer is whole."""
    with world.connect() as client:
        client.ask("GET", "/broken/chunks", host="a.example", version="HTTP/1.0")
        assert client.head().status == 200
        with pytest.raises((ssl.SSLEOFError, ConnectionError)):
            client.rest()


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_heads_conditions_and_ranges(world, protocol):
    head = world.curl("/files/big", protocol, "--head").decode()
    assert f"content-length: {len(MEGABYTES)}" in head.lower()
    tag = re.search(r'(?i)etag: (\S+)', head)[1]
    assert " 304" in world.curl("/files/big", protocol, "-D", "-", "-H", f"If-None-Match: {tag}").decode()
    assert world.curl("/files/big", protocol, "-r", "1000000-3000000") == MEGABYTES[1_000_000:3_000_001]
    assert world.curl("/files/big", protocol, "-r", "-70000") == MEGABYTES[-70000:]
    several = world.curl("/files/big", protocol, "-r", "0-99,2000000-2000099")
    assert MEGABYTES[:100] in several and MEGABYTES[2_000_000:2_000_100] in several


@pytest.mark.parametrize("protocol", ["h1", "h2"])
def test_a_file_that_shrinks_while_it_is_served_breaks_off(world, protocol, tmp_path):
    name = f"shrinks-{protocol}"
    path = world.folder / "files" / name
    path.write_bytes(MEGABYTES * 4)                     # more than all buffers on the way
    if protocol == "h1":
        with world.connect(receive_buffer=4096) as client:
            client.ask("GET", f"/files/{name}", host="a.example")
            assert client.head().get("Content-Length") == str(len(MEGABYTES) * 4)
            path.write_bytes(b"short")
            with pytest.raises((AssertionError, ssl.SSLEOFError, ConnectionError), match="early|EOF|reset"):
                client.exactly(len(MEGABYTES) * 4)
    else:
        fetched = threading.Thread(target=lambda: result.append(curl(
            world.port, f"/files/{name}", "--http2", "--limit-rate", "2M", "-o", tmp_path / "got",
            authority=world.authority.certificate)))
        result = []
        fetched.start()
        wait_until(lambda: (tmp_path / "got").exists() and (tmp_path / "got").stat().st_size > 0, "the file comes")
        path.write_bytes(b"short")
        fetched.join()
        code, _, err = result[0]
        assert code in (18, 56, 92), (code, err)
    assert world.curl(f"/files/{name}") == b"short"
    world.edge.log.wait_for(name)

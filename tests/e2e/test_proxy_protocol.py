"""The PROXY protocol: whose connection it is, told by a balancer in both versions, before HTTP and before TLS."""
import ipaddress
import struct

import pytest

from certificates import Authority
from edge import run
from http_client import Connection
from tls_client import TlsConnection, trusting

V2 = b"\r\n\r\n\x00\r\nQUIT\n"
SECURE = "127.0.0.3"
APP = '''\
    def application(environ, start_response):
        start_response("200 OK", [])
        return [f"{environ['REMOTE_ADDR']} {environ['REMOTE_PORT']} {environ['wsgi.url_scheme']}".encode()]
'''
SITE = """\
    edge: {{trusted_proxies: [127.0.0.1{trusted}]}}
    log: {{access: {{path: stdout, format: "log $remote_addr $scheme $status"}}}}
    http: {{header_timeout: 1s}}
    apps: {{app: {{module: app, processes: 1}}}}
    sites:
      - host: a.example
        listen: [{{address: "127.0.0.1:0", proxy_protocol: true, http2: true}},
                 {{address: "127.0.0.3:0", proxy_protocol: true, tls: true}}]
        tls: {{{pair}}}
        routes: [{{path: /, app: app}}]
"""


def version_1(source, destination="192.0.2.9", ports=(4711, 443)):
    family = f"TCP{ipaddress.ip_address(source).version}"
    return f"PROXY {family} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()


def version_2(source, destination="192.0.2.9", ports=(4711, 443), more=b""):
    ends = [ipaddress.ip_address(end) for end in (source, destination)]
    body = b"".join(end.packed for end in ends) + struct.pack(">HH", *ports) + more
    return V2 + struct.pack(">BBH", 0x21, 0x11 if ends[0].version == 4 else 0x21, len(body)) + body


class World:
    def __init__(self, serving, trusted=""):
        self.authority = Authority(serving.folder / "authority")
        pair = self.authority.issue("a", ["a.example"])
        self.edge = serving(SITE.format(pair=pair, trusted=trusted), {"app.py": APP})
        self.plain, self.tls = self.edge.ports if "http:" in next(
            line for line in self.edge.log.all() if "listening on" in line) else self.edge.ports[::-1]

    def secure(self, before):
        return TlsConnection(self.tls, trusting(self.authority.certificate), before=before, host=SECURE)


@pytest.fixture(scope="module")
def world(serve_module):
    return World(serve_module)


HEADERS = [
    ("192.0.2.1", version_1("192.0.2.1")),
    ("2001:db8::1", version_1("2001:db8::1", "2001:db8::9")),
    ("192.0.2.2", version_2("192.0.2.2")),
    ("2001:db8::2", version_2("2001:db8::2", "2001:db8::9")),
    ("192.0.2.3", version_2("192.0.2.3", more=b"\x04\x00\x20" + bytes(32))),
]


@pytest.mark.parametrize("client, header", HEADERS)
def test_the_client_is_who_the_header_says(world, client, header):
    with Connection(world.plain) as connection:
        connection.send(header)
        for _ in range(2):
            assert connection.request("GET", "/", host="a.example").text == f"{client} 4711 http"
    with world.secure(header) as connection:
        for _ in range(2):
            assert connection.request("GET", "/", host="a.example").text == f"{client} 4711 https"
    for scheme in ("http", "https"):
        world.edge.out.wait_for(f"^log {client} {scheme} 200$")


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", V2 + b"\x20\x00\x00\x00"], ids=["unknown", "local"])
def test_a_balancer_may_speak_for_itself(world, header):
    with Connection(world.plain) as connection:
        assert connection.send(header).request("GET", "/", host="a.example").text.startswith("127.0.0.1 ")


@pytest.mark.parametrize("header", [HEADERS[0][1], HEADERS[3][1]], ids=["1", "2"])
def test_a_header_in_pieces(world, header):
    with Connection(world.plain) as connection:
        connection.send_slowly(header + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert connection.answer().text.endswith(" 4711 http")


def test_header_and_request_in_one_piece(world):
    with Connection(world.plain) as connection:
        connection.send(HEADERS[2][1] + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n" * 2)
        assert connection.answer().text == connection.answer().text == "192.0.2.2 4711 http"


def test_http2_may_follow(world):
    with Connection(world.plain) as connection:
        connection.send(HEADERS[0][1] + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        assert connection.exactly(9)[3] == 4, "the server's SETTINGS"


@pytest.mark.parametrize("header", [
    b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"PROXY TCP4 192.0.2.1 192.0.2.9 1\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.9 1 2\r\n", b"PROXY TCP4 2001:db8::1 192.0.2.9 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.9 1 99999\r\n", b"PROXY " + b"x" * 200, V2 + b"\x11\x11\x00\x0c" + bytes(12),
    V2 + b"\x21\x11\x00\x04" + bytes(4), V2 + b"\x21\x11\xff\xff" + bytes(5000), b"\x16\x03\x01\x02\x00\x01",
])
def test_what_is_no_header_ends_the_connection(world, header):
    for port, host in ((world.plain, "127.0.0.1"), (world.tls, SECURE)):
        with Connection(port, host=host) as connection:
            try:
                connection.send(header)
            except ConnectionError:
                continue
            assert connection.is_closed()
    world.edge.log.wait_for(r"warn a connection of 127\.0\.0\.1 without a valid PROXY header is closed: ")


def test_a_header_that_does_not_come_is_not_waited_for(world):
    with Connection(world.plain) as silent, Connection(world.plain) as begun:
        begun.send(b"PROXY TCP4 192.0")
        assert silent.is_closed() and begun.is_closed()


def test_who_is_no_trusted_proxy_is_not_listened_to(serve):
    edge = World(serve).edge.stop() or serve(
        (serve.folder / "site.yaml").read_text().replace("[127.0.0.1]", "[10.0.0.1]"))
    port = next(int(line.rpartition(":")[2]) for line in edge.log.all() if "listening on http:" in line)
    with Connection(port) as connection:
        try:
            connection.send(HEADERS[0][1] + b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        except ConnectionError:
            return
        assert connection.is_closed()
    edge.log.wait_for(r"warn .*127\.0\.0\.1.* it is not in edge\.trusted_proxies")
    assert not edge.out.all()


def test_without_trusted_proxies_it_is_an_error(tmp_path):
    (tmp_path / "site.yaml").write_text(
        'sites: [{listen: [{address: "127.0.0.1:0", proxy_protocol: true}], routes: [{path: /, return: {}}]}]\n')
    done = run("check", "site.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert "`proxy_protocol` needs `edge.trusted_proxies`" in done.stderr

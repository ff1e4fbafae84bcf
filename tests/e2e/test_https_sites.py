"""Sites with TLS: 421 for a host that the connection is not for, redirects to https, HSTS, addresses of all kinds."""
import os
import socket
import ssl

import pytest

from certificates import Authority
from http_client import Connection
from tls_client import TlsConnection, curl, trusting

PLAIN = "127.0.0.3"                                     # another address, as ports are the kernel's choice
APP = '''\
    def application(environ, start_response):
        start_response("200 OK", [])
        return [environ["wsgi.url_scheme"].encode()]
'''
SITE = """\
    edge: {{trusted_proxies: [127.0.0.2]}}
    log: {{access: off}}
    apps: {{app: {{module: app, processes: 1}}}}
    sites:
      - host: [a.example, "*.a.example"]
        listen: ["127.0.0.3:0", {{address: "127.0.0.1:0", tls: true}}]
        redirect_https: true
        tls: {{{a}}}
        headers: {{Strict-Transport-Security: "max-age=60"}}
        routes:
          - {{path: /, return: {{body: "a of $scheme"}}}}
          - {{path: /app, app: app}}
          - {{path: /.well-known/acme-challenge/, return: {{body: token}}}}
      - host: alias.example
        listen: [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{a}}}
        routes: [{{path: /, return: {{body: "alias"}}}}]
      - host: b.example
        listen: ["127.0.0.3:0", {{address: "127.0.0.1:0", tls: true}}]
        tls: {{{b}}}
        headers: {{Strict-Transport-Security: "max-age=60"}}
        routes: [{{path: /, return: {{body: "b of $scheme"}}}}]
      - host: d.example
        default: true
        listen: [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{d}}}
        routes: [{{path: /, return: {{body: "default"}}}}]
"""


class World:
    def __init__(self, serve_module):
        self.authority = Authority(serve_module.folder / "authority")
        a = self.authority.issue("a", ["a.example", "*.a.example", "alias.example"])
        b, d = self.authority.issue("b", ["b.example"]), self.authority.issue("d", ["d.example"])
        self.edge = serve_module(SITE.format(a=a, b=b, d=d), {"app.py": APP})
        said = [line for line in self.edge.log.all() if "listening on" in line]
        self.plain, self.tls = (int(next(line for line in said if f"{scheme}://" in line).rpartition(":")[2])
                                for scheme in ("http", "https"))

    def connect(self, name):
        return TlsConnection(self.tls, trusting(self.authority.certificate), name)


@pytest.fixture(scope="module")
def world(serve_module):
    return World(serve_module)


# Whom a connection is for --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, host, status", [
    ("a.example", "a.example", 200), ("a.example", "A.Example:443", 200), ("a.example", "x.a.example", 200),
    ("a.example", "alias.example", 200), ("x.a.example", "y.a.example", 200),
    ("a.example", "b.example", 421), ("b.example", "a.example", 421), ("a.example", "x.y.a.example", 421),
    ("a.example", "unknown.example", 421), ("d.example", "b.example", 421),
])
def test_a_connection_is_for_what_its_certificate_covers(world, name, host, status):
    with world.connect(name) as connection:
        answer = connection.request("GET", "/", host=host)
        assert answer.status == status
        assert answer.keeps_alive == (status == 200)
    options = ["-H", f"Host: {host}", "-o", os.devnull, "-w", "%{http_version} %{http_code}", "--http2"]
    assert curl(world.tls, "/", *options, name=name)[1].decode() == f"2 {status}"


def test_a_client_that_names_nobody_may_ask_for_any_site(world):
    """As nginx has it: health checks and old clients send no name."""
    with TlsConnection(world.tls, trusting(), None) as connection:
        for host, text in (("d.example", "default"), ("b.example", "b of https"), ("unknown.example", "default")):
            assert connection.request("GET", "/", host=host).text == text


# Redirects -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("target", ["/", "/x?q=1&r=%20", "/app?", "//other.example/%2e", "/%0d%0aX: y"])
def test_plain_requests_are_sent_to_https(world, target):
    """To the usual port, as the configured one is the kernel's choice."""
    for method in ("GET", "POST"):
        with Connection(world.plain, PLAIN) as connection:
            answer = connection.request(method, target.replace(" ", "%20"), host=f"a.example:{world.plain}",
                                        body=b"x" if method == "POST" else None)
        assert answer.status == 308
        assert answer.get("Location") == f"https://a.example{target.replace(' ', '%20')}"
        assert answer.get("Strict-Transport-Security") is None


def test_curl_follows_with_the_body(world):
    code, out, _ = curl(world.plain, "/app", "-L", "-d", "body", "-k", "--connect-to",
                        f"a.example:{world.plain}:{PLAIN}:{world.plain}", "--connect-to",
                        f"a.example:443:127.0.0.1:{world.tls}", "-w", " %{num_redirects} %{method}",
                        scheme="http")
    assert (code, out) == (0, b"https 1 POST")


def test_an_absolute_target_is_redirected_too(world):
    with Connection(world.plain, PLAIN) as connection:
        answer = connection.request("GET", "http://www.a.example/p%20q?r", host="www.a.example")
        assert answer.get("Location") == "https://www.a.example/p%20q?r"


def test_challenges_are_answered_without_tls(world):
    with Connection(world.plain, PLAIN) as connection:
        assert connection.request("GET", "/.well-known/acme-challenge/x", host="a.example").text == "token"
        assert connection.request("GET", "/.well-known/other", host="a.example").status == 308
        assert connection.request("GET", "/.well-known/acme-challenge/../../app", host="a.example").status == 308


def test_a_site_without_the_wish_is_served_plain(world):
    with Connection(world.plain, PLAIN) as connection:
        answer = connection.request("GET", "/", host="b.example")
        assert (answer.text, answer.get("Strict-Transport-Security")) == ("b of http", None)


def test_a_trusted_proxy_that_spoke_tls_is_not_sent_in_a_circle(world):
    said = ["X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1"]
    with Connection(world.plain, PLAIN) as stranger:
        assert stranger.request("GET", "/", host="a.example", headers=said).status == 308
    proxy = Connection.__new__(Connection)
    proxy.buffer = b""
    proxy.socket = socket.create_connection((PLAIN, world.plain), 30, source_address=("127.0.0.2", 0))
    with proxy:
        answer = proxy.request("GET", "/", host="a.example", headers=said)
        assert (answer.text, answer.get("Strict-Transport-Security")) == ("a of https", "max-age=60")
        assert proxy.request("GET", "/", host="a.example").status == 308


def test_strict_transport_security_is_told_over_tls(world):
    with world.connect("a.example") as connection:
        answer = connection.request("GET", "/", host="a.example")
        assert (answer.text, answer.get("Strict-Transport-Security")) == ("a of https", "max-age=60")


# Addresses -----------------------------------------------------------------------------------------------------------

def test_ipv6_and_unix_sockets_speak_tls(serve, tmp_path):
    authority = Authority(tmp_path / "authority")
    pair = authority.issue("a", ["a.example", "IP:::1", "IP:127.0.0.1"])
    edge = serve(f"""\
        log: {{access: {{path: stdout, format: "log [$remote_addr] $scheme"}}}}
        sites:
          - host: [a.example, "[::1]", 127.0.0.1]
            listen: [{{address: "[::1]:0", tls: true}}, {{address: "unix:tls.sock", tls: true}},
                     {{address: "127.0.0.1:0", tls: true}}]
            tls: {{{pair}}}
            routes: [{{path: /, return: {{body: "$scheme"}}}}]
        """)
    context = trusting(authority.certificate)
    port = int(edge.log.wait_for(r"listening on https://\[::1\]:(\d+)")[1])
    with socket.create_connection(("::1", port), 30) as raw:
        with context.wrap_socket(raw, server_hostname="::1") as client:     # the certificate names the address
            client.sendall(b"GET / HTTP/1.0\r\nHost: [::1]\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
    edge.out.wait_for(r"log \[::1\] https")
    assert curl(edge.ports[-1], name="127.0.0.1", authority=authority.certificate)[1] == b"https"
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(30)
        raw.connect(str(edge.folder / "tls.sock"))
        with context.wrap_socket(raw, server_hostname="a.example") as client:
            client.sendall(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_the_default_site_answers_unknown_names(world):
    with TlsConnection(world.tls, trusting(), "unknown.example") as connection:
        assert connection.tls.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(
            (world.authority.folder / "d.pem").read_text().partition("-----END")[0] + "-----END CERTIFICATE-----\n")
        assert connection.request("GET", "/", host="unknown.example").text == "default"

"""Who the client is when a proxy stands in front: what trusted proxies tell reaches routes, logs, Flask and ASGI; what
anybody else tells does not."""
import contextlib
import http.client
import json
import socket

import pytest

from http_client import Connection

PROXY = "127.0.0.1"
STRANGER = "127.0.0.2"
SITE = """\
    edge: {trusted_proxies: [127.0.0.1, 10.0.0.0/8, "unix:"]}
    log:
      access: {path: stdout, format: "log $remote_addr $realip_remote_addr $scheme://$host:$server_port $status $uri"}
    apps:
      flask: {module: web, processes: 1, threads: 1}
      asgi: {module: events, processes: 1}
    sites:
      - listen: ["127.0.0.1:0", "unix:edge.sock"]
        host: shop.example
        routes: [{path: /, return: {status: 200, body: "shop of $remote_addr by $scheme"}}]
      - listen: ["127.0.0.1:0", "unix:edge.sock"]
        default: true
        host: inside
        routes:
          - path: /
            return: {status: 200, body: "$remote_addr $remote_port $scheme $host $server_port $realip_remote_addr"}
          - {path: /old, redirect: {to: "$scheme://$host/new"}}
          - {path: /flask, app: flask}
          - {path: /asgi, app: asgi}
"""
FILES = {
    "web.py": """\
        import flask

        application = flask.Flask(__name__)


        @application.route("/flask")
        def show():
            request = flask.request
            return {"url": flask.url_for("show", _external=True), "remote": request.remote_addr,
                    "secure": request.is_secure, "host": request.host,
                    "server": [request.environ["SERVER_NAME"], request.environ["SERVER_PORT"]],
                    "port": request.environ["REMOTE_PORT"], "told": request.headers.get("X-Forwarded-For")}
        """,
    "events.py": """\
        import json


        async def application(scope, receive, send):
            told = {name: scope[name] for name in ("client", "scheme", "server")}
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": json.dumps(told).encode()})
        """,
}


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, FILES)


def ask(edge, target, *fields, peer=PROXY, host="inside"):
    """The answer to a request with these (name, value) fields that comes from the address `peer`."""
    client = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=30, source_address=(peer, 0))
    with contextlib.closing(client):
        client.putrequest("GET", target, skip_host=True)
        for name, value in (("Host", host), *fields):
            client.putheader(name, value)
        client.endheaders()
        answer = client.getresponse()
        answer.text = answer.read().decode()
        return answer


def told(edge, *fields, **options):
    return ask(edge, "/", *fields, **options).text


def test_a_trusted_proxy_tells_the_client(edge):
    assert told(edge, ("X-Forwarded-For", "192.0.2.1")).startswith("192.0.2.1  http inside ")
    assert told(edge, ("X-Forwarded-For", "192.0.2.1:4711")).startswith("192.0.2.1 4711 http inside ")
    assert told(edge, ("X-Forwarded-For", "2001:db8::7")).startswith("2001:db8::7  http inside ")
    assert told(edge, ("X-Forwarded-For", "192.0.2.1")).endswith(f" {edge.port} 127.0.0.1")


def test_without_word_of_it_the_proxy_is_the_client(edge):
    for field in (("X-Real-IP", "192.0.2.1"), ("X-Forwarded-For", "unknown"), ("X-Forwarded-For", "'; drop table")):
        assert told(edge, field).startswith("127.0.0.1 ")


def test_a_chain_of_proxies(edge):
    chain = "198.51.100.66, 192.0.2.1, 10.1.2.3, 10.4.5.6"
    assert told(edge, ("X-Forwarded-For", chain)).startswith("192.0.2.1 ")
    assert told(edge, *[("X-Forwarded-For", hop) for hop in chain.split(", ")]).startswith("192.0.2.1 ")
    standard = ", ".join(f"for={hop};proto={'https' if hop == '192.0.2.1' else 'http'}" for hop in chain.split(", "))
    assert told(edge, ("Forwarded", standard)).startswith("192.0.2.1  https ")


def test_a_stranger_is_not_believed(edge):
    fields = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.example"),
              ("X-Forwarded-Port", "8443"), ("Forwarded", "for=192.0.2.1;proto=https;host=shop.example")]
    for chosen in (fields, fields[-1:]):
        address, port, scheme, host, server_port, peer = told(edge, *chosen, peer=STRANGER).split(" ")
        assert (address, scheme, host, peer) == (STRANGER, "http", "inside", STRANGER)
        assert port != "0" and int(server_port) == edge.port
    seen = json.loads(ask(edge, "/flask", *fields, peer=STRANGER, host=f"inside:{edge.port}").text)
    assert seen["url"] == f"http://inside:{edge.port}/flask" and seen["remote"] == STRANGER and not seen["secure"]
    seen = json.loads(ask(edge, "/asgi", *fields, peer=STRANGER).text)
    assert seen["client"][0] == STRANGER and seen["scheme"] == "http"


def test_the_told_host_chooses_the_site(edge):
    assert told(edge, ("X-Forwarded-Host", "shop.example"), ("X-Forwarded-For", "192.0.2.1"),
                ("X-Forwarded-Proto", "https")) == "shop of 192.0.2.1 by https"
    assert told(edge, ("Forwarded", 'for=192.0.2.1;host="SHOP.example:8443"')) == "shop of 192.0.2.1 by http"
    assert " inside " in told(edge, ("X-Forwarded-Host", "shop.example/../"))
    assert " inside " in told(edge, ("X-Forwarded-Host", "shop.example"), peer=STRANGER)


def test_forwarded_does_not_count_beside_the_usual_fields(edge):
    """A proxy that writes X-Forwarded-For passes on the Forwarded that its client made up."""
    made_up = ("Forwarded", "for=198.51.100.66;proto=https;host=shop.example")
    assert told(edge, made_up, ("X-Forwarded-For", "192.0.2.1")).startswith("192.0.2.1  http inside ")
    assert told(edge, made_up) == "shop of 198.51.100.66 by https"


def test_redirects_lead_to_what_the_client_asked_for(edge):
    fields = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "www.example")]
    assert ask(edge, "/old", *fields).headers["Location"] == "https://www.example/new"
    assert ask(edge, "/old", *fields, peer=STRANGER).headers["Location"] == "http://inside/new"


def test_flask_sees_the_client_and_makes_its_urls(edge):
    fields = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "www.example")]
    seen = json.loads(ask(edge, "/flask", *fields).text)
    assert seen == {"url": "https://www.example/flask", "remote": "192.0.2.1", "secure": True, "host": "www.example",
                    "server": ["www.example", "443"], "port": "0", "told": "192.0.2.1"}
    seen = json.loads(ask(edge, "/flask", *fields, ("X-Forwarded-Port", "8443")).text)
    assert seen["url"] == "https://www.example:8443/flask" and seen["server"] == ["www.example", "8443"]
    seen = json.loads(ask(edge, "/flask", ("Forwarded", 'for="192.0.2.1:4711";proto=https'), host="www.example").text)
    assert seen["url"] == "https://www.example/flask" and seen["port"] == "4711"


def test_asgi_sees_the_client(edge):
    fields = [("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "www.example")]
    assert json.loads(ask(edge, "/asgi", *fields).text) == {
        "client": ["192.0.2.1", 0], "scheme": "https", "server": ["www.example", 443]}


def test_the_access_log_shows_the_client(edge):
    before = len(edge.out.all())
    ask(edge, "/logged", ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"))
    edge.out.wait_for(r"^log 192\.0\.2\.7 127\.0\.0\.1 https://inside:443 200 /logged$", after=before)
    ask(edge, "/refused", ("X-Forwarded-For", "192.0.2.8"), host="not a host")
    edge.out.wait_for(r"^log 192\.0\.2\.8 127\.0\.0\.1 \S+ 400 ", after=before)
    ask(edge, "/spoofed", ("X-Forwarded-For", "192.0.2.9"), peer=STRANGER)
    edge.out.wait_for(r"^log 127\.0\.0\.2 127\.0\.0\.2 http://inside:\d+ 200 /spoofed$", after=before)


def test_each_request_of_a_connection_is_another_clients(edge):
    with edge.connect() as proxy:
        for client in ("192.0.2.1", "192.0.2.2"):
            answer = proxy.request("GET", "/", headers=[f"X-Forwarded-For: {client}"], host="inside")
            assert answer.text.startswith(f"{client} ")
        assert proxy.request("GET", "/", host="inside").text.startswith("127.0.0.1 ")


class UnixConnection(Connection):
    """As a proxy on the same machine connects."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self.buffer = b""


def test_a_proxy_on_a_unix_socket(edge):
    fields = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"]
    with UnixConnection(edge.folder / "edge.sock") as proxy:
        assert proxy.request("GET", "/", headers=fields, host="inside").text == "192.0.2.1  https inside 443 unix:"
        assert proxy.request("GET", "/", host="inside").text == "unix:  http inside  unix:"


def test_a_unix_socket_is_trusted_only_by_its_own_word(serve):
    edge = serve("""\
        edge: {trusted_proxies: [0.0.0.0/0, "::/0"]}
        sites:
          - {listen: ["127.0.0.1:0", "unix:edge.sock"], routes: [{path: /, return: {body: "$remote_addr $scheme"}}]}
        """)
    fields = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"]
    with UnixConnection(edge.folder / "edge.sock") as proxy:
        assert proxy.request("GET", "/", headers=fields).text == "unix: http"
    assert edge.get("/", headers=fields).text == "192.0.2.1 https"


def test_nobody_is_trusted_when_nobody_is_named(serve):
    edge = serve("""\
        sites:
          - {listen: ["127.0.0.1:0"], routes: [{path: /, return: {body: "$remote_addr $scheme $host"}}]}
        """)
    fields = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.1;host=shop.example"]
    assert edge.get("/", headers=fields).text == "127.0.0.1 http localhost"

"""Client certificates: who may come, what logs, headers and apps hear, and that no other site lends its door."""
import json
import ssl
from urllib.parse import quote

import pytest

from certificates import Authority
from tls_client import TlsConnection, curl, trusting

NAME = r'O=B\C3\BCro \"x\"\, y,CN=alice'               # as RFC 2253 writes it
APP = '''\
    """Tells what it hears of the client's certificate."""
    import json


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({k: v for k, v in environ.items() if "SSL" in k or k == "HTTPS"}).encode()]
'''
SITE = """\
    log: {{access: {{path: stdout, format: "log $host $request_uri $status $ssl_client_verify [$ssl_client_s_dn]"}}}}
    apps: {{app: {{module: app, processes: 1}}}}
    sites:
      - host: open.example
        listen: &listen [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{pair}}}
        routes: [{{path: /, app: app}}]
      - host: maybe.example
        listen: *listen
        tls: {{{pair}, client_ca: {ca}, client_verify: optional}}
        headers: &told {{X-Client: "$ssl_client_s_dn", X-Verdict: "$ssl_client_verify"}}
        routes: [{{path: /, app: app}}]
      - host: must.example
        listen: *listen
        tls: {{{pair}, client_ca: {ca}, client_verify: required}}
        headers: *told
        routes: [{{path: /, app: app}}]
      - host: other.example
        listen: *listen
        tls: {{{pair}, client_ca: {other}, client_verify: required}}
        headers: *told
        routes: [{{path: /, app: app}}]
"""
SPOOFS = [f"{name}: CN=root" for name in ("SSL-Client-S-DN", "SSL_CLIENT_S_DN", "X-SSL-Client-S-DN", "Https")] + [
    "SSL-Client-Verify: SUCCESS", "SSL_CLIENT_VERIFY: SUCCESS"]


class World:
    def __init__(self, serve_module):
        folder = serve_module.folder
        self.authority = Authority(folder / "server")
        self.clients, self.others = Authority(folder / "clients", "Clients"), Authority(folder / "others", "Others")
        pair = self.authority.issue("all", ["open.example", "maybe.example", "must.example", "other.example"])
        self.edge = serve_module(
            SITE.format(pair=pair, ca=self.clients.certificate, other=self.others.certificate), {"app.py": APP})
        self.known = self.clients.issue("alice", subject="/O=Büro \"x\", y/CN=alice")
        self.stranger = self.others.issue("mallory")
        self.expired = self.clients.issue("late", begins=-9 * 86400, ends=-86400)

    def connect(self, name, client=None, version="1.3", session=None):
        return TlsConnection(self.edge.port, trusting(self.authority.certificate, versions=version, client=client),
                             name, session=session)

    def ask(self, name, client=None, version="1.3", headers=()):
        with self.connect(name, client, version) as connection:
            return connection.request("GET", "/", host=name, headers=headers)


@pytest.fixture(scope="module")
def world(serve_module):
    return World(serve_module)


@pytest.fixture(params=["1.2", "1.3"])
def version(request):
    return request.param


def test_without_the_wish_no_certificate_is_asked_for(world, version):
    answer = world.ask("open.example", world.known, version, SPOOFS)
    heard = json.loads(answer.text)
    assert not [key for key in heard if key.startswith("SSL_")], heard
    assert heard["HTTPS"] == "on"


def test_a_certificate_may_be_shown(world, version):
    answer = world.ask("maybe.example", None, version, SPOOFS)
    assert answer.get("X-Verdict") == "NONE" and answer.get("X-Client") is None
    heard = json.loads(answer.text)
    assert heard["SSL_CLIENT_VERIFY"] == "NONE"
    assert "SSL_CLIENT_S_DN" not in heard
    assert world.ask("maybe.example", world.known, version).get("X-Verdict") == "SUCCESS"


@pytest.mark.parametrize("client", ["stranger", "expired"])
def test_who_shows_one_that_nobody_vouches_for_is_nobody(world, version, client):
    """In it anybody may claim to be anyone, so what it claims reaches neither log nor app."""
    answer = world.ask("maybe.example", getattr(world, client), version)
    heard = json.loads(answer.text)
    assert heard["SSL_CLIENT_VERIFY"].startswith("FAILED:") and answer.get("X-Verdict").startswith("FAILED:")
    assert answer.get("X-Client") is None
    assert not [key for key in heard if key.startswith("SSL_CLIENT_") and key != "SSL_CLIENT_VERIFY"], heard
    world.edge.out.wait_for(r"^log maybe\.example / 200 FAILED:.* \[-?\]$")


@pytest.mark.parametrize("client", ["none", "stranger", "expired"])
def test_without_a_good_certificate_nobody_comes_in(world, version, client):
    shown = {"none": None, "stranger": world.stranger, "expired": world.expired}[client]
    with pytest.raises((ssl.SSLError, ConnectionError)):
        world.ask("must.example", shown, version)


def test_what_it_says_reaches_the_app_the_headers_and_the_log(world, version):
    answer = world.ask("must.example", world.known, version, SPOOFS)
    heard = json.loads(answer.text)
    assert heard["SSL_CLIENT_S_DN"] == NAME
    assert (heard["SSL_CLIENT_VERIFY"], heard["SSL_CLIENT_I_DN"]) == ("SUCCESS", "CN=Clients")
    assert heard["SSL_CLIENT_CERT"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert ssl.PEM_cert_to_DER_cert(heard["SSL_CLIENT_CERT"]) == ssl.PEM_cert_to_DER_cert(
        world.known.certificate.read_text().partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    assert heard["SSL_PROTOCOL"] == f"TLSv{version}"
    assert answer.get("X-Verdict") == "SUCCESS"
    assert answer.get("X-Client") == quote(NAME, safe="\\\"= ,")
    world.edge.out.wait_for(r"^log must\.example / 200 SUCCESS \[O=B.*CN=alice\]$")


def test_headers_stay_headers(world):
    heard = json.loads(world.ask("must.example", world.known, headers=SPOOFS).text)
    assert [value for key, value in heard.items() if not key.startswith("HTTP_") and "root" in value] == []


@pytest.mark.parametrize("through, client", [("open.example", None), ("maybe.example", "known"),
                                             ("other.example", "other")])
@pytest.mark.parametrize("wanted", ["must.example", "MUST.example", "must.example:443"])
def test_another_sites_connection_does_not_lead_in(world, through, client, wanted):
    shown = {None: None, "known": world.known, "other": world.stranger}[client]
    with world.connect(through, shown) as connection:
        assert connection.request("GET", "/", host=wanted).status == 421
    with world.connect(through, shown) as connection:
        target = f"https://{wanted}/"
        assert connection.request("GET", target, host=wanted).status == 421


def test_nor_does_it_over_http2(world):
    options = ["--http2", "-H", "Host: must.example", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
    assert curl(world.edge.port, "/", *options, name="open.example")[1] == b"2 421"


@pytest.mark.parametrize("wanted", ["must.example", "other.example"])
def test_nor_does_another_sites_session(world, version, wanted):
    for through, client in (("open.example", None), ("maybe.example", world.known)):
        with world.connect(through, client, version) as connection:
            connection.request("GET", "/", host=through)
            session, context = connection.tls.session, connection.tls.context
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            with TlsConnection(world.edge.port, context, wanted, session=session) as connection:
                reused = connection.tls.session_reused
                assert reused or client is None or wanted == "other.example", "a full handshake with the certificate"
                answer = connection.request("GET", "/", host=wanted)
                assert answer.status == 200 and not reused and wanted == "must.example" and client, "somebody came in"
                raise ConnectionError("with a certificate that is good here it may be")


def test_a_resumed_session_still_knows_its_client(world, version):
    with world.connect("must.example", world.known, version) as connection:
        connection.request("GET", "/", host="must.example")
        session, context = connection.tls.session, connection.tls.context
    with TlsConnection(world.edge.port, context, "must.example", session=session) as connection:
        assert connection.tls.session_reused
        answer = connection.request("GET", "/", host="must.example")
    assert json.loads(answer.text)["SSL_CLIENT_S_DN"] == NAME


@pytest.mark.parametrize("content, says", [(None, "cannot be read"), ("nothing", "not PEM")])
def test_authorities_that_cannot_be_read_are_named(serve, tmp_path, content, says):
    pair = Authority(tmp_path / "authority").issue("a", ["a.example"])
    if content:
        (tmp_path / "ca.pem").write_text(content)
    edge = serve(f"""\
        sites:
          - listen: [{{address: "127.0.0.1:0", tls: true}}]
            host: a.example
            tls: {{{pair}, client_ca: ca.pem, client_verify: required}}
            routes: [{{path: /, return: {{}}}}]
        """, ready=False)
    assert edge.wait() != 0
    assert "ca.pem" in edge.log.text() and says in edge.log.text(), edge.log.text()

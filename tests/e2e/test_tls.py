"""TLS as clients see it: versions, names, kinds of keys, protocols, resumption, and who does not speak it."""
import re
import ssl

import pytest

from certificates import Authority
from edge import run
from http_client import Connection
from tls_client import TlsConnection, connect_plain, s_client, trusting

SITE = """\
    edge: {{threads: 2, control: control.sock}}
    log: {{access: {{path: stdout, format: "log $host $request_uri $server_protocol $ssl_protocol $ssl_cipher\
 $ssl_server_name $ssl_session_reused $status"}}}}
    http: {{header_timeout: 2s}}
    sites:
      - host: [a.example, "*.wild.example"]
        listen: [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{pair}}}
        routes:
          - {{path: /, return: {{body: "this is a"}}}}
"""


class World:
    """An edge with one site, its authority, and what a client of it needs."""

    def __init__(self, serve_module):
        self.folder = serve_module.folder
        self.authority = Authority(self.folder / "authority")
        self.pair = self.authority.issue("a", ["a.example", "*.wild.example"])
        self.edge = serve_module(SITE.format(pair=self.pair))
        self.port = self.edge.port

    def connect(self, name="a.example", **options):
        return TlsConnection(self.port, trusting(self.authority.certificate, **options), name)


@pytest.fixture(scope="module")
def world(serve_module):
    return World(serve_module)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def listener(*sites, edge="", more=""):
    """Sites at one address; each is (host, what `tls` holds)."""
    text = "edge: {control: control.sock" + edge + "}\n" + more + "sites:\n"
    for host, tls in sites:
        text += (f'  - {{host: {host}, listen: [{{address: "127.0.0.1:0", tls: true}}], tls: {{{tls}}}, '
                 f'routes: [{{path: /, return: {{body: "$host"}}}}]}}\n')
    return text


# Versions, names, keys, protocols ----------------------------------------------------------------------------------

@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_version_is_spoken_and_told(world, version):
    with world.connect(versions=version) as client:
        assert client.tls.version() == f"TLSv{version}"
        assert client.request("GET", f"/?{version}", host="a.example").text == "this is a"
        cipher = client.tls.cipher()[0]
    world.edge.out.wait_for(rf"^log a\.example /\?{version} HTTP/1\.1 TLSv{version} {cipher} a\.example \. 200$")


@pytest.mark.parametrize("version", ["ssl3", "tls1", "tls1_1"])
def test_old_versions_are_refused(world, version):
    if version == "ssl3":                               # no client speaks it any more, so its hello is made here
        with connect_plain(world.port) as client:
            client.sendall(bytes.fromhex("160300002f0100002b0300") + bytes(31) + bytes.fromhex("000000020005000100"))
            assert client.recv(100)[:1] in (b"\x15", b"")
        return
    said = s_client(world.port, f"-{version}", "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in said, said
    world.edge.log.wait_for(r"TLS handshake with 127\.0\.0\.1 failed: ")


def test_names_choose_the_site(serve, authority):
    exact = authority.issue("exact", ["exact.example", "x.wild.example"])
    wild = authority.issue("w", ["*.wild.example"])
    site = listener(("exact.example", exact), ('"*.wild.example"', wild), ("x.wild.example", exact))
    edge = serve(site.replace("host: exact.example", "host: exact.example, default: true"))
    assert len(edge.ports) == 1, "sites of one address share the socket"

    def subject(name):
        return re.search(r"subject=CN = (\S+)", s_client(edge.port, name=name))[1]

    assert [subject(name) for name in ("exact.example", "y.wild.example", "x.wild.example", "Y.WILD.example")] == [
        "exact", "w", "exact", "w"]
    assert subject("unknown.example") == subject(None) == subject("wild.example") == "exact"


def test_a_name_that_no_site_has_gets_the_only_one_there_is(world):
    with pytest.raises(ssl.SSLCertVerificationError):
        world.connect(name="other.example")
    with world.connect(name="b.wild.example") as client:
        assert client.request("GET", "/", host="b.wild.example").status == 200


def test_each_site_has_its_versions(serve, authority):
    pair = authority.issue("both", ["old.example", "new.example"])
    edge = serve(listener(("old.example", f"{pair}, protocols: [TLSv1.2]"),
                          ("new.example", f"{pair}, protocols: [TLSv1.3]")))
    for name, speaks, refuses in (("old.example", "1.2", "1.3"), ("new.example", "1.3", "1.2")):
        with TlsConnection(edge.port, trusting(authority.certificate), name) as client:
            assert client.tls.version() == f"TLSv{speaks}"
            assert client.request("GET", "/", host=name).text == name
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION|HANDSHAKE|unsupported"):
            TlsConnection(edge.port, trusting(authority.certificate, versions=refuses), name)


@pytest.mark.parametrize("kind, signature", [("rsa", "RSA"), ("ec", "ECDSA")])
def test_a_site_has_a_key_of_each_kind(serve, authority, kind, signature):
    pairs = [authority.issue(f"two-{each}", ["a.example"], kind=each) for each in ("rsa", "ec")]
    edge = serve(listener(("a.example", "certificate: [" + ", ".join(f"{{{pair}}}" for pair in pairs) + "]")))
    context = trusting(authority.certificate, versions="1.2", ciphers=f"ECDHE-{signature}-AES128-GCM-SHA256")
    with TlsConnection(edge.port, context) as client:
        assert f"ECDHE-{signature}" in client.tls.cipher()[0]
        assert client.tls.getpeercert()["subject"] == ((("commonName", f"two-{kind}"),),)
    signs = "ecdsa_secp256r1_sha256" if kind == "ec" else "rsa_pss_rsae_sha256"
    said = s_client(edge.port, "-tls1_3", "-sigalgs", signs)
    assert f"CN = two-{kind}" in said


@pytest.mark.parametrize("offers, chosen", [
    (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), ([], None),
])
def test_the_protocol_is_agreed_on(world, offers, chosen):
    with world.connect(alpn=offers) as client:
        assert client.tls.selected_alpn_protocol() == chosen
        if chosen != "h2":
            assert client.request("GET", "/", host="a.example").status == 200


def test_a_client_that_shares_no_protocol_is_told_so(world):
    logged = []
    while not logged:  # one line a second is written, and the test before may have had it
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            world.connect(alpn=["spdy/3"])
        logged = [line for line in world.edge.log.all() if "no shared application protocol" in line]


def test_without_http2_it_is_not_offered(serve, authority):
    site = listener(("a.example", authority.issue("plain", ["a.example"])))
    edge = serve(site.replace("tls: true}", "tls: true, http2: false}"))
    with TlsConnection(edge.port, trusting(authority.certificate, alpn=["h2", "http/1.1"])) as client:
        assert client.tls.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize("ciphers, says", [
    ("ECDHE-RSA-AES128-GCM-SHA256:NO-SUCH-THING", "NO-SUCH-THING"), ("nonsense", "nonsense"),
])
def test_wrong_ciphers_are_named_at_start(serve, authority, ciphers, says, tmp_path):
    site = listener(("a.example", f'{authority.issue("c", ["a.example"])}, ciphers: "{ciphers}"'))
    edge = serve(site, ready=False)
    assert edge.wait() != 0
    assert re.search(rf"error .*site\.yaml:\d+:\d+: .*ciphers.*{says}", edge.log.text()), edge.log.text()
    checked = run("check", "site.yaml", folder=tmp_path)
    assert checked.returncode != 0 and says in checked.stderr


# Sessions ------------------------------------------------------------------------------------------------------------

def resumed(port, context, session=None, name="a.example"):
    """(whether the session was resumed, the session to come back with)."""
    with TlsConnection(port, context, name, session=session) as client:
        client.request("GET", "/", host=name)           # tickets of TLS 1.3 come with the first answer
        return client.tls.session_reused, client.tls.session


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_sessions_are_resumed_by_every_loop_and_after_a_reload(world, version):
    context = trusting(world.authority.certificate, versions=version)
    again, session = resumed(world.port, context)
    assert not again
    for _ in range(12):                                 # the kernel deals the connections out to two loops
        again, session = resumed(world.port, context, session)
        assert again
    done = run("reload", folder=world.folder)
    assert done.returncode == 0, done.stderr
    assert resumed(world.port, context, session)[0]
    world.edge.out.wait_for(rf"TLSv{version} .* r 200$")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_without_tickets_no_session_is_resumed(serve, authority, version):
    edge = serve(listener(("a.example", f'{authority.issue("t", ["a.example"])}, session_tickets: false')))
    context = trusting(authority.certificate, versions=version)
    session = resumed(edge.port, context)[1]
    assert session is None or not session.has_ticket
    if session:
        assert not resumed(edge.port, context, session)[0]


# Who does not speak TLS ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("request_line", ["GET / HTTP/1.1", "post /form HTTP/1.0", "PRI * HTTP/2.0"])
def test_plain_http_is_told_to_use_https(world, request_line):
    with Connection(world.port) as client:
        client.send(f"{request_line}\r\nHost: a.example\r\n\r\n".encode())
        answer = client.answer()
        assert (answer.status, answer.keeps_alive) == (400, False)
        assert "https://" in answer.text
        assert client.rest() == b""


@pytest.mark.parametrize("garbage", [
    b"\x00" * 600, b"\x16\x03\x01\xff\xff" + b"\xaa" * 400, b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    b"\x17\x03\x03\x00\x20" + b"\x55" * 32, b"\x80\x2e\x01\x00\x02" + b"\x01" * 60, b"\xff" * 70000,
])
def test_garbage_ends_the_connection(world, garbage):
    with Connection(world.port) as client:
        try:
            client.send(garbage)
        except ConnectionError:
            return                                      # it was cut before all of it was sent
        try:
            said = client.rest()
        except ConnectionResetError:
            said = b""
        assert said == b"" or said[0] == 0x15, "nothing but an alert"


def test_a_handshake_that_stalls_is_cut(world):
    with Connection(world.port) as silent, Connection(world.port) as begun:
        begun.send(bytes.fromhex("16030102000100"))
        for client in (silent, begun):
            assert client.is_closed()                   # after header_timeout


def test_half_open_connections_do_not_stop_others(world):
    held = [connect_plain(world.port) for _ in range(500)]
    try:
        for client in held[::2]:
            client.sendall(bytes.fromhex("160301"))
        for _ in range(8):
            with world.connect() as client:
                assert client.request("GET", "/", host="a.example").status == 200
    finally:
        for client in held:
            client.close()

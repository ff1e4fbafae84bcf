"""TLS across reloads and upgrades: addresses that turn from one speech to another, renewals, limits, rights given up."""
import os
import shutil
import ssl

import pytest

from certificates import Authority
from edge import run
from http_client import Connection
from tls_client import TlsConnection, connect_plain, trusting

SITE = """\
    edge: {{control: control.sock{edge}}}
    log: {{access: off}}
    sites:
      - host: a.example
        listen: [{{address: "127.0.0.1:0"{speech}}}]
        {tls}
        routes: [{{path: /, return: {{body: "{body}"}}}}]
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("site", ["a.example"])


def plain(body="plain", edge=""):
    return SITE.format(edge=edge, speech="", tls="", body=body)


def secure(pair, more="", body="secure", edge=""):
    return SITE.format(edge=edge, speech=", tls: true, http2: false", tls=f"tls: {{{pair}{more}}}", body=body)


def reload_to(folder, text):
    (folder / "site.yaml").write_text("\n".join(line[4:] for line in text.splitlines()))
    done = run("reload", folder=folder)
    assert done.returncode == 0, done.stderr


def test_who_was_about_to_speak_tls_may_when_the_address_turns_plain(serve, authority, pair, tmp_path):
    edge = serve(secure(pair))
    with connect_plain(edge.port) as early:
        reload_to(tmp_path, plain())
        with trusting(authority.certificate).wrap_socket(early, server_hostname="a.example") as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            assert b"plain" in tls.recv(4096), "the handshake is that of when it connected, the answer that of now"
    with Connection(edge.port) as later:
        assert later.request("GET", "/", host="a.example").text == "plain"
    edge.log.wait_for(r"info listening on http://.*, no longer on https://")
    edge.log.wait_for("info sites: applied")
    assert "no longer listening on" not in edge.log.text(), "it is the same socket"


def test_who_came_without_tls_is_not_served_when_the_address_demands_certificates(serve, authority, pair, tmp_path):
    edge = serve(plain())
    with Connection(edge.port) as kept:
        assert kept.request("GET", "/", host="a.example").text == "plain"
        reload_to(tmp_path, secure(pair, f", client_ca: {authority.certificate}, client_verify: required"))
        assert kept.socket.recv(1) == b"", "an idle connection of before is closed"
    with pytest.raises(ssl.SSLError), TlsConnection(edge.port, trusting(authority.certificate)) as stranger:
        stranger.request("GET", "/", host="a.example")
    client = trusting(authority.certificate, client=authority.issue("client"))
    with TlsConnection(edge.port, client) as known:
        assert known.request("GET", "/", host="a.example").text == "secure"


def test_the_limit_of_connections_holds_for_tls(serve, authority, pair):
    edge = serve(secure(pair, edge=", threads: 1, max_connections: 4"))
    context = trusting(authority.certificate)
    inside = [TlsConnection(edge.port, context) for _ in range(4)]
    for one in inside:
        assert one.request("GET", "/", host="a.example").text == "secure"
        one.send(b"GET ")       # so that it need not give way
    with connect_plain(edge.port) as waiting:
        waiting.settimeout(0.5)
        with pytest.raises(TimeoutError):
            context.wrap_socket(waiting, server_hostname="a.example")
    inside.pop().close()
    with TlsConnection(edge.port, context) as next_one:
        assert next_one.request("GET", "/", host="a.example").text == "secure"
    for one in inside:
        one.close()


def test_a_renewal_fails_no_request_of_clients_with_certificates(serve, authority, tmp_path):
    def put(pair):
        shutil.copy(pair.key, tmp_path / "site.key")
        shutil.copy(pair.certificate, tmp_path / "site.pem")

    put(authority.issue("one", ["a.example"]))
    more = f", client_ca: {authority.certificate}, client_verify: required"
    edge = serve(secure("certificate: site.pem, key: site.key", more))
    with TlsConnection(edge.port, trusting(authority.certificate, client=authority.issue("client"))) as kept:
        assert kept.request("GET", "/", host="a.example").status == 200
        put(authority.issue("two", ["a.example"]))
        edge.log.wait_for(r"info .*certificates are up to date", within=15)
        assert kept.request("GET", "/", host="a.example").status == 200


def test_requests_in_records_of_their_own_are_all_answered(serve, authority, pair):
    edge = serve(secure(pair))
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\nX: " + b"x" * 88 + b"\r\n\r\n"
    assert len(request) == 128, "so that the buffer for heads is full just at the end of one"
    with TlsConnection(edge.port, trusting(authority.certificate)) as client:
        for _ in range(300):
            client.socket.send(request)
        for _ in range(300):
            assert client.answer().text == "secure"


def test_certificates_are_no_hindrance_when_nothing_of_them_has_changed(serve, authority, pair, tmp_path):
    edge = serve(secure(pair))
    before = trusting(authority.certificate)
    with TlsConnection(edge.port, before) as client:
        client.request("GET", "/", host="a.example")
    reload_to(tmp_path, secure(pair, body="again"))
    with TlsConnection(edge.port, before) as client:
        assert client.request("GET", "/", host="a.example").text == "again"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_a_key_that_only_root_may_read_stays_in_use(serve, authority, pair, tmp_path):
    for source, name in ((pair.certificate, "site.pem"), (pair.key, "site.key")):
        shutil.copy(source, tmp_path / name)
    (tmp_path / "site.key").chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o005:
            folder.chmod(folder.stat().st_mode | 0o005)
    files, user = "certificate: site.pem, key: site.key", ", user: nobody, group: nogroup"
    edge = serve(secure(files, edge=user))
    os.utime(tmp_path / "site.pem")
    reload_to(tmp_path, secure(files, body="again", edge=user))
    edge.log.wait_for(r"warn .*site\.key.*the certificate that was read before stays")
    with TlsConnection(edge.port, trusting(authority.certificate)) as client:
        assert client.request("GET", "/", host="a.example").text == "again"


def test_an_upgrade_takes_tls_along(upgradable, authority, pair):
    edge = upgradable.start(secure(pair))
    context = trusting(authority.certificate)
    for _ in range(2):
        upgradable.upgrade()
        with TlsConnection(edge.port, context) as client:
            assert client.request("GET", "/", host="a.example").text == "secure"
    upgradable.stop()

"""What edge shows to https servers and whom it trusts, by the configuration, and that both are read anew."""
import os
import re
import shutil

import pytest

from certificates import Authority
from edge import run, wait_until
from tls_origin import TlsOrigin

SITE = """\
    edge: {{threads: 1, control: control.sock{edge}}}
    log: {{access: off}}
    upstreams:
      api: {{servers: [{api}], tls: {{ca: ca.pem{shows}}}, {more}}}
      other: {{servers: [{other}], tls: {{ca: other.pem}}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {{path: /, proxy: api}}
          - {{path: /other/, proxy: other}}
"""
SHOWS = ", certificate: edge.pem, key: edge.key"


def who(client):
    """The name in the certificate that the client has shown."""
    [[[_, name]]] = client.getpeercert()["subject"]
    return name


def named(seen, client):
    name = who(client).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(name), name)


class Behind:
    """An edge whose server asks for a certificate, and tells whose it was. Its files stand in edge's own folder."""

    def __init__(self, serve, folder, shows=SHOWS, more="", edge="", answer=named):
        self.folder, self.authority = folder, Authority(folder / "authority")
        pair = self.authority.issue("server", ["IP:127.0.0.1"])
        self.api = TlsOrigin(answer, pair=pair, client_ca=self.authority.certificate)
        self.other = TlsOrigin(pair=pair)
        self.put(self.authority.certificate, "ca.pem")
        self.put(self.authority.certificate, "other.pem")
        self.show("first")
        self.edge = serve(SITE.format(api=self.api.url, other=self.other.url, shows=shows, more=more, edge=edge))

    def put(self, source, name):
        shutil.copy(source, self.folder / "fresh")
        os.replace(self.folder / "fresh", self.folder / name)

    def show(self, name):
        pair = self.authority.issue(name)
        self.put(pair.key, "edge.key")
        self.put(pair.certificate, "edge.pem")

    def seen(self):
        return self.edge.get("/").text

    def close(self):
        self.api.close()
        self.other.close()


@pytest.fixture
def behind(serve, tmp_path):
    started = []

    def make(**options):
        started.append(Behind(serve, tmp_path, **options))
        return started[-1]
    yield make
    for each in started:
        each.close()


def test_a_server_is_shown_the_certificate_that_is_configured(behind):
    assert behind().seen() == "first"


def test_a_server_that_wants_a_certificate_refuses_who_has_none(behind):
    without = behind(shows="")
    assert without.edge.get("/").status == 502 and without.api.seen == []


def test_a_reload_reads_the_files_anew(behind):
    renewed = behind()
    assert renewed.seen() == "first"
    renewed.show("second")
    done = run("reload", folder=renewed.folder)
    assert done.returncode == 0, done.stderr
    assert renewed.seen() == "second"


def test_changed_files_are_taken_within_seconds_and_nothing_else_is_touched(behind):
    renewed = behind()
    assert [renewed.seen(), renewed.edge.get("/other/").status] == ["first", 200]
    renewed.show("second")
    renewed.edge.log.wait_for(r"info .*certificates are up to date", within=15)
    wait_until(lambda: renewed.seen() == "second", "the new certificate is shown")
    assert renewed.edge.get("/other/").status == 200 and renewed.other.connections == 1


def test_a_broken_file_leaves_the_old_one_and_is_named(behind):
    broken = behind()
    assert broken.seen() == "first"
    (broken.folder / "edge.pem").write_text("-----BEGIN CERTIFICATE-----\nbroken\n")
    broken.edge.log.wait_for(r"error .*site\.yaml:4:\d+: upstreams\.api\.tls: .*edge\.pem.*get the file anew", within=15)
    broken.edge.log.wait_for(r"error .*the old ones serve on")
    done = run("reload", folder=broken.folder)
    assert done.returncode != 0 and re.search(r"upstreams\.api\.tls: .*edge\.pem", done.stderr), done.stderr
    assert broken.seen() == "first" and broken.api.connections == 1
    broken.show("second")
    broken.edge.log.wait_for(r"info .*certificates are up to date", within=15)
    wait_until(lambda: broken.seen() == "second", "the new certificate is shown")


def test_a_broken_file_holds_up_no_other(behind):
    broken = behind()
    assert [broken.seen(), broken.edge.get("/other/").status] == ["first", 200]
    (broken.folder / "edge.pem").write_text("-----BEGIN CERTIFICATE-----\nbroken\n")
    broken.edge.log.wait_for(r"error .*upstreams\.api\.tls: .*edge\.pem", within=15)
    broken.put(Authority(broken.folder / "stranger").certificate, "other.pem")
    wait_until(lambda: broken.edge.get("/other/").status == 502, "the other file counts")
    assert broken.seen() == "first" and broken.api.connections == 1


def test_other_authorities_are_trusted_from_then_on(behind):
    stranger = behind()
    assert stranger.seen() == "first"
    stranger.put(Authority(stranger.folder / "stranger").certificate, "ca.pem")
    assert run("reload", folder=stranger.folder).returncode == 0
    assert stranger.edge.get("/").status == 502, "a connection of before is not used again"
    stranger.edge.log.wait_for("nobody who is trusted vouches for its certificate")
    stranger.put(stranger.authority.certificate, "ca.pem")
    assert run("reload", folder=stranger.folder).returncode == 0
    assert stranger.seen() == "first"


def test_health_checks_go_on_with_the_new_certificate(behind):
    asked = []

    def answer(seen, client):
        if seen.target == "/healthz":
            asked.append(who(client))
        return named(seen, client)
    checked = behind(more="health: {path: /healthz, interval: 100ms}", answer=answer)
    wait_until(lambda: "first" in asked, "the server is asked")
    checked.show("second")
    assert run("reload", folder=checked.folder).returncode == 0
    assert checked.seen() == "second"
    wait_until(lambda: asked[-1] == "second", "the server is asked with the new certificate")


def test_what_is_known_of_a_server_stays(behind):
    def answer(seen, client):
        return b"nonsense\r\n\r\n" if seen.target == "/fails" else named(seen, client)
    renewed = behind(more="eject: {failures: 1, for: 1h}", answer=answer)
    assert renewed.edge.get("/fails").status == 502
    renewed.edge.log.wait_for("is left alone")
    renewed.show("second")
    assert run("reload", folder=renewed.folder).returncode == 0
    status = run("status", folder=renewed.folder)
    assert "ejected" in status.stdout, status.stdout
    assert renewed.seen() == "second", "where all are left out, all are used"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_a_key_that_only_root_may_read_stays_in_use(behind, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o005:
            folder.chmod(folder.stat().st_mode | 0o005)
    kept = behind(edge=", user: nobody, group: nogroup")
    assert kept.seen() == "first"
    assert (tmp_path / "edge.key").stat().st_mode & 0o077 == 0
    os.utime(tmp_path / "edge.pem")
    assert run("reload", folder=tmp_path).returncode == 0
    kept.edge.log.wait_for(r"warn .*upstreams\.api\.tls: .*edge\.key.*what was read before stays")
    assert kept.seen() == "first" and kept.api.connections == 1

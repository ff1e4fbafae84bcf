"""Certificates: read again when files change, refused with a reason when of no use, made for development."""
import os
import re
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from certificates import DAY, Authority, openssl
from edge import BINARY, environment_of, run, wait_until
from tls_client import TlsConnection, curl, trusting

EXIT_CONFIGURATION = 2
NOBODY = 65534
SITE = """\
    edge: {{control: control.sock}}
    log: {{access: off}}
    sites:
      - host: {host}
        listen: [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{tls}}}
        routes: [{{path: /, return: {{body: "served"}}}}]
"""
TWO_SITES = """\
    edge: {threads: 1, control: control.sock}
    log: {access: off}
    sites:
      - host: a.example
        listen: [{address: "127.0.0.1:0", tls: true}]
        tls: {certificate: a.pem, key: a.key}
        routes: [{path: /, return: {body: "a"}}]
      - host: b.example
        listen: [{address: "127.0.0.1:0", tls: true}]
        tls: {certificate: b.pem, key: b.key}
        routes: [{path: /, return: {body: "b"}}]
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def serial(edge, authority):
    """Of the certificate that is served now."""
    with TlsConnection(edge.port, trusting(authority.certificate)) as client:
        assert client.request("GET", "/", host="a.example").text == "served"
        return client.tls.getpeercert()["serialNumber"]


class Served:
    """An edge whose certificate stands in its own folder as site.pem and site.key."""

    def __init__(self, serve, authority, folder):
        self.folder, self.authority = folder, authority
        self.put(authority.issue("first", ["a.example"]))
        self.edge = serve(SITE.format(host="a.example", tls="certificate: site.pem, key: site.key"))
        self.first = serial(self.edge, authority)

    def put(self, pair):
        """Replaces both files, each whole."""
        for source, name in ((pair.key, "site.key"), (pair.certificate, "site.pem")):
            shutil.copy(source, self.folder / "fresh")
            os.replace(self.folder / "fresh", self.folder / name)

    def serial(self):
        return serial(self.edge, self.authority)


@pytest.fixture
def served(serve, authority, tmp_path):
    return Served(serve, authority, tmp_path)


# Changing ------------------------------------------------------------------------------------------------------------

def test_a_new_certificate_is_served_within_seconds(served):
    with TlsConnection(served.edge.port, trusting(served.authority.certificate)) as kept:
        kept.request("GET", "/", host="a.example")
        served.put(served.authority.issue("second", ["a.example"]))
        served.edge.log.wait_for(r"info .*certificates are up to date", within=15)
        assert served.serial() != served.first
        assert kept.request("GET", "/", host="a.example").text == "served", "open connections go on"


def test_a_bad_new_certificate_leaves_the_old_one(served):
    (served.folder / "site.pem").write_text("-----BEGIN CERTIFICATE-----\nbroken\n")
    served.edge.log.wait_for(r"error .*certificates could not be renewed: the old ones serve on", within=15)
    served.edge.log.wait_for(r"site\.pem.*get the file anew")
    assert served.serial() == served.first
    served.put(served.authority.issue("third", ["a.example"]))
    served.edge.log.wait_for(r"info .*certificates are up to date", within=15)
    assert served.serial() != served.first


def test_a_bad_new_certificate_holds_up_no_other(serve, authority, tmp_path):
    def put(name, pair):
        for source, kind in ((pair.key, "key"), (pair.certificate, "pem")):
            shutil.copy(source, tmp_path / "fresh")
            os.replace(tmp_path / "fresh", tmp_path / f"{name}.{kind}")

    put("a", authority.issue("a1", ["a.example"]))
    put("b", authority.issue("b1", ["b.example"]))
    edge = serve(TWO_SITES)

    def serial_of(name):
        with TlsConnection(edge.port, trusting(authority.certificate), name=name) as client:
            return client.tls.getpeercert()["serialNumber"]
    first = {name: serial_of(name) for name in ("a.example", "b.example")}
    (tmp_path / "a.pem").write_text("-----BEGIN CERTIFICATE-----\nbroken\n")
    edge.log.wait_for(r"error .*a\.pem.*get the file anew", within=15)
    put("b", authority.issue("b2", ["b.example"]))
    wait_until(lambda: serial_of("b.example") != first["b.example"], "the other certificate is renewed")
    assert serial_of("a.example") == first["a.example"]
    put("a", authority.issue("a2", ["a.example"]))
    edge.log.wait_for("info tls: certificates are up to date", within=15)
    assert serial_of("a.example") != first["a.example"]


def test_a_reload_reads_certificates_and_keeps_the_old_when_it_cannot(served):
    (served.folder / "site.key").write_bytes(served.authority.issue("stranger", ["a.example"]).key.read_bytes())
    done = run("reload", folder=served.folder)
    assert done.returncode != 0
    assert re.search(r"site\.key.*the key does not belong to the certificate", done.stderr), done.stderr
    assert served.serial() == served.first
    second = served.authority.issue("second", ["a.example"])
    served.put(second)
    done = run("reload", folder=served.folder)
    assert done.returncode == 0, done.stderr
    assert served.serial() != served.first


# Of no use -----------------------------------------------------------------------------------------------------------

def encrypted(pair):
    openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", f"{pair.key}.new")
    os.replace(f"{pair.key}.new", pair.key)


def der(pair):
    openssl("x509", "-in", pair.certificate, "-outform", "DER", "-out", f"{pair.certificate}.new")
    os.replace(f"{pair.certificate}.new", pair.certificate)


def swapped(pair):
    pair.certificate, pair.key = pair.key, pair.certificate


def weak(pair):
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=a.example", "-keyout", pair.key, "-out",
            pair.certificate)


@pytest.mark.parametrize("spoil, says", [
    (encrypted, r"/a\.key is encrypted, .* openssl pkey -in \S+a\.key"),
    (der, r"/a\.pem is DER, not PEM; convert it: openssl x509 -inform DER"),
    (swapped, r"/a\.key is a private key and \S+a\.pem a certificate: swap"),
    (weak, r"/a\.pem: the RSA key of .* has 1024 bits"),
    (lambda pair: pair.key.unlink(), r"/a\.key cannot be read: No such file"),
    (lambda pair: pair.certificate.write_bytes(b""), r"/a\.pem is empty"),
    (lambda pair: pair.certificate.write_text("hello"), r"/a\.pem is not PEM"),
], ids=["encrypted", "DER", "swapped", "weak", "missing", "empty", "text"])
def test_what_cannot_be_used_is_an_error_at_start_and_in_check(serve, tmp_path, spoil, says):
    pair = Authority(tmp_path / "authority").issue("a", ["a.example"])
    spoil(pair)
    edge = serve(SITE.format(host="a.example", tls=pair), ready=False)
    assert edge.wait() == EXIT_CONFIGURATION, edge.log.text()
    assert re.search(r"site\.yaml:6:\d+.*" + says, edge.log.text()), edge.log.text()
    checked = run("check", "site.yaml", folder=tmp_path)
    assert checked.returncode == EXIT_CONFIGURATION
    assert re.search(r"site\.yaml:6:\d+.*" + says, checked.stderr), checked.stderr


@pytest.mark.parametrize("options, says", [
    ({"begins": -9 * DAY, "ends": -DAY}, r"/a\.pem: .* has expired at "),
    ({"ends": 3 * DAY}, r"/a\.pem: .* expires at "),
    ({"begins": DAY}, r"/a\.pem: .* is valid only from "),
    ({"hosts": ["b.example"]}, r"/a\.pem: no certificate is for a\.example"),
    ({"hosts": []}, r"/a\.pem: .* names no host in subjectAltName"),
], ids=["expired", "expires soon", "not yet", "another host", "no host"])
def test_what_another_day_may_cure_is_a_warning(serve, authority, options, says):
    pair = authority.issue("a", **{"hosts": ["a.example"], **options})
    edge = serve(SITE.format(host="a.example", tls=pair))
    edge.log.wait_for(r"warn site\.yaml:6:\d+.*" + says)
    checked = run("check", "site.yaml", folder=edge.folder)
    assert checked.returncode == 0, checked.stderr
    assert re.search(says, checked.stderr), checked.stderr
    assert curl(edge.port)[1] == b"served"


def test_a_readable_key_and_a_missing_issuer_are_warned_of(serve, tmp_path, authority):
    middle = Authority(tmp_path / "middle")
    between = authority.issue("middle", subject="/CN=Middle", chain=False)
    middle.certificate, middle.key = between.certificate, between.key
    pair = middle.issue("a", ["a.example"], chain=False)
    pair.key.chmod(0o644)
    edge = serve(SITE.format(host="a.example", tls=pair))
    edge.log.wait_for(r"warn .*/a\.pem: the certificate of the issuer, .?CN=Middle.?, is missing")
    edge.log.wait_for(r"warn .*/a\.key: every user of this machine may read or change the key \(mode 644\)")


# For development -----------------------------------------------------------------------------------------------------

def as_somebody(folder):
    """(launcher, environment) of an edge that keeps its authority below `folder`, as root's has a fixed place."""
    environment = {"XDG_DATA_HOME": str(folder / "data"), "XDG_RUNTIME_DIR": str(folder)}
    if os.geteuid() != 0:
        return (), environment
    if not shutil.which("setpriv"):
        pytest.skip("root's authority stands in /var/lib/edge, and there is no setpriv to be somebody else")
    os.chown(folder, NOBODY, NOBODY)
    launcher = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    reached = subprocess.run([*launcher, str(BINARY), "--version"], env=environment_of(environment), cwd=folder,
                             capture_output=True)
    if reached.returncode != 0:
        pytest.skip("root's authority stands in /var/lib/edge, and another user cannot reach the folder of the program")
    return launcher, environment


@pytest.fixture
def somebody():
    """A folder that somebody else than root can reach."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_certificate_for_development_is_made_and_kept(serve, somebody):
    launcher, environment = as_somebody(somebody)
    site = SITE.format(host="[localhost, dev.example]", tls="self_signed: true")
    first = serve(site, folder=somebody, environment=environment, launcher=launcher)
    told = first.log.wait_for(r"curl --cacert (\S+) ")[1]
    assert told == str(somebody / "data" / "edge" / "development" / Path(told).name)
    for name in ("localhost", "dev.example"):
        assert curl(first.port, name=name, authority=told) == (0, b"served", "")
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsConnection(first.port, trusting(told), "other.example")
    kept = {path.name: path.read_bytes() for path in Path(told).parent.iterdir() if path.is_file()}
    assert all(path.stat().st_mode & 0o077 == 0 for path in Path(told).parent.iterdir())
    first.stop()

    second = serve(None, folder=somebody, environment=environment, launcher=launcher)
    assert curl(second.port, name="localhost", authority=told) == (0, b"served", "")
    assert {path.name: path.read_bytes() for path in Path(told).parent.iterdir() if path.is_file()} == kept


def test_a_folder_that_cannot_be_made_is_named(serve, somebody):
    launcher, environment = as_somebody(somebody)
    (somebody / "data").write_text("in the way")
    edge = serve(SITE.format(host="localhost", tls="self_signed: true"), folder=somebody, environment=environment,
                 launcher=launcher, ready=False)
    assert edge.wait() != 0
    assert re.search(r"site\.yaml:6:\d+: .*" + re.escape(str(somebody / "data")), edge.log.text()), edge.log.text()

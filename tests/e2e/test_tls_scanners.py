"""What scanners and a browser say of a listener with the defaults: nothing is found, and many files come by HTTP/2."""
import json
import re
import shutil
import socket
import subprocess
import xml.etree.ElementTree

import pytest

from certificates import DAY, Authority
from http_client import SLOWNESS
from network_turns import steady_network

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
SITE = """\
    log: {{access: {{path: stdout, format: '"$request" $status $connection'}}}}
    sites:
      - host: [localhost, 127.0.0.1]
        listen: [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{pair}}}
        headers:
          Strict-Transport-Security: "max-age=31536000"
          X-Frame-Options: DENY
          X-Content-Type-Options: nosniff
          Content-Security-Policy: "default-src 'self' 'unsafe-inline'"
          Referrer-Policy: no-referrer
        routes: [{{path: /, static: {{directory: files}}}}]
"""
PAGE = "<!doctype html><title>many</title><p id=count>0</p>" + "".join(
    f'<script src="/{n}.js"></script>' for n in range(60))
OF_THE_TEST = {  # findings about the test's own authority and names, what only a public certificate can have, and that
    "engine_problem",  # the scanner's OpenSSL has no GOST engine, as Debian's
    "cert_chain_of_trust", "cert_trust", "cert_caIssuers", "cert_ocspURL", "cert_revocation",
    "cert_crlDistributionPoints", "OCSP_stapling", "DNS_CAArecord",
}


@pytest.fixture(scope="module")
def edge(serve_module):
    pair = Authority(serve_module.folder / "authority").issue("localhost", ["localhost", "IP:127.0.0.1"], ends=90 * DAY)
    files = {f"files/{n}.js": "count.textContent = 1 + Number(count.textContent)" for n in range(60)}
    return serve_module(SITE.format(pair=pair), {"files/index.html": PAGE, **files})


def needs(*names):
    found = next((path for name in names if (path := shutil.which(name))), None)
    return found or pytest.skip(f"{names[0]} is not installed")


def hung_up_before_the_ticket(finding):
    """Tickets of TLS 1.3 follow the handshake; testssl's client may have left by then, and calls that a failed connect."""
    return (finding["id"], finding["severity"]) == ("sessionresumption_ticket", "WARN")


GAVE_UP = 242       # testssl's exit statuses from here on; below it counts parts with an odd end, such as a chain of ours
# What each run looks at, and must find to be well. Left out: `-e`, `-E` and `-x`, which ask for each cipher what `-s`
# asks for kinds of them, and `-c` and `-g`, which judge nothing.
SCANS = {
    "protocols": (("-p",), ["SSLv2", "SSLv3", "TLS1_2", "TLS1_3", "ALPN_HTTP2"]),
    "server": (("-S",), ["cert_signatureAlgorithm", "cert_keySize", "cert_commonName", "cert_expirationStatus"]),
    "ciphers": (("-s",), ["cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW",
                          "cipherlist_STRONG"]),
    "secrecy": (("-f",), ["PFS", "PFS_ECDHE_curves"]),
    "preference": (("-P",), ["cipher_order", "protocol_negotiated", "cipher_negotiated"]),
    "bugs": (("--heartbleed", "--ccs-injection", "--ticketbleed"), ["heartbleed", "CCS", "ticketbleed"]),
    "bugs of the protocol": (("--robot", "--renegotiation", "--compression"),
                             ["ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS"]),
    "old versions": (("--poodle", "--tls-fallback", "--beast", "--drown"),
                     ["POODLE_SSL", "fallback_SCSV", "BEAST", "DROWN"]),
    "blocks": (("--sweet32", "--lucky13"), ["SWEET32", "LUCKY13"]),
    "weak keys": (("--freak", "--logjam"), ["FREAK", "LOGJAM", "LOGJAM-common_primes"]),
    "content": (("--rc4", "--breach"), ["RC4", "BREACH"]),
    "headers": (("--headers",), ["HSTS_time", "X-Frame-Options", "X-Content-Type-Options",
                               "Content-Security-Policy"]),
}


def scan(what, target, result):
    """What testssl writes of `target`, the good with the bad, and its exit status."""
    done = subprocess.run([needs("testssl", "testssl.sh"), "--quiet", "--color", "0", "--warnings", "off", "--ip",
                           "127.0.0.1", "--nodns", "none", "--openssl-timeout", "10", *what, "--jsonfile", result, target],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200 * SLOWNESS)
    assert result.exists(), done.stdout
    return json.loads(result.read_text()), done.returncode


def faults(findings):
    return [finding for finding in findings if finding["severity"] not in ("OK", "INFO", "LOW", "DEBUG")
            and finding["id"].partition(" ")[0] not in OF_THE_TEST and not hung_up_before_the_ticket(finding)]


@pytest.mark.parametrize("name", SCANS)
def test_testssl_finds_nothing(edge, tmp_path, name):
    what, expected = SCANS[name]
    findings, status = scan(what, f"localhost:{edge.port}", tmp_path / "found.json")
    assert not faults(findings)
    assert status < GAVE_UP, f"testssl was not done: {status}"
    well = {finding["id"].partition(" ")[0] for finding in findings if finding["severity"] == "OK"}
    assert well.issuperset(expected), f"it did not look at {set(expected) - well}"


def test_a_scan_of_nobody_is_no_scan_without_findings(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        findings, status = scan(("--tls-fallback",), f"localhost:{nobody.getsockname()[1]}", tmp_path / "found.json")
    assert "scanProblem" in [finding["id"] for finding in faults(findings)] and status >= GAVE_UP


def test_sslscan_finds_only_strong_ciphers(edge):
    done = subprocess.run([needs("sslscan"), "--xml=-", "--no-colour", f"127.0.0.1:{edge.port}"], capture_output=True,
                          timeout=60 * SLOWNESS)
    test = xml.etree.ElementTree.fromstring(done.stdout).find("ssltest")
    protocols = [each for each in test.findall("protocol") if each.get("enabled") == "1"]
    enabled = {(each.get("type"), each.get("version")) for each in protocols}
    assert enabled == {("tls", "1.2"), ("tls", "1.3")}
    ciphers = [(each.get("sslversion"), each.get("cipher"), each.get("strength")) for each in test.findall("cipher")]
    assert ciphers
    for version, name, strength in ciphers:
        assert strength in ("strong", "acceptable"), (version, name, strength)
        assert version == "TLSv1.3" or re.match(r"ECDHE-(ECDSA|RSA)-(AES\d+-GCM|CHACHA20)", name), name
    assert all(each.get("supported") == "0" for each in (*test.findall("compression"), *test.findall("renegotiation")))
    assert all(each.get("vulnerable") == "0" for each in test.findall("heartbleed"))


def test_a_browser_shows_a_page_of_many_files_over_one_connection(edge, tmp_path):
    assert BROWSER, "chromium is missing: deploy/setup --tests"
    with steady_network():
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage", "--disable-extensions", "--ignore-certificate-errors",
             f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"https://localhost:{edge.port}/"],
            capture_output=True, text=True, timeout=120)
    assert '<p id="count">60</p>' in done.stdout, f"{done.stderr}\n{edge.log.text()}\n{edge.out.text()}"
    said = [edge.out.wait_for(rf'^"GET /{n}\.js HTTP/2\.0" 200 (\d+)$')[1] for n in range(60)]
    assert len(set(said)) == 1, "one connection carried them all"

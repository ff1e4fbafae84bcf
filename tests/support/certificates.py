"""Certificates for tests: an authority that issues what a test needs, made with the `openssl` command."""
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}
DAY = 86400


@dataclass
class Pair:
    """The files of a certificate and its key; what a site's `tls` wants to know."""
    certificate: Path
    key: Path

    def __str__(self):
        return f"certificate: {self.certificate}, key: {self.key}"


def openssl(*arguments, given=None):
    done = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, timeout=60)
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout


def _utc(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


class Authority:
    """Issues certificates into `folder`. Its own stands in `certificate`, with `key` beside it."""

    def __init__(self, folder, name="Test Authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.folder / "authority.pem", self.folder / "authority.key"
        openssl("req", "-x509", *KEYS["ec"], "-nodes", "-subj", f"/CN={name}", "-days", 30, "-keyout", self.key,
                "-out", self.certificate, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        (self.folder / "index").touch()
        (self.folder / "ca.cnf").write_text(
            f"[ca]\ndefault_ca = this\n[this]\ndatabase = {self.folder}/index\nnew_certs_dir = {self.folder}\n"
            "default_md = sha256\npolicy = any\nrand_serial = yes\nunique_subject = no\ncopy_extensions = copy\n"
            "[any]\ncommonName = supplied\norganizationName = optional\n")

    def issue(self, name, hosts=(), kind="ec", subject=None, begins=-DAY, ends=60 * DAY, chain=True):
        """`hosts`: DNS names, or "IP:…". `begins` and `ends`: seconds from now. `chain`: with the authority's own."""
        request = self.folder / f"{name}.csr"
        made = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        names = ",".join(host if host.startswith("IP:") else f"DNS:{host}" for host in hosts)
        openssl("req", "-new", "-utf8", *KEYS[kind], "-nodes", "-subj", subject or f"/CN={name}", "-keyout", made.key,
                "-out", request, *(["-addext", f"subjectAltName={names}"] if names else []))
        now = time.time()
        fresh = self.folder / f"{name}.fresh"
        openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.cnf", "-cert", self.certificate, "-keyfile",
                self.key, "-in", request, "-out", fresh, "-startdate", _utc(now + begins), "-enddate",
                _utc(now + ends))
        if chain:
            fresh.write_bytes(fresh.read_bytes() + self.certificate.read_bytes())
        fresh.replace(made.certificate)             # whole, as a client of an authority does it
        return made

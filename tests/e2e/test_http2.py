"""HTTP/2 with the clients of others: over TLS and with prior knowledge, to files and to a Flask app."""
import hashlib
import os
import re
import subprocess
import threading

import pytest

from certificates import Authority
from edge import PATIENCE, run, wait_until
from http_client import SLOWNESS
from tls_client import curl

MEGABYTES = os.urandom(1 << 16) * 64                    # 4 MiB
APP = '''\
    import hashlib
    import os

    import flask

    application = flask.Flask(__name__)


    @application.route("/app/digest", methods=["POST"])
    def digest():
        content = flask.request.get_data()
        return f"{len(content)} {hashlib.sha256(content).hexdigest()} {flask.request.environ['SERVER_PROTOCOL']}"


    @application.route("/app/form", methods=["POST"])
    def form():
        return dict(flask.request.form)


    @application.route("/app/stream")
    def stream():
        return flask.Response((f"{n:07}\\n" for n in range(100000)), mimetype="text/plain")


    @application.route("/app/held")
    def held():
        def parts():
            yield "begun "
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
            yield "and ended"
        return flask.Response(parts())


    @application.route("/app/endless")
    def endless():
        def parts():
            try:
                while True:
                    yield "x" * 10000
            finally:
                open("left", "w").close()
        return flask.Response(parts())
'''
SITE = """\
    edge: {{threads: 2, control: control.sock}}
    log: {{access: {{path: stdout, format: '"$request" $status $body_bytes_sent'}}}}
    http: {{client_max_body_size: 20M, compress: true}}
    apps: {{app: {{module: app, processes: 2, threads: 4, queue_timeout: 5m}}}}
    sites:
      - host: [a.example, 127.0.0.1]
        listen: [{{address: "127.0.0.1:0", tls: true}}]
        tls: {{{pair}}}
        routes: &routes
          - {{path: /, static: {{directory: files}}}}
          - {{path: /app, app: app}}
      - host: b.example
        listen: [{{address: "127.0.0.3:0", http2: true}}]
        routes: *routes
"""


class World:
    def __init__(self, serving, environment=None):
        self.folder = serving.folder
        self.authority = Authority(self.folder / "authority")
        (self.folder / "files").mkdir()
        (self.folder / "files" / "big").write_bytes(MEGABYTES)
        (self.folder / "files" / "page.txt").write_text("a line of the page\n" * 500)
        pair = self.authority.issue("a", ["a.example", "IP:127.0.0.1"])
        self.edge = serving(SITE.format(pair=pair), {"app.py": APP}, environment=environment)
        said = [line for line in self.edge.log.all() if "listening on" in line]
        self.plain, self.tls = (int(next(line for line in said if f"{scheme}://" in line).rpartition(":")[2])
                                for scheme in ("http", "https"))

    def curl(self, path, *options, expect=0):
        code, out, err = curl(self.tls, path, "--http2", *options, authority=self.authority.certificate)
        assert code == expect, err
        return out

    def prior(self, path, *options):
        done = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--noproxy", "*", "-H", "Host: b.example",
                               *map(str, options), f"http://127.0.0.3:{self.plain}{path}"], capture_output=True,
                              timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, name, path, *options):
        done = subprocess.run([name, *map(str, options), f"https://127.0.0.1:{self.tls}{path}"], capture_output=True,
                              text=True, timeout=60 * SLOWNESS)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def world(serve_module):
    return World(serve_module)


@pytest.fixture(params=["tls", "prior"])
def fetch(world, request):
    return world.curl if request.param == "tls" else world.prior


def test_files_and_their_log(world, fetch):
    assert fetch("/page.txt?logged") == b"a line of the page\n" * 500
    assert fetch("/big") == MEGABYTES
    assert fetch("/page.txt", "-o", os.devnull, "-w", "%{http_version}") == b"2"
    world.edge.out.wait_for(r'^"GET /page\.txt\?logged HTTP/2\.0" 200 \d+$')


def test_heads_conditions_errors_and_compression(fetch):
    head = fetch("/page.txt", "--head").decode()
    assert head.startswith("HTTP/2 200") and "content-length: 9500" in head
    tag = re.search(r"etag: (\S+)", head)[1]
    assert fetch("/page.txt", "-i", "-H", f"If-None-Match: {tag}").startswith(b"HTTP/2 304")
    missing = fetch("/missing", "-i").decode()
    assert missing.startswith("HTTP/2 404") and "<h1>404</h1>" in missing
    assert "connection:" not in missing.lower() and "transfer-encoding:" not in missing.lower()
    packed = fetch("/page.txt", "-i", "--compressed").decode()
    assert "content-encoding: " in packed and packed.endswith("a line of the page\n" * 500)
    assert fetch("/app/stream", "--compressed", "-H", "Accept-Encoding: gzip").count(b"\n") == 100000


def test_bodies_of_requests(fetch, tmp_path):
    assert fetch("/app/form", "-d", "name=x&more=y%20z").strip() == b'{"more":"y z","name":"x"}'
    (tmp_path / "body").write_bytes(MEGABYTES)
    told = f"{len(MEGABYTES)} {hashlib.sha256(MEGABYTES).hexdigest()} HTTP/"
    assert fetch("/app/digest", "--data-binary", f"@{tmp_path}/body").decode().startswith(told)
    chunked = fetch("/app/digest", "-H", "Content-Length:", "-X", "POST", "-T", tmp_path / "body").decode()
    assert chunked.startswith(told)
    assert fetch("/app/digest", "-o", os.devnull, "-w", "%{http_code}", "-H", "Expect: 100-continue", "-d",
                 "small") == b"200"


def test_a_body_that_is_too_large_is_refused(world, tmp_path):
    with open(tmp_path / "huge", "wb") as huge:
        huge.truncate(30 << 20)
    out = world.command("nghttp", "/app/digest", "-v", "-H", ":method: POST", "-d", tmp_path / "huge")
    assert ":status: 413" in out and "<h1>413</h1>" in out
    assert re.search(r"RST_STREAM.*\n.*NO_ERROR", out), "the rest is not wanted, and the answer holds (RFC 9113 8.1)"


def test_a_client_that_leaves_ends_the_answer(world):
    said = world.curl("/app/endless", "--max-time", "3", "-o", os.devnull, expect=28)
    assert said == b""
    wait_until((world.folder / "left").exists, "the app's generator is closed")


def test_a_hundred_streams_at_once(world):
    out = world.command("h2load", "/page.txt", "-n", 2000, "-c", 4, "-m", 100)
    assert "2000 succeeded, 0 failed, 0 errored" in out, out
    out = world.command("h2load", "/app/stream", "-n", 40, "-c", 1, "-m", 40)
    assert "40 succeeded, 0 failed, 0 errored" in out, out
    assert "Application protocol: h2" in out


def test_uploads_on_many_streams(world, tmp_path):
    (tmp_path / "body").write_bytes(MEGABYTES[:300_000])
    out = world.command("h2load", "/app/digest", "-n", 60, "-c", 2, "-m", 30, "-d", tmp_path / "body")
    assert "60 succeeded, 0 failed, 0 errored" in out and "status codes: 60 2xx" in out, out


def test_nghttp_with_trailers_and_a_padded_upload(world, tmp_path):
    (tmp_path / "body").write_bytes(MEGABYTES[:100_000])
    out = world.command("nghttp", "/app/digest", "-H", ":method: POST", "-d", tmp_path / "body", "--trailer",
                        "X-Checksum: 1", "-b", "100")
    assert out.startswith(f"100000 {hashlib.sha256(MEGABYTES[:100_000]).hexdigest()}")
    assert world.command("nghttp", "/big", "-w", "10", "-W", "10", "-n", "-s").count("/big") == 1


def test_a_slow_reader_does_not_hold_others(world):
    slow = subprocess.Popen(["curl", "-sSk", "--http2", "--limit-rate", "30K", "-o", os.devnull,
                             f"https://127.0.0.1:{world.tls}/big"])
    try:
        for _ in range(5):
            out = world.command("h2load", "/page.txt", "-n", 200, "-c", 2, "-m", 20)
            assert "200 succeeded, 0 failed" in out
        assert slow.poll() is None, "the slow one is still reading"
    finally:
        slow.kill()
        slow.wait()


@pytest.mark.parametrize("end", ["stop", "reload"])
def test_streams_end_before_the_connection_does(serve, gate, end):
    world = World(serve, gate.environment)
    answers = []
    client = threading.Thread(target=lambda: answers.append(world.curl("/app/held")))
    client.start()
    gate.wait_arrived()
    if end == "stop":
        world.edge.signal(15)
        world.edge.log.wait_for(r"info .*stop")
    else:
        (world.folder / "site.yaml").write_text((world.folder / "site.yaml").read_text().replace("20M", "21M"))
        done = run("reload", folder=world.folder)
        assert done.returncode == 0, done.stderr
        assert world.curl("/page.txt", "-o", os.devnull, "-w", "%{http_code}") == b"200"
    gate.open()
    client.join(PATIENCE)
    assert answers == [b"begun and ended"]
    if end == "stop":
        assert world.edge.wait() == 0

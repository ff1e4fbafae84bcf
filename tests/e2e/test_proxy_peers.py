"""Real servers behind edge: uWSGI by its own protocol, by FastCGI and by HTTP, gunicorn, nginx, and one by TLS."""
import re
import shutil
import socket
import subprocess

import pytest

from certificates import DAY, Authority
from edge import PATIENCE, wait_until
from nginx import Nginx
from tls_origin import TlsOrigin

SITE = """\
    upstreams:
      peer: {{servers: ["{url}"], {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: peer}}]
"""
APP = """\
def application(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    told = [environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], environ["HTTP_X_FORWARDED_FOR"]]
    told += [environ["SCRIPT_NAME"]] if environ.get("SCRIPT_NAME", "").startswith("/shop") else []
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Told", " ".join(told))])
    return [body or b"nothing"]
"""
LARGE = b"0123456789" * 100_000


@pytest.fixture
def peer(tmp_path):
    """Starts a program that listens on a unix socket; gives the path of the socket."""
    started = []

    def start(*command):
        (tmp_path / "app.py").write_text(APP)
        path = tmp_path / "peer.sock"
        started.append(subprocess.Popen([part.format(socket=path, app=tmp_path / "app.py") for part in command],
                                        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL))
        wait_until(lambda: listens(path), "the peer listens")
        return path

    yield start
    for each in started:
        each.terminate()
        each.wait(PATIENCE)


def listens(path):
    with socket.socket(socket.AF_UNIX) as client:
        return path.exists() and client.connect_ex(str(path)) == 0


def needs(name):
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize("scheme, option", [("uwsgi", "--socket"), ("fastcgi", "--fastcgi-socket"), ("http", "--http-socket")])
def test_uwsgi(serve, peer, scheme, option):
    path = peer(needs("uwsgi"), "--plugin", "python3", option, "{socket}", "--wsgi-file", "{app}", "--die-on-term")
    more = "fastcgi: {root: /srv}" if scheme == "fastcgi" else ""
    edge = serve(SITE.format(url=f"{scheme}://unix:{path}", more=more))
    if scheme == "fastcgi":                             # there the path begins with a script. After a large body uWSGI
        asked(edge, "/app.php", body=b"order")          # forgets FCGI_END_REQUEST at times; PHP-FPM is asked with one
    else:
        asked(edge)


@pytest.mark.parametrize("scheme, option", [("uwsgi", "--socket"), ("http", "--http-socket")])
def test_uwsgi_over_tcp(serve, tmp_path, scheme, option):
    (tmp_path / "app.py").write_text(APP)
    with open(tmp_path / "uwsgi.log", "wb") as log:
        uwsgi = subprocess.Popen([needs("uwsgi"), "--plugin", "python3", option, "127.0.0.1:0", "--wsgi-file", "app.py",
                                  "--die-on-term"], cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        bound = wait_until(lambda: re.search(r"bound to TCP address 127\.0\.0\.1:(\d+)",
                                             (tmp_path / "uwsgi.log").read_text()), "uWSGI listens")
        asked(serve(SITE.format(url=f"{scheme}://127.0.0.1:{bound[1]}", more="")))
    finally:
        uwsgi.terminate()
        uwsgi.wait(PATIENCE)


def test_who_is_mounted_is_told_of_it_as_an_app_is(serve, peer):
    path = peer(needs("uwsgi"), "--plugin", "python3", "--socket", "{socket}", "--wsgi-file", "{app}", "--die-on-term")
    edge = serve(f"""\
        upstreams:
          peer: {{servers: ["uwsgi://unix:{path}"]}}
        sites:
          - listen: ["127.0.0.1:0"]
            routes: [{{mount: /shop, proxy: peer}}]
    """)
    assert edge.get("/shop/a%20b?x=1").get("X-Told") == "GET /a b x=1 127.0.0.1 /shop"
    assert edge.get("/shop").get("X-Told") == "GET /  127.0.0.1 /shop"


def test_gunicorn(serve, peer):
    path = peer(needs("gunicorn"), "--bind", "unix:{socket}", "app:application")
    asked(serve(SITE.format(url=f"http://unix:{path}", more="")))


def asked(edge, script="", body=LARGE):
    for _ in range(3):
        answer = edge.get(script + "/a%20b?x=1")
        assert (answer.status, answer.body, answer.get("X-Told")) == (200, b"nothing", "GET /a b x=1 127.0.0.1")
    answer = edge.get("/up", method="POST", body=body)
    assert answer.status == 200 and answer.body == body


def test_nginx(serve, tmp_path):
    (tmp_path / "large.bin").write_bytes(LARGE)
    nginx = Nginx(tmp_path / "nginx", f"location / {{ root {tmp_path}; }}")
    try:
        edge = serve(SITE.format(url=f"http://127.0.0.1:{nginx.port}", more=""))
        assert edge.get("/large.bin").body == LARGE
        assert edge.get("/large.bin", headers=["Range: bytes=5-9"]).body == LARGE[5:10]
        assert edge.get("/large.bin", method="HEAD").get("Content-Length") == str(len(LARGE))
        assert edge.get("/none").status == 404
    finally:
        nginx.end()


@pytest.mark.parametrize("name, more, status", [
    ("localhost", "tls: {{ca: {ca}}}", 200), ("localhost", "", 502), ("other.example", "tls: {{ca: {ca}}}", 502),
    ("other.example", "tls: {{ca: {ca}, server_name: other.example}}", 200),
    ("other.example", "tls: {{ca: {ca}, server_name: other.example.}}", 200), ("other.example", "tls: {{verify: false}}", 200),
])
def test_tls(serve, tmp_path, name, more, status):
    authority = Authority(tmp_path / "authority")
    pair = authority.issue("server", [name], ends=90 * DAY)
    origin = TlsOrigin(pair=pair)
    try:
        edge = serve(SITE.format(url=f"https://localhost:{origin.port}", more=more.format(ca=authority.certificate)))
        assert edge.get("/").status == status
        if status == 502:
            edge.log.wait_for("certificate")
    finally:
        origin.close()

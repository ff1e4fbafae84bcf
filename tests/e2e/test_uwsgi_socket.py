"""The apps' own sockets: nginx's uwsgi_pass in front, other clients of the protocol, and who strays there."""
import contextlib
import json
import os
import pwd
import re
import socket
import struct
import subprocess
import threading

import pytest

from edge import PATIENCE, environment_of, run, wait_until
from nginx import Nginx

SITE = """\
    edge: {{threads: 2}}
    log: {{access: {{path: access.log}}}}
    http: {{client_max_body_size: 32m, header_timeout: 2s}}
    apps:
      blog: {{module: app, processes: 2, socket: "{socket}"}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            return: {{status: 200, body: "the site"}}
"""
APP = '''\
    import json, os


    def environ_of(environ):
        plain = (str, bool, int, tuple)
        return {k: v if isinstance(v, plain) else type(v).__name__ for k, v in environ.items()}


    def gate():
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()


    def stream():
        yield b"begun "
        gate()
        yield b"and ended"


    def breaks():
        yield b"x" * 600000    # more than lies in the channel, so that the head leaves
        raise RuntimeError("it breaks")


    def application(environ, start_response):
        path = environ["PATH_INFO"]
        fields = [("Content-Type", "text/plain")]
        if path == "/cookies":
            start_response("200 OK", fields + [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
            return [environ.get("HTTP_COOKIE", "").encode()]
        if path == "/echo":
            body = environ["wsgi.input"].read()
            start_response("201 Made", fields + [("Content-Length", str(len(body)))])
            return [body]
        if path == "/missing":
            start_response("404 Not Found", fields)
            return [b"no"]
        if path == "/fails":
            raise RuntimeError("it fails")
        if path in ("/stream", "/breaks"):
            start_response("200 OK", fields)
            return stream() if path == "/stream" else breaks()
        if path == "/slow":
            gate()
        start_response("200 OK", fields)
        return [json.dumps(environ_of(environ)).encode()]
'''
UNIX, TCP = "blog.sock", "127.0.0.1:0"


@pytest.fixture
def nginx(tmp_path):
    started = []

    def start(server):
        started.append(Nginx(tmp_path / f"nginx{len(started)}", server))
        return started[-1]

    yield start
    for front in started:
        front.end()


def address_of(edge, name):
    """Where uwsgi_pass finds the app's socket."""
    if name == TCP:
        return edge.log.wait_for(r"listening on uwsgi://(\S+:\d+) \(app blog\)")[1]
    return f"unix:{edge.folder / 'run' / UNIX}"


def start(serve, tmp_path, name, environment=None):
    (tmp_path / "run").mkdir(exist_ok=True)
    written = name if name == TCP else f"./run/{name}"
    return serve(SITE.format(socket=written), {"app.py": APP}, environment=environment)


def location(address, more="", path="/"):
    return f"location {path} {{ include /etc/nginx/uwsgi_params; uwsgi_pass {address}; {more} }}"


@pytest.fixture(params=[UNIX, TCP], ids=["unix", "tcp"])
def behind(request, serve, tmp_path, nginx, gate):
    """(edge, nginx in front of it)"""
    edge = start(serve, tmp_path, request.param, gate.environment)
    return edge, nginx(location(address_of(edge, request.param)))


def test_nginx_passes_requests_of_every_kind(behind):
    edge, front = behind
    environ = json.loads(front.get("/caf%C3%A9?a=%20b", headers=["X-Own: 7"]).body)
    assert environ["REQUEST_METHOD"] == "GET" and environ["QUERY_STRING"] == "a=%20b"
    assert environ["PATH_INFO"] == "/caf\xc3\xa9" and environ["REQUEST_URI"] == "/caf%C3%A9?a=%20b"
    assert environ["SCRIPT_NAME"] == "" and environ["HTTP_X_OWN"] == "7" and environ["HTTP_HOST"] == "localhost"
    assert environ["REMOTE_ADDR"] == "127.0.0.1" and environ["SERVER_PORT"] == str(front.port)
    assert environ["wsgi.url_scheme"] == "http" and environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    body = os.urandom(1 << 20)
    with front.connect() as connection:
        answer = connection.request("POST", "/echo", body=body)
        assert (answer.status, answer.reason, answer.body == body) == (201, "Made", True)
        assert connection.request("HEAD", "/echo").body == b""
        assert connection.request("GET", "/missing").status == 404
        answer = connection.request("GET", "/cookies", headers=["Cookie: c=3; d=4"])
        assert answer.all("Set-Cookie") == ["a=1", "b=2"] and answer.body == b"c=3; d=4"
        assert connection.request("GET", "/fails").status == 500
    assert answer.get("Server").startswith("nginx")
    edge.stop()
    lines = (edge.folder / "access.log").read_text()
    assert re.search(r'^127\.0\.0\.1 \S+ \S+ \[.+\] "POST /echo HTTP/1\.1" 201 1048576 ', lines, re.M)
    assert '"HEAD /echo' in lines and '"GET /fails HTTP/1.1" 500' in lines


def test_a_streamed_answer_arrives_as_it_is_made(serve, tmp_path, nginx, gate):
    edge = start(serve, tmp_path, UNIX, gate.environment)
    front = nginx(location(address_of(edge, UNIX), "uwsgi_buffering off;"))
    with front.connect() as connection:
        connection.ask("GET", "/stream")
        assert connection.head().status == 200
        assert connection.chunk() == b"begun "
        gate.wait_arrived()
        gate.open()
        assert connection.chunk() == b"and ended" and connection.chunk() == b""


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(behind):
    edge, front = behind
    with front.connect() as connection:
        connection.ask("GET", "/breaks")
        assert connection.head().get("Transfer-Encoding") == "chunked"
        with contextlib.suppress(ConnectionResetError):
            while connection.more():
                pass
        assert b"xxx" in connection.buffer
        assert not connection.buffer.endswith(b"0\r\n\r\n"), "nginx took the part for the whole"
    wait_until(lambda: "Connection reset by peer" in front.log(), "nginx has seen the reset")
    edge.log.wait_for("it breaks")


def test_a_client_of_nginx_that_leaves_is_seen(behind, gate):
    edge, front = behind
    with front.connect() as connection:
        connection.ask("GET", "/slow")
        gate.wait_arrived()
    wait_until(lambda: "499" in _access(edge), "the access log has a 499")
    gate.open()


def _access(edge):
    path = edge.folder / "access.log"
    return path.read_text() if path.exists() else ""


def test_a_mount_and_variables_of_the_operators_own_reach_the_app(serve, tmp_path, nginx):
    edge = start(serve, tmp_path, UNIX)
    address = address_of(edge, UNIX)
    front = nginx(
        'location ~ ^/shop(/.*)$ { include /etc/nginx/uwsgi_params; uwsgi_param SCRIPT_NAME /shop; '
        f"uwsgi_param PATH_INFO $1; uwsgi_param REMOTE_USER ada; uwsgi_param FOO bar; uwsgi_pass {address}; }}"
        + location(address, "uwsgi_param UWSGI_SCHEME https; uwsgi_param UWSGI_FILE /etc/passwd; "
                            "uwsgi_param UWSGI_MODULE os; uwsgi_param UWSGI_CALLABLE getcwd;"))
    environ = json.loads(front.get("/shop/cart?x").body)
    assert environ["SCRIPT_NAME"] == "/shop" and environ["PATH_INFO"] == "/cart"
    assert environ["REQUEST_URI"] == "/shop/cart?x"
    assert environ["REMOTE_USER"] == "ada" and environ["FOO"] == "bar"
    environ = json.loads(front.get("/").body)
    assert environ["wsgi.url_scheme"] == "https"
    assert not [name for name in environ if name.startswith("UWSGI_")]


def packet(modifier1=0, **variables):
    block = b"".join(struct.pack("<H", len(part)) + part for pair in variables.items()
                     for part in (pair[0].encode(), pair[1].encode()))
    return struct.pack("<BHB", modifier1, len(block), 0) + block


def connect_unix(edge):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(edge.folder / "run" / UNIX))
    return client


def all_of(client):
    received = b""
    while piece := client.recv(65536):
        received += piece
    return received


def test_a_client_that_ends_its_sending_is_answered_and_a_slow_one_is_not_waited_for(serve, tmp_path):
    edge = start(serve, tmp_path, UNIX)
    with connect_unix(edge) as client:
        client.sendall(packet(REQUEST_METHOD="POST", REQUEST_URI="/echo", PATH_INFO="/echo", CONTENT_LENGTH="2") + b"hi")
        client.shutdown(socket.SHUT_WR)
        answer = all_of(client)
        assert answer.startswith(b"HTTP/1.1 201 Made\r\n") and answer.endswith(b"\r\n\r\nhi")
    with connect_unix(edge) as client:
        client.sendall(packet(REQUEST_METHOD="GET", REQUEST_URI="/")[:-1])
        assert all_of(client).startswith(b"HTTP/1.1 408 ")


def test_compression_is_left_to_the_server_in_front(serve, tmp_path):
    (tmp_path / "run").mkdir()
    site = SITE.format(socket=f"./run/{UNIX}").replace("http: {", "http: {compress: {min_size: 0, types: '*/*'}, ")
    edge = serve(site, {"app.py": APP})
    assert edge.get(headers=["Accept-Encoding: gzip"]).get("Vary") == "Accept-Encoding"
    with connect_unix(edge) as client:
        client.sendall(packet(REQUEST_METHOD="GET", REQUEST_URI="/", PATH_INFO="/", HTTP_ACCEPT_ENCODING="gzip"))
        head, _, body = all_of(client).partition(b"\r\n\r\n")
    assert json.loads(body)["HTTP_ACCEPT_ENCODING"] == "gzip"
    assert b"Content-Encoding" not in head and b"Vary" not in head


@pytest.mark.parametrize("name", [UNIX, TCP], ids=["unix", "tcp"])
def test_who_speaks_http_is_told_what_this_port_is(serve, tmp_path, name):
    edge = start(serve, tmp_path, name)
    where = ["--unix-socket", str(tmp_path / "run" / UNIX), "http://x/"]
    if name == TCP:
        where = [f"http://{address_of(edge, TCP)}/"]
    shown = subprocess.run(["curl", "-sS", "-i", *where], capture_output=True, timeout=PATIENCE)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"uwsgi protocol, for the app blog" in shown.stdout
    assert f"HTTP is at http://127.0.0.1:{edge.port}.".encode() in shown.stdout
    edge.log.wait_for(r"warn \[blog\] uwsgi socket: a client speaks HTTP here")
    assert edge.get("/").text == "the site"


def test_the_file_has_its_mode_and_is_removed_at_the_end(serve, tmp_path):
    (tmp_path / "run").mkdir()
    old = socket.socket(socket.AF_UNIX)
    old.bind(str(tmp_path / "run" / UNIX))
    old.close()
    site = SITE.format(socket=f"./run/{UNIX}").replace("processes: 2,", "processes: 2, chmod_socket: 606,")
    edge = serve(site, {"app.py": APP})
    assert os.stat(tmp_path / "run" / UNIX).st_mode & 0o7777 == 0o606
    second = run("serve", "site.yaml", folder=tmp_path)
    assert second.returncode == 3
    assert re.search(r"site\.yaml:\d+:\d+: cannot listen on unix:\S+blog.sock: another process listens", second.stderr)
    with connect_unix(edge) as client:
        client.sendall(packet(REQUEST_METHOD="GET", REQUEST_URI="/", PATH_INFO="/"))
        assert all_of(client).startswith(b"HTTP/1.1 200 OK\r\n")
    edge.stop()
    assert not (tmp_path / "run" / UNIX).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_file_belongs_to_the_account_that_edge_serves_under(serve, tmp_path):
    (tmp_path / "run").mkdir()
    site = SITE.format(socket=f"./run/{UNIX}").replace("threads: 2", "threads: 2, user: nobody")
    site = site.replace("module: app", "module: app, user: root").replace("{path: access.log}", "off")
    serve(site, {"app.py": APP})
    found = os.stat(tmp_path / "run" / UNIX)
    assert (found.st_uid, found.st_mode & 0o777) == (pwd.getpwnam("nobody").pw_uid, 0o660)


def test_a_stop_lets_what_is_under_way_finish(behind, gate):
    edge, front = behind
    with front.connect() as connection:
        connection.ask("GET", "/slow")
        gate.wait_arrived()
        stopping = threading.Thread(target=edge.stop)
        stopping.start()
        edge.log.wait_for("stopping when what is under way is answered")
        gate.open()
        assert connection.answer().status == 200
        stopping.join(PATIENCE)


class RealUwsgi:
    """The uWSGI that edge is compared with, on the same app."""

    def __init__(self, folder):
        self.path = folder / "real.sock"
        self.process = subprocess.Popen(
            ["uwsgi", "--plugin", "python3", "--socket", str(self.path), "--chdir", str(folder), "--module", "app",
             "--need-app"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment_of())
        wait_until(self._listens, "uwsgi listens")

    def _listens(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.path)) == 0

    def end(self):
        self.process.kill()    # one process, which keeps nothing
        self.process.wait(PATIENCE)


@pytest.fixture
def real(tmp_path):
    uwsgi = []

    def begin():
        uwsgi.append(RealUwsgi(tmp_path))
        return uwsgi[0]

    yield begin
    for one in uwsgi:
        one.end()


# What an app sees otherwise than under uWSGI.
ONLY_EDGE = {
    "edge.disconnected",             # edge's own: whether the client has left
    "REQUEST_ID",                    # edge's own, the same as in its logs
    "SERVER_SOFTWARE",               # the gateway's
    "SCRIPT_NAME",                   # PEP 3333 wants it; uWSGI has none when nginx sends none and no mount is set
    "wsgi.input_terminated",         # the end of the input is the end of the body
}
ONLY_UWSGI = {
    "CONTENT_LENGTH",                # nginx sends an empty one with a request that has no body
    "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE",    # CGI tells them without HTTP_
    "HTTP_PROXY",                    # httpoxy
    "uwsgi.version", "uwsgi.node", "uwsgi.core",   # uWSGI's own
}
DIFFERENT = {"wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "wsgi.multiprocess", "wsgi.multithread", "REMOTE_PORT"}


@pytest.mark.parametrize("method, path, headers, body", [
    ("GET", "/a%20b/c?x=1&y", ["Cookie: a=1", "Proxy: http://evil", "X-Under_Score: 1", "Accept: */*"], None),
    ("POST", "/p", ["Content-Type: text/x-own"], b"hello"),
    ("DELETE", "/shop/x", ["X-Empty:"], None),
])
def test_an_app_sees_what_it_sees_under_uwsgi(serve, tmp_path, nginx, real, method, path, headers, body):
    edge = start(serve, tmp_path, UNIX)
    own = location(f"unix:{real().path}", "uwsgi_param OWN $request_method;")
    shown = []
    for server in (own, location(address_of(edge, UNIX), "uwsgi_param OWN $request_method;")):
        front = nginx(server)
        environ = json.loads(front.get(path, method, headers, body).body)
        environ["SERVER_PORT"] = environ["SERVER_PORT"] == str(front.port)
        environ["DOCUMENT_ROOT"] = environ["DOCUMENT_ROOT"].replace(str(front.folder), "")
        shown.append(environ)
    theirs, ours = shown
    assert set(ours) - set(theirs) <= ONLY_EDGE
    assert set(theirs) - set(ours) <= ONLY_UWSGI
    common = (set(ours) & set(theirs)) - DIFFERENT
    assert {k: ours[k] for k in common} == {k: theirs[k] for k in common}
    assert "OWN" in common and "DOCUMENT_ROOT" in common and "REQUEST_SCHEME" in common

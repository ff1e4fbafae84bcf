"""Where request bodies wait for an app: small ones in memory, large ones in a file without a name, and a disk that is full."""
import hashlib
import os
import subprocess

import pytest

from edge import opened_by, wait_until

SITE = """\
    log: {access: off}
    edge: {runtime_dir: ./run}
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
PROXIED = """\
    log: {{access: off}}
    edge: {{runtime_dir: ./run}}
    upstreams: {{api: {{servers: ["{server}"]}}}}
    sites:
      - listen: ["127.0.0.1:0"]
        client_max_body_size: 8M
        routes: [{{path: /, proxy: api}}]
"""
APP = '''\
    """Tells what it read of the body, in two ways."""
    import hashlib


    def application(environ, start_response):
        body, digest = environ["wsgi.input"], hashlib.sha256()
        digest.update(body.readline(1000))
        digest.update(body.read())
        start_response("200 OK", [])
        return [digest.hexdigest().encode(), b" ", environ.get("CONTENT_LENGTH", "none").encode()]
'''
MOUNTED = ["unshare", "--mount", "--map-root-user", "sh", "-c", 'mount -t tmpfs -o size=1m none ./run && exec "$@"', "sh"]


def content(size):
    return os.urandom(1 << 10) * (size >> 10) + b"x" * (size & 1023)


def spooled(edge):
    """The files without a name that edge holds in its runtime folder."""
    return [target for target in opened_by(edge.pid)
            if target.startswith(f"{edge.folder}/run/") and target.endswith("(deleted)")]


def chunked(body):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:7], body[7:70000], body[70000:]) if piece)


@pytest.mark.parametrize("size", [1, 65536, 65537, 131072, 300_000, 5 << 20])
@pytest.mark.parametrize("in_chunks", [False, True], ids=["announced", "in chunks"])
def test_a_body_of_every_size_arrives(serve, size, in_chunks):
    edge = serve(SITE, {"app.py": APP, "run/.keep": ""})
    body = content(size)
    before = os.listdir(edge.folder / "run")
    with edge.connect() as connection:
        if in_chunks:
            connection.ask("POST", "/", headers=["Transfer-Encoding: chunked"]).send(chunked(body) + b"0\r\n\r\n")
        else:
            connection.ask("POST", "/", body=body)
        assert connection.answer("POST").text == f"{hashlib.sha256(body).hexdigest()} {size}"
    assert os.listdir(edge.folder / "run") == before
    wait_until(lambda: not spooled(edge), "the file is gone")


def test_only_a_large_body_is_a_file_and_it_has_no_name(serve):
    edge = serve(SITE, {"app.py": APP, "run/.keep": ""})
    before = os.listdir(edge.folder / "run")
    with edge.connect() as small, edge.connect() as large:
        small.ask("POST", "/", headers=["Content-Length: 60000"]).send(content(59999))
        large.ask("POST", "/", headers=["Content-Length: 1000000"]).send(content(999_999))
        wait_until(lambda: len(spooled(edge)) == 1, "the large body is in a file")
        assert os.listdir(edge.folder / "run") == before
        large.tear()
        wait_until(lambda: not spooled(edge), "the client has gone, and the file with it")
        small.send(b"x")
        assert small.answer("POST").text.endswith(" 60000")
    assert not spooled(edge)


def may_mount():
    told = subprocess.run([*MOUNTED[:3], "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    return told.returncode == 0


def test_a_full_disk_is_a_507_and_is_not_full_afterwards(serve):
    if not may_mount():
        pytest.skip("this user may not mount a small file system")
    edge = serve(SITE, {"app.py": APP, "run/.keep": ""}, launcher=MOUNTED)
    for _ in range(3):
        assert edge.get("/", method="POST", body=content(2 << 20)).status == 507
        edge.log.wait_for(" error .*the request body cannot be kept in .*/run: No space left on device")
        wait_until(lambda: not spooled(edge), "nothing is left of it")
        body = content(900_000)
        assert edge.get("/", method="POST", body=body).text == f"{hashlib.sha256(body).hexdigest()} 900000"
        assert edge.get("/", method="POST", body=b"small").status == 200


@pytest.mark.parametrize("in_chunks", [False, True], ids=["sized", "in chunks"])
def test_a_full_disk_is_a_507_before_any_server_is_asked(serve, origins, in_chunks):
    if not may_mount():
        pytest.skip("this user may not mount a small file system")
    origin = origins()
    edge = serve(PROXIED.format(server=origin.url), {"run/.keep": ""}, launcher=MOUNTED)
    for number in range(3):
        with edge.connect() as client:
            if in_chunks:
                client.ask("POST", "/", headers=["Transfer-Encoding: chunked"]).send(chunked(content(3 << 20)) + b"0\r\n\r\n")
            else:
                client.ask("POST", "/", body=content(3 << 20))
            assert client.answer("POST").status == 507
        edge.log.wait_for(" error .*the request body cannot be kept in .*/run: No space left on device")
        wait_until(lambda: not spooled(edge), "nothing is left of it")
        assert edge.get("/", method="POST", body=content(900_000)).status == 200
        assert [len(seen.body) for seen in origin.seen] == [900_000] * (number + 1)

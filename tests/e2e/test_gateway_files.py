"""wsgi.file_wrapper: what crosses as a descriptor for the edge to send, and what is read in Python as ever (PEP 3333)."""
import socket

import pytest

from gateway_harness import Worker, binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import FILE, HEAD, LAST

CONTENT = bytes(range(256)) * 1000
APP = """
    import gzip, io, os, socket, tempfile, threading
    closed = []

    class Upper(io.FileIO):
        def read(self, size=-1): return super().read(size).upper()
    class Proxy:                                        # as Django's files are
        def __init__(self, file): self.file = file
        read = property(lambda self: self.file.read)
        fileno = property(lambda self: self.file.fileno)
        def close(self): closed.append(self.file.tell()); self.file.close()
    class Liar:
        def __init__(self, file): self.read = file.readline
    class Broken:
        @property
        def read(self): raise KeyError("not about files")

    def opened(at=0):
        file = open("content", "rb")
        file.seek(at)
        return file
    def begun():
        file = opened()
        assert len(file.read(10)) == 10 and os.lseek(file.fileno(), 0, os.SEEK_CUR) > 10
        return file
    def unflushed():
        file = tempfile.TemporaryFile()
        file.write(b"written")
        file.seek(3)
        file.write(b"X")
        return file
    def piped():
        reading, writing = os.pipe()
        os.write(writing, b"through a pipe")
        os.close(writing)
        return os.fdopen(reading, "rb")
    def connected():
        ours, theirs = socket.socketpair()
        theirs.sendall(b"through a socket")
        theirs.close()
        return ours.makefile("rb")
    def packed():
        with gzip.open("packed", "wb") as file: file.write(b"unpacked")
        return gzip.open("packed", "rb")
    def written():
        with open("lines", "wb") as file: file.write(b"one\\ntwo\\n")
        return open("lines", "rb")
    def closed_file():
        file = opened()
        file.close()
        return file

    FILES = {
        "buffered": opened, "raw": lambda: open("content", "rb", buffering=0), "middle": lambda: opened(1000),
        "begun": begun, "updated": lambda: open("content", "r+b"), "unflushed": unflushed,
        "proxy": lambda: Proxy(opened(5)), "unlinked": lambda: unlinked(),
        "memory": lambda: io.BytesIO(b"in memory"), "pipe": piped, "socket": connected, "gzip": packed,
        "buffered gzip": lambda: io.BufferedReader(packed()), "subclass": lambda: Upper(written().name),
        "other method": lambda: Liar(written()), "empty": lambda: open("/dev/null", "rb"),
        "none left": lambda: opened(len(open("content", "rb").read())), "beyond": lambda: opened(10**9),
        "text": lambda: open("content", encoding="latin-1"), "closed": closed_file, "broken": Broken,
        "no file": object,
    }
    def unlinked():
        with open("gone", "wb") as file: file.write(b"gone by now")
        file = open("gone", "rb")
        os.unlink("gone")
        return file

    def application(environ, start_response):
        name, _, length = environ["QUERY_STRING"].partition("=")
        if name == "closed at":
            start_response("200 OK", [])
            return [repr(closed).encode()]
        headers = [("Content-Length", length)] if length else []
        if name != "unstarted":
            write = start_response(environ.get("HTTP_STATUS", "200 OK"), headers)
        if name == "written before":
            write(b"written, ")
        return environ["wsgi.file_wrapper"](FILES.get(name, written)())
"""


@pytest.fixture
def app(serve_app, tmp_path):
    (tmp_path / "content").write_bytes(CONTENT)
    return serve_app(APP)


@pytest.mark.parametrize("name, content", [
    ("buffered", CONTENT), ("raw", CONTENT), ("middle", CONTENT[1000:]), ("begun", CONTENT[10:]), ("updated", CONTENT),
    ("unflushed", b"ten"), ("proxy", CONTENT[5:]), ("unlinked", b"gone by now"),
])
def test_a_plain_file_crosses_as_a_descriptor(app, name, content):
    for _ in range(2):
        answer = app.ask(query=name)
        assert [frame.flags for frame in answer.frames] == [HEAD | LAST | FILE]
        assert answer.status == 200 and answer.body == content


@pytest.mark.parametrize("name, content", [
    ("memory", b"in memory"), ("pipe", b"through a pipe"), ("socket", b"through a socket"), ("gzip", b"unpacked"),
    ("buffered gzip", b"unpacked"), ("subclass", b"ONE\nTWO\n"), ("other method", b"one\ntwo\n"), ("empty", b""),
    ("none left", b""), ("beyond", b""), ("written before", b"written, one\ntwo\n"),
])
def test_everything_else_is_read(app, name, content):
    answer = app.ask(query=name)
    assert not any(frame.flags & FILE for frame in answer.frames)
    assert answer.body == content and not answer.failed


@pytest.mark.parametrize("name, why", [
    ("text", "must consist of bytes"), ("closed", "closed file"), ("broken", "not about files"), ("no file", "has no attribute 'read'"),
    ("unstarted", "without calling start_response"),
])
def test_what_is_wrong_fails_as_it_does_without_files(app, name, why):
    answer = app.ask(query=name)
    assert answer.failed and not answer.has_head
    app.log(why)
    assert app.ask(query="buffered").body == CONTENT


def test_the_result_is_closed_after_it_was_sent(app):
    assert app.ask(query="proxy").body == CONTENT[5:]
    assert app.ask(query="closed at").body == b"[5]"    # and was not read


def test_a_promised_length_cuts_the_file(app):
    answer = app.ask(query="middle=100")
    assert answer.frames[0].flags == HEAD | LAST | FILE and answer.body == CONTENT[1000:1100]
    assert app.ask(query="middle=0").body == b""


def test_a_promised_length_beyond_the_file_is_the_apps_failure(app):
    answer = app.ask(query=f"buffered={len(CONTENT) + 1}")
    assert answer.failed and not answer.has_head
    app.log(f"sent {len(CONTENT)} bytes of the {len(CONTENT) + 1} that its Content-Length promised")


@pytest.mark.parametrize("method, status", [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No Content")])
def test_an_answer_without_a_body_has_no_file(app, method, status):
    answer = app.ask(query="proxy=10", method=method, HTTP_STATUS=status)
    assert [frame.flags for frame in answer.frames] == [HEAD | LAST]
    assert answer.body == b"" and ("Content-Length", "10") in answer.headers
    assert app.ask(query="closed at").body == b"[5]"


def test_files_wait_for_an_edge_that_does_not_read(serve_app, tmp_path):
    """The channel is full when a file is to be sent; its descriptor comes with its own first byte all the same."""
    (tmp_path / "content").write_bytes(CONTENT)
    app = serve_app(APP, start=False)
    app.imported()
    worker = Worker(app, 0)
    app.workers.append(worker)
    thread = worker.threads[0]
    thread.their_answers[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    worker.fork().wait_ready()
    starts = range(1, 30)
    for sequence in starts:
        thread.send(sequence, app.variables(query="middle" if sequence % 3 else "memory"))
    for sequence in starts:
        assert thread.answer(sequence).body == (CONTENT[1000:] if sequence % 3 else b"in memory")


@pytest.mark.parametrize("name", ["X-Sendfile", "x-accel-redirect"])
def test_the_length_of_a_file_that_is_only_named_is_no_promise(serve_app, name):
    """Flask announces the length of the file that it names, and sends nothing."""
    app = serve_app(f"""
        def application(environ, start_response):
            start_response("200 OK", [("Content-Length", "10"), ("{name}", "/a")])
            return []
    """)
    answer = app.ask()
    assert not answer.failed and answer.headers == [("Content-Length", "10"), (name, "/a")] and answer.body == b""

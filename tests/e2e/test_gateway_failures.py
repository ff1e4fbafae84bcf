"""What the gateway does when something goes wrong: apps that raise, clients and edges that leave, bytes that make no
sense. close() is always called, and the worker lives on unless the channel itself is broken."""
import os
import socket
import struct

import pytest

from edge import wait_until
from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import FAILED, HEAD, LAST, REQUEST, packet

RAISING = """
    import sys
    def application(environ, start_response):
        kind = eval(environ["QUERY_STRING"])
        if environ["PATH_INFO"] == "/call":
            raise kind("in the view")
        start_response("200 OK", [("Content-Type", "text/plain")])
        if environ["PATH_INFO"] == "/called":
            raise kind("in the view")
        return body(kind, environ["PATH_INFO"])
    def body(kind, where):
        yield b"" if where == "/early" else b"a piece"
        raise kind("in the view")
"""


@pytest.mark.parametrize("validate", [False, True])
def test_an_app_that_raises_fails_its_request_only(serve_app, validate):
    app = serve_app(RAISING, validate)
    for path in ("/call", "/called", "/early", "/late"):
        for kind in ("ValueError", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException"):
            answer = app.ask(path, query=kind)
            assert answer.failed and answer.has_head == (path == "/late")
            assert answer.body == (b"a piece" if path == "/late" else b"")
            request_id, text = app.log("the application raised")
            assert request_id == "r-1" and text.startswith("the application raised\nTraceback (most recent call last):")
            assert f"{kind}: in the view" in text and "shop_app.py" in text
    assert app.ask("/late", query="ValueError").status == 200


def test_a_failure_without_a_usable_text_is_still_logged(serve_app):
    app = serve_app("""
        class Odd(Exception):
            def __str__(self): raise ValueError("no text")
        def deep(): return deep()
        def application(environ, start_response):
            if environ["PATH_INFO"] == "/deep":
                return deep()
            if environ["PATH_INFO"] == "/surrogate":
                raise ValueError("\\ud800 \\u20ac")
            raise Odd()
    """)
    for path, text in [("/odd", "Odd"), ("/deep", "RecursionError"), ("/surrogate", "ValueError: \\ud800 \u20ac")]:
        assert app.ask(path).failed and text in app.log("the application raised")[1]


CLOSING = """
    closed = []
    class Body:
        def __init__(self, environ):
            self.environ, self.pieces = environ, eval(environ["QUERY_STRING"])
        def __iter__(self):
            if self.environ["PATH_INFO"] == "/iter":
                raise ValueError("in iter")
            return self
        def __next__(self):
            if not self.pieces:
                raise StopIteration
            piece = self.pieces.pop(0)
            if piece is None:
                raise ValueError("in next")
            return piece
        def close(self):
            print("closed", file=self.environ["wsgi.errors"])
            if self.environ["PATH_INFO"] == "/close":
                raise ValueError("in close")
    def application(environ, start_response):
        if environ["PATH_INFO"] != "/nostart":
            start_response("200 OK", [("Content-Type", "text/plain")])
        return Body(environ)
"""


@pytest.mark.parametrize("path, pieces, failed, logged", [
    ("/", [b"a", b"b"], False, None), ("/", [], False, None), ("/", [b"a", None], True, "in next"),
    ("/", [None], True, "in next"), ("/", [b"a", "b"], True, "must consist of bytes"), ("/iter", [], True, "in iter"),
    ("/close", [b"a"], False, "in close"), ("/close", [None], True, "in close"),
    ("/nostart", [b"a"], True, "without calling start_response"),
])
def test_close_is_always_called(serve_app, path, pieces, failed, logged):
    app = serve_app(CLOSING)
    for _ in range(2):
        assert app.ask(path, query=repr(pieces)).failed == failed
        assert app.log("closed\n") == ("r-1", "closed\n")
        if logged:
            assert logged in app.log(logged)[1]


def test_an_exception_in_close_of_a_validated_app(serve_app):
    app = serve_app(CLOSING, validate=True)
    assert app.ask("/close", query="[b'a']").body == b"a"
    assert "the application's close() raised" in app.log("in close")[1]


STREAMING = """
    import os
    def application(environ, start_response):
        write = start_response("200 OK", [])
        return {"/stream": stream, "/write": lambda e: written(write), "/empty": empty}[environ["PATH_INFO"]](environ)
    def gate():
        open(os.environ["ARRIVED"], "w").close(); open(os.environ["GO_ON"]).close()
    def stream(environ):
        try:
            for i in range(10**9):
                yield b"piece"
                if i == 0: gate()
        finally:
            print("closed at", i, file=environ["wsgi.errors"])
    def empty(environ):
        try:
            yield b"piece"
            gate()
            while True:
                yield b""
        finally:
            print("closed at 0", file=environ["wsgi.errors"])
    def written(write):
        write(b"piece")
        gate()
        write(b"piece")
        return []
"""


@pytest.mark.parametrize("path", ["/stream", "/empty", "/write"])
def test_a_cancelled_answer_stops_and_is_closed(serve_app, gate, path):
    app = serve_app(STREAMING, environment=gate.environment)
    worker, thread = app.workers[0], app.workers[0].threads[0]
    thread.send(1000, app.variables(path))
    assert thread.frame(1000).body == b"piece"
    gate.wait_arrived()
    worker.cancel(1000)
    gate.open()
    rest = thread.answer(1000)
    assert rest.frames[-1].flags == LAST | FAILED and rest.body == b""
    if path != "/write":
        assert app.log("closed")[1] == f"closed at {int(path == '/stream')}\n"
    thread.send(1001, app.variables("/nothing"))
    assert thread.answer(1001).failed
    assert "KeyError: '/nothing'" in app.log("")[1]         # and so no traceback came from the cancelled one


def test_a_request_cancelled_before_it_began_never_reaches_the_app(serve_app):
    app = serve_app("""
        asked = []
        def application(environ, start_response):
            asked.append(environ["PATH_INFO"])
            start_response("200 OK", [])
            return [repr(asked).encode()]
    """)
    app.workers[0].cancel(1000)
    thread = app.workers[0].threads[0]
    thread.send(1000, app.variables("/unwanted"))
    assert thread.answer(1000).frames[0].flags == LAST | FAILED
    assert app.ask("/wanted").body == b"['/wanted']"


def test_begun_tells_which_request_the_worker_has_taken(serve_app, gate):
    app = serve_app(STREAMING, environment=gate.environment)
    worker = app.workers[0]
    assert worker.begun() == 0
    worker.threads[0].send(77, app.variables("/write"))
    worker.threads[0].send(78, app.variables("/nothing"))
    gate.wait_arrived()
    assert worker.begun() == 77
    gate.open()
    worker.threads[0].answer(77)
    worker.threads[0].answer(78)
    assert worker.begun() == 78


@pytest.mark.parametrize("threads", [1, 2])
def test_a_thread_tells_that_it_has_read_a_question(serve_app, gate, threads):
    app = serve_app(STREAMING, environment=gate.environment, threads=threads)
    worker, thread = app.workers[0], app.workers[0].threads[-1]
    at = threads - 1
    thread.send(77, app.variables("/write"))
    thread.ask()
    thread.ask()
    gate.wait_arrived()
    assert worker.told("heard", at) == 0, "it is at a request"
    gate.open()
    thread.answer(77)
    wait_until(lambda: worker.told("heard", at) == 2, "it has read both")
    thread.ask()
    thread.send(78, app.variables("/nothing"))
    thread.answer(78)
    assert worker.told("heard", at) == 3 and worker.taken(at) == 2


def test_an_unread_request_can_be_taken_back_by_the_edge(serve_app, gate):
    app = serve_app(STREAMING, environment=gate.environment)
    thread = app.workers[0].threads[0]
    thread.send(77, app.variables("/write"))
    gate.wait_arrived()
    thread.send(78, app.variables("/nothing"))
    taken = thread.theirs.recv(200000, socket.MSG_DONTWAIT)
    assert REQUEST.unpack_from(taken)[0] == 78
    gate.open()
    thread.answer(77)
    assert app.ask("/nothing").failed


def test_a_reader_that_stops_holds_the_app_back_and_gets_all_in_the_end(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            start_response("200 OK", [])
            for i in range(200):
                yield bytes([i]) * 50000
    """)
    thread = app.workers[0].threads[0]
    thread.send(1000, app.variables())
    first = thread.frame(1000)
    assert first.flags == HEAD and first.body == bytes(50000)
    rest = thread.answer(1000)
    assert rest.body == b"".join(bytes([i]) * 50000 for i in range(1, 200))


def test_other_threads_run_while_one_waits_for_its_reader(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"x" * 10_000_000] if environ["PATH_INFO"] == "/big" else [b"small"]
    """, threads=2)
    threads = app.workers[0].threads
    threads[0].send(1000, app.variables("/big"))
    assert threads[0].receive(0, 24)            # its answer has begun, and is more than a socket holds
    assert app.ask("/small", thread=1).body == b"small"
    left = 10_000_000
    threads[0].receive(0, (1 << 20))
    left -= 1 << 20
    while left > 0:
        threads[0].receive(0, 24)
        threads[0].receive(0, min(left, 1 << 20))
        left -= 1 << 20


def test_an_edge_that_closes_the_answers_ends_the_worker_and_still_closes_the_body(serve_app, gate):
    app = serve_app(STREAMING, environment=gate.environment)
    worker, thread = app.workers[0], app.workers[0].threads[0]
    thread.send(1000, app.variables("/stream"))
    thread.frame(1000)
    gate.wait_arrived()
    thread.answers[0].close()
    gate.open()
    assert app.log("closed")[1].startswith("closed at ")
    assert worker.wait_exit() == 0
    app.workers.clear()


def test_an_edge_that_closes_the_mailbox_ends_the_worker(serve_app):
    app = serve_app(STREAMING)
    app.workers[0].threads[0].mailbox.close()
    assert app.workers[0].wait_exit() == 0
    app.workers.clear()


def message(sequence=1, loop=0, flags=0, size=0, variables=None, body=b"", block=None):
    header = REQUEST.pack(sequence, loop, flags, size, 0, 0)
    return header + (packet(variables or {}) if block is None else block) + body


BROKEN = {
    "short": b"x" * 10, "no packet": REQUEST.pack(1, 0, 0, 0, 0, 0),
    "half a packet header": REQUEST.pack(1, 0, 0, 0, 0, 0) + b"\0\0",
    "sequence 0": message(sequence=0), "no such loop": message(loop=1), "unknown flag": message(flags=16),
    "body too short": message(size=5, body=b"four"), "body too long": message(size=3, body=b"four"),
    "file that is none": message(flags=1, size=3), "other modifier": message(block=b"\5\0\0\0"),
    "other second modifier": message(block=b"\0\0\0\1"), "block past the end": message(block=b"\0\xff\0\0abc"),
    "variable past the end": message(block=b"\0" + struct.pack("<H", 4) + b"\0" + b"\xff\xffab"),
    "name without a value": message(block=b"\0" + struct.pack("<H", 3) + b"\0" + b"\1\0a"),
    "too long": b"x" * 200000,
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_request_that_makes_no_sense_ends_the_worker_with_a_log_line(serve_app, what):
    app = serve_app(STREAMING)
    app.workers[0].threads[0].send(1, {}, raw=BROKEN[what])
    request_id, text = app.log("a worker was sent")
    assert request_id == "" and text.endswith("\n")
    assert os.waitstatus_to_exitcode(app.workers[0].wait_exit()) == 76
    app.workers.clear()


@pytest.mark.parametrize("what", ["pipe", "wrong size", "two descriptors", "unasked"])
def test_a_body_in_a_wrong_file_ends_the_worker(serve_app, what, tmp_path):
    app = serve_app(STREAMING)
    (tmp_path / "body").write_bytes(b"12345")
    with open(tmp_path / "body", "rb") as body:
        read_end, write_end = os.pipe()
        descriptors = {"pipe": [read_end], "wrong size": [body.fileno()], "unasked": [body.fileno()],
                       "two descriptors": [body.fileno(), read_end]}[what]
        raw = message(flags=0 if what == "unasked" else 1, size={"wrong size": 6, "unasked": 0}.get(what, 5))
        socket.send_fds(app.workers[0].threads[0].mailbox, [raw], descriptors)
        assert os.waitstatus_to_exitcode(app.workers[0].wait_exit()) == 76
        os.close(read_end)
        os.close(write_end)
    app.workers.clear()


def test_descriptors_of_bodies_are_closed(serve_app, tmp_path):
    app = serve_app("""
        import os
        def application(environ, start_response):
            start_response("200 OK", [])
            return [str(len(os.listdir("/proc/self/fd"))).encode()]
    """)
    (tmp_path / "body").write_bytes(b"12345")
    with open(tmp_path / "body", "rb") as body:
        counts = {app.ask(method="POST", file=body.fileno()).body for _ in range(20)}
    assert len(counts) == 1

"""Requests that run too long and clients that leave: 504, stacks in the log, an exception, and only then a new worker."""
import re
import time

import pytest

from edge import wait_until

SITE = """\
    log: {access: {path: access.log, format: "$status $uri $request_time"}}
    apps:
      shop: {module: app, processes: 1, threads: %s, request_timeout: %s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /cancelled/
            app: shop
            cancel_on_disconnect: true
          - path: /
            app: shop
"""
APP = '''\
    """Gets stuck in several ways."""
    import itertools
    import os
    import time


    def spin():
        while True:
            pass


    def sleep():
        time.sleep(1000)


    def stubborn():
        while True:
            try:
                time.sleep(1000)
            except BaseException:
                pass


    def count():                                        # in C, with the interpreter's lock held, and without an end
        sum(itertools.repeat(0))


    def wait_for_the_client_to_leave(gone):
        with open("arrived", "w"):
            pass
        while not gone():
            time.sleep(0.01)
        note("saw that its client had left")


    def note(text):
        with open("notes", "a") as notes:
            notes.write(text + "\\n")


    def stream(gone):
        try:
            for _ in range(100000):
                yield b"x" * 65536
        finally:
            note("closed, client gone: %r" % gone())


    def tick(pauses):
        for pause in pauses:
            yield b"tick"
            time.sleep(pause)


    def application(environ, start_response):
        path = environ["PATH_INFO"].rsplit("/", 1)[1]
        if path in ("spin", "sleep", "stubborn", "count"):
            globals()[path]()
        if path == "watch":
            wait_for_the_client_to_leave(environ["edge.disconnected"])
        if path == "raised":
            with open("arrived", "w"):
                pass
            try:
                time.sleep(1000)
            except BaseException as error:
                note("raised %s" % type(error).__name__)
                raise
        start_response("200 OK", [])
        if path in ("ticks", "stalls"):
            return tick([0.5] * 6 if path == "ticks" else [1000])
        return stream(environ["edge.disconnected"]) if path == "stream" else [str(os.getpid()).encode()]
'''
PLACES = {"spin": "spin", "sleep": "sleep", "count": "count"}


def start(serve, threads=1, request_timeout="300ms"):
    return serve(SITE % (threads, request_timeout), {"app.py": APP})


def pid_of(edge):
    return int(edge.get("/").body)


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_client_gets_504_and_the_log_the_stacks(serve, path, threads):
    edge = start(serve, threads)
    assert edge.get("/" + path).status == 504
    access = edge.folder / "access.log"
    wait_until(lambda: access.read_text().endswith("\n"), "the answer is logged")
    status, uri, took = access.read_text().split()
    assert (status, uri) == ("504", "/" + path) and float(took) < 1.3   # before stacks and exceptions
    told = edge.log.wait_for(r"\[shop\] worker 0 \(pid (\d+)\): request (\w+) \(GET /%s\) ran longer than "
                             r"request_timeout \(300 ms\)$" % path)
    found = edge.log.wait_for(rf"\[shop\] request {told[2]}: worker 0 \(pid {told[1]}\) thread (\S+): "
                              r"stacks of its threads:$")
    thread = "MainThread" if threads == 1 else r"edge-\d"
    assert re.fullmatch(thread, found[1])
    edge.log.wait_for(rf'^  \| {found[1]} \(answers this request\): File ".*app\.py", line \d+ in {PLACES[path]}$')
    edge.log.wait_for(rf'^  \| {found[1]} \(answers this request\): File ".*app\.py", line \d+ in application$')


@pytest.mark.parametrize("threads, path", [(1, "spin"), (1, "sleep"), (2, "spin")])
def test_an_exception_that_helps_keeps_the_worker(serve, threads, path):
    edge = start(serve, threads, "1s")
    before = pid_of(edge)
    for _ in range(2):
        answer = edge.get("/" + path)
        assert answer.status == 504
        edge.log.wait_for(r"\[shop\] request \w+: interrupted: it ran longer than request_timeout$")
        assert pid_of(edge) == before
    assert "killed" not in edge.log.text() and "the application raised" not in edge.log.text()


@pytest.mark.parametrize("threads, path", [(1, "stubborn"), (1, "count"), (2, "sleep")])
def test_a_worker_that_stays_stuck_is_replaced(serve, threads, path):
    edge = start(serve, threads, "1s")
    before = pid_of(edge)
    assert edge.get("/" + path).status == 504
    edge.log.wait_for(rf"\[shop\] request \w+: worker 0 \(pid {before}\) was still at it 1000 ms after "
                      "edge_gateway.RequestTimeout|the worker is killed")
    wait_until(lambda: pid_of(edge) != before, "another worker answers")


def test_a_stream_that_goes_on_may_run_longer(serve):
    edge = start(serve, request_timeout="2s")
    with edge.connect() as connection:
        began = time.monotonic()
        answer = connection.request("GET", "/ticks")
        assert (answer.status, answer.text) == (200, "tick" * 6) and time.monotonic() - began > 2.5
    assert "request_timeout" not in edge.log.text()


def test_a_stream_that_pauses_too_long_breaks_off(serve):
    edge = start(serve, 1, "1s")
    with edge.connect() as connection:
        connection.ask("GET", "/stalls")
        assert connection.head().status == 200 and connection.chunk() == b"tick"
        assert connection.is_closed(), "without a last chunk"
    edge.log.wait_for(r"\[shop\] worker 0 \(pid \d+\): request \w+ \(GET /stalls\) ran longer than request_timeout "
                      r"\(1000 ms\)$")


def test_other_threads_go_on_beside_a_stuck_one(serve):
    edge = start(serve, 2, "1s")
    before = pid_of(edge)
    with edge.connect() as stuck:
        stuck.ask("GET", "/spin")
        assert all(pid_of(edge) == before for _ in range(20))
        assert stuck.answer().status == 504
    assert pid_of(edge) == before


def leave(edge, path):
    """A client that asks, and goes when the app is at it."""
    connection = edge.connect()
    connection.ask("GET", path)
    wait_until((edge.folder / "arrived").exists, "the app is at it")
    connection.tear()


def notes(edge):
    path = edge.folder / "notes"
    return path.read_text() if path.exists() else ""


def test_an_app_sees_that_its_client_has_left(serve):
    edge = start(serve, request_timeout="60s")
    leave(edge, "/watch")
    wait_until(lambda: notes(edge) == "saw that its client had left\n", "the app has seen it")
    assert pid_of(edge)
    edge.stop()
    assert "499 /watch " in (edge.folder / "access.log").read_text()


def test_cancel_on_disconnect_raises_in_the_view(serve):
    edge = start(serve, request_timeout="60s")
    before = pid_of(edge)
    leave(edge, "/cancelled/raised")
    wait_until(lambda: notes(edge) == "raised ClientDisconnected\n", "the exception has come")
    assert pid_of(edge) == before
    edge.stop()
    assert "499 /cancelled/raised " in (edge.folder / "access.log").read_text()
    assert "interrupted" not in edge.log.text() and " error " not in edge.log.text()


def test_a_stream_is_closed_at_once_when_its_slow_reader_leaves(serve):
    """The worker is blocked in sending when the client, who has read nothing, goes."""
    edge = start(serve, request_timeout="60s")
    before = pid_of(edge)
    with edge.connect() as connection:
        connection.ask("GET", "/stream")
        assert connection.socket.recv(1)
    wait_until(lambda: notes(edge) == "closed, client gone: True\n", "the generator was closed")
    assert pid_of(edge) == before

"""Generators whose clients leave: with cancel_on_disconnect they are closed at once, without it at their next piece."""
from pathlib import Path

import pytest

from edge import wait_until

SITE = """\
    log: {access: {path: access.log, format: "$status $request_method $uri"}}
    apps:
      app: {module: app, processes: 1, threads: %d, request_timeout: 1h}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /cancelled/, app: app, cancel_on_disconnect: true}
          - {path: /, app: app}
"""
APP = '''\
    """Bodies that pause for ever in several ways, each before its first piece or, by another path, behind it."""
    import os
    import threading
    import time


    def note(text):
        with open("notes", "a") as notes:
            notes.write(text + "\\n")


    def nap():
        while True:
            time.sleep(0.01)


    def sleep():
        time.sleep(100000)


    def wait():
        threading.Event().wait()


    def generator(pause, begins):
        try:
            if begins:
                yield b"first"
            note("pauses")
            pause()
        except BaseException as error:
            note(type(error).__name__)
            raise
        finally:
            note("closed")


    class Iterator:
        def __init__(self, pause, begins):
            self.pause, self.begins = pause, begins

        def __iter__(self):
            return self

        def __next__(self):
            if self.begins:
                self.begins = False
                return b"first"
            try:
                note("pauses")
                self.pause()
            except BaseException as error:
                note(type(error).__name__)
                raise

        def close(self):
            note("closed")


    def stubborn(pause, begins):
        try:
            yield b"first"
            try:
                note("pauses")
                pause()
            except BaseException as error:
                note(type(error).__name__)
            yield b"second"
            note("goes on")
        finally:
            note("closed")


    def ticking(gone):
        try:
            note("pauses")
            while True:
                was_gone = gone()
                yield b"tick"
                if was_gone:
                    note("goes on")
                time.sleep(0.01)
        except GeneratorExit:
            note("closed at a piece, client gone: %r" % gone())


    def application(environ, start_response):
        path = environ["PATH_INFO"].split("/")[-1]
        start_response("200 OK", [("Content-Type", "text/plain")])
        if not path:
            return [str(os.getpid()).encode()]
        if path == "ticking":
            return ticking(environ["edge.disconnected"])
        body, pause, place = path.split("-")
        return globals()[body](globals()[pause], place == "behind")
'''


def start(serve, threads):
    return serve(SITE % threads, {"app.py": APP})


def notes(edge):
    path = edge.folder / "notes"
    return path.read_text().splitlines() if path.exists() else []


def wait_for(edge, *wanted):
    """Until the app has noted this in this order, and nothing else."""
    wait_until(lambda: notes(edge)[len(wanted) - 1:], f"the app has noted {wanted[-1]}")
    assert notes(edge) == list(wanted)


def wait_for_pause(edge, worker):
    """Until its main thread sleeps: a signal that comes just before a call which blocks does not end that call."""
    wait_for(edge, "pauses")
    stat = Path(f"/proc/{worker}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "it sleeps")


def logged(edge, path):
    """The status in the access log, once it is there."""
    def find():
        lines = (edge.folder / "access.log").read_text().splitlines()
        return [int(line.split()[0]) for line in lines if line.endswith(" " + path)]
    status, = wait_until(find, "the request is logged")
    return status


def assert_well(edge, worker):
    assert edge.get("/").text == worker, "the worker goes on"
    edge.stop()
    assert " error " not in edge.log.text() and "interrupted" not in edge.log.text()


# The wait of another thread than the main one ends for no exception: that is Python's.
WAYS = [(1, "nap"), (1, "sleep"), (1, "wait"), (2, "nap")]


@pytest.mark.parametrize("threads, pause", WAYS)
@pytest.mark.parametrize("body", ["generator", "Iterator"])
def test_a_generator_that_pauses_before_its_first_piece_is_closed_at_once(serve, threads, pause, body):
    edge = start(serve, threads)
    worker = edge.get("/").text
    path = f"/cancelled/{body}-{pause}-before"
    with edge.connect() as connection:
        connection.ask("GET", path)
        wait_for_pause(edge, worker)
    wait_for(edge, "pauses", "ClientDisconnected", "closed")
    assert logged(edge, path) == 499
    assert_well(edge, worker)


@pytest.mark.parametrize("threads, pause", WAYS)
@pytest.mark.parametrize("body", ["generator", "Iterator"])
def test_a_generator_that_pauses_behind_its_first_piece_is_closed_at_once(serve, threads, pause, body):
    edge = start(serve, threads)
    worker = edge.get("/").text
    path = f"/cancelled/{body}-{pause}-behind"
    with edge.connect() as connection:
        connection.ask("GET", path)
        assert connection.head().status == 200 and connection.chunk() == b"first"
        wait_for_pause(edge, worker)
    wait_for(edge, "pauses", "ClientDisconnected", "closed")
    assert logged(edge, path) == 200, "what the client has got"
    assert_well(edge, worker)


def test_a_generator_that_swallows_the_exception_is_closed_at_its_next_piece(serve):
    edge = start(serve, 1)
    worker = edge.get("/").text
    with edge.connect() as connection:
        connection.ask("GET", "/cancelled/stubborn-nap-behind")
        assert connection.head().status == 200 and connection.chunk() == b"first"
        wait_for_pause(edge, worker)
    wait_for(edge, "pauses", "ClientDisconnected", "closed")
    assert_well(edge, worker)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method, path", [("GET", "/ticking"), ("POST", "/cancelled/ticking")])
def test_a_generator_that_is_not_cancelled_is_closed_at_its_next_piece(serve, threads, method, path):
    """Without the setting, or because the method is not safe."""
    edge = start(serve, threads)
    worker = edge.get("/").text
    with edge.connect() as connection:
        connection.ask(method, path)
        assert connection.head().status == 200
        heard = b""
        while len(heard) < 20:
            heard += connection.chunk()                 # of one piece or more
    wait_for(edge, "pauses", "closed at a piece, client gone: True")
    assert_well(edge, worker)

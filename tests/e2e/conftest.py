"""Fixtures of the whole-program tests: `serve` starts edge on a site, `origins` and `outage_servers` are what stands
behind it, `Gate` lets a test hold an app at a point."""
import contextlib
import os
import threading

import pytest

from edge import Edge, write_files
from origin import OK, Origin
from outage_server import OutageServer
from upgradable import Upgradable


def pytest_make_parametrize_id(val, argname):
    """A test's id stands in the environment of the processes that it starts, where a variable has 128 KiB."""
    too_long = isinstance(val, (bytes, str)) and len(val) > 200
    return f"{argname} of {len(val)}" if too_long else None


class Serving:
    """Starts edges in a folder of their own, and ends every one of them."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def __call__(self, site, files=None, folder=None, environment=None, ready=True, arguments=("serve", "site.yaml"),
                 launcher=(), descriptors=()):
        """`site`: the text of site.yaml, or nothing when `folder` holds one. It listens on 127.0.0.1:0."""
        folder = folder or self.folder
        write_files(folder, files or {})
        if site is not None:
            write_files(folder, {"site.yaml": site})
        edge = Edge(folder, arguments, environment, launcher, descriptors)
        self.started.append(edge)
        return edge.wait_ready() if ready else edge

    def finish(self, passed=True):
        try:
            for edge in self.started:
                if edge.process.poll() is None and passed:
                    edge.stop()
                elif not passed:
                    print(f"--- log of edge {edge.pid}\n{edge.log.text()}")
        finally:
            for edge in self.started:
                edge.end()


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.passed = outcome.get_result().passed


@pytest.fixture
def serve(tmp_path, request):
    """A function that starts edge for one test; it is stopped gracefully at the end, which must succeed."""
    serving = Serving(tmp_path)
    yield serving
    serving.finish(getattr(request.node, "passed", False))


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory):
    """The same for all tests of a file that ask nothing which changes the edge."""
    serving = Serving(tmp_path_factory.mktemp("site"))
    yield serving
    serving.finish()


@pytest.fixture
def upgradable(serve, tmp_path):
    """An edge that can be upgraded; those that take its place are ended with the test."""
    made = Upgradable(serve, tmp_path)
    yield made
    made.end()


@pytest.fixture
def origins():
    """A function that starts a server of the test's own, which answers by a function (support/origin.py)."""
    with contextlib.ExitStack() as started:
        def make(answer=lambda seen, client: OK, **options):
            origin = Origin(answer, **options)
            started.callback(origin.close)
            return origin
        yield make


@pytest.fixture
def outage_servers(tmp_path):
    """Three servers that can be killed, hung and cut (support/outage_server.py)."""
    with contextlib.ExitStack() as started:
        made = []
        for name in ("first", "second", "third"):
            made.append(OutageServer(tmp_path, name))
            started.callback(made[-1].end)
        yield made


class Gate:
    """Two named pipes by which an app says that it has arrived, and waits until the test lets it go on.

    In the app:   open(os.environ["ARRIVED"], "w").close(); open(os.environ["GO_ON"]).close()
    """

    def __init__(self, folder):
        self.arrived, self.go_on = folder / "arrived", folder / "go_on"
        os.mkfifo(self.arrived)
        os.mkfifo(self.go_on)

    @property
    def environment(self):
        return {"ARRIVED": str(self.arrived), "GO_ON": str(self.go_on)}

    def wait_arrived(self):
        self._within(lambda: self.arrived.read_bytes(), "no app came to the gate")

    def open(self):
        self._within(lambda: self.go_on.write_bytes(b""), "no app waits at the gate")

    @staticmethod
    def _within(action, otherwise):
        thread = threading.Thread(target=action, daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive(), otherwise


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path)

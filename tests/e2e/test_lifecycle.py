"""Starting and stopping: what drains, what is cut, what the exit code says, and what survives a kill."""
import os
import signal
import socket
import threading

import pytest

from edge import PATIENCE, ended, wait_until
from http_client import SLOWNESS

SITE = """\
    edge: {threads: 2, shutdown_timeout: 20s}
    apps:
      app: {module: app, processes: 2}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Tells its process id; can wait at the test's gate, before or within its answer."""
    import os


    def gate():
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()


    def stream():
        yield b"begun "
        gate()
        yield b"and ended"


    def application(environ, start_response):
        path = environ["PATH_INFO"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/stream":
            return stream()
        if path == "/slow":
            gate()
            return [b"slow but answered"]
        return [str(os.getpid()).encode()]
'''
EXIT_CONFIGURATION, EXIT_LISTEN, EXIT_APP, EXIT_CUT = 2, 3, 4, 5


def refused(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_edge_stops_at_once_with_0(serve, number):
    edge = serve(SITE, {"app.py": APP})
    children = [os.pidfd_open(pid) for pid in edge.family()]
    assert len(children) >= 3, "a zygote and two workers"
    with edge.connect() as kept:
        assert kept.request("GET", "/").status == 200
        edge.signal(number)
        assert kept.is_closed(), "an idle connection is closed, it does not hold up the stop"
    assert edge.wait() == 0
    for child in children:
        assert ended(child, 0), "a process of the app is left"
        os.close(child)
    edge.check_log()


@pytest.mark.parametrize("target, body", [("/slow", "slow but answered"), ("/stream", "begun and ended")])
def test_sigterm_drains_what_is_under_way(serve, gate, target, body):
    edge = serve(SITE, {"app.py": APP}, environment=gate.environment)
    with edge.connect() as connection:
        connection.ask("GET", target)
        gate.wait_arrived()
        edge.signal(signal.SIGTERM)
        wait_until(lambda: refused(edge.port), "nobody else is let in")
        gate.open()
        answer = connection.answer()
        assert (answer.status, answer.text) == (200, body)
        assert connection.is_closed()
    assert edge.wait() == 0
    edge.check_log()


def test_what_is_queued_is_answered_before_the_end(serve, gate):
    edge = serve(SITE.replace("processes: 2", "processes: 1"), {"app.py": APP}, environment=gate.environment)
    with edge.connect() as first, edge.connect() as second:
        first.ask("GET", "/slow")
        gate.wait_arrived()
        second.ask("GET", "/")
        wait_until(lambda: unread(edge, second) == 0, "edge has read the second request")
        edge.signal(signal.SIGTERM)
        wait_until(lambda: refused(edge.port), "nobody else is let in")
        gate.open()
        assert first.answer().text == "slow but answered"
        assert second.answer().status == 200
    assert edge.wait() == 0


def unread(edge, connection):
    """Bytes of a connection that edge has not read yet, as the kernel counts them."""
    local = connection.socket.getsockname()[1]
    with open("/proc/net/tcp") as table:
        for line in table:
            fields = line.split()
            if fields[1].endswith(f":{edge.port:04X}") and fields[2].endswith(f":{local:04X}"):
                return int(fields[4].split(":")[1], 16)
    return None


def test_a_second_signal_stops_at_once(serve, gate):
    edge = serve(SITE.replace("20s", "200s"), {"app.py": APP}, environment=gate.environment)
    children = [os.pidfd_open(pid) for pid in edge.family()]
    with edge.connect() as connection:
        connection.ask("GET", "/slow")
        gate.wait_arrived()
        edge.signal(signal.SIGTERM)
        wait_until(lambda: refused(edge.port), "the stop has begun")
        edge.signal(signal.SIGTERM)
        assert edge.wait(10 * SLOWNESS) == EXIT_CUT
        assert connection.answer().status == 503        # a GET: it would be asked again, but nothing new begins
        assert connection.is_closed()
    for child in children:
        assert ended(child), "a process of the app is left"
        os.close(child)
    edge.check_log()


class Load:
    """Threads that ask for a path over kept connections until they are told to stop; counts and keeps what failed."""

    def __init__(self, edge, target, threads=4):
        self.edge, self.target = edge, target
        self.ok, self.failures, self.pids = 0, [], set()
        self.enough = threading.Event()
        self.progress = threading.Condition()
        self.threads = [threading.Thread(target=self.ask) for _ in range(threads)]

    def ask(self):
        connection = self.edge.connect()
        while not self.enough.is_set():
            try:
                answer = connection.request("GET", self.target)
                with self.progress:
                    if answer.status == 200:
                        self.ok += 1
                        self.pids.add(int(answer.text))
                    else:
                        self.failures.append(answer.status)
                    self.progress.notify_all()
            except (OSError, AssertionError) as error:
                self.failures.append(repr(error))
                break
        connection.close()

    def wait_for_more(self, count):
        with self.progress:
            goal = self.ok + count
            assert self.progress.wait_for(lambda: self.ok >= goal or self.failures, PATIENCE), "no progress"

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        for thread in self.threads:
            thread.join()


def test_a_killed_worker_loses_no_get(serve):
    edge = serve(SITE, {"app.py": APP})
    with Load(edge, "/") as load:
        for _ in range(5):
            load.wait_for_more(200)
            victim = int(edge.get("/").text)
            with load.progress:
                load.pids.clear()
            os.kill(victim, signal.SIGKILL)
            edge.log.wait_for(rf"\b{victim}\b.*(signal 9|SIGKILL)")
            wait_until(lambda: len(load.pids - {victim}) >= 1, "another worker answers")
        load.wait_for_more(200)
    assert load.failures == []
    edge.stop()


def test_a_killed_worker_is_replaced(serve):
    edge = serve(SITE, {"app.py": APP})
    before = edge.family()
    victim = int(edge.get("/").text)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: edge.family() - before and victim not in edge.family() and len(edge.family()) == len(before),
               "another worker stands in its place")
    assert edge.get("/").status == 200


def test_kill_9_of_the_edge_leaves_no_process(serve, gate):
    edge = serve(SITE, {"app.py": APP}, environment=gate.environment)
    with edge.connect() as connection:
        connection.ask("GET", "/slow")
        gate.wait_arrived()
        children = {pid: os.pidfd_open(pid) for pid in edge.family()}
        assert len(children) >= 3
        edge.signal(signal.SIGKILL)
        try:
            left = [pid for pid, descriptor in children.items() if not ended(descriptor)]
            assert left == [], "processes that outlived the edge"
        finally:
            for descriptor in children.values():
                if not ended(descriptor, 0):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                os.close(descriptor)
    assert edge.wait() == -signal.SIGKILL


def test_without_a_site_file_the_usual_names_are_tried(serve, tmp_path):
    (tmp_path / "app.py").write_text("def application(environ, start_response):\n"
                                     "    start_response('200 OK', [])\n    return [b'found']\n")
    site = 'apps: {a: {module: app}}\nsites: [{listen: ["127.0.0.1:0"], routes: [{path: /, app: a}]}]\n'
    (tmp_path / "edge.yaml").write_text(site)
    assert serve(None, arguments=["serve"]).get("/").text == "found"

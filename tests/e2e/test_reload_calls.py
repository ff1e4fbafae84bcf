"""A hundred reloads under load: nothing fails, no connection closes, and the application is called once for each POST."""
import contextlib
import re
import shutil
import signal
import subprocess
import threading
from collections import Counter

import pytest

from edge import PATIENCE, wait_until, write_files

SITE = """\
    edge: {threads: 2}
    log: {access: off}
    apps:
      blog: {module: app, chdir: ./blog, processes: 2, threads: %s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /, app: blog}
    http: {keepalive_requests: 1000000000}              # how many there are depends on the machine
"""
APP = '''\
    """Tells its version; counts its POSTs; /slow takes longer than the change to the next version."""
    import os
    import time

    VERSION = "VERSION"


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            time.sleep(0.4)
        if environ["REQUEST_METHOD"] == "POST":
            call = environ["wsgi.input"].read() + b"\\n"
            calls = os.open("calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(calls, call)
            os.close(calls)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [VERSION.encode()]
'''
QUICK, SLOW = "/", "/slow"
WRK_CLIENTS, IDLE_CLIENTS = 4, 16
KINDS = [("GET", QUICK), ("POST", QUICK), ("POST", SLOW), ("GET", SLOW)]


def version(number):
    """Each of another length: Python takes its compiled code for good where second and size are the same."""
    return APP.replace('"VERSION"', f'"{number}"  #' + "." * number)


def turn_to(edge, number):
    write_files(edge.folder, {"blog/next.py": version(number)})
    (edge.folder / "blog" / "next.py").rename(edge.folder / "blog" / "app.py")
    begin = len(edge.log.all())
    edge.signal(signal.SIGHUP)
    edge.log.wait_for("info reloaded$", after=begin)


class Clients:
    """Threads that each ask on one connection, which nobody may close, until they are told to stop."""

    def __init__(self, edge):
        self.edge, self.enough, self.wrong = edge, threading.Event(), []
        self.newest, self.across = 0, 0                 # answers that took longer than the change to the next version
        self.posts, self.answers = [], Counter()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(number, *kind)) for number, kind in enumerate(KINDS)]

    def run(self, number, method, target):
        try:
            with self.edge.connect() as connection:
                for turn in range(1_000_000):
                    if self.enough.is_set():
                        return
                    name = f"{number}-{turn}"
                    answer = connection.request(method, target, body=name.encode() if method == "POST" else None)
                    assert (answer.status, answer.keeps_alive) == (200, True), answer
                    self.count(target, name if method == "POST" else None, int(answer.text))
        except (OSError, AssertionError) as error:
            self.wrong.append((method, target, error))

    def count(self, target, post, number):
        with self.lock:
            self.answers[target] += 1
            self.newest = max(self.newest, number)
            self.across += number < self.newest
            if post:
                self.posts.append(post)

    def wait_for(self, number):
        wait_until(lambda: self.newest == number or self.wrong, f"version {number} answers")
        assert self.wrong == []

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        assert self.wrong == []


@contextlib.contextmanager
def load_of_wrk(edge, path="/"):
    """Ends with what wrk has to say of it."""
    command = ["wrk", "-t1", f"-c{WRK_CLIENTS}", "-d600s", "--timeout", f"{PATIENCE:.0f}s", edge.url(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
        report = []
        try:
            yield report
        finally:
            wrk.send_signal(signal.SIGINT)
            report.append(wrk.communicate(timeout=PATIENCE)[0])


def reload_under_load(edge, times):
    with Clients(edge) as clients:
        for number in range(1, times + 1):
            turn_to(edge, number)
            clients.wait_for(number)
    assert clients.across >= times / 2, "slow requests were under way across the reloads"
    calls = Counter((edge.folder / "blog" / "calls").read_text().split())
    assert calls == Counter(clients.posts) and set(calls.values()) == {1}
    edge.stop()
    assert "while it answered" not in edge.log.text(), "a GET that was asked twice is a worker that was killed at it"
    assert not re.search(" error | warn ", edge.log.text())


@pytest.mark.parametrize("threads", [1, 3])             # fifty each, a hundred together
def test_a_hundred_reloads_fail_nothing_and_call_the_application_once(serve, threads):
    reload_under_load(serve(SITE % threads, {"blog/app.py": version(0)}), 50)


wants_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")


@wants_wrk
def test_reloads_under_the_load_of_wrk(serve):
    edge = serve(SITE % 1, {"blog/app.py": version(0)})
    with load_of_wrk(edge) as report:
        for number in range(1, 11):
            turn_to(edge, number)
    assert int(re.search(r"(\d+) requests in", report[0])[1]) > 0
    assert "Socket errors" not in report[0] and "Non-2xx" not in report[0], report[0]
    edge.stop()
    assert "while it answered" not in edge.log.text()


def logged(edge):
    """What the access log says: how often each (connection, path, status) stands in it."""
    lines = (edge.folder / "access.log").read_text().splitlines()
    return Counter((connection, path, int(status)) for connection, path, status in map(str.split, lines))


@wants_wrk
def test_a_hundred_reloads_beside_wrk_slow_requests_and_idle_connections(serve):
    """All at once. Each request is counted, and that idle connections outlive every reload."""
    site = (SITE % 1).replace("access: off", 'access: {path: access.log, format: "$connection $uri $status"}')
    edge = serve(site.replace("http: {", "http: {keepalive_timeout: 1h, "), {"blog/app.py": version(0)})
    with contextlib.ExitStack() as kept:
        idle = [kept.enter_context(edge.connect()) for _ in range(IDLE_CLIENTS)]
        for connection in idle:
            assert connection.request("GET", "/idle").text == "0"
        with load_of_wrk(edge, "/wrk") as report, Clients(edge) as clients:
            for number in range(1, 101):
                turn_to(edge, number)
                clients.wait_for(number)
        for connection in idle:
            answer = connection.request("GET", "/idle")
            assert (answer.status, answer.text, answer.keeps_alive) == (200, "100", True)
        edge.stop()
    assert clients.across >= 50, "slow requests were under way across the reloads"
    assert "while it answered" not in edge.log.text(), "a GET that was asked twice is a worker that was killed at it"
    assert not re.search(" error | warn ", edge.log.text())
    requests = logged(edge)

    def count(path):
        return sum(number for (_, asked, _), number in requests.items() if asked == path)

    answered_to_wrk = int(re.search(r"(\d+) requests in", report[0])[1])
    assert "Socket errors" not in report[0] and "Non-2xx" not in report[0], report[0]
    assert answered_to_wrk <= count("/wrk") <= answered_to_wrk + WRK_CLIENTS, "but for what it was at when it ended"
    assert Counter({path: count(path) for path in (QUICK, SLOW)}) == clients.answers
    assert count("/idle") == 2 * IDLE_CLIENTS
    assert {status for _, path, status in requests if path != "/wrk"} == {200}
    assert sum(number for (_, _, status), number in requests.items() if status != 200) <= WRK_CLIENTS
    assert len({connection for connection, _, _ in requests}) == WRK_CLIENTS + len(KINDS) + IDLE_CLIENTS

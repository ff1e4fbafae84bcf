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
        self.posts = []
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
                    self.count(name if method == "POST" else None, int(answer.text))
        except (OSError, AssertionError) as error:
            self.wrong.append((method, target, error))

    def count(self, post, number):
        with self.lock:
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
def load_of_wrk(edge):
    """Ends with what wrk has to say of it."""
    command = ["wrk", "-t1", "-c4", "-d600s", "--timeout", f"{PATIENCE:.0f}s", edge.url()]
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


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_reloads_under_the_load_of_wrk(serve):
    edge = serve(SITE % 1, {"blog/app.py": version(0)})
    with load_of_wrk(edge) as report:
        for number in range(1, 11):
            turn_to(edge, number)
    assert int(re.search(r"(\d+) requests in", report[0])[1]) > 0
    assert "Socket errors" not in report[0] and "Non-2xx" not in report[0], report[0]
    edge.stop()
    assert "while it answered" not in edge.log.text()

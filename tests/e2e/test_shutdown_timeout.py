"""What edge cuts off when a stop or a worker's end takes too long: what clients get, and what the logs say of it."""
import os
import re
import signal
import socket

import pytest

from edge import PATIENCE, ended, run, wait_until, write_files
from http2_client import Http2, request

SITE = """\
    edge: {threads: 2, control: control.sock%s}
    log: {access: {path: access.log, format: "$status $request_method $uri"}}
    apps:
      app: {module: app, processes: 1%s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Waits at the test's gate: before its answer, or within it."""
    import os
    import time


    def gate():
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()


    def stream():
        yield b"begun "
        gate()
        yield b"and ended"


    while os.path.exists("hang"):
        time.sleep(0.01)


    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/slow":
            gate()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream() if path == "/stream" else [str(os.getpid()).encode()]
'''
FORWARDING = """\
    edge: {threads: 2, shutdown_timeout: 300ms}
    log: {access: off}
    upstreams: {api: {servers: ["http://127.0.0.1:%s"]}}
    sites:
      - listen: [{address: "127.0.0.1:0", http2: true}]
        routes:
          - {path: /api/, proxy: api}
          - {path: /, static: {directory: %s}}
"""
EXIT_CUT = 5
TWICE = "it was asked for a second time"


def start(serve, gate=None, edge="", app=""):
    return serve(SITE % (edge, app), {"app.py": APP}, environment=gate and gate.environment)


def cut_off(edge, request, why):
    """The one line about the one request that was cut off: the worker's process, and for how long it had run."""
    edge.log.wait_for("was cut off after")
    lines = [line for line in edge.log.all() if "was cut off after" in line]
    found = re.search(rf" error \[app\] worker 0 \(pid (\d+)\): request \w+ \({request}\) was cut off after (\d+) ms: "
                      rf"{re.escape(why)}$", "\n".join(lines))
    assert len(lines) == 1 and found, edge.log.text()
    return int(found[1]), int(found[2])


def logged(edge):
    return (edge.folder / "access.log").read_text().splitlines()


# A GET would be asked again, but nothing new begins.
@pytest.mark.parametrize("method, status", [("POST", 504), ("GET", 503)])
def test_a_stop_says_what_it_cuts_off_and_answers_it(serve, gate, method, status):
    edge = start(serve, gate, edge=", shutdown_timeout: 300ms")
    worker = int(edge.get("/").text)
    with edge.connect() as connection, edge.connect() as queued:
        connection.ask(method, "/slow")
        gate.wait_arrived()
        queued.ask("POST", "/queued")
        assert run("status", folder=edge.folder).returncode == 0    # the loops have read what came before
        edge.signal(signal.SIGTERM)
        assert connection.answer(method).status == status
        assert queued.answer().status == 503
        assert connection.is_closed() and edge.wait() == EXIT_CUT
    pid, ran = cut_off(edge, f"{method} /slow", "edge.shutdown_timeout (300 ms) has passed")
    assert pid == worker and ran >= 200
    assert {f"{status} {method} /slow", "503 POST /queued"} < set(logged(edge))
    assert "the client has gone" not in edge.log.text()


def test_a_second_signal_says_what_it_cuts_off_and_answers_it(serve, gate):
    edge = start(serve, gate)
    with edge.connect() as connection:
        connection.ask("POST", "/slow")
        gate.wait_arrived()
        edge.signal(signal.SIGTERM)
        edge.log.wait_for("stopping when what is under way is answered")
        edge.signal(signal.SIGTERM)
        assert connection.answer().status == 504
        assert edge.wait() == EXIT_CUT
    cut_off(edge, "POST /slow", TWICE)
    assert "504 POST /slow" in logged(edge)


def test_an_answer_that_has_begun_breaks_off(serve, gate):
    edge = start(serve, gate, edge=", shutdown_timeout: 300ms")
    with edge.connect() as connection:
        connection.ask("GET", "/stream")
        gate.wait_arrived()
        assert connection.head().status == 200 and connection.chunk() == b"begun "
        edge.signal(signal.SIGTERM)
        assert connection.is_closed(), "without a last chunk"
        assert edge.wait() == EXIT_CUT
    cut_off(edge, "GET /stream", "edge.shutdown_timeout (300 ms) has passed")


def test_a_replaced_worker_that_takes_too_long_says_what_it_was_at(serve, gate):
    edge = start(serve, gate, app=", shutdown_timeout: 300ms")
    with edge.connect() as connection:
        worker = int(connection.request("GET", "/").text)
        connection.ask("POST", "/slow")
        gate.wait_arrived()
        assert run("reload", folder=edge.folder).returncode == 0
        assert connection.answer().status == 504
        assert int(connection.request("GET", "/").text) != worker, "on the same connection"
    edge.log.wait_for(rf" error \[app\] worker 0 gen 1 \(pid {worker}\) did not finish within shutdown_timeout "
                      r"\(300 ms\): it is killed$")
    assert cut_off(edge, "POST /slow", "shutdown_timeout (300 ms) has passed")[0] == worker
    assert "while it answered" not in edge.log.text()
    edge.stop()
    assert "504 POST /slow" in logged(edge)


def test_what_a_replaced_worker_can_be_asked_again_is_answered_by_the_next(serve, gate):
    edge = start(serve, gate, app=", shutdown_timeout: 300ms")
    worker = int(edge.get("/").text)
    with edge.connect() as connection:
        connection.ask("GET", "/slow")
        gate.wait_arrived()
        assert run("reload", folder=edge.folder).returncode == 0
        gate.wait_arrived()                             # a second time, in the new worker
        gate.open()
        answer = connection.answer()
        assert answer.status == 200 and int(answer.text) != worker
    cut_off(edge, "GET /slow", "shutdown_timeout (300 ms) has passed")


def test_a_worker_that_is_not_ready_in_time_is_named(serve, tmp_path):
    edge = start(serve, app=", preload: false, start_timeout: 3s")
    worker = int(edge.get("/").text)
    descriptor = os.pidfd_open(worker)
    write_files(tmp_path, {"hang": ""})
    os.kill(worker, signal.SIGKILL)
    assert ended(descriptor)
    os.close(descriptor)
    late = edge.log.wait_for(r" error \[app\] worker 0 gen 1 \(pid (\d+)\) was not ready within start_timeout "
                             r"\(3000 ms\): it is killed$")
    assert int(late[1]) != worker
    (tmp_path / "hang").unlink()
    wait_until(lambda: edge.get("/").status == 200, "another worker serves")


def test_an_upgrade_gives_requests_the_time_that_a_reload_does(upgradable, gate):
    edge = upgradable.start(SITE % (", shutdown_timeout: 1ms", ""), {"app.py": APP}, environment=gate.environment)
    with edge.connect() as connection:
        connection.ask("POST", "/slow")
        gate.wait_arrived()
        upgraded = run("upgrade", folder=edge.folder)
        assert upgraded.returncode == 0
        edge.log.wait_for("this one, pid .*, ends when what is under way is answered, within 60 s$")
        gate.open()
        assert connection.answer().status == 200
    upgradable.follow(int(re.match(r"edge \(pid (\d+)\) serves now", upgraded.stdout)[1]))


def test_a_stop_says_how_many_proxied_requests_and_downloads_it_cuts_off(serve, tmp_path):
    (tmp_path / "files").mkdir()
    with open(tmp_path / "files" / "large", "wb") as large:
        large.truncate(64 << 20)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        edge = serve(FORWARDING % (silent.getsockname()[1], tmp_path / "files"))
        with edge.connect() as asking, edge.connect() as loading, edge.connect() as idle, Http2(edge.port) as resting:
            assert idle.request("GET", "/small").status == 404
            assert resting.send(request(1, "/small")).answer(1)[0] == 404    # it has a moment longer, and is not counted
            asking.ask("POST", "/api/")
            loading.ask("GET", "/large")
            loading.socket.recv(1)
            with silent.accept()[0]:
                edge.signal(signal.SIGTERM)
                edge.log.wait_for(r"warn stopping at once: edge\.shutdown_timeout \(300 ms\) has passed")
                edge.log.wait_for(r"warn 2 connections are cut off in a request or its answer")
                assert edge.wait() == EXIT_CUT

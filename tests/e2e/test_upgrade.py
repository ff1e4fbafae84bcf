"""Upgrades: another process takes the listening sockets while the old one finishes, or fails and changes nothing."""
import contextlib
import http.client
import os
import signal
import threading
from pathlib import Path

import pytest

from edge import PATIENCE, run, wait_until
from upgradable import STATIC, get_over, status_of

EXIT_FAILED = 1
SITE = """\
    edge: {threads: 2, control: control.sock, pid_file: edge.pid}
    apps:
      app: {module: app, processes: 2}
    sites:
      - listen: ["127.0.0.1:0", "unix:site.sock"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Tells how much it was sent; can be slow, or wait at the test's gate."""
    import os
    import time


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            time.sleep(0.2)
        if environ["PATH_INFO"] == "/wait":
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
        size = len(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{size} bytes".encode()]
'''


class Load:
    """Clients of several kinds, each in a thread, until it is stopped; what goes wrong is kept."""

    def __init__(self, port):
        self._port = port
        self._over = threading.Event()
        self.failures = []
        self.answers = {}
        kinds = [self._anew, self._anew, self._kept, self._kept, self._slow, self._upload]
        self._threads = [threading.Thread(target=self._run, args=(kind,), daemon=True) for kind in kinds]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, kind):
        name = kind.__name__
        connection = None
        while not self._over.is_set():
            try:
                connection = kind(connection)
                self.answers[name] = self.answers.get(name, 0) + 1
            except Exception as failure:    # whatever it is, a client has noticed the upgrade
                self.failures.append(f"{name}: {failure!r}")
                connection = None

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)

    @staticmethod
    def _expect(connection, size):
        answer = connection.getresponse()
        text = answer.read().decode()
        assert (answer.status, text) == (200, f"{size} bytes")

    def _anew(self, _):
        with contextlib.closing(self._connect()) as connection:
            connection.request("GET", "/")
            self._expect(connection, 0)

    def _kept(self, connection):
        """Asks on one connection again and again. A server may close it between two requests, which every client has
        to expect (RFC 9112 9.3.1), and asks on another then."""
        used = connection is not None
        connection = connection or self._connect()
        try:
            connection.request("GET", "/")
            self._expect(connection, 0)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not used:
                raise
            return self._kept(None)
        return connection if connection.sock else None

    def _slow(self, _):
        with contextlib.closing(self._connect()) as connection:
            connection.request("GET", "/slow")
            self._expect(connection, 0)

    def _upload(self, _):
        with contextlib.closing(self._connect()) as connection:
            connection.putrequest("POST", "/")
            connection.putheader("Content-Length", "400000")
            connection.endheaders()
            for _ in range(40):
                connection.send(b"x" * 10_000)
                self._over.wait(0.002)
            self._expect(connection, 400_000)


def test_five_upgrades_under_load_fail_no_request(upgradable, tmp_path):
    edge = upgradable.start(SITE, {"app.py": APP})
    first = edge.pid
    with Load(edge.port) as load:
        for _ in range(5):
            upgradable.upgrade()
            assert status_of(tmp_path)["pid"] == upgradable.pid
            assert (tmp_path / "edge.pid").read_text() == f"{upgradable.pid}\n"
    assert load.failures == []
    assert set(load.answers) == {"_anew", "_kept", "_slow", "_upload"} and min(load.answers.values()) > 0
    assert upgradable.pid != first and len(set(edge.ports)) == 1, "the port stays"
    upgradable.stop()
    assert not (tmp_path / "edge.pid").exists() and not (tmp_path / "control.sock").exists()


def test_what_is_under_way_is_answered_by_the_old(upgradable, tmp_path, gate):
    edge = upgradable.start(SITE, {"app.py": APP}, environment=gate.environment)
    with edge.connect() as connection:
        connection.ask("GET", "/wait")
        gate.wait_arrived()
        done = run("upgrade", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert status_of(tmp_path)["pid"] != edge.pid
        assert edge.get("/").text == "0 bytes", "the new one answers meanwhile"
        assert edge.process.poll() is None
        gate.open()
        answer = connection.answer()
        assert (answer.status, answer.text) == (200, "0 bytes")
    upgradable.follow(status_of(tmp_path)["pid"])
    upgradable.stop()


def test_sigusr2_and_the_new_code(upgradable, tmp_path):
    edge = upgradable.start(SITE, {"app.py": APP})
    app = (tmp_path / "app.py").read_text()
    told = "' '.join(name for name in os.environ if name.startswith('EDGE_')) + ' of environment'"
    (tmp_path / "app.py").write_text(app.replace('f"{size} bytes"', f"({told})"))
    edge.signal(signal.SIGUSR2)
    pid = int(edge.log.wait_for(r"upgrade: pid (\d+) serves now; this one, pid \d+, ends")[1])
    upgradable.follow(pid)
    assert edge.get("/").text == " of environment", "the app hears nothing of the handover"
    upgradable.stop()


FAILURES = {
    "ends": ("echo no luck >&2; exit 3", "ended with status 3 before it was ready; its standard error, "
             "which is also this edge's, may say why"),
    "hangs": ("exec sleep 1000", "was not ready within 10 s and was killed"),
    "dies": ("kill -9 $$", "died of signal 9 before it was ready"),
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_new_program_that_fails_changes_nothing(upgradable, tmp_path, how):
    script, message = FAILURES[how]
    edge = upgradable.start((STATIC % 1).replace("threads", "pid_file: edge.pid, threads"))
    upgradable.install(script)
    done = run("upgrade", folder=tmp_path)
    assert done.returncode == EXIT_FAILED
    assert done.stderr.startswith("NOT upgraded, what served before serves on:\n") and message in done.stderr
    assert edge.get("/").text == "served" and status_of(tmp_path)["pid"] == edge.pid
    assert get_over(tmp_path / "site.sock") == b"served"
    assert (tmp_path / "edge.pid").read_text() == f"{edge.pid}\n"


def test_a_program_that_is_gone(upgradable, tmp_path):
    edge = upgradable.start(STATIC % 1)
    upgradable.program.unlink()
    done = run("upgrade", folder=tmp_path)
    assert done.returncode == EXIT_FAILED
    assert f"cannot run {tmp_path}/edge: no such file or directory" in done.stderr
    assert edge.get("/").text == "served"


@pytest.mark.parametrize("change, message", [
    (("routes", "ruotes"), "unknown key; did you mean `routes`?"),
    (("module: app", "module: missing"), "there is no module named missing"),
    (("pid_file: edge.pid", "pid_file: nowhere/edge.pid"), "edge.pid_file: "),
])
def test_a_new_site_file_that_does_not_work(upgradable, tmp_path, change, message):
    edge = upgradable.start(SITE, {"app.py": APP})
    works = (tmp_path / "site.yaml").read_text()
    (tmp_path / "site.yaml").write_text(works.replace(*change))
    done = run("upgrade", folder=tmp_path)
    assert done.returncode == EXIT_FAILED and message in done.stderr, done.stderr
    assert edge.get("/").text == "0 bytes"
    assert b"0 bytes" == get_over(tmp_path / "site.sock")
    assert (tmp_path / "control.sock").exists() and (tmp_path / "edge.pid").read_text() == f"{edge.pid}\n"
    (tmp_path / "site.yaml").write_text(works)
    upgradable.upgrade()
    assert edge.get("/").text == "0 bytes"
    upgradable.stop()


def starting_successor(upgradable, edge, app="import os; open(os.environ['GO_ON']).close()\n"):
    """Begins an upgrade whose app waits at its import; the process id of the new edge."""
    path = upgradable.folder / "app.py"
    path.write_text(app + path.read_text())
    edge.signal(signal.SIGUSR2)
    return int(edge.log.wait_for(r"is started as pid (\d+)")[1])


def test_a_second_upgrade_at_the_same_time_is_refused(upgradable, tmp_path, gate):
    edge = upgradable.start(SITE, {"app.py": APP},
                            environment=gate.environment)
    pid = starting_successor(upgradable, edge)
    done = run("upgrade", folder=tmp_path)
    assert (done.returncode, done.stderr.splitlines()[1:]) == (EXIT_FAILED, ["  an upgrade is under way already"])
    assert status_of(tmp_path)["pid"] == edge.pid, "the old one answers until the new one serves"
    gate.open()
    upgradable.follow(pid)
    upgradable.stop()


def test_a_stop_during_an_upgrade_ends_both(upgradable, tmp_path, gate):
    edge = upgradable.start(SITE, {"app.py": APP},
                            environment=gate.environment)
    pid = starting_successor(upgradable, edge)
    successor = os.pidfd_open(pid)
    edge.signal(signal.SIGTERM)
    assert edge.wait() == 0
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the new one has ended too")
    os.close(successor)
    assert not (tmp_path / "control.sock").exists() and not (tmp_path / "edge.pid").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a pid namespace")
def test_the_first_process_of_a_container_is_not_upgraded(serve, tmp_path):
    edge = serve(STATIC % 1, launcher=("unshare", "--pid", "--fork"))
    done = run("upgrade", folder=tmp_path)
    assert done.returncode == EXIT_FAILED and "edge is the first process of its container" in done.stderr
    first, = Path(f"/proc/{edge.pid}/task/{edge.pid}/children").read_text().split()
    os.kill(int(first), signal.SIGTERM)
    assert edge.wait() == 0

"""The control socket and the commands that ask a running edge: status, reload, restart, rollback, reopen, stop."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from edge import BINARY, environment_of, run, wait_until, write_files

EXIT_FAILED, EXIT_CONFIGURATION, EXIT_APP = 1, 2, 4

SITE = """\
    edge: {threads: 2, control: control.sock}
    apps:
      blog: {module: app, chdir: blog, processes: 2}
      shop: {module: app, chdir: shop, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /blog
            app: blog
          - path: /
            app: shop
"""
APP = '''\
    """Tells which text its code holds."""
    import os

    TEXT = "first"


    def application(environ, start_response):
        if environ["PATH_INFO"].startswith("/blog/slow"):
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [TEXT.encode()]
'''
FILES = {"blog/app.py": APP, "shop/app.py": APP}
STATIC = 'edge: {control: control.sock}\nsites: [{listen: ["127.0.0.1:0"], routes: [{path: /, return: {body: ok}}]}]\n'


def ask(folder, *arguments, expect=0, environment=None):
    """A command, and what it printed: (standard output, standard error)."""
    done = run(*arguments, folder=folder, environment=environment)
    assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def status_of(folder):
    return json.loads(ask(folder, "status", "--json")[0])


def app_of(folder, name):
    return next(app for app in status_of(folder)["apps"] if app["name"] == name)


def pids_of(app):
    return [worker["pid"] for generation in app["generations"] for worker in generation["workers"]
            if worker["generation"] == app["generation"]]


def change(folder, name, before, after):
    path = folder / name
    path.write_text(path.read_text().replace(before, after))


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("edge", timeout=30)
        self._path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def http_request(path, method, target):
    connection = UnixConnection(path)
    try:
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_status_as_json(serve, tmp_path):
    edge = serve(SITE, FILES)
    for _ in range(3):
        assert edge.get("/blog").body == b"first"
    status = status_of(tmp_path)
    assert (status["pid"], status["state"], status["loops"]) == (edge.pid, "serving", 2)
    assert status["file"] == str(tmp_path / "site.yaml")
    assert [app["name"] for app in status["apps"]] == ["blog", "shop"]
    blog = status["apps"][0]
    assert (blog["state"], blog["generation"]) == ("serving", 1)
    assert len(pids_of(blog)) == 2 and set(pids_of(blog)) <= edge.family()
    workers = blog["generations"][0]["workers"]
    assert sum(worker["requests"] for worker in workers) == 3
    assert all(worker["memory_bytes"] > 1 << 20 for worker in workers)
    assert blog["queue"]["granted"] >= 3    # again, when the worker is slow to read


def test_status_as_a_table(serve, tmp_path, gate):
    edge = serve(SITE, FILES, environment=gate.environment)
    with edge.connect() as slow:
        slow.send(b"GET /blog/slow?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_arrived()
        table = ask(tmp_path, "status")[0]
        gate.open()
        slow.answer()
    assert table.startswith(f"edge ") and f"(pid {edge.pid}), serving since " in table
    assert "\nblog: serving, generation 1" in table
    assert re.search(r"WORKER +GEN +PID +STATE +REQUESTS +AGE +MEMORY +DOING", table)
    assert re.search(r"busy .*GET /blog/slow\?x=1 \(\d", table), table
    assert all(len(line) <= 100 for line in table.splitlines())


def test_the_socket_is_its_users_alone_and_goes_with_the_edge(serve, tmp_path):
    edge = serve(STATIC)
    path = tmp_path / "control.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_ISSOCK(path.stat().st_mode)
    edge.stop()
    assert not path.exists()


def test_a_socket_that_a_killed_edge_left_is_replaced(serve, tmp_path):
    first = serve(STATIC)
    first.process.kill()
    first.wait()
    assert (tmp_path / "control.sock").exists()
    assert "nothing listens at" in ask(tmp_path, "status", expect=EXIT_FAILED)[1]
    second = serve(STATIC)
    assert status_of(tmp_path)["pid"] == second.pid


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs another user")
def test_another_user_may_not_ask(serve, tmp_path):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder) / "control.sock"
        serve(STATIC.replace("control.sock", str(path)))
        done = run("status", "--control", path, folder=folder, launcher=nobody)
        assert done.returncode == EXIT_FAILED
        assert f"{path}: permission denied: it belongs to root (uid 0), and you are " in done.stderr
        path.chmod(0o777)
        done = run("status", "--control", path, folder=folder, launcher=nobody)
        assert done.returncode == EXIT_FAILED
        assert "closed without an answer" in done.stderr, "the socket's mode is not the only guard"
        (tmp_path / "site.yaml").chmod(0o600)
        done = run("status", "site.yaml", folder=tmp_path, environment={"XDG_RUNTIME_DIR": "/nowhere"}, launcher=nobody)
        assert "you may not read it, so where its socket is can only be guessed" in done.stderr


@pytest.fixture
def session():
    """A folder with a path that is short enough for a socket's, wherever pytest has its own."""
    with tempfile.TemporaryDirectory(prefix="edge-") as folder:
        yield Path(folder)


def test_the_default_socket_follows_from_the_file(serve, tmp_path, session):
    """Also when the one who asks has another environment, or names the file in another way."""
    folder = session
    site = STATIC.replace("edge: {control: control.sock}\n", "")
    edge = serve(site, environment={"XDG_RUNTIME_DIR": str(folder)})
    assert len(list(folder.glob("edge-*.sock"))) == 1
    out = ask("/", "status", tmp_path / "site.yaml", "--json", environment={"XDG_RUNTIME_DIR": str(folder)})[0]
    assert json.loads(out)["pid"] == edge.pid
    assert "no edge serves other.yaml" in ask(tmp_path, "status", "other.yaml", expect=EXIT_FAILED)[1]


def test_two_edges_with_one_file(serve, tmp_path):
    first = serve(STATIC)
    second = serve(None, folder=tmp_path, ready=False)
    assert second.wait() == EXIT_FAILED
    assert f"another edge (pid {first.pid}) serves this site file" in second.log.text()
    assert status_of(tmp_path)["pid"] == first.pid


def test_nobody_to_ask(tmp_path):
    write_files(tmp_path, {"site.yaml": STATIC})
    socket_path = tmp_path / "control.sock"
    for command in (["status"], ["reload"], ["restart", "blog"], ["rollback", "blog"], ["reopen"], ["upgrade"],
                    ["stop"]):
        error = ask(tmp_path, *command, "site.yaml", expect=EXIT_FAILED)[1]
        assert error == (f"no edge serves site.yaml: nothing listens at {socket_path}; start it with "
                         "`edge serve site.yaml`, or name the socket with --control\n")
    error = ask(tmp_path, "status", "--control", "wrong.sock", expect=EXIT_FAILED)[1]
    assert error == "nothing listens at wrong.sock: that is no control socket of a running edge\n"
    (tmp_path / "site.yaml").unlink()
    assert "neither site.yaml nor edge.yaml" in ask(tmp_path, "status", expect=EXIT_CONFIGURATION)[1]


def test_a_command_line_that_is_wrong(tmp_path):
    assert "did you mean `reload`" in ask(tmp_path, "relaod", expect=EXIT_CONFIGURATION)[1]
    assert "app is required" in ask(tmp_path, "restart", expect=EXIT_CONFIGURATION)[1]


def test_an_app_that_is_not_there(serve, tmp_path):
    serve(SITE, FILES)
    error = ask(tmp_path, "restart", "blgo", expect=EXIT_CONFIGURATION)[1]
    assert error == "there is no app `blgo`; did you mean `blog`?\n"
    error = ask(tmp_path, "rollback", "a/../b?", expect=EXIT_CONFIGURATION)[1]
    assert error.startswith("there is no ")


def test_resources_for_programs(serve, tmp_path):
    serve(SITE, FILES)
    path = tmp_path / "control.sock"
    assert http_request(path, "GET", "/status")[1]["state"] == "serving"
    assert http_request(path, "POST", "/apps/blog/restart") == (200, {"ok": True, "generation": 2, "error": ""})
    status, document = http_request(path, "POST", "/apps/wiki/restart")
    assert (status, document["known"]) == (404, ["blog", "shop"])
    assert http_request(path, "GET", "/reload")[0] == 405
    assert http_request(path, "POST", "/reopen") == (200, {"ok": True, "errors": []})


def test_reload_tells_what_became_of_each_app(serve, tmp_path):
    edge = serve(SITE, FILES)
    change(tmp_path, "blog/app.py", "first", "second")
    shop = pids_of(app_of(tmp_path, "shop"))
    out, error = ask(tmp_path, "reload")
    assert re.fullmatch(r"blog: generation 2 serves \(\S+ m?s\): \S+/blog/app\.py changed\nshop: unchanged\n", out), (out, error)
    assert edge.get("/blog").body == b"second"
    assert pids_of(app_of(tmp_path, "shop")) == shop


def test_reload_tells_what_it_cannot_apply(serve, tmp_path):
    serve(SITE, FILES)
    change(tmp_path, "site.yaml", "threads: 2", "threads: 1")
    change(tmp_path, "site.yaml", "blog, processes: 2", "blog, processes: 3")
    out, error = ask(tmp_path, "reload")
    assert re.match(r"blog: generation 2 serves \(\S+ m?s\): its settings have changed\n", out)
    assert error == "edge.threads: takes effect only once edge is stopped and started again\n"
    assert len(pids_of(app_of(tmp_path, "blog"))) == 3


def test_reload_with_a_file_that_is_wrong_touches_nothing(serve, tmp_path):
    edge = serve(SITE, FILES)
    before = [pids_of(app) for app in status_of(tmp_path)["apps"]]
    change(tmp_path, "site.yaml", "processes: 2", "proceses: 2")
    out, error = ask(tmp_path, "reload", expect=EXIT_CONFIGURATION)
    assert (out, error) == ("", ask(tmp_path, "check", tmp_path / "site.yaml", expect=EXIT_CONFIGURATION)[1])
    assert "did you mean `processes`" in error
    assert [pids_of(app) for app in status_of(tmp_path)["apps"]] == before
    assert edge.get("/").body == b"first"
    (tmp_path / "site.yaml").write_text("sites: [\nedge:\n  control: control.sock\n")
    assert re.match(r"\S*/site\.yaml:\d+:\d+: ", ask(tmp_path, "reload", expect=EXIT_CONFIGURATION)[1])
    ask(tmp_path, "stop")
    assert edge.wait() == 0


def test_reload_with_an_import_that_fails(serve, tmp_path):
    edge = serve(SITE, FILES)
    change(tmp_path, "blog/app.py", "import os\n", "import os\nimport no_such_module\n")
    out, error = ask(tmp_path, "reload", expect=EXIT_APP)
    assert out == "shop: unchanged\n"
    assert error.startswith("blog: NOT reloaded, generation 1 serves on:\n  "), error
    assert "\n  ModuleNotFoundError: No module named 'no_such_module'\n" in error
    assert edge.get("/blog").body == b"first"
    blog = app_of(tmp_path, "blog")
    assert (blog["generation"], len(pids_of(blog))) == (1, 2)
    assert "generation 2 does not serve: it cannot be imported" in blog["errors"][0]["text"]
    assert "Traceback" in blog["errors"][0]["text"]
    assert re.search(r"\n  \d{4}-\S+  generation 2 does not serve", ask(tmp_path, "status")[0])


def test_restart_of_one_app_leaves_the_other_alone(serve, tmp_path):
    serve(SITE, FILES)
    blog, shop = (pids_of(app) for app in status_of(tmp_path)["apps"])
    out, _ = ask(tmp_path, "restart", "blog")
    assert re.fullmatch(r"blog: generation 2 serves \(\S+ m?s\)\n", out)
    assert not set(pids_of(app_of(tmp_path, "blog"))) & set(blog)
    assert pids_of(app_of(tmp_path, "shop")) == shop


def test_restart_with_an_import_that_fails(serve, tmp_path):
    serve(SITE, FILES)
    change(tmp_path, "shop/app.py", "import os\n", "raise RuntimeError('not today')\n")
    out, error = ask(tmp_path, "restart", "shop", expect=EXIT_APP)
    assert out == ""
    assert error.startswith("shop: NOT restarted, generation 1 serves on:\n  ") and "not today" in error


def test_rollback_returns_to_the_code_before(serve, tmp_path):
    edge = serve(SITE, FILES)
    change(tmp_path, "blog/app.py", "first", "second")
    ask(tmp_path, "restart", "blog")
    assert edge.get("/blog").body == b"second"
    wait_until(lambda: "\n  generation 1: kept for rollback, for another " in ask(tmp_path, "status")[0],
               "the generation before has no workers left")
    out, _ = ask(tmp_path, "rollback", "blog")
    assert re.fullmatch(r"blog: generation 1 serves again \(\S+ m?s\)\n", out)
    assert edge.get("/blog").body == b"first"


def test_rollback_to_nothing(serve, tmp_path):
    serve(SITE, FILES)
    out, error = ask(tmp_path, "rollback", "shop", expect=EXIT_FAILED)
    assert out == "" and error.startswith("shop: NOT rolled back, generation 1 serves on:\n  ")


def test_reopen(serve, tmp_path):
    site = "log: {access: {path: access.log, format: $request_uri}}\n" + STATIC
    edge = serve(site)
    edge.get("/one")
    os.rename(tmp_path / "access.log", tmp_path / "access.log.1")
    assert ask(tmp_path, "reopen")[0] == "the log files are open again\n"
    log = tmp_path / "access.log"
    assert log.read_text() == "" and (tmp_path / "access.log.1").read_text() == "/one\n"   # nothing comes to it any more
    edge.get("/two")
    wait_until(lambda: log.read_text() == "/two\n", "the new file holds the second request")
    log.unlink()
    log.mkdir()
    refused = run("reopen", folder=tmp_path)
    assert refused.returncode == 1 and "access.log" in refused.stderr and "stays in use" in refused.stderr


def test_stop_waits_until_what_is_under_way_is_answered(serve, tmp_path, gate):
    edge = serve(SITE, FILES, environment=gate.environment)
    with edge.connect() as slow:
        slow.send(b"GET /blog/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        gate.wait_arrived()
        stop = subprocess.Popen([str(BINARY), "stop"], cwd=tmp_path, env=environment_of(), stdout=subprocess.PIPE,
                                text=True)
        assert stop.stdout.readline() == f"edge (pid {edge.pid}) is stopping\n"
        assert stop.poll() is None
        gate.open()
        assert slow.answer().body == b"first"
    assert edge.wait() == 0
    assert stop.communicate(timeout=30)[0] == f"edge (pid {edge.pid}) has stopped\n"
    assert stop.returncode == 0


def test_who_is_interrupted_leaves_what_was_asked_for_going_on(serve, tmp_path, gate):
    edge = serve(SITE, FILES, environment=gate.environment)
    slow_import = 'import os\nopen(os.environ["ARRIVED"], "w").close()\nopen(os.environ["GO_ON"]).close()\n'
    change(tmp_path, "blog/app.py", "import os\n", slow_import)
    restart = subprocess.Popen([str(BINARY), "restart", "blog"], cwd=tmp_path, env=environment_of(),
                               stdout=subprocess.DEVNULL,  # and who runs the tests in the background ignores SIGINT
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    gate.wait_arrived()
    assert app_of(tmp_path, "blog")["state"] == "reloading"
    restart.send_signal(signal.SIGINT)
    assert restart.wait(30) == -signal.SIGINT
    gate.open()
    wait_until(lambda: app_of(tmp_path, "blog")["generation"] == 2, "the new generation serves")
    assert edge.get("/blog").status == 200

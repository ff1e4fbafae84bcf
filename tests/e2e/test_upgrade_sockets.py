"""Which sockets an upgrade hands on, to whom, and as which user: loops, addresses, backlogs, systemd's sockets."""
import contextlib
import os
import re
import socket
from pathlib import Path

import pytest

from edge import PATIENCE, opened_by, run
from socket_activation import ServiceManager, activated, listening
from upgradable import STATIC, get_over, status_of

EXIT_FAILED = 1
WITH_APP = """\
    edge: {threads: 1, control: control.sock}
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Answers."""


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"0 bytes"]
'''


@pytest.mark.parametrize("before, after", [(1, 2), (2, 1), (3, 2), (2, 3)])
def test_another_number_of_loops(upgradable, tmp_path, before, after):
    edge = upgradable.start(STATIC % before)
    port = edge.port
    (tmp_path / "site.yaml").write_text(STATIC % after)
    upgradable.upgrade()
    assert status_of(tmp_path)["loops"] == after
    assert edge.ports == [port, port], "announced once by each"
    for _ in range(40):
        assert edge.get("/").text == "served", "no socket is left that nobody accepts from"
    assert get_over(tmp_path / "site.sock") == b"served"
    upgradable.stop()
    assert not (tmp_path / "site.sock").exists()


def test_a_shared_socket_is_handed_on_once(upgradable, tmp_path):
    edge = upgradable.start(STATIC % 1)
    for loops in (4, 1):
        (tmp_path / "site.yaml").write_text(STATIC % loops)
        upgradable.upgrade()
        assert edge.get("/").text == "served" and get_over(tmp_path / "site.sock") == b"served"
    sockets = [kind for kind in opened_by(upgradable.pid) if kind.startswith("socket:")]
    most = max(map(sockets.count, sockets))
    assert most <= 2, "one to keep and one for the loop: duplicates are not gathered from one upgrade to the next"
    upgradable.stop()


def test_more_sockets_than_a_program_may_open_files(upgradable):
    few = ("/bin/sh", "-c", 'ulimit -Sn 64; exec "$0" "$@"')
    edge = upgradable.start((STATIC % 70).replace(', "unix:site.sock"', ""), launcher=few)
    upgradable.upgrade()
    assert edge.get("/").text == "served"
    upgradable.stop()


def test_addresses_that_come_and_go(upgradable, tmp_path):
    edge = upgradable.start(STATIC % 2)
    changed = (STATIC % 2).replace('"unix:site.sock"', '"unix:other.sock"')
    (tmp_path / "site.yaml").write_text(changed)
    upgradable.upgrade()
    assert edge.get("/").text == "served"
    assert get_over(tmp_path / "other.sock") == b"served"
    assert not (tmp_path / "site.sock").exists(), "removed by the old, which had it last"
    upgradable.stop()
    assert not (tmp_path / "other.sock").exists()


LIMITED = """\
    edge: {threads: 1, control: control.sock, max_connections: 1}
    sites:
      - listen: [%s]
        routes:
          - path: /
            return: {body: "%s"}
"""


def ask_and_wait(port):
    """A client whose request waits in the backlog, because edge has all the connections that it may have."""
    waiting = socket.create_connection(("127.0.0.1", port), PATIENCE)
    waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return waiting


def test_who_waits_in_a_backlog_is_answered_by_the_new_one(upgradable, tmp_path):
    edge = upgradable.start(LIMITED % ("'127.0.0.1:0'", "old"))
    with edge.connect() as only:
        assert only.request("GET", "/").text == "old"
        only.send(b"GET ")      # so that it need not give way
        silent = socket.create_connection(("127.0.0.1", edge.port))     # all that the new one may have at first
        with ask_and_wait(edge.port) as waiting:
            (tmp_path / "site.yaml").write_text(LIMITED % ("'127.0.0.1:0'", "new"))
            upgradable.upgrade()
            silent.close()
            assert waiting.makefile("rb").read().endswith(b"new")
    upgradable.stop()


def test_the_backlog_of_an_address_that_goes_is_answered_by_the_old(upgradable, tmp_path):
    edge = upgradable.start(LIMITED % ("'127.0.0.1:0'", "old"))
    with edge.connect() as only:
        assert only.request("GET", "/").text == "old"
        only.send(b"GET ")      # so that it need not give way
        with ask_and_wait(edge.port) as waiting:
            (tmp_path / "site.yaml").write_text(LIMITED % ("'unix:site.sock'", "new"))
            upgradable.upgrade()
            assert waiting.makefile("rb").read().endswith(b"old")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", edge.port)) != 0, "nobody listens there any more"
    upgradable.stop()


def test_an_app_keeps_its_public_socket(upgradable):
    site = WITH_APP.replace("processes: 1", 'processes: 1, socket: "127.0.0.1:0"')
    edge = upgradable.start(site, {"app.py": APP})
    where = r"listening on uwsgi://127.0.0.1:(\d+) "
    before = edge.log.wait_for(where)[1]
    upgradable.upgrade()
    assert re.findall(where, edge.log.text()) == [before, before]
    upgradable.stop()


def test_sockets_of_a_service_manager_stay_its(upgradable, tmp_path):
    manager = ServiceManager(str(tmp_path / "notify"))
    with listening() as given, contextlib.closing(manager):
        options = activated(given)
        edge = upgradable.start((STATIC % 2).replace('"127.0.0.1:0"', '"fd:3"'),
                                environment={"NOTIFY_SOCKET": str(tmp_path / "notify")}, **options)
        assert manager.next() == ["READY=1"]
        for _ in range(2):
            upgradable.upgrade()
            assert edge.get("/").text == "served"
            assert manager.next() == [f"MAINPID={upgradable.pid}"]
        upgradable.stop()
        assert manager.next() == ["STOPPING=1"], "of the last alone"


def open_to_all(folder):
    """Another user than root may use it."""
    folder.chmod(0o777)
    for parent in folder.parents[:3]:
        if parent != Path("/tmp"):
            parent.chmod(0o755)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_edge_that_has_dropped_from_root(upgradable, tmp_path):
    open_to_all(tmp_path)
    edge = upgradable.start((STATIC % 1).replace("threads", "user: www-data, pid_file: edge.pid, threads"))
    upgradable.upgrade()
    assert edge.get("/").text == "served"
    assert os.stat(f"/proc/{upgradable.pid}").st_uid != 0
    assert (tmp_path / "edge.pid").read_text() == f"{upgradable.pid}\n", "a file of root's, which the old had open"
    upgradable.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_apps_of_other_users_cannot_be_handed_on(upgradable, tmp_path):
    open_to_all(tmp_path)
    site = WITH_APP.replace("threads: 1", "threads: 1, user: www-data").replace("processes: 1", "user: nobody")
    edge = upgradable.start(site, {"app.py": APP})
    done = run("upgrade", folder=tmp_path)
    assert done.returncode == EXIT_FAILED
    assert "another program could not start the apps that have users of their own" in done.stderr
    assert edge.get("/").text == "0 bytes"

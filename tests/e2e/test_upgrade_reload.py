"""Upgrades and reloads of the same edge, in both orders and at the same time."""
import os
import re
import signal
import socket
import subprocess

import pytest

from edge import BINARY, run, wait_until
from socket_activation import ServiceManager, activated, listening
from upgradable import get_over

EXIT_FAILED, EXIT_CONFIGURATION = 1, 2
SITE = """\
    edge: {threads: %d, control: control.sock}
    apps:
      app: {module: app, processes: 1%s}
    sites:
      - listen: [%s]
        routes:
          - path: /
            app: app
"""
PORT, UNIX, OTHER, LATER = '"127.0.0.1:0"', '"unix:site.sock"', '"unix:other.sock"', '"127.0.0.2:0"'
APP = '''\
    """Answers."""


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"served"]
'''
WAITS = "import os; open(os.environ['ARRIVED'], 'w').close(); open(os.environ['GO_ON']).close()\n"


def write(folder, loops, *listen, app=""):
    (folder / "site.yaml").write_text(SITE % (loops, app, ", ".join(listen)))


def reload(folder):
    done = run("reload", folder=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def start(upgradable):
    def of(loops, *listen, app="", **options):
        return upgradable.start(SITE % (loops, app, ", ".join(listen)), {"app.py": APP}, **options)
    yield of


def over_port(edge, address):
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return connection.makefile("rb").read().endswith(b"served")


def test_an_upgrade_hands_on_what_a_reload_has_opened(upgradable, start, tmp_path):
    edge = start(2, PORT, UNIX)
    write(tmp_path, 2, PORT, OTHER, LATER)
    reload(tmp_path)
    later = int(edge.log.wait_for(r"listening on http://127.0.0.2:(\d+)")[1])
    write(tmp_path, 3, PORT, OTHER, LATER)
    for _ in range(2):
        upgradable.upgrade()
        assert edge.get("/").text == "served" and get_over(tmp_path / "other.sock") == b"served"
        assert over_port(edge, ("127.0.0.2", later))
    assert re.findall(r"listening on http://127.0.0.2:(\d+)", edge.log.text()) == [str(later)] * 3
    upgradable.stop()
    assert not (tmp_path / "other.sock").exists() and not (tmp_path / "site.sock").exists()


def test_a_reload_closes_and_opens_what_an_upgrade_has_taken(upgradable, start, tmp_path):
    edge = start(3, PORT, UNIX)
    write(tmp_path, 2, PORT, UNIX)
    upgradable.upgrade()                                # more sockets than loops
    write(tmp_path, 2, OTHER)
    reload(tmp_path)
    assert not (tmp_path / "site.sock").exists(), "removed by the new one, whose it is"
    assert get_over(tmp_path / "other.sock") == b"served"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", edge.port)) != 0, "none of the sockets of that port is left"
    write(tmp_path, 2, OTHER, UNIX)
    reload(tmp_path)
    upgradable.upgrade()
    assert get_over(tmp_path / "other.sock") == b"served" and get_over(tmp_path / "site.sock") == b"served"
    upgradable.stop()


def test_a_socket_that_a_reload_gave_to_an_app(upgradable, start, tmp_path):
    start(2, PORT, OTHER)
    write(tmp_path, 2, PORT, app=", socket: ./other.sock, chmod_socket: 666")
    reload(tmp_path)
    inode = os.stat(tmp_path / "other.sock").st_ino
    upgradable.upgrade()
    write(tmp_path, 2, PORT, OTHER)
    reload(tmp_path)
    assert get_over(tmp_path / "other.sock") == b"served"
    assert os.stat(tmp_path / "other.sock").st_ino == inode, "the same socket under three owners"
    upgradable.stop()
    assert not (tmp_path / "other.sock").exists()


def test_inherited_sockets_through_upgrades_and_reloads(upgradable, start, tmp_path):
    with listening() as first, listening() as second:
        edge = start(2, '"fd:3"', **activated(first, second))
        upgradable.upgrade()
        write(tmp_path, 2, '"fd:4"')
        reload(tmp_path)
        assert over_port(edge, second.getsockname())
        write(tmp_path, 2, '"fd:3"', '"fd:4"')
        upgradable.upgrade()
        assert over_port(edge, second.getsockname()) and edge.get("/").text == "served"
        upgradable.stop()


def begin(folder, command):
    """A command of edge's that is answered later."""
    return subprocess.Popen([str(BINARY), command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def make_app_wait(folder):
    (folder / "app.py").write_text(WAITS + (folder / "app.py").read_text())


def test_no_upgrade_during_a_reload(upgradable, start, tmp_path, gate):
    edge = start(1, PORT, environment=gate.environment)
    make_app_wait(tmp_path)
    with begin(tmp_path, "reload") as reloading:
        gate.wait_arrived()
        done = run("upgrade", folder=tmp_path)
        assert done.returncode == EXIT_FAILED and "edge is reloading; upgrade it when that is over" in done.stderr
        gate.open()
        assert reloading.wait() == 0
    (tmp_path / "app.py").write_text((tmp_path / "app.py").read_text().removeprefix(WAITS))
    upgradable.upgrade()
    assert edge.get("/").text == "served"
    upgradable.stop()


@pytest.mark.parametrize("fails", [True, False])
def test_a_reload_during_an_upgrade_waits_for_its_end(upgradable, start, tmp_path, gate, fails):
    manager = ServiceManager(str(tmp_path / "notify"))
    edge = start(1, PORT, environment={**gate.environment, "NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert manager.next() == ["READY=1"]
    make_app_wait(tmp_path)
    edge.signal(signal.SIGUSR2)
    pid = int(edge.log.wait_for(r"is started as pid (\d+)")[1])
    gate.wait_arrived()
    (tmp_path / "app.py").write_text((tmp_path / "app.py").read_text().removeprefix(WAITS))
    with begin(tmp_path, "reload") as reloading:
        assert manager.next()[0] == "RELOADING=1", "it has reached edge"
        os.kill(pid, signal.SIGTERM) if fails else gate.open()
        out, error = reloading.communicate()
        assert reloading.returncode == (0 if fails else EXIT_CONFIGURATION), (out, error)
    assert manager.next() == ["READY=1"], "no reload is under way any more"
    if fails:
        wait_until(lambda: "the upgrade failed" in edge.log.text(), "it is told")
        assert edge.get("/").text == "served"
    else:
        assert "edge is stopping" in error
        assert manager.next() == [f"MAINPID={pid}"]
        upgradable.follow(pid)
    upgradable.stop()
    manager.close()

"""Started by a service manager: sockets that were inherited, and what edge tells about itself."""
import os
import socket

import pytest

from edge import PATIENCE, opened_by, run
from socket_activation import ServiceManager, activated, listening
from upgradable import get_over

EXIT_CONFIGURATION, EXIT_LISTEN = 2, 3
APP = '''\
    """Tells what it finds in its environment."""
    import os


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        names = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET")
        return [repr([name for name in names if name in os.environ]).encode()]
'''


def site(*listen, threads=1):
    return (f"edge: {{threads: {threads}, control: control.sock}}\n"
            f"sites: [{{listen: [{', '.join(listen)}], routes: [{{path: /, return: {{body: served}}}}]}}]\n")


def test_an_inherited_port_is_shared_by_all_loops(serve):
    with listening() as given:
        edge = serve(site("fd:3", threads=2), **activated(given))
        assert edge.port == given.getsockname()[1], "the real address is announced"
        for _ in range(20):
            assert edge.get("/").text == "served"


def test_inherited_sockets_of_both_kinds_beside_one_of_its_own(serve, tmp_path):
    with listening(tmp_path / "unix.sock") as first, listening() as second:
        edge = serve(site("fd:3", "{address: 'fd:4', backlog: 7}", "'127.0.0.1:0'"), **activated(first, second))
        edge.log.wait_for(f"listening on unix:{tmp_path}/unix.sock$")
        assert edge.ports[0] == second.getsockname()[1] and len(edge.ports) == 2
        for port in edge.ports:
            with edge.connect(port) as connection:
                assert connection.request("GET", "/").text == "served"
        assert get_over(tmp_path / "unix.sock") == b"served"
        edge.stop()
        assert (tmp_path / "unix.sock").exists(), "the file belongs to the service manager"
        assert not (tmp_path / "control.sock").exists()


def test_apps_hear_nothing_of_it_and_may_have_inherited_sockets_too(serve):
    with listening() as first, listening() as second:
        edge = serve('edge: {threads: 1, control: control.sock}\n'
                     'apps: {a: {module: app, socket: "fd:4"}}\n'
                     'sites: [{listen: "fd:3", routes: [{path: /, app: a}]}]\n', {"app.py": APP},
                     **activated(first, second))
        assert edge.get("/").text == "[]"
        edge.log.wait_for(rf"listening on uwsgi://127.0.0.1:{second.getsockname()[1]} \(app a\)")


@pytest.mark.parametrize("listen, message", [
    ("fd:5", "fd:5 is not there: edge was started with fd:3 to fd:4"),
    ("fd:4", "fd:4 is no listening stream socket; a .socket unit needs ListenStream= and Accept=no"),
])
def test_an_inherited_socket_that_cannot_be_used(serve, listen, message):
    with listening() as given, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        edge = serve(site(listen), ready=False, **activated(given, datagrams))
        assert edge.wait() == EXIT_LISTEN
    assert f"site.yaml:2:19: {message}" in edge.log.text()


def test_fewer_sockets_than_were_promised(serve):
    with listening() as given:
        edge = serve(site("fd:3", "'fd:4'"), ready=False, **activated(given, count=2))
        assert edge.wait() == EXIT_LISTEN
    assert "site.yaml:2:25: fd:4 is not there: edge was started with fd:3 to fd:3" in edge.log.text()


def test_without_a_service_manager(serve, tmp_path):
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}    # of another process
    edge = serve(site("fd:3"), ready=False, environment=environment)
    assert edge.wait() == EXIT_LISTEN
    assert "site.yaml:2:19: fd:3 is not there: edge was started without sockets" in edge.log.text()
    assert run("check", folder=tmp_path).returncode == 0, "a check is made from elsewhere"


def test_who_waits_during_a_restart_is_served_by_the_next(serve, tmp_path):
    first = site("fd:3").replace("threads: 1", "threads: 1, max_connections: 1") + "http: {header_timeout: 1s}\n"
    with listening() as given:
        edge = serve(first, **activated(given))
        with edge.connect() as only:
            assert only.request("GET", "/").text == "served"
            only.send(b"GET ")      # so that it need not give way, until its time is over
            waiting = socket.create_connection(given.getsockname(), PATIENCE)
            waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            edge.stop()
        with waiting:
            serve(first.replace("served", "served by the next"), **activated(given))
            assert waiting.makefile("rb").read().endswith(b"served by the next")


def ask_and_wait(address):
    """A client whose request is in the backlog, if nobody accepts it."""
    waiting = socket.create_connection(address, 30)
    waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return waiting


def test_a_reload_takes_and_leaves_inherited_sockets(serve, tmp_path):
    with listening() as first, listening() as second:
        edge = serve(site("fd:3", threads=2), **activated(first, second))
        for listen, change in ((["fd:4"], "1 listener opened, 1 closed"), (["fd:3", "'fd:4'"], "1 listener opened")):
            if len(listen) == 2:
                waiting = ask_and_wait(first.getsockname())     # edge does not listen there now, its unit does
            (tmp_path / "site.yaml").write_text(site(*listen, threads=2))
            done = run("reload", folder=tmp_path)
            assert done.returncode == 0 and change in done.stdout, (done.stdout, done.stderr)
            with edge.connect(second.getsockname()[1]) as connection:
                assert connection.request("GET", "/").text == "served"
        with waiting:
            assert waiting.makefile("rb").read().endswith(b"served")


@pytest.mark.parametrize("sockets, listen, message", [
    (0, "fd:3", "fd:3 is not there: edge was started without sockets"),
    (1, "fd:4", "fd:4 is not there: edge was started with fd:3 to fd:3"),
])
def test_a_reload_cannot_inherit(serve, tmp_path, sockets, listen, message):
    with listening() as given:
        edge = serve(site("'127.0.0.1:0'"), **(activated(given) if sockets else {}))
        (tmp_path / "site.yaml").write_text(site("'127.0.0.1:0'", f"'{listen}'"))
        done = run("reload", folder=tmp_path)
        assert done.returncode != 0
        assert f"site.yaml:2:34: {message}" in done.stderr
        assert "sockets are inherited only when edge is started: restart it" in done.stderr
        assert edge.get("/").text == "served"


def test_the_descriptor_reaches_no_other_program(serve):
    with listening() as given:
        edge = serve('edge: {threads: 1, control: control.sock}\napps: {a: {module: app}}\n'
                     'sites: [{listen: "fd:3", routes: [{path: /, app: a}]}]\n', {"app.py": APP}, **activated(given))
        wanted = f"socket:[{os.fstat(given.fileno()).st_ino}]"
        for pid in edge.family():
            assert wanted not in opened_by(pid)


@pytest.fixture
def manager(tmp_path):
    made = ServiceManager(str(tmp_path / "notify"))
    yield made
    made.close()


def test_the_service_manager_hears_of_start_reload_and_stop(serve, tmp_path, manager):
    app = {"app.py": APP}
    edge = serve('edge: {threads: 1, control: control.sock}\napps: {a: {module: app}}\n'
                 'sites: [{listen: "127.0.0.1:0", routes: [{path: /, app: a}]}]\n', app,
                 environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert manager.next() == ["READY=1"]
    assert edge.get("/").text == "[]", "apps do not"
    assert run("reload", folder=tmp_path).returncode == 0
    reloading = manager.next()
    assert reloading[0] == "RELOADING=1" and int(reloading[1].removeprefix("MONOTONIC_USEC=")) > 0
    assert manager.next() == ["READY=1"]
    (tmp_path / "site.yaml").write_text("sites: [")
    assert run("reload", "--control", "control.sock", folder=tmp_path).returncode == EXIT_CONFIGURATION
    assert [manager.next()[0], manager.next()[0]] == ["RELOADING=1", "READY=1"], "a reload that failed is over too"
    edge.stop()
    assert manager.next() == ["STOPPING=1"]


def test_the_service_manager_hears_of_no_start_that_failed(serve, tmp_path):
    edge = serve('apps: {a: {module: missing}}\nsites: [{listen: "127.0.0.1:0", routes: [{path: /, app: a}]}]\n',
                 ready=False, environment={"NOTIFY_SOCKET": "@" + str(tmp_path)})
    assert edge.wait() == 4
    assert "NOTIFY_SOCKET" not in edge.log.text(), "there was nothing to tell"

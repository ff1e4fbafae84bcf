"""Reloading what is not of an app: routes, listeners, logs and limits change under open connections."""
import json
import os
import re
import socket
import stat

import pytest

from edge import opened_by, run, wait_until, write_files

EXIT_CONFIGURATION = 2

APP = '''\
    """Answers in two parts, the second when the test says so; or echoes what it gets."""
    import os


    def stream():
        yield b"begun "
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()
        yield b"and ended"


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        if environ["PATH_INFO"] == "/stream":
            return stream()
        return [environ["wsgi.input"].read() or b"blog"]
'''


def site(number, listen='"127.0.0.1:0"', edge="threads: 2", log="access: off", http="", blog=""):
    """Every answer says which configuration gave it."""
    return f"""\
        edge: {{control: control.sock, {edge}}}
        log: {{{log}}}
        http: {{{http}}}
        apps:
          blog: {{module: app, processes: 1{blog}}}
        sites:
          - listen: [{listen}]
            headers: {{X-Edition: "{number}"}}
            routes:
              - {{path: /, app: blog}}
              - {{path: /only-{number}, return: {{body: here}}}}
    """


def reload(folder, expect=0):
    done = run("reload", folder=folder)
    assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def change(folder, text, expect=0):
    write_files(folder, {"site.yaml": text})
    return reload(folder, expect)


def port_on(edge, host, last=True):
    """Where it listens at that address, or did."""
    found = [m[1] for line in edge.log.all() if (m := re.search(rf" listening on http://{re.escape(host)}:(\d+)$", line))]
    return int(found[-1 if last else 0])


def is_refused(host, port):
    with socket.socket() as client:
        return client.connect_ex((host, port)) != 0


def test_a_kept_connection_sees_the_new_routes_at_its_next_request(serve, tmp_path):
    edge = serve(site(1), {"app.py": APP})
    with edge.connect() as kept:
        assert kept.request("GET", "/only-1").text == "here"
        assert change(tmp_path, site(2)) == ("blog: unchanged\nsites: applied\n", "")
        answer = kept.request("GET", "/only-2")
        assert (answer.text, answer.get("X-Edition"), answer.keeps_alive) == ("here", "2", True)
        assert kept.request("GET", "/only-1").text == "blog"
    assert edge.get("/only-2").text == "here"


def test_what_is_under_way_keeps_the_routes_that_it_began_with(serve, tmp_path, gate):
    old = site(1, log="access: {path: old.log, format: $request_uri}")
    edge = serve(old, {"app.py": APP}, environment=gate.environment)
    with edge.connect() as slow, edge.connect() as streamed:
        slow.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nslow ")
        streamed.ask("GET", "/stream")
        gate.wait_arrived()
        change(tmp_path, site(2, log="access: {path: new.log, format: $request_uri}", http="client_max_body_size: 1"))
        assert edge.get("/only-2").get("X-Edition") == "2"
        gate.open()
        answer = streamed.answer()
        assert (answer.text, answer.get("X-Edition")) == ("begun and ended", "1")
        answer = slow.send(b"bytes").answer()
        assert (answer.text, answer.get("X-Edition")) == ("slow bytes", "1")
        assert slow.request("GET", "/").get("X-Edition") == "2"
    # Each loop writes for itself.
    wait_until(lambda: sorted((tmp_path / "new.log").read_text().split()) == ["/", "/only-2"],
               "the new log has what came later")
    assert sorted((tmp_path / "old.log").read_text().split()) == ["/echo", "/stream"]
    assert not [name for name in opened_by(edge.pid) if name.endswith("/old.log")], "nobody writes to it any more"


def test_listeners_come_and_go(serve, tmp_path, gate):
    both = '"127.0.0.1:0", "127.0.0.2:0", "unix:./old.sock"'
    edge = serve(site(1, listen=both), {"app.py": APP}, environment=gate.environment)
    stays, goes = edge.port, port_on(edge, "127.0.0.2")
    with edge.connect() as kept, edge.connect(goes, host="127.0.0.2") as idle, \
            edge.connect(goes, host="127.0.0.2") as busy:
        assert kept.request("GET", "/").status == idle.request("GET", "/").status == 200
        busy.ask("GET", "/stream")
        gate.wait_arrived()
        out, _ = change(tmp_path, site(2, listen='"127.0.0.1:0", "127.0.0.3:0", "unix:./new.sock"'))
        assert out == "blog: unchanged\nsites: 2 listeners opened, 2 closed\n"
        edge.log.wait_for(rf"no longer listening on http://127\.0\.0\.2:{goes}$")
        edge.log.wait_for(r"no longer listening on unix:\S+/old\.sock$")
        assert idle.is_closed() and is_refused("127.0.0.2", goes)
        gate.open()
        assert busy.answer().text == "begun and ended" and busy.is_closed()
        assert kept.request("GET", "/only-2").text == "here"
    with edge.connect(port_on(edge, "127.0.0.3"), host="127.0.0.3") as new:
        assert new.request("GET", "/only-2").text == "here"
    assert not (tmp_path / "old.sock").exists()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "new.sock"))
    assert edge.ports.count(stays) == 1, "what stays is not opened anew"


def test_what_needs_a_restart_is_named_and_the_rest_applied(serve, tmp_path):
    edge = serve(site(1), {"app.py": APP})
    more = "threads: 1, pid_file: edge.pid, runtime_dir: run, max_connections: 1234, shutdown_timeout: 7s"
    for _ in range(2):                                  # the second time nothing else has changed
        out, error = change(tmp_path, site(2, edge=more))
        assert error == "".join(f"edge.{key}: takes effect only once edge is stopped and started again\n"
                                for key in ("threads", "pid_file", "runtime_dir"))
    assert out == "blog: unchanged\n"
    edge.log.wait_for("warn edge.threads has changed in the site file: this needs a restart of edge")
    assert json.loads(run("status", "--json", folder=tmp_path).stdout)["most_connections"] == 1234
    assert edge.get("/only-2").text == "here" and not (tmp_path / "edge.pid").exists()
    assert change(tmp_path, site(2))[1] == "", "what it was started with again"
    change(tmp_path, site(2, edge=more))
    edge.stop()
    assert "within 7 s" in edge.log.text()


def test_the_logs_move(serve, tmp_path):
    edge = serve(site(1), {"app.py": APP})
    assert change(tmp_path, site(1, log="access: off, error: error.log, level: warn"))[0] == "blog: unchanged\nlog: applied\n"
    change(tmp_path, site(2, edge="threads: 2, pid_file: other.pid", log="access: off, error: error.log, level: warn"))
    log = tmp_path / "error.log"
    wait_until(lambda: "warn edge.pid_file has changed" in log.read_text(), "the new log has the warning")
    assert "pid_file" not in edge.log.text() and " info " not in log.read_text()
    change(tmp_path, site(2))
    edge.log.wait_for("info .*reload|info", after=len(edge.log.all()) - 1)


def test_a_limit_of_the_whole_edge_holds_at_once(serve, tmp_path):
    edge = serve(site(1, edge="threads: 1"), {"app.py": APP})
    change(tmp_path, site(1, edge="threads: 1, max_connections: 2"))
    with edge.connect() as one, edge.connect() as two:
        for busy in (one, two):
            assert busy.request("GET", "/").status == 200
            busy.send(b"GET ")
        with edge.connect() as third:
            third.ask("GET", "/")
            edge.log.wait_for(r"2 connections are open \(edge\.max_connections\)")
            change(tmp_path, site(1, edge="threads: 1, max_connections: 3"))
            assert third.answer().status == 200, "there is room now"


@pytest.mark.parametrize("broken, told", [
    ('"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:{taken}"', r"site\.yaml:7:\d+: cannot listen on 127\.0\.0\.3:\d+: the port is in use"),
    ('"127.0.0.1:0", "127.0.0.2:0", "unix:./no/such/folder"', r"site\.yaml:7:\d+: cannot listen on unix:\S+: No such file"),
    ('"127.0.0.1:0", "127.0.0.2:0", "unix:./app.py"', r"site\.yaml:7:\d+: cannot listen on unix:\S+: there is a file that is not a"),
])
def test_a_listener_that_cannot_be_opened_changes_nothing(serve, tmp_path, broken, told):
    edge = serve(site(1), {"app.py": APP})
    change(tmp_path, site(1, http="max_uri: 4k"))       # what is opened once only, is
    before = edge.descriptors()
    with socket.socket() as taken, edge.connect() as kept:
        taken.bind(("127.0.0.3", 0))
        taken.listen()
        assert kept.request("GET", "/").status == 200
        text = site(2, listen=broken.replace("{taken}", str(taken.getsockname()[1])), log="access: {path: new.log}")
        out, error = change(tmp_path, text, expect=EXIT_CONFIGURATION)
        assert out == "" and re.search(told, error), error
        assert kept.request("GET", "/only-1").text == "here"
    assert len([port for port in edge.ports]) == 1
    wait_until(lambda: edge.descriptors() == before, "what was opened is closed again")
    edge.log.wait_for("what the site file asks for cannot be done: nothing was reloaded")


def test_a_folder_or_log_that_is_not_there_changes_nothing(serve, tmp_path):
    edge = serve(site(1), {"app.py": APP, "files/a.txt": "a"})
    route = "{path: /files/, static: {directory: ./files}}"
    changed = site(2).replace("- {path: /, app: blog}", "- {path: /, app: blog}\n              - " + route)
    (tmp_path / "files").rename(tmp_path / "elsewhere")
    error = change(tmp_path, changed, expect=EXIT_CONFIGURATION)[1]
    assert re.search(r"site\.yaml:\d+:\d+: .*there is no directory", error), error
    error = change(tmp_path, site(2, log="access: {path: no/such.log}"), expect=EXIT_CONFIGURATION)[1]
    assert "no/such.log: No such file" in error
    assert edge.get("/only-1").text == "here"
    (tmp_path / "elsewhere").rename(tmp_path / "files")
    change(tmp_path, changed)
    assert edge.get("/files/a.txt").text == "a"


def test_an_address_that_overlaps_one_in_use(serve, tmp_path):
    edge = serve(site(1), {"app.py": APP})
    error = change(tmp_path, site(2, listen=f'"0.0.0.0:{edge.port}"'), expect=EXIT_CONFIGURATION)[1]
    assert "the port is in use" in error and f"edge itself listens on {edge.url('')}," in error
    assert edge.get("/only-1").text == "here"


def test_the_mode_of_a_socket_file(serve, tmp_path):
    with_socket = site(1, blog=', socket: "./app.sock"')
    serve(with_socket, {"app.py": APP})
    path = tmp_path / "app.sock"
    before = path.stat()
    change(tmp_path, with_socket.replace('app.sock"', 'app.sock", chmod_socket: 600'))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_ino == before.st_ino
    path.unlink()
    out, error = change(tmp_path, with_socket.replace('app.sock"', 'app.sock", chmod_socket: 606'), expect=1)
    assert re.search(r"site\.yaml:\d+:\d+: .*app\.sock cannot be given its mode", error), (out, error)

"""Reloading the list of apps: new ones are ready before a route leads to them, removed ones end after their last request."""
import os
import re
import signal
import socket
import struct
import subprocess

import pytest

from edge import BINARY, PATIENCE, ended, environment_of, run, wait_until, write_files

EXIT_APP = 4

SITE = """\
    edge: {{control: control.sock, threads: 2}}
    apps: {{{apps}}}
    sites:
      - listen: [{listen}]
        routes: [{routes}]
"""
APP = '''\
    """Names itself; /gate takes as long as the test says."""
    import os


    def application(environ, start_response):
        if environ["PATH_INFO"].endswith("/gate"):
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"NAME"]
'''
WAITING = 'import os\nopen(os.environ["ARRIVED"], "w").close()\nopen(os.environ["GO_ON"]).close()\n'


def site(*names, listen='"127.0.0.1:0"', **more):
    """One route an app; `more` settings by the app's name."""
    apps = ", ".join(f"{name}: {{module: app, chdir: ./{name}, processes: 1{more.get(name, '')}}}" for name in names)
    routes = ", ".join(f"{{path: /{name}, app: {name}}}" for name in names)
    return SITE.format(apps=apps, routes=routes, listen=listen)


def app(name):
    return {f"{name}/app.py": APP.replace("NAME", name)}


def change(folder, text, expect=0):
    write_files(folder, {"site.yaml": text})
    done = run("reload", folder=folder)
    assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def reloading(folder):
    return subprocess.Popen([str(BINARY), "reload"], cwd=folder, env=environment_of(), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def titles(edge):
    """Of all processes of apps: "edge: blog worker 1 gen 1"."""
    found = []
    for pid in edge.family():
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                found.append(file.read())
        except OSError:
            pass
    return found


def wait_gone(edge, name):
    edge.log.wait_for(rf"\[{name}\] the app has ended")
    assert not [title for title in titles(edge) if f"edge: {name} " in title]


def test_apps_come_and_go(serve, tmp_path):
    edge = serve(site("blog", "shop"), app("blog") | app("shop") | app("wiki"))
    with edge.connect() as kept:
        assert kept.request("GET", "/shop").text == "shop"
        out, _ = change(tmp_path, site("wiki", "blog"))
        assert out == "wiki: started\nblog: unchanged\nshop: removed\n" + "sites: applied\n"
        assert kept.request("GET", "/wiki").text == "wiki" and kept.request("GET", "/blog").text == "blog"
        assert kept.request("GET", "/shop").status == 404
    wait_gone(edge, "shop")
    assert re.findall(r"^(\w+) ", run("status", folder=tmp_path).stdout, re.M).count("shop") == 0
    assert "there is no app `shop`" in run("restart", "shop", folder=tmp_path).stderr
    assert change(tmp_path, site("blog", "shop"))[0] == "blog: unchanged\nshop: started\nwiki: removed\nsites: applied\n"
    assert edge.get("/shop").text == "shop"


def test_a_removed_app_answers_what_it_holds(serve, tmp_path, gate):
    edge = serve(site("blog", "shop"), app("blog") | app("shop"), environment=gate.environment)
    with edge.connect() as held:
        held.ask("GET", "/shop/gate")
        gate.wait_arrived()
        change(tmp_path, site("blog"))
        change(tmp_path, site("blog", "shop"))          # another of that name, beside the one that is held
        assert edge.get("/shop").text == "shop"
        change(tmp_path, site("blog"))
        edge.log.wait_for(r"\[shop\] the app has ended")
        assert [title for title in titles(edge) if "edge: shop worker" in title], "the first still has its request"
        gate.open()
        assert held.answer().text == "shop"
        assert held.request("GET", "/shop").status == 404
    wait_until(lambda: edge.log.text().count("[shop] the app has ended") == 2, "the first has ended too")
    assert not [title for title in titles(edge) if "edge: shop " in title]


def test_a_new_app_that_cannot_be_imported_keeps_everything_as_it_was(serve, tmp_path):
    edge = serve(site("blog"), app("blog") | {"wiki/app.py": "import nowhere\n"})
    write_files(tmp_path, {"blog/app.py": APP.replace("NAME", "another blog")})
    out, error = change(tmp_path, site("blog", "wiki", listen='"127.0.0.1:0", "127.0.0.2:0"'), expect=EXIT_APP)
    assert out == "" and error.startswith("wiki: NOT started:\n") and "No module named 'nowhere'" in error
    assert error.endswith("nothing was changed: what served before goes on\n")
    assert edge.get("/wiki").status == 404 and edge.get("/blog").text == "blog"
    assert len(edge.ports) == 1
    wait_gone(edge, "wiki")
    write_files(tmp_path, app("wiki"))
    change(tmp_path, site("blog", "wiki"))
    assert edge.get("/wiki").text == "wiki" and edge.get("/blog").text == "another blog"


def test_a_swap_that_fails_does_not_hold_up_the_rest(serve, tmp_path):
    edge = serve(site("blog"), app("blog") | app("wiki"))
    write_files(tmp_path, {"blog/app.py": "import nowhere\n"})
    out, error = change(tmp_path, site("blog", "wiki"), expect=EXIT_APP)
    assert "wiki: started\nsites: applied\n" in out
    assert error.startswith("blog: NOT reloaded, generation 1 serves on:\n")
    assert edge.get("/blog").text == "blog" and edge.get("/wiki").text == "wiki"


def asked_by_uwsgi(where):
    """The body of an answer on an app's own socket."""
    variables = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REQUEST_URI": "/", "QUERY_STRING": "", "HTTP_HOST": "x",
                 "SERVER_PROTOCOL": "HTTP/1.1"}
    block = b"".join(struct.pack("<H", len(part)) + part.encode() for pair in variables.items() for part in pair)
    with socket.socket(socket.AF_INET if isinstance(where, tuple) else socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(where)
        client.sendall(struct.pack("<BHB", 0, len(block), 0) + block)
        answer = b""
        while data := client.recv(65536):
            answer += data
    return answer.partition(b"\r\n\r\n")[2].decode()


@pytest.mark.parametrize("written", ["./run.sock", "127.0.0.5:0"])
def test_an_app_gets_the_socket_of_another(serve, tmp_path, written):
    files = app("blog") | app("shop")
    edge = serve(site("blog", blog=f', socket: "{written}"'), files)
    tcp = edge.log.wait_for(r"listening on uwsgi://(\S+) \(app blog\)")[1]
    where = str(tmp_path / "run.sock") if written.startswith("./") else ("127.0.0.5", int(tcp.rpartition(":")[2]))
    assert asked_by_uwsgi(where) == "blog"
    before = os.stat(where).st_ino if isinstance(where, str) else None
    out, _ = change(tmp_path, site("shop", shop=f', socket: "{written}"'))
    assert out == "shop: started\nblog: removed\nsites: 1 listener opened, 1 closed\n"
    assert asked_by_uwsgi(where) == "shop"
    assert before is None or os.stat(where).st_ino == before
    wait_gone(edge, "blog")
    assert asked_by_uwsgi(where) == "shop"
    assert change(tmp_path, site("shop"))[0] == "shop: unchanged\nsites: 1 listener closed\n"
    with pytest.raises(OSError):
        asked_by_uwsgi(where)


def test_a_reload_while_an_app_starts_waits_for_it(serve, tmp_path, gate):
    edge = serve(site("blog"), {"blog/app.py": WAITING + "application = print\n"}, environment=gate.environment, ready=False)
    gate.wait_arrived()
    write_files(tmp_path, {"site.yaml": site("blog", "wiki")} | app("blog") | app("wiki"))
    with reloading(tmp_path) as asked:
        wait_until(lambda: "starting" in run("status", folder=tmp_path).stdout, "it answers what it does")
        gate.open()
        out, error = asked.communicate(timeout=PATIENCE)
    assert "wiki: started" in out, (out, error)
    assert edge.wait_ready().get("/wiki").text == "wiki"


def test_a_stop_while_a_new_app_starts(serve, tmp_path, gate):
    edge = serve(site("blog"), app("blog") | {"wiki/app.py": WAITING}, environment=gate.environment)
    write_files(tmp_path, {"site.yaml": site("blog", "wiki", listen='"127.0.0.1:0", "unix:./new.sock"')})
    with reloading(tmp_path) as asked:
        gate.wait_arrived()
        left = [os.pidfd_open(pid) for pid in edge.family()]
        edge.stop()
        out, error = asked.communicate(timeout=PATIENCE)
    assert (out, error) == ("", "edge is stopping\n") and asked.returncode != 0
    assert not (tmp_path / "new.sock").exists()
    for descriptor in left:
        assert ended(descriptor, 0), "a process of an app is left"
        os.close(descriptor)


def test_a_stop_waits_for_the_request_of_a_removed_app(serve, tmp_path, gate):
    edge = serve(site("blog", "shop"), app("blog") | app("shop"), environment=gate.environment)
    with edge.connect() as held:
        held.ask("GET", "/shop/gate")
        gate.wait_arrived()
        change(tmp_path, site("blog"))
        edge.signal(signal.SIGTERM)
        edge.log.wait_for("stopping when what is under way is answered")
        gate.open()
        assert held.answer().text == "shop"
    assert edge.wait() == 0, edge.log.text()


def test_a_second_stop_cuts_a_removed_app_too(serve, tmp_path, gate):
    edge = serve(site("blog", "shop"), app("blog") | app("shop"), environment=gate.environment)
    with edge.connect() as held:
        held.ask("GET", "/shop/gate")
        gate.wait_arrived()
        change(tmp_path, site("blog"))
        edge.signal(signal.SIGTERM)
        edge.log.wait_for("stopping when what is under way is answered")
        edge.stop(expect=5)
    assert edge.family() == set()

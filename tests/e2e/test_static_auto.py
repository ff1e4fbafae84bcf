"""`static: auto` with Flask: edge asks the app for its folders of files and serves them; reloads, users, mounts."""
import json
import os
import re
import shutil
import signal
import tempfile
import textwrap
from pathlib import Path

import pytest

from edge import run

pytest.importorskip("flask")

APP = '''
    """Says of each request that it came to Python."""
    from flask import Blueprint, Flask

    app = Flask(__name__)
    admin = Blueprint("admin", __name__, static_folder="of_admin", static_url_path="/files")
    app.register_blueprint(admin, url_prefix="/admin")


    @app.get("/static/made/<name>")
    def made(name):
        return "made by the app: " + name


    @app.errorhandler(404)
    def missing(error):
        return "the app has no such page", 404


    @app.get("/")
    def index():
        return "the app"
'''
FILES = {"app.py": APP, "static/a.css": "a {}\n", "static/sub/b.txt": "b\n", "static/sub/index.html": "not asked for\n",
         "static/.secret": "hidden\n", "of_admin/c.js": "c\n", "private.txt": "private\n"}


def site(route="path: /", app="", edge="", more=""):
    return f"""
        edge: {{threads: 2, control: control.socket{edge}}}
        log: {{access: off}}
        apps:
          web: {{module: app{app}}}
        sites:
          - listen: ["127.0.0.1:0"]
            routes:
              - {{{route}, app: web, static: auto{more}}}
    """


def by_edge(answer):
    """Flask would say the file's name in Content-Disposition."""
    return answer.status == 200 and answer.get("ETag") is not None and answer.get("Content-Disposition") is None


def reload(edge, pattern="info reloaded$"):
    begin = len(edge.log.all())
    edge.signal(signal.SIGHUP)
    edge.log.wait_for(pattern, after=begin)


def folders(edge):
    app, = json.loads(run("status", "--json", folder=edge.folder).stdout)["apps"]
    serving, = [generation for generation in app["generations"] if generation["number"] == app["generation"]]
    return [(folder["url"], folder["directory"], folder["hashed_names"]) for folder in serving["folders"]]


@pytest.fixture(scope="module")
def flask(serve_module):
    return serve_module(site(more=", expires: 1h"), FILES)


def test_files_of_flask_and_its_blueprint(flask):
    answer = flask.get("/static/a.css")
    assert by_edge(answer) and answer.text == "a {}\n" and answer.get("Content-Type") == "text/css; charset=utf-8"
    assert answer.get("Cache-Control") == "max-age=3600"
    assert by_edge(flask.get("/static/sub/b.txt?v=1")) and flask.get("/admin/files/c.js").text == "c\n"
    assert by_edge(flask.get("/admin/files/c.js"))
    again = flask.get("/static/a.css", headers=["If-None-Match: " + answer.get("ETag")])
    assert again.status == 304 and again.get("Cache-Control") == "max-age=3600"
    part = flask.get("/static/a.css", headers=["Range: bytes=0-0"])
    assert (part.status, part.text) == (206, "a")
    head = flask.get("/static/a.css", method="HEAD")
    assert by_edge(head) and head.get("Content-Length") == "5" and head.body == b""


def test_everything_else_is_for_the_app(flask):
    assert flask.get("/").text == "the app"
    assert flask.get("/static/a.css", method="POST", body=b"x").status == 405
    assert flask.get("/static/a.css", method="OPTIONS").get("Content-Type").startswith("text/html"), "edge's has no type"
    assert flask.get("/static/made/x").text == "made by the app: x"
    for path in ("/static/gone.css", "/static/", "/static/sub", "/static/sub/",
                 "/staticity", "/static/../private.txt", "/static/%2e%2e/private.txt", "/static/..%2fprivate.txt",
                 "/static/sub/../../private.txt", "/static//../app.py", "/admin/files/../../app.py"):
        answer = flask.get(path)
        assert (answer.status, answer.text) == (404, "the app has no such page"), path


def test_a_hidden_file_is_for_the_app(flask):
    answer = flask.get("/static/.secret")
    assert answer.text == "hidden\n" and answer.get("Content-Disposition") is not None


def test_status_and_log_name_the_folders(flask):
    folder = flask.folder
    assert sorted(folders(flask)) == [("/admin/files/", f"{folder}/of_admin", False),
                                      ("/static/", f"{folder}/static", False)]
    text = run("status", folder=folder).stdout
    assert f"  files: /static/ from {folder}/static\n         /admin/files/ from {folder}/of_admin\n" in text or (
        f"  files: /admin/files/ from {folder}/of_admin\n         /static/ from {folder}/static\n" in text)
    assert f"info [web] /static/ is served from {folder}/static" in flask.log.text()


def test_a_link_that_leads_out_is_for_the_app(serve, tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "out.txt").symlink_to(tmp_path / "private.txt")
    edge = serve(site(), FILES)
    answer = edge.get("/static/out.txt")
    assert answer.text == "private\n" and answer.get("Cache-Control") == "no-cache", "Flask has sent it"


def test_below_a_mount(serve):
    edge = serve(site("mount: /shop"), FILES)
    assert by_edge(edge.get("/shop/static/a.css")) and edge.get("/static/a.css").status == 404
    assert ("/shop/static/", f"{edge.folder}/static", False) in folders(edge)


@pytest.mark.parametrize("app", ["", ", preload: false", ", preload: false, processes: 2"])
def test_a_reload_takes_the_folders_along_and_a_rollback_brings_them_back(serve, app):
    edge = serve(site(app=app), {**FILES, "newer/a.css": "newer\n"})
    assert by_edge(edge.get("/static/a.css"))
    source = edge.folder / "app.py"
    source.write_text(source.read_text().replace("Flask(__name__)", "Flask(__name__, static_folder='newer')"))
    reload(edge)
    assert edge.get("/newer/a.css").text == "newer\n" and by_edge(edge.get("/newer/a.css"))
    assert edge.get("/static/a.css").text == "the app has no such page"
    assert ("/newer/", f"{edge.folder}/newer", False) in folders(edge)
    if not app:
        assert run("rollback", "web", folder=edge.folder).returncode == 0
        assert by_edge(edge.get("/static/a.css")) and edge.get("/newer/a.css").status == 404


def test_a_reload_that_fails_changes_no_folder(serve):
    edge = serve(site(), FILES)
    source = edge.folder / "app.py"
    source.write_text(source.read_text().replace("Flask(__name__)", "Flask(__name__, static_folder='of_admin')") + "\n1 / 0\n")
    reload(edge, "error the reload failed")
    assert by_edge(edge.get("/static/a.css")) and edge.get("/of_admin/c.js").status == 404


def test_an_app_that_is_imported_anew_tells_its_folders_anew(serve):
    edge = serve(site(), {**FILES, "newer/a.css": "newer\n"})
    assert edge.get("/static/a.css").status == 200
    generation, = json.loads(run("status", "--json", folder=edge.folder).stdout)["apps"][0]["generations"]
    source = edge.folder / "app.py"
    source.write_text(source.read_text().replace("Flask(__name__)", "Flask(__name__, static_folder='newer')"))
    begin = len(edge.log.all())
    os.kill(generation["zygote"], signal.SIGKILL)
    edge.log.wait_for(r"info \[web\] /newer/ is served from", after=begin)
    assert by_edge(edge.get("/newer/a.css")) and edge.get("/static/a.css").status == 404


def test_middleware_and_factories_hide_nothing(serve):
    edge = serve(site(app=", callable: make()"), {**FILES, "app.py": '''
        from flask import Flask
        from werkzeug.middleware.proxy_fix import ProxyFix

        class Counting:
            def __init__(self, app):
                self.app = app

            def __call__(self, environ, start_response):
                return self.app(environ, start_response)

        def make():
            flask = Flask(__name__, static_url_path="/")
            return Counting(ProxyFix(flask.wsgi_app))
    '''})
    assert by_edge(edge.get("/a.css")) and by_edge(edge.get("/sub/b.txt"))
    assert edge.get("/sub/").status == 404 and edge.get("/").status == 404


def test_what_the_app_decides_for_each_request_is_left_to_it(serve):
    edge = serve(site(), {**FILES, "app.py": '''
        from flask import Flask, abort

        class Guarded(Flask):
            def send_static_file(self, filename):
                abort(403)

        app = Guarded(__name__)
    '''})
    assert edge.get("/static/a.css").status == 403
    assert "warn [web] static: auto: the app has no folder of files that edge could serve" in edge.log.text()


@pytest.mark.parametrize("source, words", [
    ("def app(environ, start):\n    start('200 OK', [])\n    return [b'plain']\n", "edge asks Django, Flask, Starlette"),
    ("from flask import Flask\napp = Flask(__name__, static_folder='gone')\n", "there is no .*/gone$"),
    ("from flask import Flask\napp = Flask(__name__)\napp.url_map = None\n",
     "the folders of Flask cannot be found: AttributeError"),
])
def test_an_app_without_folders_is_served_with_a_warning(serve, source, words):
    edge = serve(site(), {"app.py": source})
    edge.log.wait_for(rf"warn \[web\] static: auto: .*{words}")
    assert folders(edge) == []


def test_an_app_with_the_short_form(serve):
    checked = serve("app: app\nstatic: auto\n", FILES, ready=False, arguments=("check", "site.yaml"))
    assert checked.wait() == 0, checked.log.text()


def test_error_pages_come_from_the_folders(serve):
    edge = serve(site(more=", error_pages: {404: /static/sub/b.txt}"), FILES)
    answer = edge.get("/nowhere")
    assert (answer.status, answer.text) == (404, "b\n")


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start apps as other users")


@pytest.fixture
def open_folder():
    """One that other users can reach, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="edge-auto-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@needs_root
def test_an_app_of_another_user_cannot_have_edge_read_for_it(serve, open_folder):
    secret = open_folder / "static" / "key.txt"
    secret.parent.mkdir()
    secret.write_text("of root\n")
    secret.chmod(0o600)
    edge = serve(site(app=", user: nobody"), FILES, folder=open_folder)
    edge.log.wait_for(r"warn \[web\] static: auto: the app has a user or groups of its own")
    assert edge.get("/static/key.txt").status == 500 and edge.get("/static/a.css").text == "a {}\n"
    assert folders(edge) == []


@needs_root
def test_an_edge_of_the_same_user_serves(serve, open_folder):
    edge = serve(site(app=", user: nobody", edge=", user: nobody"), FILES, folder=open_folder)
    assert by_edge(edge.get("/static/a.css"))


@needs_root
def test_a_folder_that_edge_cannot_enter_is_left_to_the_app(serve, open_folder):
    closed = open_folder / "of_admin"
    closed.mkdir(mode=0o700)
    edge = serve(site(edge=", user: nobody"), FILES, folder=open_folder)
    edge.log.wait_for(rf"warn \[web\] static: auto: directory {closed}: edge has no right to look into it")
    assert by_edge(edge.get("/static/a.css")) and edge.get("/admin/files/c.js").status == 404


def routes(*paths, auto=True):
    """The same app at several places."""
    lines = "".join(f"\n              - {{{path}, app: web{', static: auto' if auto else ''}}}" for path in paths)
    return site().rpartition("\n              - ")[0].replace("            routes:", "            routes:" + lines)


def test_a_reload_that_adds_a_mount_opens_the_folders_there_too(serve, tmp_path):
    edge = serve(routes("path: /"), FILES)
    assert by_edge(edge.get("/static/a.css"))
    with edge.connect() as kept:
        for paths in (["path: /", "mount: /shop"], ["mount: /shop"], ["path: /", "mount: /shop"]):
            (tmp_path / "site.yaml").write_text(textwrap.dedent(routes(*paths)))
            done = run("reload", folder=tmp_path)
            assert done.stdout == "web: unchanged\nsites: applied\n", done
            for _ in range(3):                          # on both loops, by chance
                assert by_edge(edge.get("/static/a.css")) == ("path: /" in paths)
            assert by_edge(kept.request("GET", "/shop/static/a.css"))


def test_a_reload_that_asks_for_the_folders_for_the_first_time(serve, tmp_path):
    edge = serve(routes("path: /", auto=False), FILES)
    assert edge.get("/static/a.css").get("Content-Disposition") is not None
    (tmp_path / "site.yaml").write_text(textwrap.dedent(routes("path: /")))
    done = run("reload", folder=tmp_path)
    assert re.match(r"web: generation 2 serves \(\S+ m?s\): it is to name its folders of files \(static: auto\)\n",
                    done.stdout), done
    assert by_edge(edge.get("/static/a.css"))
    (tmp_path / "site.yaml").write_text(textwrap.dedent(routes("path: /", auto=False)))
    assert run("reload", folder=tmp_path).stdout == "web: unchanged\nsites: applied\n"
    assert not by_edge(edge.get("/static/a.css"))


def test_a_rollback_serves_the_folders_where_routes_are_now(serve, tmp_path):
    edge = serve(routes("path: /", auto=False), FILES)
    for text in (routes("path: /"), routes("path: /", auto=False)):
        (tmp_path / "site.yaml").write_text(textwrap.dedent(text))
        assert run("reload", folder=tmp_path).returncode == 0
    (tmp_path / "app.py").write_text((tmp_path / "app.py").read_text() + "# changed\n")
    (tmp_path / "site.yaml").write_text(textwrap.dedent(routes("path: /")))
    assert "generation 3 serves" in run("reload", folder=tmp_path).stdout
    assert by_edge(edge.get("/static/a.css"))
    assert "generation 2 serves again" in run("rollback", "web", folder=tmp_path).stdout
    assert by_edge(edge.get("/static/a.css"))


def test_sites_of_one_app_that_compress_differently(serve):
    """What is kept for one of them was made for that one."""
    edge = serve("""
        apps: {web: {module: app}}
        sites:
          - {host: a.example, listen: ["127.0.0.1:0"], compress: {encodings: [gzip]},
             routes: [{path: /, app: web, static: auto}]}
          - {host: b.example, listen: ["127.0.0.1:0"], routes: [{path: /, app: web, static: auto}]}
          - {host: c.example, listen: ["127.0.0.1:0"], compress: {encodings: [br], min_size: 10k},
             routes: [{path: /, app: web, static: auto}]}
    """, {**FILES, "static/large.css": "a {}\n" * 1000})
    for _ in range(2):
        for host, coding in (("a.example", "gzip"), ("b.example", None), ("c.example", None)):
            answer = edge.get("/static/large.css", headers=["Accept-Encoding: gzip, br"], host=host)
            assert (answer.status, answer.get("Content-Encoding")) == (200, coding), host
            assert not answer.get("ETag").startswith("W/"), "by the route of files, and not behind it"
            assert answer.get("Vary") == ("Accept-Encoding" if host == "a.example" else None)

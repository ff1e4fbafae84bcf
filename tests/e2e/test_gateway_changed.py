"""Whether a file of the app has changed since its import began: what the zygote answers when the edge asks."""
import os
import resource
import sqlite3
import subprocess
import zipfile

import pytest

from edge import PATIENCE, SYSTEM_PYTHON, write_files
from gateway_harness import all_interpreters, binary, serve_app    # noqa: F401 (fixtures)

INTERPRETERS = all_interpreters()
APP = """
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"hello"]
"""
MOST_FILES = 20000


def change(app):
    app.command("AskChanged")
    return app.messages.wait_for("Changed").text


@pytest.fixture
def shop(serve_app, tmp_path):      # noqa: F811 (the fixture)
    """An app with a package, of which one module is imported and one is not, a template and settings."""
    write_files(tmp_path, {"catalog/__init__.py": "", "catalog/used.py": "A = 1\n", "catalog/unused.py": "B = 1\n",
                           "templates/index.html": "hello\n", ".env": "KEY=value\n"})
    app = serve_app("import catalog.used\n" + APP.replace("\n    ", "\n"))
    assert change(app) == "", "its own import has changed something"
    return app


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("preload", [True, False])
def test_every_interpreter(serve_app, tmp_path, version, preload):      # noqa: F811
    app = serve_app(APP, python=INTERPRETERS[version], preload=preload)
    assert app.ask().body == b"hello"
    assert change(app) == ""
    with open(tmp_path / "shop_app.py", "a") as file:
        file.write("# edited\n")
    assert change(app) == f"{tmp_path}/shop_app.py changed"
    assert app.ask().body == b"hello", "the zygote and its workers go on as they were"
    app.worker(1)


@pytest.mark.parametrize("name", ["shop_app.py", "catalog/used.py", "catalog/unused.py", "templates/index.html", ".env"])
def test_an_edited_file(shop, tmp_path, name):
    with open(tmp_path / name, "a") as file:
        file.write("# edited\n")
    assert change(shop) == f"{tmp_path}/{name} changed"


def test_files_that_cannot_be_looked_at(shop, tmp_path):
    few = 3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]      # those that it has; poll() itself wants two to be allowed
    before = resource.prlimit(shop.process.pid, resource.RLIMIT_NOFILE, few)
    assert change(shop) == f"files cannot be looked at: {tmp_path}: Too many open files"
    resource.prlimit(shop.process.pid, resource.RLIMIT_NOFILE, before)
    assert change(shop) == ""


def test_a_touched_file(shop, tmp_path):
    os.utime(tmp_path / "catalog" / "unused.py")
    assert change(shop) == f"{tmp_path}/catalog/unused.py changed"


def test_a_new_and_a_removed_file(shop, tmp_path):
    (tmp_path / "catalog" / "new.py").write_text("")
    assert change(shop) == f"{tmp_path}/catalog/new.py is new"
    (tmp_path / "catalog" / "new.py").unlink()
    assert change(shop) == ""
    (tmp_path / "templates" / "index.html").unlink()
    assert change(shop) == f"{tmp_path}/templates/index.html is gone"


def test_a_folder_that_is_put_in_place_of_another(shop, tmp_path):
    write_files(tmp_path, {"../new/__init__.py": "", "../new/used.py": "A = 2\n", "../new/unused.py": "B = 1\n"})
    (tmp_path / "catalog").rename(tmp_path.parent / "old")
    (tmp_path.parent / "new").rename(tmp_path / "catalog")
    assert change(shop) == f"{tmp_path}/catalog/__init__.py changed"


def test_what_programs_write_is_no_change(shop, tmp_path):
    with sqlite3.connect(tmp_path / "shop.sqlite3") as database:
        database.execute("create table t (x)")
        database.execute("insert into t values (1)")
        assert (tmp_path / "shop.sqlite3-journal").exists()
        assert change(shop) == ""
    database.close()
    write_files(tmp_path, {name: "" for name in (
        "shop.log", "shop.log.1", "shop.pid", ".git/index", "__pycache__/x.cpython-311.pyc", "x.pyc",
        "node_modules/x/index.js", "catalog/.unused.py.swp", "catalog/unused.py~")})
    os.mkfifo(tmp_path / "pipe")
    assert change(shop) == ""


def test_the_site_file_is_no_file_of_the_app(serve_app, tmp_path):     # noqa: F811
    write_files(tmp_path, {"site.yaml": "a", "app.yaml": "a"})
    app = serve_app(APP, site_files=[tmp_path / "site.yaml", tmp_path / "later.yaml"])
    write_files(tmp_path, {"site.yaml": "ab", "next.yaml": "abc", "later.yaml": ""})
    (tmp_path / "next.yaml").rename(tmp_path / "site.yaml")
    assert change(app) == ""
    write_files(tmp_path, {"app.yaml": "ab"})
    assert change(app) == f"{tmp_path}/app.yaml changed"


def test_a_link_that_is_turned_to_another_release(serve_app, tmp_path):     # noqa: F811
    source = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'release']\n"
    write_files(tmp_path, {"releases/1/shop_app.py": source, "releases/2/shop_app.py": source})
    (tmp_path / "current").symlink_to("releases/1")
    app = serve_app(chdir=tmp_path / "current")
    assert change(app) == ""
    (tmp_path / "next").symlink_to("releases/2")
    (tmp_path / "next").rename(tmp_path / "current")
    assert change(app) == f"{tmp_path}/current/shop_app.py changed"


def test_folders_of_python_path_and_of_the_wsgi_file(serve_app, tmp_path):  # noqa: F811
    write_files(tmp_path, {"home/x": "", "library/lib.py": "", "web/wsgi.py": "application = lambda e, s: []\n"})
    app = serve_app(chdir=tmp_path / "home", python_path=[tmp_path / "library"], wsgi_file=str(tmp_path / "web/wsgi.py"))
    assert change(app) == ""
    (tmp_path / "web" / "other.py").write_text("")
    assert change(app) == f"{tmp_path}/web/other.py is new"
    os.utime(tmp_path / "library" / "lib.py")
    assert change(app) == f"{tmp_path}/library/lib.py changed"


def test_an_upgraded_package_of_a_virtual_environment(serve_app, tmp_path):     # noqa: F811
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages, = (tmp_path / "venv" / "lib").glob("python3.*/site-packages")
    write_files(packages, {"used.py": "VERSION = 1\n", "unused.py": ""})
    app = serve_app("import used\napplication = lambda e, s: []\n", python=str(tmp_path / "venv" / "bin" / "python"))
    assert change(app) == ""
    os.utime(packages / "unused.py")
    assert change(app) == "", "what is not imported and in no folder of the app is not looked at"
    (packages / "used.py").write_text("VERSION = 2\n")
    assert change(app) == f"{packages}/used.py changed"
    (packages / "used.py").unlink()
    assert change(app) == f"{packages}/used.py is gone"


def test_a_module_in_an_archive(serve_app, tmp_path):   # noqa: F811
    archive = tmp_path / "elsewhere" / "lib.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "A = 1\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "shop_app.py").write_text(
        f"import sys\nsys.path.append({str(archive)!r})\nimport zipped\napplication = lambda e, s: []\n")
    app = serve_app(chdir=tmp_path / "home")
    assert change(app) == ""
    os.utime(archive)
    assert change(app) == f"{archive} changed"


def test_a_module_object_that_runs_code_when_it_is_asked(serve_app):    # noqa: F811
    app = serve_app("""
        import sys, types
        class Lazy(types.ModuleType):
            def __getattribute__(self, name):
                raise SystemExit("asked for " + name)
        sys.modules["lazy"] = Lazy("lazy")
        sys.modules["odd"] = 42
        sys.modules["odder"] = types.ModuleType("odder")
        sys.modules["odder"].__file__ = "not\\0a path"
        application = lambda environ, start_response: []
    """)
    assert change(app) == ""


def test_a_name_that_is_no_text(serve_app, tmp_path):   # noqa: F811
    app = serve_app(APP)
    with open(os.fsencode(tmp_path) + b"/caf\xc3\xa9\n.html", "w"):
        pass
    assert change(app) == f"{tmp_path}/caf\u00e9\n.html is new"


def test_too_many_files_to_tell(serve_app, tmp_path):   # noqa: F811
    (tmp_path / "many").mkdir()
    for number in range(MOST_FILES):
        os.mknod(tmp_path / "many" / str(number))
    app = serve_app(APP)
    assert change(app).startswith(f"there are too many files to tell, more than {MOST_FILES} beneath {tmp_path}")


def test_asking_while_the_zygote_stops(serve_app):      # noqa: F811
    app = serve_app(APP)
    app.command("Stop")
    assert change(app) == ""
    assert app.ask().body == b"hello"
    assert app.workers[0].quit() == 0
    assert app.process.wait(PATIENCE) == 0

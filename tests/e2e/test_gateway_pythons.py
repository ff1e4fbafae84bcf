"""One gateway object in every CPython from 3.9 on: the system's, others, virtual environments, an embedded one; and the
frameworks that apps are written with."""
import glob
import json
import os
import subprocess
import tempfile

import pytest

from edge import SYSTEM_PYTHON
from gateway_harness import BUILD, all_interpreters, binary, serve_app    # noqa: F401 (fixtures)

INTERPRETERS = all_interpreters()
EVERYTHING = """
    import json, sys, threading
    def application(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/raise":
            raise ValueError("in the view")
        write = start_response("200 OK", [("Content-Type", "text/plain"), ("X-Path", path)])
        if path == "/python":
            return [json.dumps([sys.version_info[:2], sys.executable, sys.prefix, sys.argv]).encode()]
        if path == "/body":
            lines = list(environ["wsgi.input"])
            return [b"%d %d" % (len(lines), sum(map(len, lines)))]
        if path == "/stream":
            return (b"%d," % i for i in range(100))
        if path == "/write":
            write(b"written, ")
            return [b"returned"]
        if path == "/file":
            return environ["wsgi.file_wrapper"](open(__file__, "rb"))
        environ["wsgi.errors"].write("to the log\\n")
        return [threading.current_thread().name.encode()]
"""


def exercise(app, tmp_path):
    assert app.ask("/stream").body == b"".join(b"%d," % i for i in range(100))
    assert app.ask("/write").body == b"written, returned"
    assert app.ask("/file").body == (tmp_path / "shop_app.py").read_bytes()
    assert app.ask("/caf\xc3\xa9").headers[1] == ("X-Path", "/caf\xc3\xa9")
    assert app.log("to the log") == ("r-1", "to the log\n")
    assert app.ask("/raise").failed
    assert "ValueError: in the view" in app.log("the application raised")[1]
    assert app.ask("/body", body=b"a\nb\n").body == b"2 4"
    with tempfile.TemporaryFile() as file:
        file.write(b"line\n" * 100000)
        file.flush()
        assert app.ask("/body", file=file.fileno()).body == b"100000 500000"


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("settings", [{}, {"threads": 3}, {"preload": False}, {"validate": True}], ids=str)
def test_every_interpreter(serve_app, tmp_path, version, settings):
    app = serve_app(EVERYTHING, python=INTERPRETERS[version], **settings)
    found, executable, _, argv = json.loads(app.ask("/python").body)
    assert executable == INTERPRETERS[version] and argv == ["shop_app"]
    assert version == "system" or ".".join(map(str, found)) == version
    exercise(app, tmp_path)
    app.worker(1)
    assert app.ask("/stream").body


@pytest.mark.parametrize("version", INTERPRETERS)
def test_a_virtual_environment(serve_app, tmp_path, version):
    venv = tmp_path / "venv"
    subprocess.run([INTERPRETERS[version], "-m", "venv", "--without-pip", venv], check=True)
    packages, = glob.glob(f"{venv}/lib/python3.*/site-packages")
    with open(os.path.join(packages, "only_in_the_venv.py"), "w") as file:
        file.write("TEXT = b'from the venv'\n")
    app = serve_app("""
        import only_in_the_venv, sys
        def application(environ, start_response):
            start_response("200 OK", [])
            return [only_in_the_venv.TEXT, b" ", sys.prefix.encode()]
    """, python=str(venv / "bin" / "python"))
    assert app.ask().body.decode() == f"from the venv {venv}"


@pytest.mark.parametrize("version", INTERPRETERS)
def test_import_errors_read_the_same_everywhere(serve_app, version):
    app = serve_app("def f():\n    raise KeyError('x')\nf()\n", python=INTERPRETERS[version], start=False)
    text = app.import_failure()
    assert text.startswith('shop: Traceback (most recent call last):\n  File "') and "<string>" not in text
    assert text.endswith("importing shop_app failed: KeyError: 'x'")


def library_of(python):
    """The libpython that a build of Python has made, if it is shared."""
    code = "import sysconfig as s; print(s.get_config_var('LIBDIR'), s.get_config_var('INSTSONAME'))"
    folder, name = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    found = [path for path in (f"{folder}/{name}", *glob.glob(f"{folder}/*/{name}")) if ".so" in path]
    return next(filter(os.path.exists, found), None)


PYTHON_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}     # what it leaves behind at its end, which a host's sanitizer counts
LIBRARIES = {version: library_of(python) for version, python in INTERPRETERS.items()}


@pytest.mark.parametrize("version", [version for version, library in LIBRARIES.items() if library])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_embedded_python(serve_app, tmp_path, version, threads):
    app = serve_app(EVERYTHING, threads=threads, environment=PYTHON_LEAKS,
                    launcher=[str(BUILD / "edge_embed_host"), LIBRARIES[version], INTERPRETERS[version]])
    exercise(app, tmp_path)
    assert json.loads(app.ask("/python").body)[3] == ["shop_app"]
    assert os.readlink(f"/proc/{app.process.pid}/exe") == str((BUILD / "edge_embed_host").resolve())


@pytest.mark.skipif(not LIBRARIES["system"], reason="the system's Python has no shared library")
def test_an_embedded_python_finds_a_virtual_environment_without_an_interpreter(serve_app, tmp_path):
    venv = tmp_path / "venv"
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", venv], check=True)
    for link in glob.glob(f"{venv}/bin/python*"):
        os.unlink(link)
    app = serve_app(EVERYTHING, environment=PYTHON_LEAKS,
                    launcher=[str(BUILD / "edge_embed_host"), LIBRARIES["system"], str(venv / "bin" / "python")])
    assert json.loads(app.ask("/python").body)[2] == str(venv)


@pytest.mark.parametrize("library, why", [("libpython3.99.so", "cannot load the Python library libpython3.99.so"),
                                          ("libm.so.6", "libm.so.6 is not a library of CPython 3.9 or later")])
def test_a_library_that_is_none(library, why):
    ran = subprocess.run([BUILD / "edge_embed_host", library, "python3"], capture_output=True, text=True, check=False)
    assert ran.returncode == 127 and ran.stderr.startswith("edge: ") and why in ran.stderr


FLASK = """
    import flask
    shop = application = flask.Flask(__name__)
    @shop.get("/")
    def index():
        shop.logger.warning("seen")
        return "Hello from Flask\\n"
    @shop.get("/json")
    def as_json():
        return flask.jsonify(path=flask.request.path, root=flask.request.script_root, who=flask.request.args["who"])
    @shop.post("/form")
    def form():
        upload = flask.request.files["upload"]
        return f"{flask.request.form['name']} {upload.filename} {len(upload.read())}"
    @shop.post("/raw")
    def raw():
        return flask.request.get_data()
    @shop.get("/stream")
    def stream():
        return flask.Response((f"line {i}\\n" for i in range(3)), mimetype="text/plain")
    @shop.get("/file")
    def file():
        return flask.send_file(__file__, mimetype="text/plain")
    @shop.get("/raise")
    def fail():
        raise ValueError("in the view")
    shop.config["PROPAGATE_EXCEPTIONS"] = False
"""


def multipart(boundary, upload):
    return (f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\nJos\u00e9\r\n--{boundary}\r\n'
            'Content-Disposition: form-data; name="upload"; filename="a.bin"\r\n\r\n').encode() + \
        upload + f"\r\n--{boundary}--\r\n".encode()


@pytest.mark.parametrize("validate", [False, True])
def test_flask(serve_app, tmp_path, validate):
    pytest.importorskip("flask")
    app = serve_app(FLASK, validate)
    answer = app.ask("/")
    assert answer.body == b"Hello from Flask\n" and len(answer.frames) == 1
    assert "WARNING in shop_app: seen" in app.log("seen")[1]
    answer = app.ask("/json", query="who=me", SCRIPT_NAME="/shop")
    assert json.loads(answer.body) == {"path": "/json", "root": "/shop", "who": "me"}
    body = multipart("edge", bytes(range(256)) * 100)
    answer = app.ask("/form", "POST", body, CONTENT_TYPE="multipart/form-data; boundary=edge")
    assert answer.body.decode() == "Jos\u00e9 a.bin 25600"
    if not validate:                            # werkzeug calls read() without a size, which the validator forbids
        with tempfile.TemporaryFile() as file:
            file.write(os.urandom(1 << 20))
            file.seek(0)
            assert app.ask("/raw", "POST", file=file.fileno()).body == file.read()
    assert app.ask("/stream").pieces == [b"line 0\n", b"line 1\n", b"line 2\n"]
    assert app.ask("/file").body == (tmp_path / "shop_app.py").read_bytes()
    head = app.ask("/", method="HEAD")
    assert head.body == b"" and ("Content-Length", "17") in head.headers
    assert app.ask("/raise").status == 500 and "ValueError: in the view" in app.log("Exception on /raise")[1]
    assert app.ask("/nothing").status == 404


DJANGO = """
    import os
    from django.conf import settings
    settings.configure(SECRET_KEY="a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEBUG=False,
                       DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}})
    from django.core.wsgi import get_wsgi_application
    from django.db import connection
    from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path
    def index(request):
        return HttpResponse("Hello from Django\\n")
    def upload(request):
        file = request.FILES["upload"]
        return HttpResponse(f"{request.POST['name']} {file.name} {file.size}")
    def database(request):
        with connection.cursor() as cursor:
            cursor.execute("select 6 * 7")
            return JsonResponse({"answer": cursor.fetchone()[0]})
    def stream(request):
        return StreamingHttpResponse(f"line {i}\\n" for i in range(3))
    def file(request):
        return FileResponse(open(__file__, "rb"))
    def fail(request):
        raise ValueError("in the view")
    urlpatterns = [path("", index), path("upload", upload), path("database", database), path("stream", stream),
                   path("file", file), path("raise", fail)]
    application = get_wsgi_application()
"""


@pytest.mark.parametrize("validate", [False, True])
def test_django(serve_app, tmp_path, validate):
    pytest.importorskip("django")
    app = serve_app(DJANGO, validate=validate)
    assert app.ask("/").body == b"Hello from Django\n"
    body = multipart("edge", bytes(1000))
    for where in ("inline", "file"):
        with tempfile.TemporaryFile() as file:
            file.write(body)
            file.flush()
            given = {"body": body} if where == "inline" else {"file": file.fileno()}
            answer = app.ask("/upload", "POST", CONTENT_TYPE="multipart/form-data; boundary=edge", **given)
        assert answer.status == 200 and answer.body.decode() == "Jos\u00e9 a.bin 1000"
    assert json.loads(app.ask("/database").body) == {"answer": 42}
    assert app.ask("/stream").pieces == [b"line 0\n", b"line 1\n", b"line 2\n"]
    assert app.ask("/file").body == (tmp_path / "shop_app.py").read_bytes()
    assert app.ask("/raise").status == 500 and app.ask("/nothing").status == 404
    assert app.ask("/", method="HEAD").body == b""

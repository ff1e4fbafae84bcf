"""Files that an app answers with: wsgi.file_wrapper, X-Accel-Redirect and X-Sendfile, by hand and as Flask and Django do
it; internal routes; and clients that take their time over all of it."""
import os
import re
import subprocess

import pytest

from edge import wait_until

LARGE = bytes(range(256)) * 32768                       # 8 MiB: more than edge and the kernel hold for a slow reader
SITE = """\
    edge: {hot_files: 0}                                # no file stays open
    log: {access: off}
    apps:
      app: {module: app, processes: 1, threads: 2}
    sites:
      - listen: ["127.0.0.1:0"]
        error_pages: {404: /protected/404.html}
        routes:
          - path: /protected/
            static: {directory: ./protected}
            internal: true
          - path: /open/
            static: {directory: ./protected}
            headers: {X-Route: open}
          - path: /fixed
            return: {status: 200, body: "fixed", type: text/plain}
          - path: /gone/
            static: {directory: ./protected}
            error_pages: {404: /}
          - path: /
            app: app
"""
APP = '''\
    """Answers with the header that the query names; /file with a file, /bytes and /pieces with 1 MiB."""
    import os
    import urllib.parse


    class Body:
        """Pieces as they come; under way until the server says that it has them all."""
        under_way = set()

        def __init__(self, pieces):
            Body.under_way.add(self)
            self.pieces = iter(pieces)

        def __iter__(self):
            return self.pieces

        def close(self):
            Body.under_way.remove(self)


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/under_way":
            start_response("200 OK", [])
            return [str(len(Body.under_way)).encode()]
        if environ["PATH_INFO"] == "/file":
            name = environ["QUERY_STRING"] or "protected/large"
            start_response("200 OK", [("Content-Length", str(os.path.getsize(name)))])
            return environ["wsgi.file_wrapper"](open(name, "rb"))
        if environ["PATH_INFO"] in ("/bytes", "/pieces"):
            start_response("200 OK", [("Content-Length", str(1 << 20))])
            body = open("protected/large", "rb").read(1 << 20)
            size = 1 << 14 if environ["PATH_INFO"] == "/pieces" else len(body)
            return Body(body[at:at + size] for at in range(0, len(body), size))
        query = urllib.parse.parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)
        headers = [(name, value.encode().decode("latin-1")) for name, value in query if name != "status"]
        start_response(dict(query).get("status", "200 OK"), [("Content-Type", "application/x-secret"), *headers])
        return [b"the app's own"] * 3
'''
FILES = {
    "app.py": APP, "protected/some.txt": "some text\n", "protected/a b.txt": "odd name\n", "protected/404.html": "page\n",
    "protected/folder/index.html": "index\n", "protected/.hidden": "hidden", "outside.txt": "never seen",
    "protected/large": LARGE, "protected/caf\u00e9.txt": "coffee\n",
}


@pytest.fixture(scope="module")
def edge(serve_module):
    folder = serve_module.folder
    os.makedirs(folder / "protected")
    os.symlink(folder / "outside.txt", folder / "protected" / "out.txt")
    os.symlink("..", folder / "protected" / "up")
    os.symlink("some.txt", folder / "protected" / "inside.txt")
    return serve_module(SITE, FILES)


def quoted(text):
    return "".join(f"%{byte:02X}" for byte in str(text).encode())


def redirect(edge, header, target, headers=(), method="GET", more=""):
    return edge.get(f"/?{header}={quoted(target)}{more}", method=method, headers=headers)


def accel(edge, target, **options):
    return redirect(edge, "X-Accel-Redirect", target, **options)


def sendfile(edge, target, **options):
    return redirect(edge, "X-Sendfile", target, **options)


def test_a_wrapped_file_arrives(edge):
    answer = edge.get("/file")
    assert answer.status == 200 and answer.get("Content-Length") == str(len(LARGE)) and answer.body == LARGE
    head = edge.get("/file", method="HEAD")
    assert head.get("Content-Length") == str(len(LARGE))
    with edge.connect() as connection:                  # the connection is as good as before
        for _ in range(3):
            assert connection.request("GET", "/file").body == LARGE
            assert connection.request("HEAD", "/file").status == 200


def test_curl_takes_a_wrapped_file(edge):
    done = subprocess.run(["curl", "-sS", "--fail", edge.url("/file")], capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, LARGE), done.stderr


@pytest.mark.parametrize("target, body", [
    ("/protected/some.txt", b"some text\n"), ("/protected/a%20b.txt", b"odd name\n"), ("/protected/a b.txt", b"odd name\n"),
    ("/protected/caf%C3%A9.txt", b"coffee\n"), ("/protected/caf\u00e9.txt", b"coffee\n"), ("/protected/large", LARGE),
    ("/protected/folder/", b"index\n"), ("/protected/x/../some.txt?a=b", b"some text\n"), ("/protected/inside.txt", b"some text\n"),
    ("/open/some.txt", b"some text\n"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_accel_redirect_sends_the_file_of_a_static_route(edge, target, body):
    answer = accel(edge, target)
    assert answer.status == 200 and answer.body == body
    assert answer.get("Content-Length") == str(len(body)) and answer.get("ETag") and answer.get("Last-Modified")
    assert answer.get("Content-Type") == "application/x-secret"
    assert answer.get("X-Accel-Redirect") is None and answer.get("X-Route") is None
    head = accel(edge, target, method="HEAD")
    assert head.get("Content-Length") == str(len(body)) and head.get("ETag") == answer.get("ETag")
    assert edge.get(f"/?X-Accel-Redirect={quoted(target)}", method="POST", body=b"form").body == body


@pytest.mark.parametrize("headers", [[], ["Range: bytes=2-5"], ["Range: bytes=2-5", "If-Range: \"other\""],
                                     ["Range: bytes=100-200"], ["If-Match: \"other\""]], ids=str)
def test_ranges_and_conditions_are_those_of_the_static_route(edge, headers):
    """Whatever a client gets that asks the route itself."""
    direct = edge.get("/open/some.txt", headers=headers)
    redirected = accel(edge, "/protected/some.txt", headers=headers)
    assert (redirected.status, redirected.body) == (direct.status, direct.body)
    assert redirected.get("Content-Range") == direct.get("Content-Range")


def test_a_client_that_has_the_file_is_told_so(edge):
    tag = accel(edge, "/protected/some.txt").get("ETag")
    assert tag == edge.get("/open/some.txt").get("ETag")
    again = accel(edge, "/protected/some.txt", headers=[f"If-None-Match: {tag}"], more="&Set-Cookie=a%3D1")
    assert again.status == 304 and again.body == b"" and again.get("Set-Cookie") == "a=1"


def test_what_stays_of_the_apps_head(edge):
    answer = accel(edge, "/protected/some.txt", more="&Content-Disposition=attachment&Set-Cookie=a%3D1&Set-Cookie=b%3D2"
                   "&Cache-Control=private&ETag=%22app%22&X-Other=1&status=201%20Created")
    assert answer.status == 201 and answer.reason == "Created" and answer.body == b"some text\n"
    assert answer.get("Content-Disposition") == "attachment" and answer.get("Cache-Control") == "private"
    assert answer.all("Set-Cookie") == ["a=1", "b=2"] and answer.get("X-Other") is None and answer.get("ETag") is None


def test_sendfile_sends_what_a_static_route_would_serve(edge):
    protected = edge.folder / "protected"
    assert sendfile(edge, protected / "some.txt").body == b"some text\n"
    assert sendfile(edge, protected / "a b.txt").body == b"odd name\n"
    assert sendfile(edge, protected / "caf\u00e9.txt").body == b"coffee\n"
    assert sendfile(edge, f"{protected}/./folder/../large").body == LARGE
    assert sendfile(edge, protected / "some.txt").get("X-Sendfile") is None
    assert sendfile(edge, protected / "large", method="HEAD").get("Content-Length") == str(len(LARGE))


REFUSED = [
    "/fixed", "/app", "@named", "protected/some.txt", "http://localhost/protected/some.txt", "/protected/%zz",
    "/protected/%00", "/../protected/some.txt", "/protected/../../outside.txt", "/%2e%2e/outside.txt",
    "/protected/%2e%2e/%2e%2e/outside.txt", "/protected/..%2f..%2foutside.txt", "/protected/folder",
]
ABSENT = [
    "/protected/missing", "/protected/out.txt", "/protected/up/outside.txt", "/protected/.hidden", "/protected/%252e%252e/x",
    "/protected/..%5coutside.txt", "/protected/%c0%ae%c0%ae/outside.txt", "/protected/some.txt/", "/protected/" + "x" * 300,
]


@pytest.mark.parametrize("target", REFUSED)
def test_a_redirect_that_leads_to_no_file_is_refused_and_logged(edge, target):
    answer = accel(edge, target)
    assert answer.status == 502 and b"never seen" not in answer.body
    assert "protected" not in answer.text and "the app's own" not in answer.text and not answer.all("X-Accel-Redirect")
    edge.log.wait_for(r" error \[app\] request [0-9a-f]{32}: X-Accel-Redirect " + re.escape(target) + ": ")


@pytest.mark.parametrize("target", ABSENT)
def test_a_file_that_the_route_does_not_serve_is_not_found(edge, target):
    answer = accel(edge, target)
    assert answer.status == 404 and answer.body == b"page\n" and answer.get("Content-Type") != "application/x-secret"
    edge.log.wait_for(r" warn \[app\] request [0-9a-f]{32}: X-Accel-Redirect " + re.escape(target))


@pytest.mark.parametrize("target", [
    "outside.txt", "app.py", "site.yaml", "protected/../outside.txt", "protected/.hidden", "protected-beside/x", "protected",
    "protected/folder", "../../../../../../etc/passwd",
])
def test_a_file_that_is_not_declared_is_refused_and_logged(edge, target):
    answer = sendfile(edge, f"{edge.folder}/{target}")
    assert answer.status == 502 and str(edge.folder) not in answer.text and b"never seen" not in answer.body
    edge.log.wait_for(r" error \[app\] request [0-9a-f]{32}: X-Sendfile " + re.escape(f"{edge.folder}/{target}") + ": ")


def test_the_log_says_what_to_do_about_an_undeclared_file(edge):
    assert sendfile(edge, "/etc/passwd").status == 502
    edge.log.wait_for("X-Sendfile /etc/passwd: no static route .* declare its directory .*internal: true")
    assert sendfile(edge, "relative").status == 502
    assert sendfile(edge, edge.folder / "protected" / "out.txt").status == 404


def test_a_client_cannot_ask_for_redirects(edge):
    answer = edge.get("/", headers=["X-Accel-Redirect: /protected/some.txt", "X-Sendfile: /etc/passwd"])
    assert answer.status == 200 and answer.text == "the app's own" * 3


def test_an_internal_route_is_no_route_to_a_client(edge):
    for target in ["/protected/some.txt", "/protected/", "/protected/missing", "/%70rotected/some.txt", "/x/../protected/some.txt"]:
        answer = edge.get(target)
        assert answer.status == 404 and answer.body == b"page\n", target    # the error page is an internal file itself
    assert edge.get("/protected/some.txt", method="POST", body=b"x").status == 404
    assert edge.get("/open/some.txt").get("X-Route") == "open"


def test_an_error_page_of_an_app_may_be_a_file(edge):
    answer = edge.get("/gone/missing?X-Accel-Redirect=/protected/some.txt")
    assert answer.status == 404 and answer.body == b"some text\n" and answer.get("ETag") is None


def test_a_file_that_becomes_shorter_tears_the_answer(edge):
    size = 64 << 20
    with open(edge.folder / "shrinking", "wb") as file:
        file.truncate(size)
        with edge.connect(receive_buffer=4096) as connection:
            connection.ask("GET", "/file?shrinking")
            assert connection.head().get("Content-Length") == str(size)
            file.truncate(0)
            with pytest.raises((AssertionError, ConnectionResetError)):
                connection.exactly(size)


@pytest.mark.parametrize("target", ["/file", "/bytes", "/pieces", "/?X-Accel-Redirect=/protected/large"])
def test_slow_readers_hold_no_python(edge, target):
    """500 clients that do not read their megabytes, two Python threads: the app is done with all of them."""
    slow = [edge.connect(receive_buffer=4096) for _ in range(500)]
    try:
        for connection in slow:
            connection.ask("GET", target)
            assert connection.head().status == 200
        wait_until(lambda: edge.get("/under_way").text == "0", "the app is done")
        assert [edge.get("/").status for _ in range(20)] == [200] * 20
        for connection in slow[::50]:                   # and they are not done with the app's answers
            assert connection.exactly(1 << 20) == LARGE[:1 << 20]
    finally:
        for connection in slow:
            connection.close()


def test_files_leave_no_descriptors_behind(edge):
    edge.get("/file")
    before = edge.descriptors()
    for target in ["/file", "/?X-Accel-Redirect=/protected/large"]:
        torn = [edge.connect(receive_buffer=4096) for _ in range(10)]
        for connection in torn:
            connection.ask("GET", target)
            assert connection.head().status == 200
        for connection in torn:
            connection.tear()
        for _ in range(10):
            edge.get(target, method="HEAD")
    wait_until(lambda: edge.descriptors() <= before, "every descriptor is back")


FRAMEWORK_SITE = """\
    log: {access: off}
    apps:
      app: {module: app, processes: 1, threads: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /protected/
            static: {directory: ./protected}
            internal: true
          - path: /
            app: app
"""
FLASK = '''\
    """What Flask's users write."""
    import io

    from flask import Flask, send_file, send_from_directory

    app = Flask(__name__)


    @app.route("/x/<path:name>")
    def x_sendfile(name):
        app.use_x_sendfile = True
        return send_from_directory("protected", name, as_attachment=True)


    @app.route("/wrapped/<name>")
    def wrapped(name):
        app.use_x_sendfile = False
        return send_file("protected/" + name)


    @app.route("/memory")
    def memory():
        return send_file(io.BytesIO(b"in memory"), mimetype="text/plain")
'''
DJANGO = '''\
    """What Django's users write."""
    import io
    import tempfile
    from os.path import abspath

    from django.conf import settings
    from django.core.files.base import File
    from django.core.wsgi import get_wsgi_application
    from django.http import FileResponse, HttpResponse
    from django.urls import path

    settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of the tests")


    def accel(request, name):
        response = HttpResponse()
        response["X-Accel-Redirect"] = "/protected/" + name
        response["Content-Disposition"] = "attachment"
        del response["Content-Type"]
        return response


    def temporary(request):
        file = tempfile.TemporaryFile()
        file.write(b"made at once")
        file.seek(0)
        return FileResponse(file)


    urlpatterns = [
        path("x/<name>", accel),
        path("wrapped/<name>", lambda request, name: FileResponse(open(abspath("protected/" + name), "rb"))),
        path("model/<name>", lambda request, name: FileResponse(File(open("protected/" + name, "rb")))),
        path("temporary", temporary),
        path("memory", lambda request: FileResponse(io.BytesIO(b"in memory"))),
    ]
    application = get_wsgi_application()
'''
FRAMEWORK_FILES = {"protected/large": LARGE, "protected/some.txt": "some text\n"}


def slow_readers_and_one_more(edge, target):
    slow = [edge.connect(receive_buffer=4096) for _ in range(10)]
    for connection in slow:
        connection.ask("GET", target)
        assert connection.head().status == 200
    assert edge.get("/memory").body == b"in memory"
    for connection in slow:
        connection.close()


def test_flask(serve):
    edge = serve(FRAMEWORK_SITE, {"app.py": FLASK, **FRAMEWORK_FILES})
    answer = edge.get("/x/some.txt")
    assert answer.status == 200 and answer.body == b"some text\n" and not answer.all("X-Sendfile")
    assert answer.get("Content-Type") == "text/plain; charset=utf-8"
    assert answer.get("Content-Disposition") == "attachment; filename=some.txt" and answer.get("Content-Length") == "10"
    assert edge.get("/x/some.txt", headers=[f"If-None-Match: {answer.get('ETag')}"]).status == 304
    ranged = edge.get("/x/some.txt", headers=["Range: bytes=0-3"])
    assert (ranged.status, ranged.body) in [(200, b"some text\n"), (206, b"some")]
    assert edge.get("/x/missing").status == 404
    for target in ["/wrapped/large", "/x/large"]:
        assert edge.get(target).body == LARGE
        slow_readers_and_one_more(edge, target)
    part = edge.get("/wrapped/some.txt", headers=["Range: bytes=5-8"])
    assert (part.status, part.body, part.get("Content-Range")) == (206, b"text", "bytes 5-8/10")
    assert edge.get("/wrapped/some.txt", method="HEAD").get("Content-Length") == "10"


def test_django(serve):
    edge = serve(FRAMEWORK_SITE, {"app.py": DJANGO, **FRAMEWORK_FILES})
    answer = edge.get("/x/some.txt")
    assert answer.status == 200 and answer.body == b"some text\n" and not answer.all("X-Accel-Redirect")
    assert answer.get("Content-Type") == "text/plain; charset=utf-8" and answer.get("Content-Disposition") == "attachment"
    for target in ["/wrapped/large", "/model/large", "/x/large"]:
        assert edge.get(target).body == LARGE
        slow_readers_and_one_more(edge, target)
    assert edge.get("/temporary").body == b"made at once"
    assert edge.get("/wrapped/some.txt", method="HEAD").get("Content-Length") == "10"
    assert edge.get("/x/missing").status == 404

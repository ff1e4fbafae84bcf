"""`try`: files, folders, and the route or status that answers when none is there, beside nginx for the same tree."""
import signal
import time

import pytest

from nginx import Nginx

SITE = """\
    log: {access: {path: access.log, format: "$status $request_uri $uri"}}
    apps: {app: {module: app, processes: 1}}
    sites:
      - listen: ["127.0.0.1:0"]
        host: spa.example
        routes:
          - path: /
            static: {directory: ./public, try: [$uri, /index.html]}
      - listen: ["127.0.0.1:0"]
        host: folders.example
        error_pages: {404: /a.txt}
        routes:
          - path: /
            static: {directory: ./public, try: [$uri, $uri.html, $uri/, "= 404"]}
      - listen: ["127.0.0.1:0"]
        host: app.example
        routes:
          - path: /
            static: {directory: ./public, try: [$uri, "/front/x?u=$uri&$args"]}
            headers: {X-Route: files}
          - path: /front/
            app: app
            internal: true
            client_max_body_size: 10
            headers: {X-Route: app}
      - listen: ["127.0.0.1:0"]
        host: query.example
        routes:
          - path: /
            static: {directory: ./public, try: [$uri, "/docs?p=$uri"]}
          - path: = /docs
            static: {directory: ./public, strip_prefix: false}
      - listen: ["127.0.0.1:0"]
        host: circle.example
        error_pages: {404: /missing}
        routes:
          - path: /
            static: {directory: ./public, try: [$uri, /gone.html]}
          - path: /one/
            static: {directory: ./public, try: [/x, /two/]}
          - path: /two/
            static: {directory: ./public, try: [/x, /one/]}
          - path: = /nothing
            return: {status: 404}
"""
APP = '''\
    """Tells what it was asked."""


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        body = environ["wsgi.input"].read().decode()
        names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "REQUEST_URI")
        return ["|".join([*(environ[name] for name in names), body]).encode("latin-1")]
'''
FILES = {
    "app.py": APP,
    "public/index.html": "<title>Home</title>\n",
    "public/a.txt": "a text\n",
    "public/page.html": "<title>Page</title>\n",
    "public/docs/index.html": "<title>Docs</title>\n",
    "public/bare/x.txt": "x\n",
    "public/.hidden": "hidden\n",
}
TARGETS = ["/", "/index.html", "/a.txt", "/a.txt?x", "/nothing", "/nothing/deeper", "/a.txt/", "/docs", "/docs/",
           "/bare", "/bare/", "/page", "/docs/index", "/docs/index.html"]


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, FILES)


def ask(edge, host, target, **options):
    return edge.get(target, host=f"{host}.example", **options)


@pytest.mark.parametrize("host, directives", [
    ("spa", "try_files $uri /index.html;"), ("folders", "try_files $uri $uri.html $uri/ =404;"),
])
def test_the_same_answers_as_nginx(edge, tmp_path, host, directives):
    nginx = Nginx(tmp_path / "nginx", f"root {edge.folder}/public; location / {{ {directives} }}")
    try:
        for target in TARGETS:
            ours, theirs = ask(edge, host, target), nginx.get(target)
            assert ours.status == theirs.status, target
            assert theirs.status != 200 or ours.body == theirs.body, target
            assert theirs.status != 301 or theirs.get("Location").endswith(ours.get("Location")), target
    finally:
        nginx.end()


def test_a_single_page_application(edge):
    home = FILES["public/index.html"]
    for target in ("/", "/users/7?tab=a", "/.hidden", "/docs/deep/er"):
        answer = ask(edge, "spa", target)
        assert (answer.status, answer.text, answer.get("Content-Type")) == (200, home, "text/html; charset=utf-8")
    tag = ask(edge, "spa", "/users/7").get("ETag")
    assert ask(edge, "spa", "/users/8", headers=[f"If-None-Match: {tag}"]).status == 304
    assert ask(edge, "spa", "/users/7", method="HEAD").body == b""
    assert ask(edge, "spa", "/users/7", headers=["Range: bytes=0-3"]).body == home[:4].encode()
    assert ask(edge, "spa", "/a.txt", method="POST", body=b"x").status == 405


def test_an_app_answers_what_is_no_file(edge):
    answer = ask(edge, "app", "/no/thing?q=1")
    assert answer.text == "GET|/front/x|u=/no/thing&q=1|/no/thing?q=1|"
    assert answer.get("X-Route") == "app"
    posted = ask(edge, "app", "/no/thing", method="POST", body=b"body")
    assert posted.text == "POST|/front/x|u=/no/thing&|/no/thing|body"
    assert ask(edge, "app", "/no/thing", method="POST", body=b"x" * 11).status == 413
    assert ask(edge, "app", "/a.txt").get("X-Route") == "files"
    assert ask(edge, "app", "/front/x").status == 404
    line = "200 /no/thing?q=1 /front/x"
    edge.signal(signal.SIGUSR1)
    edge.log.wait_for("reopened")
    assert line in (edge.folder / "access.log").read_text()


def test_a_query_that_variables_make_splits_no_header(edge):
    answer = ask(edge, "query", "/x%0d%0aSet-Cookie:%20a=b")
    assert (answer.status, answer.get("Set-Cookie")) == (301, None)
    assert answer.get("Location") == "/docs/?p=/x%0D%0ASet-Cookie:%20a=b"


def test_what_is_not_there_has_its_error_page(edge):
    answer = ask(edge, "folders", "/nothing")
    assert (answer.status, answer.text) == (404, FILES["public/a.txt"])


def test_a_circle_ends(edge):
    assert ask(edge, "circle", "/nothing/else").status == 500
    edge.log.wait_for("`try` falls back to /gone.html and is not found there; add that file")
    assert ask(edge, "circle", "/one/").status == 500
    edge.log.wait_for("after ten others; end it with = 404")
    assert ask(edge, "circle", "/nothing").status == 404


def test_a_flood_that_leads_nowhere_does_not_flood_the_log(serve):
    edge = serve(SITE, FILES)
    begun = time.monotonic()
    with edge.connect() as connection:
        for number in range(100):
            assert connection.request("GET", f"/flood/{number}", host="circle.example").status == 500
    edge.stop()
    assert edge.log.text().count("GET /flood/") <= time.monotonic() - begun + 1

"""Error pages: for statuses of files, apps and fixed answers alike, inherited, and untouched by what a request says of
the thing that it asked for."""
import pytest

from edge import wait_until

SITE = """\
    log: {access: off}
    apps: {app: {module: app, processes: 1}}
    sites:
      - listen: ["127.0.0.1:0"]
        error_pages: {401: /errors/401.html, 404: /errors/404.html, 405: /errors/404.html, 416: /errors/404.html,
                      412: /errors/404.html, 500-599: /errors/500.html}
        routes:
          - path: /errors/
            static: {directory: ./errors}
          - path: /files/
            static: {directory: ./files}
          - path: /app/
            app: app
          - path: /own/
            static: {directory: ./files}
            error_pages: {404: /errors/own.html}
          - path: /none/
            static: {directory: ./files}
            error_pages: {}
          - path: /streamed/
            app: app
            error_pages: {404: /app/200, 410: /app/lost}
          - path: /by_app/
            static: {directory: ./files}
            error_pages: {404: /app/200}
          - path: /lost/
            static: {directory: ./files}
            error_pages: {404: /lost/too}
          - path: = /nothing_by_app
            return: {status: 404}
            error_pages: {404: /app/200}
          - path: = /bad
            return: {status: 503}
          - path: /said/
            static: {directory: ./files}
            error_pages: {404: /says}
          - path: /renders/
            static: {directory: ./files}
            error_pages: {404: /app/404, 405: /fixed}
          - path: = /fixed
            internal: true
            return: {status: 405, body: "use GET", type: text/plain}
          - path: = /says
            return: {body: "this is $status"}
"""
APP = '''\
    """Answers with the status that its path names."""


    def application(environ, start_response):
        status = environ["PATH_INFO"].rpartition("/")[2]
        if status == "lost":
            status = "500"
        fields = [("Content-Type", "text/plain"), ("WWW-Authenticate", 'Basic realm="a"'),
                  ("WWW-Authenticate", "Bearer"), ("Retry-After", "7")]
        start_response(status + " Own", fields if status != "200" else fields[:1])
        if environ["PATH_INFO"].startswith("/streamed/"):
            return (b"x" * 100_000 for _ in range(1000))
        if environ.get("HTTP_X_ASK") == "content":
            body = environ["wsgi.input"].read()
            return [f"{environ['REQUEST_METHOD']} {environ.get('CONTENT_LENGTH')} {body}".encode()]
        return [f"{environ['PATH_INFO']} {environ.get('HTTP_IF_NONE_MATCH')} {environ.get('HTTP_RANGE')}".encode()]
'''
PAGES = {name: f"<title>page {name} with some length</title>\n" for name in ("401", "404", "500", "own")}
FILES = {"app.py": APP, "files/a.txt": "a text\n", **{f"errors/{n}.html": text for n, text in PAGES.items()}}


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, FILES)


@pytest.mark.parametrize("path, status, page", [
    ("/files/no", 404, "404"), ("/app/404", 404, "404"), ("/app/500", 500, "500"), ("/bad", 503, "500"),
    ("/app/503", 503, "500"), ("/own/no", 404, "own"), ("/nowhere", 404, "404"),
])
def test_every_handler_s_statuses_have_their_page(edge, path, status, page):
    answer = edge.get(path)
    assert (answer.status, answer.text) == (status, PAGES[page])
    assert answer.get("Content-Type") == "text/html; charset=utf-8" and answer.get("ETag") is None


def test_a_route_may_have_none_or_one_of_an_app(edge):
    assert "page" not in edge.get("/none/no").text
    assert edge.get("/by_app/no", headers=['If-None-Match: "x"']).text == "/app/200 None None"


def test_a_page_may_say_the_status_that_it_stands_for(edge):
    assert edge.get("/said/no").text == "this is 404"


def test_the_reason_is_not_that_of_the_page(edge):
    assert edge.get("/by_app/no").reason == "Not Found"


def test_who_makes_a_page_is_asked_for_it_alone(edge):
    refused = edge.get("/nothing_by_app", method="POST", headers=["X-Ask: content"], body=b"x" * 100_000)
    assert (refused.status, refused.text) == (404, "GET None b''")


@pytest.mark.parametrize("header", [
    "If-None-Match: *", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", 'If-Match: "x"',
    "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "Range: bytes=0-3", "Range: bytes=0-0,4-4",
    "Range: bytes=99999-",
])
def test_conditions_and_ranges_are_not_meant_for_the_page(edge, header):
    answer = edge.get("/files/no", headers=[header])
    assert (answer.status, answer.text, answer.get("Content-Range")) == (404, PAGES["404"], None)
    assert edge.get("/files/no", method="HEAD", headers=[header]).get("Content-Length") == str(len(PAGES["404"]))


def test_what_a_client_must_know_stands_beside_the_page(edge):
    denied = edge.get("/app/401")
    assert (denied.status, denied.text) == (401, PAGES["401"])
    assert denied.all("WWW-Authenticate") == ['Basic realm="a"', "Bearer"] and denied.get("Retry-After") == "7"
    refused = edge.get("/files/a.txt", method="POST", body=b"x")
    assert (refused.status, refused.text, refused.get("Allow")) == (405, PAGES["404"], "GET, HEAD, OPTIONS")
    beyond = edge.get("/files/a.txt", headers=["Range: bytes=99-"])
    assert (beyond.status, beyond.text, beyond.get("Content-Range")) == (416, PAGES["404"], "bytes */7")
    assert edge.get("/files/a.txt", headers=['If-Match: "x"']).text == PAGES["404"]


def test_a_long_answer_of_the_only_worker_makes_room_for_the_page_of_the_same(edge):
    for _ in range(3):
        answer = edge.get("/streamed/404")
        assert (answer.status, answer.text) == (404, "/app/200 None None")
        assert answer.all("WWW-Authenticate") == ['Basic realm="a"', "Bearer"]
        plain = edge.get("/streamed/410")
        assert plain.status == 410 and "<h1>410</h1>" in plain.text and plain.get("Retry-After") == "7"


def test_a_page_that_is_missing_is_no_loop(edge):
    answer = edge.get("/lost/no")
    assert answer.status == 404 and "<h1>404</h1>" in answer.text


def test_a_page_may_have_the_status_that_it_is_for(edge):
    """As an app has it that renders its own 404."""
    answer = edge.get("/renders/none")
    assert (answer.status, answer.text) == (404, "/app/404 None None")
    answer = edge.get("/renders/a.txt", method="DELETE")
    assert (answer.status, answer.text, answer.get("Allow")) == (405, "use GET", "GET, HEAD, OPTIONS")


def test_a_page_that_cannot_be_had_is_told_of(edge):
    line = "GET /lost/none: error_pages: /lost/too for status 404 is answered with status 404, so it is left out"

    def is_told():                                      # one line a second tells of all pages
        return edge.get("/lost/none").status == 404 and line in edge.log.text()
    wait_until(is_told, "the log tells of it")

"""Which site and which route answers, and what return, redirect, error pages, headers and files make of it."""
import email.utils
import os

import pytest

SITE = """\
    log: {access: off}
    sites:
      - listen: ["127.0.0.1:0"]
        host: [example.com, "*.example.com"]
        headers: {X-Site: example, X-Host: $host}
        error_pages: {404: /errors/404.html, 500-504: /errors/5xx.html}
        routes:
          - path: = /exact
            return: {status: 200, body: exact}
          - path: /exact
            return: {status: 200, body: prefix of exact}
          - path: /images/
            return: {status: 200, body: images}
          - path: ^~ /images/strong/
            return: {status: 200, body: strong}
          - path: ~ \\.png$
            return: {status: 200, body: png}
          - path: ~* \\.(png|jpg)$
            return: {status: 200, body: picture}
          - path: /images/longer/
            return: {status: 200, body: longer}
          - path: = /old
            redirect: {to: /new$is_args$args, status: 308}
          - path: = /elsewhere
            redirect: {to: "$scheme://www.example.com$request_uri"}
          - path: = /teapot
            return: {status: 418, body: "short and stout\\n", type: text/plain}
          - path: = /unavailable
            return: {status: 503}
          - path: = /bare
            return: {status: 200, body: bare}
            headers: {X-Site: null, X-Route: "yes"}
          - path: /errors/
            static: {directory: ./errors}
          - path: /files/
            static: {directory: ./files}
          - path: /
            static: {directory: ./public}
      - listen: ["127.0.0.1:0"]
        host: deep.wild.example.com
        routes:
          - path: /
            return: {status: 200, body: deep}
      - listen: ["127.0.0.1:0"]
        host: "*.wild.example.com"
        routes:
          - path: /
            return: {status: 200, body: wild}
      - listen: ["127.0.0.1:0"]
        host: other.org
        default: true
        routes:
          - path: /
            return: {status: 200, body: default}
"""
FILES = {
    "errors/404.html": "<title>Not here</title>\n",
    "errors/5xx.html": "<title>Our fault</title>\n",
    "public/index.html": "<title>Home</title>\n",
    "files/a.txt": "a text\n",
    "files/page.html": "<title>Page</title>\n",
    "files/data.json": "{}\n",
    "files/sub/index.html": "<title>Sub</title>\n",
    "files/empty/.keep": "",
    "files/.hidden": "hidden\n",
    "files/.git/config": "secret\n",
    "files/with space.txt": "spaced\n",
    "outside/secret.txt": "secret\n",
}


@pytest.fixture(scope="module")
def edge(serve_module):
    started = serve_module(SITE, FILES)
    files = started.folder / "files"
    os.symlink("a.txt", files / "inside.txt")
    os.symlink("../outside/secret.txt", files / "outside.txt")
    os.symlink("../outside", files / "outside")
    os.symlink("/etc/passwd", files / "passwd")
    os.mkfifo(files / "pipe")
    return started


def get(edge, path, host="example.com", **options):
    return edge.get(path, host=host, **options)


@pytest.mark.parametrize("host, body", [
    ("example.com", "exact"), ("EXAMPLE.com:8080", "exact"), ("www.example.com", "exact"),
    ("a.b.example.com", "exact"), ("deep.wild.example.com", "deep"), ("x.wild.example.com", "wild"),
    ("other.org", "default"), ("nobody.knows", "default"), ("127.0.0.1", "default"), ("notexample.com", "default"),
])
def test_the_host_chooses_the_site(edge, host, body):
    assert edge.get("/exact", host=host).text == body


def test_without_a_host_the_default_site_answers(edge):
    with edge.connect() as connection:
        assert connection.request("GET", "/", version="HTTP/1.0", host=None).text == "default"


@pytest.mark.parametrize("path, body", [
    ("/exact", "exact"), ("/exactly", "prefix of exact"), ("/exact/", "prefix of exact"),
    ("/images/x.gif", "images"), ("/images/x.png", "png"), ("/images/x.PNG", "picture"), ("/images/x.jpg", "picture"),
    ("/images/strong/x.png", "strong"), ("/images/longer/x.gif", "longer"), ("/images/longer/x.png", "png"),
    ("/images/%73trong/x.png", "strong"), ("/images//strong/./x.png", "strong"), ("/images/longer/../x.gif", "images"),
    ("/exact?x.png", "exact"),
])
def test_the_path_chooses_the_route_as_nginx_would(edge, path, body):
    assert get(edge, path).text == body


def test_redirects_carry_what_they_are_told(edge):
    answer = get(edge, "/old?a=b")
    assert (answer.status, answer.get("Location")) == (308, "/new?a=b")
    assert get(edge, "/old").get("Location") == "/new"
    answer = get(edge, "/elsewhere?x=%0d%0aSet-Cookie:a")
    assert (answer.status, answer.get("Location")) == (302, "http://www.example.com/elsewhere?x=%0d%0aSet-Cookie:a")


def test_return_has_status_body_and_type(edge):
    answer = get(edge, "/teapot")
    assert (answer.status, answer.text) == (418, "short and stout\n")
    assert answer.get("Content-Type").startswith("text/plain")


def test_headers_are_added_to_every_answer_and_removed_by_null(edge):
    for path in ("/exact", "/missing", "/old", "/files/a.txt"):
        answer = get(edge, path)
        assert answer.get("X-Site") == "example" and answer.get("X-Host") == "example.com"
    answer = get(edge, "/bare")
    assert answer.get("X-Site") is None and answer.get("X-Route") == "yes" and answer.get("X-Host") == "example.com"


def test_error_pages_answer_with_the_error_s_status(edge):
    answer = get(edge, "/missing")
    assert (answer.status, answer.text) == (404, FILES["errors/404.html"])
    assert answer.get("Content-Type").startswith("text/html")
    assert (get(edge, "/unavailable").status, get(edge, "/unavailable").text) == (503, FILES["errors/5xx.html"])
    assert get(edge, "/missing", method="HEAD").body == b""
    assert get(edge, "/missing", headers=["If-None-Match: *"]).status == 404


@pytest.mark.parametrize("path, kind", [
    ("/files/a.txt", "text/plain; charset=utf-8"), ("/files/page.html", "text/html; charset=utf-8"),
    ("/files/data.json", "application/json"),
])
def test_a_file_has_its_type(edge, path, kind):
    answer = get(edge, path)
    assert answer.status == 200 and answer.get("Content-Type").lower().replace("utf8", "utf-8") == kind
    assert answer.text == FILES[path[1:]]


def test_a_file_is_not_sent_twice(edge):
    first = get(edge, "/files/a.txt")
    etag, modified = first.get("ETag"), first.get("Last-Modified")
    assert email.utils.parsedate_to_datetime(modified)
    for condition in (f"If-None-Match: {etag}", f'If-None-Match: "x", W/{etag}', "If-None-Match: *",
                      f"If-Modified-Since: {modified}"):
        answer = get(edge, "/files/a.txt", headers=[condition])
        assert answer.status == 304 and answer.body == b"" and answer.get("ETag") == etag, condition
    for condition in ('If-None-Match: "x"', "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
                      "If-Modified-Since: nonsense"):
        assert get(edge, "/files/a.txt", headers=[condition]).status == 200, condition
    both = [f"If-Modified-Since: {modified}", 'If-None-Match: "x"']
    assert get(edge, "/files/a.txt", headers=both).status == 200
    assert get(edge, "/files/a.txt", headers=['If-Match: "x"']).status == 412


def test_a_changed_file_is_sent_anew(edge):
    path = edge.folder / "files" / "changing.txt"
    path.write_text("first\n")
    etag = get(edge, "/files/changing.txt").get("ETag")
    path.write_text("second\n")
    answer = get(edge, "/files/changing.txt", headers=[f"If-None-Match: {etag}"])
    assert (answer.status, answer.text) == (200, "second\n")


def test_folders_have_an_index_or_nothing(edge):
    assert get(edge, "/").text == FILES["public/index.html"]
    assert get(edge, "/files/sub/").text == FILES["files/sub/index.html"]
    answer = get(edge, "/files/sub?a=b")
    assert (answer.status, answer.get("Location")) == (301, "/files/sub/?a=b")
    assert get(edge, "/files/empty/").status == 403


def test_other_methods_are_not_for_files(edge):
    answer = get(edge, "/files/a.txt", method="POST", body=b"x")
    assert answer.status == 405 and {"GET", "HEAD"} <= set(answer.get("Allow").replace(",", " ").split())
    assert get(edge, "/files/a.txt", method="OPTIONS").status == 204


def test_names_are_decoded_once(edge):
    assert get(edge, "/files/with%20space.txt").text == "spaced\n"
    assert get(edge, "/files/with%2520space.txt").status == 404
    assert get(edge, "/files/inside.txt").text == "a text\n"


@pytest.mark.parametrize("path", [
    "/files/../outside/secret.txt", "/files/%2e%2e/outside/secret.txt", "/files/..%2foutside/secret.txt",
    "/files/sub/../../outside/secret.txt", "/files/%252e%252e/outside/secret.txt", "/files/..\\outside\\secret.txt",
    "/files/..%5coutside%5csecret.txt", "/files/%c0%ae%c0%ae/outside/secret.txt", "/files//../outside/secret.txt",
    "/files../outside/secret.txt", "/files/outside.txt", "/files/outside/secret.txt", "/files/passwd",
    "/files//etc/passwd", "/files/.hidden", "/files/.git/config", "/files/sub/../.hidden", "/files/pipe",
    "/files/a.txt/", "/files/a.txt/more", "/files/" + "a" * 300, "/files/" + "a/" * 2000,
])
def test_nothing_outside_or_hidden_is_served(edge, path):
    answer = get(edge, path)
    assert answer.status in (400, 403, 404)
    assert b"secret" not in answer.body and b"root:" not in answer.body and b"hidden" not in answer.body


@pytest.mark.parametrize("path", ["/../outside/secret.txt", "/%2e%2e/%2e%2e/etc/passwd", "/files/../../x", "/%00"])
def test_a_path_above_the_root_is_malformed(edge, path):
    assert get(edge, path).status == 400


def test_a_redirect_to_a_folder_stays_on_the_host(edge):
    for path in ("//evil.example/..", "//files/sub", "/%2ffiles/sub", "/files//sub", "/files/\\evil.example/.."):
        location = get(edge, path).get("Location")
        assert location is None or (location.startswith("/") and not location.startswith(("//", "/\\"))), path


SUB_PATH_APP = '''\
    """Tells what it sees of the path."""


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}|{environ['QUERY_STRING']}".encode("latin-1")]
'''


def test_a_mount_sets_script_name(serve):
    edge = serve("""\
        apps: {app: {module: app, processes: 1}}
        sites:
          - listen: ["127.0.0.1:0"]
            routes:
              - mount: /shop
                app: app
              - path: /plain/
                app: app
    """, {"app.py": SUB_PATH_APP})
    for target, seen in {"/shop": "/shop||", "/shop/": "/shop|/|", "/shop/a/b?c=d": "/shop|/a/b|c=d",
                         "/shop/%C3%A4?": "/shop|/\u00e4|", "/plain/x": "|/plain/x|"}.items():
        assert edge.get(target).body.decode("utf-8") == seen, target
    assert edge.get("/shopping").status == 404


def test_without_a_default_site_a_strange_host_gets_404(serve):
    edge = serve("""\
        sites:
          - listen: ["127.0.0.1:0"]
            host: example.com
            routes: [{path: /, return: {status: 200, body: here}}]
    """)
    assert edge.get("/", host="example.com").text == "here"
    assert edge.get("/", host="example.org").status == 404

"""Files over the wire beside nginx for the same tree: status, body and the fields that tell what the body is. Where edge
means to differ, the test says so with the reason."""
import gzip
import os
from pathlib import Path

import pytest

from nginx import BINARY, Nginx

SITE = """\
    log: {access: off}
    sites:
      - listen: ["127.0.0.1:0"]
        error_pages: {404: /errors/404.html}
        routes:
          - path: /
            static: {directory: ./public, precompressed: true}
"""
SERVER = """\
        include /etc/nginx/mime.types;
        default_type application/octet-stream;
        charset_types text/html text/css text/plain application/javascript;
        charset utf-8;
        absolute_redirect off;
        root {root};
        gzip_static on;
        gzip_vary on;
        error_page 404 /errors/404.html;
"""
STYLE = b"a { color: red }\n" * 100
THEN = 784111777
SINCE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT"
KINDS = ["html", "css", "gif", "jpg", "jpeg", "png", "svg", "webp", "json", "txt", "pdf", "zip", "woff", "woff2", "mp3",
         "mp4", "webm", "wasm", "unknown"]
FILES = {"public/index.html": "<p>home</p>", "public/docs/index.html": "<p>docs</p>", "public/a.css": STYLE,
         "public/a.css.gz": gzip.compress(STYLE, mtime=0), "public/bare/file.txt": "in a folder",
         "public/errors/404.html": "<p>nothing here</p>", "public/with space.txt": "spaced",
         "public/.well-known/acme-challenge/token": "proof", "public/.git/config": "not for the world",
         "public/empty.txt": "", "secret.txt": "not for the world",
         **{f"public/kinds/a.{kind}": kind for kind in KINDS},
         **{f"public/other/a.{kind}": kind for kind in ("js", "xml", "ico")}}


@pytest.fixture(scope="module")
def edge(serve_module):
    if not BINARY or not Path("/etc/nginx/mime.types").exists():
        pytest.skip("there is no nginx here")
    started = serve_module(SITE, FILES)
    for name in FILES:
        os.utime(started.folder / name, (THEN, THEN))
    return started


@pytest.fixture(scope="module")
def nginx(edge, tmp_path_factory):
    server = Nginx(tmp_path_factory.mktemp("peer") / "nginx", SERVER.format(root=edge.folder / "public"))
    yield server
    server.end()


def seen(answer, *names):
    """What both servers should agree upon. Of a status without a page of the site's the words are the server's own."""
    told = answer.body if answer.status == 200 or b"nothing here" in answer.body else None
    return answer.status, told, {name: (answer.get(name) or "").lower() for name in names}


def both(edge, nginx, path, *names, **asked):
    ours, theirs = edge.get(path, **asked), nginx.get(path, **asked)
    assert seen(ours, *names) == seen(theirs, *names), (path, asked)
    return ours


@pytest.mark.parametrize("path, status", [
    ("/", 200), ("/index.html", 200), ("/docs/", 200), ("/docs/index.html", 200), ("/bare/", 403), ("/docs/?a=b", 200),
    ("/empty.txt", 200), ("/with%20space.txt", 200), ("/a.css?v=1", 200), ("/missing", 404), ("/docs/missing/", 404),
    ("/index.html/", 404), ("/index.html/more", 404), ("/A.CSS", 404),
])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_files_folders_and_what_is_missing(edge, nginx, path, status, method):
    answer = both(edge, nginx, path, "Content-Type", "Content-Length", "Last-Modified", method=method) \
        if status == 200 else both(edge, nginx, path, "Content-Type" if status == 404 else "Location", method=method)
    assert answer.status == status and (method == "GET" or not answer.body)


@pytest.mark.parametrize("path", ["/docs", "/docs?a=b&c", "/bare", "/docs%2f..%2fdocs"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_folder_without_its_slash_is_redirected(edge, nginx, path, method):
    answer = both(edge, nginx, path, "Location", method=method)
    assert answer.status == 301


@pytest.mark.parametrize("conditions, status", [
    ([f"If-Modified-Since: {SINCE}"], 304), ([f"If-Modified-Since: {BEFORE}"], 200), (["If-Modified-Since: soon"], 200),
    ([f"If-Unmodified-Since: {SINCE}"], 200), ([f"If-Unmodified-Since: {BEFORE}"], 412), (["If-Match: *"], 200),
    (['If-Match: "x"'], 412), (["If-None-Match: *"], 304), (['If-None-Match: "x"'], 200),
    (['If-None-Match: "x"', f"If-Modified-Since: {SINCE}"], 200),
])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(edge, nginx, conditions, status, method):
    answer = both(edge, nginx, "/index.html", "Last-Modified" if status in (200, 304) else "Allow", method=method,
                  headers=conditions)
    assert answer.status == status


def test_a_later_date_than_the_files(edge, nginx):
    """Differs: nginx takes only the very date that it told for the same (its default), edge does as RFC 9110 13.1.3."""
    later = ["If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT"]
    assert edge.get("/index.html", headers=later).status == 304
    assert nginx.get("/index.html", headers=later).status == 200


@pytest.mark.parametrize("condition, status", [("If-None-Match: {}", 304), ("If-None-Match: W/{}", 304),
                                               ('If-None-Match: "x", {}', 304), ("If-Match: {}", 200),
                                               ("If-Match: W/{}", 412)])
def test_each_ones_own_tag(edge, nginx, condition, status):
    """The tags differ: edge's knows nanoseconds, so that two changes within a second have two."""
    for server in (edge, nginx):
        tag = server.get("/index.html").get("ETag")
        assert tag.startswith('"') and server.get("/index.html", headers=[condition.format(tag)]).status == status


@pytest.mark.parametrize("accept", ["gzip", "gzip, deflate, br", "gzip;q=0", "identity", "br", "*;q=0", ""])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_neighbours(edge, nginx, accept, method):
    both(edge, nginx, "/a.css", "Content-Encoding", "Content-Type", "Content-Length", "Vary", "Last-Modified",
         "Accept-Ranges", method=method, headers=[f"Accept-Encoding: {accept}"])


def test_ranges_of_what_has_a_neighbour(edge, nginx):
    """Differs: nginx cuts the range out of the neighbour, though it does not offer ranges of it; edge out of the plain
    file, which it offers them of, so that no client joins parts of two forms."""
    asked = ["Accept-Encoding: gzip", "Range: bytes=0-9"]
    ours, theirs = edge.get("/a.css", headers=asked), nginx.get("/a.css", headers=asked)
    assert (ours.status, ours.get("Content-Encoding"), ours.body) == (206, None, STYLE[:10])
    assert theirs.get("Content-Encoding") == "gzip"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/index.html", "/a.css"])
def test_other_methods(edge, nginx, method, path):
    ours, theirs = edge.get(path, method=method, body=b""), nginx.get(path, method=method, body=b"")
    assert (ours.status, theirs.status) == (405, 405)
    assert ours.get("Allow") == "GET, HEAD, OPTIONS"    # RFC 9110 15.5.6 wants it; nginx does not send it


def test_options(edge, nginx):
    """Differs: nginx refuses OPTIONS of files; RFC 9110 9.3.7 has it tell what may be asked."""
    assert (edge.get("/a.css", method="OPTIONS").status, nginx.get("/a.css", method="OPTIONS").status) == (204, 405)


@pytest.mark.parametrize("path", [
    "/../secret.txt", "/..", "/docs/../../secret.txt", "/%2e%2e/secret.txt", "/docs/%2e%2e/%2e%2e/secret.txt",
    "/..%2fsecret.txt", "/docs%2f..%2f..%2fsecret.txt", "/docs/..%5c..%5csecret.txt", "/docs\\..\\..\\secret.txt",
    "/a.css%00", "/a.css%00.html", "/%00", "/a.css/", "/a.css/..", "/a.css/../a.css", "/a.css//", "//a.css",
    "/docs//index.html", "///", "/./a.css", "/docs/./index.html", "/docs/../a.css", "/docs%2findex.html", "/%61.css",
    "/docs/..", "/docs/.", "/%", "/%zz", "/a.css%", "/a.css%20", "/...", "/.../a.css", "/~root/", "/%c0%ae%c0%ae/secret.txt",
])
def test_hostile_paths(edge, nginx, path):
    ours = both(edge, nginx, path)
    assert b"not for the world" not in ours.body


def test_names_that_begin_with_a_dot(edge, nginx):
    """Differ: nginx serves them all unless it is told; edge, unless it is told, what RFC 8615 has everybody find."""
    assert both(edge, nginx, "/.well-known/acme-challenge/token", "Content-Type").body == b"proof"
    assert (edge.get("/.git/config").status, nginx.get("/.git/config").status) == (404, 200)


@pytest.mark.parametrize("kind", KINDS)
def test_content_types(edge, nginx, kind):
    both(edge, nginx, f"/kinds/a.{kind}", "Content-Type")


@pytest.mark.parametrize("kind, ours, theirs", [
    ("js", "text/javascript; charset=utf-8", "application/javascript; charset=utf-8"),  # RFC 9239 made it obsolete
    ("xml", "application/xml", "text/xml"),             # RFC 7303: the same, and no default charset gets in the way
    ("ico", "image/vnd.microsoft.icon", "image/x-icon"),    # the name that is registered
])
def test_content_types_that_differ(edge, nginx, kind, ours, theirs):
    assert edge.get(f"/other/a.{kind}").get("Content-Type") == ours
    assert nginx.get(f"/other/a.{kind}").get("Content-Type") == theirs


def test_a_file_that_may_not_be_read(edge, nginx):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = edge.folder / "public" / "locked.txt"
    path.write_text("locked")
    path.chmod(0)
    assert both(edge, nginx, "/locked.txt").status == 403

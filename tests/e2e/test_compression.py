"""Compression: which answers are coded for whom, what their heads say, and streams that stay streams."""
import argparse
import gzip
import stat
import subprocess
import zlib
from pathlib import Path

import brotli
import pytest
import zstandard

from edge import PATIENCE

SITE = """\
    log: {access: {path: access.log, format: "$request_method $uri $status $body_bytes_sent $sent_http_content_encoding|"}}
    http:
      compress: {encodings: [br, zstd, gzip]}
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        headers: {X-Frame-Options: DENY}
        error_pages: {404: /error/404}
        routes:
          - {path: /, app: app}
          - {path: = /large, return: {type: text/plain, body: "%(large)s"}}
          - {path: = /short, return: {type: text/plain, body: "short"}}
          - {path: /error/, return: {type: text/html, body: "%(large)s"}}
          - {path: = /final, return: {type: text/plain, body: "%(large)s"}, headers: {Cache-Control: no-transform}}
          - path: = /ruled
            return: {type: image/png, body: "%(large)s"}
            headers: {Content-Type: text/css, Vary: Cookie, ETag: '"rule"'}
          - {path: /missing/, static: {directory: ./files}}
          - {path: /files/, static: {directory: ./files}}
          - {path: /links/, static: {directory: ./files, follow_symlinks: always}}
          - {path: /secret/, app: app, compress: false}
          - {path: /strict/, app: app, compress: {types: application/json, min_size: 10, level: 9}}
""" % {"large": "all work and no play " * 200}
APP = '''\
    """Answers with what the query asks for."""
    import json, os, random, urllib.parse

    PAGE = b"".join(b"<li class='entry'>%d</li>\\n" % (i * 7919 % 1000) for i in range(20000))


    def gate():
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()


    def stream():
        for i in range(3):
            yield b"data: event %d\\n\\n" % i
            gate()


    def endless():
        noise = random.Random(1)
        while True:
            yield noise.randbytes(50000)


    def broken():
        yield PAGE[:50000]
        raise RuntimeError("it breaks")


    def application(environ, start_response):
        asked = urllib.parse.parse_qs(environ["QUERY_STRING"])
        fields = [("Content-Type", asked.get("type", ["text/html; charset=utf-8"])[0])]
        fields += [tuple(field.split(":", 1)) for field in asked.get("field", [])]
        status = asked.get("status", ["200 OK"])[0]
        if environ["PATH_INFO"].endswith("/stream"):
            start_response(status, [("Content-Type", "text/event-stream")])
            return stream()
        if environ["PATH_INFO"] == "/endless":
            start_response(status, fields)
            return endless()
        if environ["PATH_INFO"] == "/broken":
            start_response(status, fields)
            return broken()
        if environ["PATH_INFO"] == "/file":
            start_response(status, fields)
            return environ["wsgi.file_wrapper"](open("files/page.html", "rb"))
        if environ.get("HTTP_IF_NONE_MATCH") == 'W/"tag"':
            start_response("304 Not Modified", [("ETag", '"tag"')])
            return []
        page = PAGE[:int(asked.get("size", ["4000"])[0])]
        if "without_length" not in asked:
            fields.append(("Content-Length", str(len(page))))
        start_response(status, fields)
        return [page] if environ["REQUEST_METHOD"] != "HEAD" else []
'''
PAGE = b"".join(b"<li class='entry'>%d</li>\n" % (i * 7919 % 1000) for i in range(20000))
LARGE = b"all work and no play " * 200
FILES = {"app.py": APP, "files/page.html": PAGE, "files/small.html": PAGE[:4000]}

DECODE = {"gzip": gzip.decompress, "br": brotli.decompress,
          "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)}


class Decoder:
    """Decodes as the bytes come."""

    def __init__(self, coding):
        self.feed = {"gzip": lambda: zlib.decompressobj(31).decompress, "br": lambda: brotli.Decompressor().process,
                     "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress}[coding]()


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, FILES)


def get(edge, path="/", accept="gzip", method="GET", headers=()):
    return edge.get(path, method=method, headers=[*([f"Accept-Encoding: {accept}"] if accept else []), *headers])


def content(answer):
    """What the answer says, decoded as its head tells."""
    coding = answer.get("Content-Encoding")
    return DECODE[coding](answer.body) if coding else answer.body


def test_what_the_rules_for_headers_say_is_what_counts(edge):
    final = get(edge, "/final")
    assert (final.get("Content-Encoding"), final.get("Vary")) == (None, None)
    ruled = get(edge, "/ruled")
    assert (ruled.get("Content-Encoding"), ruled.get("Vary")) == ("gzip", "Cookie, Accept-Encoding")
    assert (ruled.get("Content-Type"), ruled.get("ETag")) == ("text/css", 'W/"rule"')
    assert get(edge, "/ruled", accept=None).get("ETag") == '"rule"'


@pytest.mark.parametrize("accept, coding", [
    ("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "br"), ("gzip, zstd", "zstd"),
    ("br;q=0.5, gzip;q=0.6", "gzip"), ("x-gzip", "gzip"), ("*", "br"), ("identity;q=0, *;q=0.1", "br"),
    ("GZIP;Q=1.000", "gzip"), (None, None), ("", None), ("deflate", None), ("identity", None), ("gzip;q=0", None),
    ("identity;q=0", None), ("*;q=0", None), ("gzip;q=9", None), ("identity, gzip;q=0.1", None),
])
def test_the_client_gets_the_encoding_it_likes_best(edge, accept, coding):
    for path, expected in [("/", PAGE[:4000]), ("/?without_length=1", PAGE[:4000]), ("/large", LARGE),
                           ("/?size=300000", PAGE[:300000])]:
        answer = get(edge, path, accept)
        assert answer.status == 200
        assert answer.get("Content-Encoding") == coding
        assert answer.get("Vary") == "Accept-Encoding"
        assert answer.get("X-Frame-Options") == "DENY"
        assert content(answer) == expected
        assert not coding or len(answer.body) < len(expected) / 2


def test_curl_understands_it(edge):
    for path, expected in [("/", PAGE[:4000]), ("/?size=300000", PAGE[:300000])]:
        got = subprocess.run(["curl", "-sS", "--fail", "--compressed", edge.url(path)], capture_output=True, check=True,
                             timeout=PATIENCE)
        assert got.stdout == expected


def test_a_small_answer_has_the_length_of_its_coded_bytes(edge):
    answer = get(edge)
    assert int(answer.get("Content-Length")) == len(answer.body) < 2000
    large = get(edge, "/?size=300000")
    assert large.get("Content-Length") is None and len(large.chunks) > 0


def test_answers_below_min_size_stay_plain_and_vary(edge):
    for path in ["/?size=1023", "/short", "/?size=1023&without_length=1"]:
        answer = get(edge, path)
        assert answer.get("Content-Encoding") is None
        assert answer.get("Vary") == "Accept-Encoding"
    assert get(edge, "/?size=1024").get("Content-Encoding") == "gzip"


@pytest.mark.parametrize("query", [
    "type=image/png", "type=application/octet-stream", "field=Content-Encoding:br", "field=Content-Encoding:identity",
    "field=Cache-Control:private,%20no-transform", "field=Content-Digest:sha-256=:AA==:",
    "status=206%20Partial%20Content&field=Content-Range:bytes%200-3999/9000",
])
def test_answers_that_must_not_be_changed(edge, query):
    answer = get(edge, f"/?{query}")
    assert answer.body == PAGE[:4000]
    assert int(answer.get("Content-Length")) == 4000
    assert answer.get("Content-Encoding") in (None, "br", "identity")
    assert answer.get("Vary") is None


@pytest.mark.parametrize("status", ["201 Created", "203 Whatever", "403 Forbidden", "500 Oh"])
def test_other_statuses_with_content_are_coded(edge, status):
    answer = get(edge, f"/?status={status.replace(' ', '%20')}")
    assert answer.status == int(status[:3])
    assert content(answer) == PAGE[:4000] and answer.get("Content-Encoding") == "gzip"


def test_tags_ranges_and_vary_in_the_head(edge):
    answer = get(edge, '/?field=ETag:"tag"&field=Accept-Ranges:bytes&field=Vary:Cookie')
    assert answer.get("ETag") == 'W/"tag"'
    assert answer.get("Accept-Ranges") is None
    assert answer.get("Vary") == "Cookie, Accept-Encoding"
    plain = get(edge, '/?field=ETag:"tag"&field=Accept-Ranges:bytes&field=Vary:Cookie', None)
    assert plain.get("ETag") == '"tag"'
    assert plain.get("Accept-Ranges") == "bytes"
    assert plain.get("Vary") == "Cookie, Accept-Encoding"
    assert get(edge, "/?field=Vary:*").get("Vary") == "*"


def test_not_modified_keeps_the_weak_tag_that_the_client_has(edge):
    answer = get(edge, '/?field=ETag:"tag"', headers=['If-None-Match: W/"tag"'])
    assert (answer.status, answer.get("ETag"), answer.get("Vary")) == (304, 'W/"tag"', "Accept-Encoding")
    assert answer.get("Content-Encoding") is None


def test_head_tells_what_get_would(edge):
    for path in ["/", "/?size=300000", "/?without_length=1", "/large", "/?size=1023", "/short"]:
        got, told = get(edge, path), get(edge, path, method="HEAD")
        for name in ["Vary", "Content-Type"] + ["Content-Encoding"] * ("without_length" not in path):
            assert told.get(name) == got.get(name), (path, name)
        assert told.get("Content-Length") in (None, got.get("Content-Length"))
    assert get(edge, method="HEAD").get("Content-Length") is None


def test_http_1_0_clients_get_it_only_when_they_ask(edge):
    for path, length in [("/", 4000), ("/?size=300000", 300000)]:
        with edge.connect() as connection:
            plain = connection.request("GET", path, version="HTTP/1.0")
        assert plain.get("Content-Encoding") is None and len(plain.body) == length
        with edge.connect() as connection:
            coded = connection.request("GET", path, version="HTTP/1.0", headers=["Accept-Encoding: gzip"])
        assert coded.get("Transfer-Encoding") is None
        assert content(coded) == PAGE[:length] and coded.get("Content-Encoding") == "gzip"


def test_a_connection_goes_on_after_coded_answers(edge):
    with edge.connect() as connection:
        for path, length in [("/", 4000), ("/?size=300000", 300000), ("/?size=2000", 2000)]:
            for coding in DECODE:
                answer = connection.request("GET", path, headers=[f"Accept-Encoding: {coding}"])
                assert answer.get("Content-Encoding") == coding
                assert content(answer) == PAGE[:length]


def test_error_pages_are_coded(edge):
    answer = get(edge, "/missing/x")
    assert answer.status == 404
    assert content(answer) == LARGE and answer.get("Content-Encoding") == "gzip"


def test_routes_switch_it_off_or_set_their_own(edge):
    answer = get(edge, "/secret/")
    assert answer.get("Content-Encoding") is None and answer.get("Vary") is None
    assert get(edge, "/strict/").get("Content-Encoding") is None
    answer = get(edge, "/strict/?type=application/json&size=100")
    assert answer.get("Content-Encoding") == "gzip" and content(answer) == PAGE[:100]


def test_files_are_compressed_once_for_each_version(serve):
    edge = serve(SITE.replace("log: {", "log: {level: debug, ").replace("http:", "edge: {threads: 1}\n    http:", 1), FILES)
    old = {"small.html": Path(stat.__file__), "large.html": Path(argparse.__file__)}    # no file of the test's own
    for name, path in old.items():                      # has lain there long enough to be kept for good
        (edge.folder / "files" / name).unlink(missing_ok=True)
        (edge.folder / "files" / name).symlink_to(path)
    contents = {name: path.read_bytes() for name, path in old.items()}  # so that the kernel has them in memory
    for _ in range(3):
        for name, expected in contents.items():
            for coding in DECODE:
                answer = get(edge, f"/links/{name}", coding)
                assert answer.get("Content-Encoding") == coding and content(answer) == expected
    edge.stop()                                         # its log is whole then
    log = edge.log.text()
    for coding in DECODE:
        assert log.count(f"small.html is compressed ({coding}) on the loop") == 1
        assert log.count(f"large.html is compressed ({coding}) on the thread pool") == 1
    assert log.count("is compressed (") == len(old) * len(DECODE)


def test_what_compressed_files_say_in_their_heads(edge):
    for path in ["/files/page.html", "/files/small.html", "/files/small.html",
                 "/?field=X-Accel-Redirect:/files/small.html"]:
        answer = get(edge, path)
        assert answer.status == 200 and PAGE.startswith(content(answer)) and len(content(answer)) >= 4000
        assert answer.get("Content-Encoding") == "gzip" and answer.get("Vary") == "Accept-Encoding"
        assert int(answer.get("Content-Length")) == len(answer.body)
        plain = get(edge, path, "identity")
        assert PAGE.startswith(plain.body)
        assert answer.get("ETag") == f'{plain.get("ETag")[:-1]}-gzip-{zlib.crc32(answer.body):x}"'


def test_a_file_that_an_app_opened_itself_is_left_alone(edge):
    answer = get(edge, "/file")
    assert PAGE.startswith(answer.body) and answer.get("Content-Encoding") is None


@pytest.mark.parametrize("coding", list(DECODE))
def test_a_stream_arrives_piece_by_piece(serve, gate, coding):
    edge = serve(SITE, FILES, environment=gate.environment)
    decoder = Decoder(coding)
    with edge.connect() as connection:
        head = connection.ask("GET", "/stream", headers=[f"Accept-Encoding: {coding}"]).head()
        assert head.get("Content-Encoding") == coding
        assert head.get("Transfer-Encoding") == "chunked"
        for i in range(3):
            gate.wait_arrived()                         # the app has said no more than this piece
            expected, text = b"data: event %d\n\n" % i, b""
            while len(text) < len(expected):
                text += decoder.feed(connection.chunk())
            assert text == expected
            gate.open()
        rest = b""
        while piece := connection.chunk():
            rest += decoder.feed(piece)
        assert rest == b""


def test_an_answer_that_breaks_off_is_torn(serve):
    edge = serve(SITE, FILES)
    with edge.connect() as connection:
        head = connection.ask("GET", "/broken", headers=["Accept-Encoding: gzip"]).head()
        assert head.get("Content-Encoding") == "gzip"
        with pytest.raises((AssertionError, ConnectionError), match="too early|within a line|reset"):
            while True:
                assert connection.chunk()
    edge.log.wait_for("it breaks")
    assert content(get(edge)) == PAGE[:4000]


def test_clients_that_leave_in_the_middle_do_no_harm(serve):
    edge = serve(SITE, FILES)
    for coding in [*DECODE, *DECODE]:
        with edge.connect(receive_buffer=4096) as connection:
            connection.ask("GET", "/endless", headers=[f"Accept-Encoding: {coding}"])
            assert connection.head().get("Content-Encoding") == coding
            assert connection.exactly(100_000)
            connection.tear()
    for coding in DECODE:                               # the app's one process is free again
        answer = get(edge, "/?size=300000", coding)
        assert answer.get("Content-Encoding") == coding and content(answer) == PAGE[:300000]


def test_the_access_log_counts_the_bytes_that_were_sent(serve):
    edge = serve(SITE, FILES)
    small, large = get(edge), get(edge, "/?size=300000")
    get(edge, "/short")
    get(edge, method="HEAD")
    edge.stop()
    assert sorted((edge.folder / "access.log").read_text().splitlines()) == sorted([
        f"GET / 200 {len(small.body)} gzip|", f"GET / 200 {len(large.body)} gzip|", "GET /short 200 5 -|",
        "HEAD / 200 0 gzip|"])


def test_off_is_the_default(serve):
    edge = serve("""\
        sites:
          - listen: ["127.0.0.1:0"]
            routes: [{path: /, return: {type: text/plain, body: "%s"}}]
    """ % LARGE.decode())
    answer = get(edge, "/")
    assert answer.get("Content-Encoding") is None and answer.get("Vary") is None and answer.body == LARGE

"""HTTP/1.1 and 1.0 as clients speak it: connections that go on, framing in both directions, expectations."""
import hashlib
import re
import subprocess

import pytest

SITE = """\
    http: {keepalive_requests: 100, client_max_body_size: 8M}
    log: {access: off}
    apps:
      echo: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /app/
            app: echo
          - path: /files/
            static: {directory: ./files}
          - path: = /ok
            return: {status: 200, body: "ok\\n", type: text/plain}
          - path: = /no-content
            return: {status: 204}
"""
APP = '''\
    """Answers in every shape that HTTP/1 has."""
    import hashlib


    def echo(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body))),
                                  ("X-Length", environ.get("CONTENT_LENGTH", "none")),
                                  ("X-Protocol", environ["SERVER_PROTOCOL"])])
        return [body]


    def digest(environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()]


    def stream(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (b"piece %d\\n" % i for i in range(5))


    def unread(environ, start_response):
        start_response("200 OK", [("Content-Length", "6")])
        return [b"unread"]


    def application(environ, start_response):
        return globals()[environ["PATH_INFO"].rsplit("/", 1)[1]](environ, start_response)
'''
LARGE = bytes(range(256)) * 8192                        # 2 MiB


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, {"app.py": APP, "files/large.bin": LARGE, "files/empty.txt": "", "files/a.txt": "a\n"})


@pytest.fixture
def connection(edge):
    with edge.connect() as opened:
        yield opened


def test_a_connection_serves_one_request_after_another(connection):
    for _ in range(3):
        assert connection.request("GET", "/ok").body == b"ok\n"
    assert connection.request("GET", "/missing").status == 404
    assert connection.request("GET", "/app/stream").body.endswith(b"piece 4\n")
    answer = connection.request("GET", "/ok")
    assert answer.status == 200 and answer.keeps_alive
    assert answer.get("Server") == "edge"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.get("Date"))


def test_pipelined_requests_are_answered_in_order(connection):
    targets = ["/ok", "/app/stream", "/files/large.bin", "/missing", "/app/unread", "/no-content"] * 8
    connection.send(b"".join(f"GET {t} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for t in targets))
    answers = [connection.answer() for _ in targets]
    expected = {"/ok": b"ok\n", "/files/large.bin": LARGE, "/app/unread": b"unread", "/no-content": b"",
                "/app/stream": b"".join(b"piece %d\n" % i for i in range(5))}
    for target, answer in zip(targets, answers, strict=True):
        assert answer.status == {"/missing": 404, "/no-content": 204}.get(target, 200)
        assert target not in expected or answer.body == expected[target]


def test_pipelined_requests_with_bodies_do_not_run_into_each_other(connection):
    bodies = [b"GET /evil HTTP/1.1\r\n\r\n", b"", b"x" * 70_000, b"0\r\n\r\n"]
    for body in bodies:
        connection.ask("POST", "/app/echo", body=body)
    assert [connection.answer("POST").body for _ in bodies] == bodies


def test_a_request_may_come_byte_by_byte(connection):
    request = (b"POST /app/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"3\r\nabc\r\n0a;name=value\r\n0123456789\r\n0\r\nX-Trailer: dropped\r\n\r\n")
    for i in range(len(request)):
        connection.send(request[i:i + 1])
    assert connection.answer("POST").body == b"abc0123456789"
    assert connection.request("GET", "/ok").status == 200


def test_a_body_in_chunks_has_a_length_for_the_app(connection):
    connection.send(b"POST /app/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    answer = connection.answer("POST")
    assert answer.body == b"hello" and answer.get("X-Length") == "5"


def test_an_answer_without_length_comes_in_chunks_as_it_is_made(serve, gate):
    app = APP.replace("return (b", "return gated() if environ['QUERY_STRING'] else (b") + '''

    def gated():
        import os
        yield b"first"
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()
        yield b"second"
'''
    edge = serve(SITE, {"app.py": app, "files/a.txt": ""}, environment=gate.environment)
    with edge.connect() as connection:
        connection.ask("GET", "/app/stream?gated")
        gate.wait_arrived()
        assert connection.head().get("Transfer-Encoding") == "chunked"
        assert connection.chunk() == b"first", "it is here before the second is made"
        gate.open()
        assert connection.chunk() == b"second"
        assert connection.chunk() == b""
        assert connection.request("GET", "/app/stream").body.endswith(b"piece 4\n")


def test_a_large_body_goes_up_and_a_large_file_comes_down(connection):
    answer = connection.request("POST", "/app/digest", body=LARGE)
    assert answer.text == f"{len(LARGE)} {hashlib.sha256(LARGE).hexdigest()}"
    assert connection.request("GET", "/files/large.bin").body == LARGE
    assert connection.request("GET", "/files/empty.txt").get("Content-Length") == "0"


@pytest.mark.parametrize("target", ["/ok", "/app/unread", "/app/stream", "/files/large.bin", "/missing"])
def test_head_is_get_without_a_body(connection, target):
    head, get = connection.request("HEAD", target), connection.request("GET", target)
    assert head.status == get.status
    for name in ("Content-Type", "ETag", "Last-Modified"):
        assert head.get(name) == get.get(name)
    made_meanwhile = (None,) if target == "/app/stream" else ()     # a length is known only if all of it came at once
    assert head.get("Content-Length") in (get.get("Content-Length"), *made_meanwhile)


def test_no_content_has_neither_body_nor_length(connection):
    answer = connection.request("GET", "/no-content")
    assert answer.status == 204
    assert answer.get("Content-Length") is None and answer.get("Transfer-Encoding") is None
    assert connection.request("GET", "/ok").status == 200


def test_expect_100_continue_is_answered_when_the_body_is_wanted(connection):
    connection.ask("POST", "/app/echo", headers=["Expect: 100-continue", "Content-Length: 5"])
    assert connection.head().status == 100
    connection.send(b"hello")
    assert connection.answer("POST").body == b"hello"
    assert connection.request("GET", "/ok").status == 200


def test_expect_100_continue_with_too_large_a_body_is_refused_at_once(connection):
    connection.ask("POST", "/app/echo", headers=["Expect: 100-continue", f"Content-Length: {9 << 20}"])
    assert connection.answer("POST").status == 413


def test_expect_of_anything_else_fails(connection):
    connection.ask("POST", "/app/echo", headers=["Expect: 200-maybe", "Content-Length: 5"])
    assert connection.answer("POST").status == 417


def test_the_client_may_ask_to_close(connection):
    answer = connection.request("GET", "/ok", headers=["Connection: close"])
    assert answer.get("Connection") == "close" and answer.body == b"ok\n"
    assert connection.is_closed()


def test_keepalive_requests_limits_a_connection(connection):
    for number in range(100):
        answer = connection.request("GET", "/ok")
        assert answer.keeps_alive == (number < 99)
    assert connection.is_closed()


def test_http_1_0_closes_unless_asked_not_to(edge):
    with edge.connect() as connection:
        answer = connection.request("GET", "/ok", version="HTTP/1.0", host=None)
        assert answer.body == b"ok\n" and connection.is_closed()
    with edge.connect() as connection:
        for _ in range(2):
            answer = connection.request("GET", "/ok", version="HTTP/1.0", headers=["Connection: keep-alive"])
            assert answer.get("Connection").lower() == "keep-alive"


def test_http_1_0_never_gets_chunks(edge):
    with edge.connect() as connection:
        answer = connection.request("GET", "/app/stream", version="HTTP/1.0", headers=["Connection: keep-alive"])
        assert answer.get("Transfer-Encoding") is None
        assert answer.body == b"".join(b"piece %d\n" % i for i in range(5))


def test_a_body_that_the_app_leaves_unread_does_not_become_a_request(connection):
    body = b"GET /files/a.txt HTTP/1.1\r\nHost: a\r\n\r\n" * 2000
    assert connection.request("POST", "/app/unread", body=body).body == b"unread"
    assert connection.request("GET", "/ok").body == b"ok\n"


def test_a_body_that_the_handler_ignores_does_not_become_a_request(edge):
    body = b"GET /files/a.txt HTTP/1.1\r\nHost: a\r\n\r\n" * 2000
    with edge.connect() as connection:
        answer = connection.request("POST", "/ok", body=body)
        assert answer.status in (200, 405)
        if answer.keeps_alive:
            assert connection.request("GET", "/files/a.txt").body == b"a\n"
        else:
            assert connection.is_closed()


def test_absolute_form_names_the_host(connection):
    assert connection.request("GET", "http://localhost/ok", host="localhost").body == b"ok\n"


def test_options_of_the_server_as_a_whole(connection):
    assert connection.request("OPTIONS", "*").status in (200, 204, 404, 405)
    assert connection.request("GET", "/ok").status == 200


def test_an_empty_line_before_a_request_is_passed_over(connection):
    connection.send(b"\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.answer().body == b"ok\n"


def test_curl_uploads_with_and_without_a_length(edge, tmp_path):
    (tmp_path / "large.bin").write_bytes(LARGE)
    for headers in ([], ["-H", "Transfer-Encoding: chunked"]):
        done = subprocess.run(["curl", "-sS", "-T", str(tmp_path / "large.bin"), *headers, edge.url("/app/digest")],
                              capture_output=True, text=True, timeout=60)
        assert done.stdout == f"{len(LARGE)} {hashlib.sha256(LARGE).hexdigest()}", done.stderr

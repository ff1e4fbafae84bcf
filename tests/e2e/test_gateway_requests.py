"""What the gateway gives to an app (PEP 3333): the environ, the body, where errors go."""
import json
import os
import tempfile

import pytest

from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)

SHOW = """
    import json
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "application/json")])
        shown = {k: v if isinstance(v, (str, bool, tuple)) else type(v).__name__ for k, v in environ.items()}
        return [json.dumps(shown).encode()]
"""


@pytest.mark.parametrize("validate", [False, True])
def test_environ_holds_the_variables_and_the_servers_own_keys(serve_app, validate):
    app = serve_app(SHOW, validate)
    answer = app.ask("/a b", query="x=1&y=2", SCRIPT_NAME="/shop", HTTP_COOKIE="a=1; b=2", HTTP_X_OWN="7",
                     CONTENT_TYPE="text/plain")
    environ = json.loads(answer.body)
    assert answer.status == 200 and answer.reason == "OK"
    expected = app.variables("/a b", query="x=1&y=2", SCRIPT_NAME="/shop", HTTP_COOKIE="a=1; b=2", HTTP_X_OWN="7",
                             CONTENT_TYPE="text/plain")
    assert {k: v for k, v in environ.items() if not k.startswith("wsgi.")} == {**expected, "SERVER_SOFTWARE": "edge",
                                                                                      "edge.disconnected": "Disconnected"}
    own = {k: v for k, v in environ.items() if k.startswith("wsgi.")}
    assert own.pop("wsgi.input") == ("InputWrapper" if validate else "Input")
    assert own.pop("wsgi.errors") == ("ErrorWrapper" if validate else "Errors")
    assert own == {"wsgi.version": [1, 0], "wsgi.url_scheme": "http", "wsgi.multithread": False,
                   "wsgi.multiprocess": False, "wsgi.run_once": False, "wsgi.input_terminated": True,
                   "wsgi.file_wrapper": "type"}


def test_a_variable_that_does_not_come_is_not_in_the_environ(serve_app):
    app = serve_app(SHOW)
    sequence = 900
    thread = app.workers[0].threads[0]
    for variables in ({"REQUEST_METHOD": "GET"}, {"PATH_INFO": "/only"}, {}):
        sequence += 1
        thread.send(sequence, variables)
        environ = json.loads(thread.answer(sequence).body)
        assert {k: v for k, v in environ.items() if k.isupper()} == {**variables, "SERVER_SOFTWARE": "edge"}


def test_values_are_latin1_and_belong_to_their_own_request(serve_app):
    app = serve_app(SHOW)
    for path in ("/caf\xc3\xa9", "/\xff\x80", "/", "/" + "x" * 20000, "/\xe9"):
        environ = json.loads(app.ask(path, HTTP_USER_AGENT=path).body)
        assert environ["PATH_INFO"] == path and environ["HTTP_USER_AGENT"] == path
    assert "HTTP_USER_AGENT" not in json.loads(app.ask("/").body)


def test_thousands_of_different_header_names_are_all_there(serve_app):
    app = serve_app(SHOW)
    for block in range(6):
        more = {f"HTTP_X_{block}_{i}": f"{i}" for i in range(300)}
        environ = json.loads(app.ask(**more).body)
        assert {k: v for k, v in environ.items() if k.startswith("HTTP_X_")} == more
    long_name = "HTTP_" + "Y" * 3000
    assert json.loads(app.ask(**{long_name: "long"}).body)[long_name] == "long"


@pytest.mark.parametrize("variables, scheme", [({"REQUEST_SCHEME": "https", "HTTPS": "on"}, "https"),
                                               ({"HTTPS": "on"}, "https"), ({"REQUEST_SCHEME": "http"}, "http")])
def test_url_scheme(serve_app, variables, scheme):
    assert json.loads(serve_app(SHOW).ask(**variables).body)["wsgi.url_scheme"] == scheme


def test_multithread_and_multiprocess_tell_what_the_app_was_started_with(serve_app):
    environ = json.loads(serve_app(SHOW, threads=2, processes=3).ask().body)
    assert environ["wsgi.multithread"] is True and environ["wsgi.multiprocess"] is True


def test_an_environ_is_the_apps_own(serve_app):
    app = serve_app("""
        kept = []
        def application(environ, start_response):
            start_response("200 OK", [])
            seen = "mine" in environ or any("mine" in old and old is not environ for old in kept[:-1])
            kept.append(environ)
            environ["mine"] = environ["wsgi.version"] = 1
            environ.pop("HTTP_HOST")
            return [repr((seen and len(kept) == 1, "HTTP_HOST" in environ)).encode()]
    """)
    assert app.ask().body == app.ask().body == b"(False, False)"


READ = """
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        body = environ["wsgi.input"]
        def line(n): return body.readline(n)
        got = eval(environ["QUERY_STRING"], {"body": body, "line": line})
        return [repr(got).encode()]
"""
LINES = b"first\nsecond\n\nno end"
READS = [
    ("body.read(-1)", LINES), ("body.read(5)", b"first"), ("body.read(0)", b""), ("body.read(10**9)", LINES),
    ("body.readline(100)", b"first\n"), ("line(3) + line(3) + line(100)", b"first\nsecond\n"),
    ("[body.read(6), body.read(100), body.read(1)]", [b"first\n", LINES[6:], b""]),
    ("list(body)", [b"first\n", b"second\n", b"\n", b"no end"]),
    ("body.readlines(-1)", [b"first\n", b"second\n", b"\n", b"no end"]),
    ("body.readlines(6)", [b"first\n"]), ("body.readlines(7)", [b"first\n", b"second\n"]),
    ("[body.readline(9), body.read(3), body.readlines(-1)]", [b"first\n", b"sec", [b"ond\n", b"\n", b"no end"]]),
    ("[list(body), body.read(9), body.readline(9), list(body)]",
     [[b"first\n", b"second\n", b"\n", b"no end"], b"", b"", []]),
]
SHORT_READS = [("body.read()", LINES), ("body.read(None)", LINES), ("body.readline()", b"first\n"),
               ("body.readline(None)", b"first\n"), ("body.readlines()", READS[8][1]), ("next(body)", b"first\n")]


def in_a_file(content):
    file = tempfile.TemporaryFile()
    file.write(content)
    file.flush()
    return file


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("where", ["inline", "file"])
def test_the_body_is_read_in_every_way(serve_app, where, validate):
    app = serve_app(READ, validate)
    with in_a_file(LINES) as file:
        for expression, expected in READS + ([] if validate else SHORT_READS):
            if validate and expression.startswith("body.readlines(-1)"):
                continue                        # the validator asks for the size in another way
            body = {"file": file.fileno()} if where == "file" else {"body": LINES}
            assert eval(app.ask(method="POST", query=expression, **body).body) == expected, expression


def test_a_request_without_a_body_has_an_empty_input(serve_app):
    app = serve_app(READ)
    assert app.ask(query="[body.read(), body.readline(), list(body), body.readlines()]").body == b"[b'', b'', [], []]"


def test_a_large_body_crosses_as_a_file(serve_app):
    app = serve_app("""
        import hashlib
        def application(environ, start_response):
            start_response("200 OK", [])
            body, digest, lines = environ["wsgi.input"], hashlib.sha256(), 0
            for line in iter(lambda: body.readline(150000), b""):
                digest.update(line)
                lines += line.endswith(b"\\n")
            return [f"{digest.hexdigest()} {lines}".encode()]
    """)
    import hashlib
    content = b"".join(bytes([65 + i % 26]) * (i * 37 % 200000) + b"\n" for i in range(300))
    with in_a_file(content) as file:
        answer = app.ask(method="POST", file=file.fileno())
    assert answer.body.decode() == f"{hashlib.sha256(content).hexdigest()} 300"


def test_the_largest_inline_body_with_the_largest_block(serve_app):
    app = serve_app(READ)
    body = os.urandom(64 * 1024)
    answer = app.ask(method="POST", body=body, query="body.read()", HTTP_LONG="x" * 64000)
    assert eval(answer.body) == body


def test_what_an_app_keeps_of_a_request_is_dead_afterwards(serve_app):
    app = serve_app("""
        kept = []
        def tried(call, *arguments):
            try:
                return call(*arguments)
            except ValueError as error:
                return str(error)
        def application(environ, start_response):
            write = start_response("200 OK", [])
            body = environ["wsgi.input"]
            if not kept:
                kept.extend([body, start_response, write])
                return [b"kept"]
            old = [tried(kept[0].read), tried(kept[1], "200 OK", []), tried(kept[2], b"x")]
            return [repr([body.read(), *old]).encode()]
    """)
    assert app.ask(body=b"first").body == b"kept"
    answer = app.ask(body=b"second")
    assert eval(answer.body) == [b"second", "wsgi.input was read after its request had ended",
                                 "start_response was called after its request had ended",
                                 "write() was called after its request had ended"]


def test_errors_go_to_the_log_line_by_line_under_the_requests_id(serve_app):
    app = serve_app("""
        import logging, sys
        def application(environ, start_response):
            errors = environ["wsgi.errors"]
            errors.write("be"); errors.write("gun\\nhalf"); errors.writelines([" li", "ne\\n"])
            print("caf\\u00e9 \\ud800", file=errors)
            errors.write("flushed"); errors.flush()
            start_response("200 OK", [])
            errors.write("the rest")
            return [b"ok"]
    """)
    assert app.ask(REQUEST_ID="r-77").body == b"ok"
    for text in ("begun\n", "half line\n", "caf\u00e9 \\ud800\n", "flushed", "the rest"):
        assert app.log(text) == ("r-77", text)


def test_errors_work_outside_of_a_request_and_in_other_threads(serve_app):
    app = serve_app("""
        import threading
        errors = []
        def application(environ, start_response):
            errors.append(environ["wsgi.errors"])
            thread = threading.Thread(target=lambda: print("from a thread", file=errors[0]))
            thread.start(); thread.join()
            start_response("200 OK", [])
            return [b"ok"]
        import atexit
        atexit.register(lambda: errors and print("at exit", file=errors[0]))
    """)
    app.ask(REQUEST_ID="r-5")
    assert app.log("from a thread\n") == ("", "from a thread\n")
    assert app.workers[0].quit() == 0
    assert app.log("at exit\n") == ("", "at exit\n")
    app.workers.clear()


def test_errors_take_text_only(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            start_response("200 OK", [])
            try:
                environ["wsgi.errors"].write(b"bytes")
            except TypeError as error:
                return [str(error).encode()]
    """)
    assert app.ask().body == b"wsgi.errors takes str, not <class 'bytes'>"


def test_a_long_text_crosses_in_parts_and_whole(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            environ["wsgi.errors"].write("".join(f"line {i} {'.' * 90}\\n" for i in range(2000)))
            environ["wsgi.errors"].write("x" * 100000 + "\\n")
            start_response("200 OK", [])
            return [b"ok"]
    """)
    app.ask()
    gathered = ""
    while not gathered.endswith("x\n"):
        request_id, text = app.log("")
        assert request_id == "r-1"
        gathered += text
    assert gathered == "".join(f"line {i} {'.' * 90}\n" for i in range(2000)) + "x" * 100000 + "\n"


def test_print_reaches_standard_output_at_once(serve_app):
    app = serve_app("""
        import sys
        def application(environ, start_response):
            print("printed"); print("complained", file=sys.stderr)
            start_response("200 OK", [])
            return [b"ok"]
    """)
    app.ask()
    app.out.wait_for("^printed$")
    app.out.wait_for("^complained$")

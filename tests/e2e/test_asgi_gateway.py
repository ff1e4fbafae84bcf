"""An ASGI app in the gateway: the scope that it is given, the messages that it may send, and the answers they make."""
import re

import pytest

from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import ASGI, FAILED, HEAD, LAST

PRELUDE = """
    import asyncio, sys
    def start(status=200, headers=()):
        return {"type": "http.response.start", "status": status, "headers": headers}
    def body(text=b"", more=False):
        return {"type": "http.response.body", "body": text, "more_body": more}
    def pathsend(path):
        return {"type": "http.response.pathsend", "path": path}
"""
SENDS = PRELUDE + """
    messages = [MESSAGES]
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        for message in messages:
            await send(message)
"""
ECHOES_SCOPE = PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send(start())
        await send(body(repr(scope).encode()))
"""


def sends(messages):
    """An app that sends these in answer to every request."""
    return SENDS.replace("MESSAGES", messages)


def logs_of(app):
    return [message.text for message in app.messages.all() if message.kind == "Log"]


def scope_of(app, *request, **more):
    answer = app.ask(*request, **more)
    assert answer.status == 200
    return eval(answer.body)


def test_the_scope_of_a_request(serve_app):
    app = serve_app(ECHOES_SCOPE)
    assert app.workers[0].interface == ASGI
    assert scope_of(app, "/caf\xc3\xa9 x", "POST", query="a=%20b&c", SCRIPT_NAME="/shop", REQUEST_URI="/shop/caf%C3%A9%20x?a=%20b&c",
                    HTTP_X_ODD_NAME="\xff", HTTP_HOST="example.org:81", CONTENT_TYPE="text/plain", SERVER_NAME="example.org",
                    SERVER_PORT="81", SERVER_PROTOCOL="HTTP/1.0", HTTPS="on", REQUEST_SCHEME="https") == {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.0", "method": "POST",
        "scheme": "https", "path": "/shop/caf\u00e9 x", "raw_path": b"/shop/caf%C3%A9%20x", "query_string": b"a=%20b&c",
        "root_path": "/shop", "client": ("127.0.0.1", 4711), "server": ("example.org", 81), "state": {},
        "extensions": {"http.response.pathsend": {}},
        "headers": [(b"host", b"example.org:81"), (b"x-odd-name", b"\xff"), (b"content-type", b"text/plain")]}


def test_who_was_verified_is_an_extension_of_the_scope(serve_app):
    app = serve_app(ECHOES_SCOPE)
    extensions = scope_of(app, REMOTE_USER="zo\xc3\xab", AUTH_TYPE="Basic", HTTP_REMOTE_USER="eve")["extensions"]
    assert extensions == {"http.response.pathsend": {}, "edge.user": {"name": "zo\u00eb", "type": "Basic"}}
    assert scope_of(app, REMOTE_USER="\xff")["extensions"]["edge.user"] == {"name": "\udcff", "type": ""}
    for variables in {"REMOTE_USER": "", "AUTH_TYPE": "Basic"}, {"HTTP_REMOTE_USER": "eve"}:
        assert "edge.user" not in scope_of(app, **variables)["extensions"]


def test_a_client_on_a_unix_socket_has_no_address(serve_app):
    app = serve_app(ECHOES_SCOPE)
    variables = app.variables(REMOTE_ADDR="unix:")
    del variables["REMOTE_PORT"]
    app.workers[0].threads[0].send(900, variables)
    assert eval(app.workers[0].threads[0].answer(900).body)["client"] is None


@pytest.mark.parametrize("target, expected", [("/a%20b?c?d", b"/a%20b"), ("http://example.org/x/y?z", b"/x/y"),
                                              ("http://example.org", b"/"), ("*", b"*")])
def test_the_raw_path_is_the_clients(serve_app, target, expected):
    assert scope_of(serve_app(ECHOES_SCOPE), REQUEST_URI=target)["raw_path"] == expected


def test_what_is_no_utf_8_and_what_is_no_header(serve_app):
    scope = scope_of(serve_app(ECHOES_SCOPE), "/\xff", DOCUMENT_ROOT="/srv", CONTENT_LENGTH="", SERVER_PORT="none",
                     SERVER_PROTOCOL="HTTP/2.0")
    assert scope["path"] == "/\ufffd" and scope["headers"] == [(b"host", b"localhost")]
    assert scope["server"] == ("localhost", None) and scope["http_version"] == "2"


def test_what_an_app_does_to_its_scope_is_not_seen_by_others(serve_app):
    app = serve_app("""
        async def app(scope, receive, send):
            text = repr(scope).encode()
            scope["asgi"]["version"] = scope["extensions"]["mine"] = scope["state"]["mine"] = "changed"
            scope["headers"].clear()
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": text})
    """)
    assert app.ask().body == app.ask().body


def test_a_small_answer_is_one_frame(serve_app):
    app = serve_app(sends("start(201, [(b'x-One', b'1'), [b'two', b'2']]), body(b'whole')"))
    answer = app.ask()
    assert [frame.flags for frame in answer.frames] == [HEAD | LAST] and (answer.status, answer.reason) == (201, "")
    assert answer.headers == [("x-One", "1"), ("two", "2")] and answer.body == b"whole"


@pytest.mark.parametrize("messages, pieces", [
    ("start(), body(b'a', True), body(b'', True), body(b'b', True), body()", [b"a", b"b"]),
    ("start(), body(b'a', True), body(b'b')", [b"a", b"b"]),
    ("start(), {'type': 'http.response.body'}", []),
    ("{'type': 'http.response.start', 'status': 200}, body(b'a')", [b"a"]),
    ("start(headers=iter([(b'a', b'b')])), body(bytearray(b'a'), True), body(memoryview(b'b'))", [b"a", b"b"]),
    ("start(), body(b'x' * 150000)", [b"x" * 65536, b"x" * 65536, b"x" * (150000 - 131072)]),
])
def test_the_pieces_of_a_body(serve_app, messages, pieces):
    app = serve_app(sends(messages))
    sequence = app.begin()
    thread = app.workers[0].threads[0]
    thread.notice(sequence, 1, 1 << 20)         # which nobody has sent yet: it counts for nothing
    frames = [thread.frame(sequence)]
    while not frames[-1].flags & LAST:
        thread.notice(sequence, 1, len(frames[-1].body))
        frames.append(thread.frame(sequence))
    assert [frame.body for frame in frames if frame.body] == pieces
    assert frames[0].flags & HEAD and not frames[-1].flags & FAILED


def test_an_empty_piece_sends_the_head_ahead(serve_app):
    app = serve_app(sends("start(), body(b'', True)") + "        await asyncio.Event().wait()\n")
    sequence = app.begin()
    frame = app.workers[0].threads[0].frame(sequence)
    assert frame.flags == HEAD and frame.body == b""
    app.workers[0].threads[0].notice(sequence, 3, 2)
    assert app.workers[0].threads[0].frame(sequence).flags == LAST | FAILED


@pytest.mark.parametrize("method, messages, status", [
    ("HEAD", "start(headers=[(b'content-length', b'5')]), body(b'ab', True), body(b'cde')", 200),
    ("HEAD", "start(headers=[(b'content-length', b'5')]), body()", 200),
    ("GET", "start(204), body(b'dropped')", 204),
    ("GET", "start(304, [(b'content-length', b'5')]), body()", 304),
    ("HEAD", "start(), pathsend(__file__)", 200),
])
def test_answers_that_have_no_body(serve_app, method, messages, status):
    app = serve_app(sends(messages))
    answer = app.ask(method=method)
    assert answer.status == status and answer.body == b"" and not answer.failed
    assert not logs_of(app)


@pytest.mark.parametrize("messages, body, failed, log", [
    ("start(headers=[(b'content-length', b'3')]), body(b'abcd')", b"abc", False,
     "the application sent more than the 3 bytes that its Content-Length promised; the rest was cut off\n"),
    ("start(headers=[(b'content-length', b'3')]), body(b'abc', True), body(b'd', True), body(b'e')", b"abc", False,
     "the application sent more than the 3 bytes that its Content-Length promised; the rest was cut off\n"),
    ("start(headers=[(b'content-length', b'3')]), body(b'abc', True), body()", b"abc", False, None),
    ("start(headers=[(b'content-length', b'3')]), body(b'ab', True), body()", b"ab", True,
     "the application sent 2 bytes of the 3 that its Content-Length promised\n"),
    ("start(headers=[(b'x-sendfile', b'/f'), (b'content-length', b'3')]), body()", b"", False, None),
])
def test_a_promised_length(serve_app, messages, body, failed, log):
    app = serve_app(sends(messages))
    answer = app.ask()
    assert answer.body == body and answer.failed == failed
    assert app.ask().body == body
    app.stop()
    app.messages.join()
    assert [text.split("\0")[1] for text in logs_of(app)] == ([log, log] if log else [])


@pytest.mark.parametrize("pieces", ["body(b'abc', True)", "body(b'ab', True), body(b'c', True)"])
def test_an_answer_is_over_with_its_promised_length(serve_app, pieces):
    app = serve_app(sends(f"start(headers=[(b'content-length', b'3')]), {pieces}") + """\
        while scope["path"] == "/receives" and (await receive())["type"] != "http.disconnect":
            pass
    """)
    for path in ("/", "/receives"):
        assert app.ask(path).body == b"abc"
    app.stop()
    app.messages.join()
    assert not logs_of(app)


@pytest.mark.parametrize("messages, error", [
    ("body(b'early')", "RuntimeError: http.response.start must be sent before the body"),
    ("pathsend(__file__)", "RuntimeError: http.response.start must be sent before the body"),
    ("start(), start()", "RuntimeError: http.response.start was sent twice"),
    ("start(), {'type': 'http.response.push'}", "RuntimeError: an application cannot send 'http.response.push' in answer to"),
    ("{'type': 'websocket.accept'}", "RuntimeError: an application cannot send 'websocket.accept' in answer to an HTTP r"),
    ("{'status': 200}", "ValueError: a message without 'type'"),
    ("{'type': 7}", "TypeError: the type of a message must be str, not 7"),
    ("'start'", "TypeError: a message must be a dict, not 'start'"),
    ("{'type': 'http.response.start'}", "ValueError: a message without 'status'"),
    ("start('200')", "TypeError: the status must be an int, not '200'"),
    ("start(103)", "ValueError: the status must be from 200 to 999, not 103"),
    ("start(10**30)", "ValueError: the status must be from 200 to 999, not 1000"),
    ("start(headers=7)", "TypeError: 'int' object is not iterable"),
    ("start(headers=[(b'a',)])", r"TypeError: a header must be a pair [name, value], not (b'a',)"),
    ("start(headers=[7])", "TypeError: a header must be a pair [name, value], not 7"),
    ("start(headers=[('a', b'b')])", "TypeError: a header's name must be bytes, not 'a'"),
    ("start(headers=[(b'a', 'b')])", "TypeError: a header's value must be bytes, not 'b'"),
    ("start(headers=[(b'a b', b'c')])", "ValueError: not a header name: b'a b'"),
    ("start(headers=[(b'a\\r\\nb', b'c')])", "ValueError: not a header name: b'a\\r\\nb'"),
    ("start(headers=[(b'', b'c')])", "ValueError: not a header name: b''"),
    ("start(headers=[(b'a', b'b\\r\\nc: d')])", r"ValueError: a header holds control characters: (b'a', b'b\r\nc: d')"),
    ("start(headers=[(b'a', b'b\\0')])", "ValueError: a header holds control characters"),
    ("start(headers=[(b'content-length', b'-1')])", "ValueError: Content-Length must be a number of bytes, not b'-1'"),
    ("start(headers=[(b'a', b'b' * 70000)])", "ValueError: the answer's head is larger than 65536 bytes"),
    ("start(), body('text')", "TypeError: the body must be bytes, not <class 'str'>"),
    ("start(), body(None)", "TypeError: the body must be bytes, not <class 'NoneType'>"),
    ("start(), {'type': 'http.response.pathsend'}", "ValueError: a message without 'path'"),
    ("start(), pathsend('relative')", "ValueError: the path must be a str that begins with \"/\", not 'relative'"),
    ("start(), pathsend(b'/etc/passwd')", "ValueError: the path must be a str that begins with \"/\", not b'/etc"),
    ("start(), pathsend('/a\\0b')", "ValueError: the path must be a str"),
    ("start(), pathsend('/nowhere/at/all')", "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'"),
    ("start(), pathsend('/dev/null')", "ValueError: '/dev/null' is not a regular file"),
    ("start(), pathsend('/')", "ValueError: '/' is not a regular file"),
])
def test_a_message_that_makes_no_sense_raises_in_the_app(serve_app, messages, error):
    app = serve_app(sends(messages))
    answer = app.ask()
    assert answer.failed and not answer.has_head and len(answer.frames) == 1
    request, text = app.log("the application raised")
    assert request == "r-1" and error in text.splitlines()[-1] and "Traceback" in text
    assert app.ask().failed


@pytest.mark.parametrize("messages, error", [
    ("start(), body(b'a'), body(b'b')", "a message was sent after the answer was complete"),
    ("start(), body(b'a'), start()", "a message was sent after the answer was complete"),
    ("start(), pathsend(__file__), body(b'b')", "a message was sent after the answer was complete"),
])
def test_a_message_too_many_is_an_error_that_the_client_does_not_see(serve_app, messages, error):
    app = serve_app(sends(messages))
    answer = app.ask()
    assert answer.body and not answer.failed
    assert app.log("the application raised")[1].endswith(f"RuntimeError: {error}\n")


@pytest.mark.parametrize("messages, has_head", [("start(), body(b'a', True)", True), ("start()", False), ("", False)])
def test_an_app_that_returns_too_early(serve_app, messages, has_head):
    app = serve_app(sends(messages))
    answer = app.ask()
    assert answer.failed and answer.has_head == has_head
    assert app.log("returned") == ("r-1", "the application returned before its answer was complete\n")


@pytest.mark.parametrize("source, last", [
    ("raise ValueError('in the view')", "ValueError: in the view"),
    ("sys.exit(3)", "SystemExit: 3"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("raise asyncio.CancelledError", "CancelledError"),
    ("raise BaseException('b')", "BaseException: b"),
])
def test_an_app_that_raises(serve_app, source, last):
    app = serve_app(PRELUDE + f"""
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        if scope["path"] == "/late":
            await send(start())
            await send(body(b"part", True))
        if scope["path"] != "/fine":
            {source}
        await send(start())
        await send(body(b"fine"))
    """)
    for path, pieces in (("/", []), ("/late", [b"part"])):
        answer = app.ask(path)
        assert answer.failed and answer.pieces == pieces
        request, text = app.log("the application raised")
        assert request == "r-1" and re.match(rf'Traceback.*\n  File "\S+shop_app.py", line \d+, in app\n',
                                             text.split("\n", 1)[1]) and last in text.splitlines()[-1]
    assert app.ask("/fine").body == b"fine" and not logs_of(app)


def test_an_app_that_is_no_coroutine(serve_app):
    app = serve_app("def app(scope, receive, send):\n    return None\n")
    assert app.ask().failed
    assert app.log("raised")[1].endswith("TypeError: the application must return an awaitable, not <class 'NoneType'>\n")


def test_fields_of_one_connection_are_left_out(serve_app):
    app = serve_app(sends("start(headers=[(b'Connection', b'close'), (b'transfer-encoding', b'chunked'), "
                                 "(b'a', b'b')]), body()"))
    assert app.ask().headers == [("a", "b")]


def test_a_file_is_sent_by_its_path(serve_app, tmp_path):
    (tmp_path / "file.txt").write_bytes(b"of the file")
    app = serve_app(sends(f"start(headers=[(b'a', b'b')]), pathsend({str(tmp_path / 'file.txt')!r})"))
    answer = app.ask()
    assert answer.body == b"of the file" and len(answer.frames) == 1 and answer.headers == [("a", "b")]


@pytest.mark.parametrize("length, body, failed", [("5", b"of th", False), ("11", b"of the file", False),
                                                  ("12", b"", True), ("0", b"", False)])
def test_a_file_and_a_promised_length(serve_app, tmp_path, length, body, failed):
    (tmp_path / "file.txt").write_bytes(b"of the file")
    app = serve_app(sends(f"start(headers=[(b'content-length', b'{length}')]), "
                                 f"pathsend({str(tmp_path / 'file.txt')!r})"))
    answer = app.ask()
    assert answer.body == body and answer.failed == failed


def test_a_file_is_no_part_of_a_body(serve_app):
    app = serve_app(sends("start(), body(b'a', True), pathsend(__file__)"))
    assert app.ask().failed
    assert app.log("raised")[1].endswith("RuntimeError: http.response.pathsend must be the whole body\n")


def test_what_runs_after_the_answer_holds_nobody_up(serve_app, gate):
    app = serve_app(PRELUDE + """
    import os
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send(start())
        await send(body(b"answer"))
        if scope["path"] == "/task":
            assert await receive() == {"type": "http.disconnect"}
            await asyncio.get_running_loop().run_in_executor(None, lambda: open(os.environ["GO_ON"]).close())
            print("after", flush=True)
            raise ValueError("in the end")
    """, environment=gate.environment)
    assert app.ask("/task").body == b"answer"
    assert app.ask().body == b"answer"
    gate.open()
    app.out.wait_for("after")
    assert "ValueError: in the end" in app.log("the application raised")[1]

"""What an app may answer with (PEP 3333): heads, bodies of every shape, streams, lengths, write(), file_wrapper."""
import pytest

from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import HEAD, LAST, MOST_FRAME

PATHS = """
    def application(environ, start_response):
        return globals()[environ["PATH_INFO"][1:]](environ, start_response)
    PLAIN = [("Content-Type", "text/plain")]
"""


@pytest.mark.parametrize("validate", [False, True])
def test_a_small_answer_is_one_frame_with_all_of_it(serve_app, validate):
    app = serve_app("""
        def application(environ, start_response):
            start_response("201 Made so", [("Content-Type", "text/plain"), ("X-A", "1"), ("x-a", "2"), ("X-Empty", "")])
            return [b"Hello World\\n"]
    """, validate)
    answer = app.ask()
    assert (answer.status, answer.reason, answer.body) == (201, "Made so", b"Hello World\n")
    assert answer.headers == [("Content-Type", "text/plain"), ("X-A", "1"), ("x-a", "2"), ("X-Empty", "")]
    if not validate:                            # a validated body is an iterator, whose end is known only later
        assert [frame.flags for frame in answer.frames] == [HEAD | LAST]


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("result, pieces", [
    ("[b'one', b'', b'two']", b"onetwo"), ("(b'one', b'two')", b"onetwo"), ("[]", b""), ("()", b""), ("[b'']", b""),
    ("iter([b'one', b'two'])", b"onetwo"), ("(x for x in [b'', b'one', b'', b'two', b''])", b"onetwo"),
    ("iter([])", b""), ("{b'one': 1}", b"one"), ("map(bytes.upper, [b'a', b'b'])", b"AB"),
    ("[b'%d,' % i for i in range(1000)]", b"".join(b"%d," % i for i in range(1000))),
], ids=lambda value: value if isinstance(value, str) else "")
def test_bodies_of_every_shape(serve_app, result, pieces, validate):
    app = serve_app(f"""
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return {result}
    """, validate)
    for _ in range(2):
        answer = app.ask()
        assert answer.body == pieces and answer.has_head and not answer.failed


def test_each_piece_of_a_generator_is_sent_before_the_next_is_made(serve_app, gate):
    app = serve_app("""
        import os
        def application(environ, start_response):
            start_response("200 OK", [])
            yield b""
            yield b"first"
            open(os.environ["ARRIVED"], "w").close(); open(os.environ["GO_ON"]).close()
            yield b"second"
    """, environment=gate.environment)
    thread = app.workers[0].threads[0]
    thread.send(1000, app.variables())
    gate.wait_arrived()
    first = thread.frame(1000)
    assert (first.flags, first.status, first.body) == (HEAD, 200, b"first")
    gate.open()
    rest = thread.answer(1000)
    assert rest.pieces == [b"second"] and not rest.failed


def test_the_head_waits_for_the_first_piece_so_that_it_can_still_change(serve_app):
    app = serve_app(PATHS + """
    import sys
    def late(environ, start_response):
        yield b""
        start_response("200 OK", PLAIN)
        yield b""
        try:
            raise KeyError("gone")
        except KeyError:
            start_response("404 Not Found", [("X-Why", "gone")], sys.exc_info())
        yield b"nothing here"
    """)
    answer = app.ask("/late")
    assert (answer.status, answer.reason, answer.headers) == (404, "Not Found", [("X-Why", "gone")])
    assert answer.body == b"nothing here"


def test_exc_info_after_the_head_was_sent_raises_again(serve_app):
    app = serve_app(PATHS + """
    import sys
    def late(environ, start_response):
        start_response("200 OK", PLAIN)
        yield b"a piece"
        try:
            raise KeyError("too late")
        except KeyError:
            start_response("500 Oops", [], exc_info=sys.exc_info())
    """)
    answer = app.ask("/late")
    assert answer.status == 200 and answer.failed and answer.body == b"a piece"
    text = app.log("the application raised")[1]
    assert "KeyError: 'too late'" in text and "shop_app.py" in text


HEADS = [
    ("200 OK", "[('X', 'caf\\xe9')]", [("X", "caf\xe9")]),
    ("404 ", "[]", []), ("599 \\xe9", "[('A-b.c~1', 'tab\\tinside')]", [("A-b.c~1", "tab\tinside")]),
    ("200 OK", "[('Content-Length', '1'), ('content-length', '1')]", [("Content-Length", "1")]),
]


@pytest.mark.parametrize("status, headers, expected", HEADS)
def test_heads_that_are_right(serve_app, status, headers, expected):
    app = serve_app(f"""
        def application(environ, start_response):
            start_response("{status}", {headers})
            return [b"x"]
    """)
    assert app.ask().headers == expected


WRONG_HEADS = [
    ("'200'", "[]", "ValueError: the status must be like '200 OK', not '200'"),
    ("'OK 200'", "[]", "ValueError: the status must be like"), ("'20 OK!'", "[]", "ValueError: the status must be like"),
    ("b'200 OK'", "[]", "TypeError: the status must be str, not b'200 OK'"),
    ("200", "[]", "TypeError: the status must be str, not 200"),
    ("'200 OK\\r\\nX: y'", "[]", "ValueError: the status holds control characters"),
    ("'100 Continue'", "[]", "ValueError: a WSGI application cannot send an interim status"),
    ("'200 OK\\u2028'", "[]", "ValueError: the status holds characters beyond Latin-1"),
    ("'200 OK'", "()", "TypeError: the headers must be a list of tuples, not <class 'tuple'>"),
    ("'200 OK'", "{'A': 'b'}", "TypeError: the headers must be a list of tuples, not <class 'dict'>"),
    ("'200 OK'", "[['A', 'b']]", "TypeError: a header must be a tuple (name, value), not ['A', 'b']"),
    ("'200 OK'", "[('A', 'b', 'c')]", "TypeError: a header must be a tuple (name, value)"),
    ("'200 OK'", "[('A', 1)]", "TypeError: a header's value must be str, not 1"),
    ("'200 OK'", "[(b'A', 'b')]", "TypeError: a header's name must be str, not b'A'"),
    ("'200 OK'", "[('A b', 'c')]", "ValueError: not a header name: 'A b'"),
    ("'200 OK'", "[('', 'c')]", "ValueError: not a header name: ''"),
    ("'200 OK'", "[('A:', 'c')]", "ValueError: not a header name: 'A:'"),
    ("'200 OK'", "[('\\xe9', 'c')]", "ValueError: not a header name"),
    ("'200 OK'", "[('A', 'b\\r\\nSet-Cookie: x')]", "ValueError: a header holds control characters"),
    ("'200 OK'", "[('A', 'b\\n')]", "ValueError: a header holds control characters"),
    ("'200 OK'", "[('A', 'b\\0')]", "ValueError: a header holds control characters"),
    ("'200 OK'", "[('A', '\\u20ac')]", "ValueError: a header's value holds characters beyond Latin-1"),
    ("'200 OK'", "[('A', '\\ud800')]", "ValueError: a header's value holds characters beyond Latin-1"),
    ("'200 OK'", "[('Content-Length', '-1')]", "ValueError: Content-Length must be a number of bytes, not '-1'"),
    ("'200 OK'", "[('Content-Length', '')]", "ValueError: Content-Length must be a number of bytes"),
    ("'200 OK'", "[('Content-Length', '1'), ('Content-Length', '2')]", "ValueError: Content-Length is given twice"),
    ("'200 OK'", "[('X-Long', 'x' * 40000), ('Y-Long', 'x' * 40000)]", "the answer's head is larger than 65536 bytes"),
    *(("'200 OK'", f"[('{name}', 'x')]", f"ValueError: '{name}' is the server's to send")
      for name in ("Connection", "Transfer-encoding", "UPGRADE", "Keep-Alive", "TE", "Trailer", "Trailers",
                   "Proxy-Authenticate", "proxy-authorization")),
]


def test_heads_that_are_wrong_are_refused_where_they_are_given(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            status, headers = eval(environ["QUERY_STRING"])
            start_response(status, headers)
            return [b"x"]
    """)
    for status, headers, why in WRONG_HEADS:
        escaped = f"({status}, {headers})".encode("ascii", "backslashreplace").decode()
        answer = app.ask(query=escaped)
        assert answer.failed and not answer.has_head, escaped
        text = app.log("the application raised")[1]
        assert why in text and "start_response(status, headers)" in text


def test_start_response_is_called_once(serve_app):
    app = serve_app(PATHS + """
    def twice(environ, start_response):
        start_response("200 OK", PLAIN)
        try:
            start_response("500 Oops", [])
        except AssertionError as error:
            return [str(error).encode()]
    def never(environ, start_response):
        return [b"x"]
    def never_iterated(environ, start_response):
        return iter([])
    def too_late(environ, start_response):
        yield b"x"
        start_response("200 OK", PLAIN)
    def bad_call(environ, start_response):
        start_response("200 OK")
    def bad_exc_info(environ, start_response):
        start_response("200 OK", [], (1, 2, 3))
    """)
    answer = app.ask("/twice")
    assert answer.status == 200
    assert answer.body == b"start_response was called twice, the second time without exc_info"
    for path, why in [("/never", "without calling start_response"), ("/never_iterated", "without calling"),
                      ("/too_late", "without calling"), ("/bad_call", "TypeError"), ("/bad_exc_info", "sys.exc_info()")]:
        answer = app.ask(path)
        assert answer.failed and not answer.has_head and why in app.log("the application raised")[1], path


@pytest.mark.parametrize("validate", [False, True])
def test_write_sends_at_once_and_comes_before_the_iterable(serve_app, validate, gate):
    app = serve_app("""
        import os
        def application(environ, start_response):
            write = start_response("200 OK", [("Content-Type", "text/plain")])
            write(b"")
            write(b"written, ")
            open(os.environ["ARRIVED"], "w").close(); open(os.environ["GO_ON"]).close()
            write(b"again, ")
            return [b"returned"]
    """, validate, environment=gate.environment)
    thread = app.workers[0].threads[0]
    thread.send(1000, app.variables())
    gate.wait_arrived()
    first = thread.frame(1000)
    assert first.flags == HEAD and first.body == b"written, "
    gate.open()
    assert thread.answer(1000).body == b"again, returned"


def test_write_takes_bytes_only(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            start_response("200 OK", [])("text")
            return []
    """)
    assert app.ask().failed
    assert "write() takes bytes, not <class 'str'>" in app.log("the application raised")[1]


@pytest.mark.parametrize("result", ["[text]", "iter([text])", "(text,)"])
def test_text_in_a_body_is_refused(serve_app, result):
    app = serve_app(f"""
        text = "text"
        def application(environ, start_response):
            start_response("200 OK", [])
            return {result}
    """)
    answer = app.ask()
    assert answer.failed and not answer.has_head
    assert "the application's body must consist of bytes, not of <class 'str'>" in app.log("raised")[1]


@pytest.mark.parametrize("result, why", [("b'bare'", "the application returned <class 'bytes'> itself"),
                                         ("'bare'", "the application returned <class 'str'> itself"),
                                         ("None", "'NoneType' object is not iterable")])
def test_a_body_that_is_no_iterable_of_bytes(serve_app, result, why):
    app = serve_app(f"""
        def application(environ, start_response):
            start_response("200 OK", [])
            return {result}
    """)
    assert app.ask().failed and why in app.log("raised")[1]


def test_large_bodies_are_split_into_frames(serve_app):
    app = serve_app("""
        BIG = bytes(range(256)) * 4096 * 3 + b"tail"
        def application(environ, start_response):
            start_response("200 OK", [("X", "y" * 1000)])
            return {"list": [b"front", BIG, b"", BIG], "one": [BIG], "iterator": iter([b"front", BIG, BIG])}[
                environ["QUERY_STRING"]]
    """)
    big = bytes(range(256)) * 4096 * 3 + b"tail"
    for shape, expected in [("list", b"front" + big + big), ("one", big), ("iterator", b"front" + big + big)]:
        answer = app.ask(query=shape)
        assert answer.body == expected and not answer.failed
        assert len(answer.frames) <= len(expected) // MOST_FRAME + 5


LENGTHS = """
    def application(environ, start_response):
        length, body = eval(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(length))])
        return body
"""


@pytest.mark.parametrize("validate", [False, True])
def test_a_promised_length_ends_the_answer_with_its_last_byte(serve_app, validate):
    app = serve_app(LENGTHS, validate)
    for body in ("[b'five5']", "iter([b'five5'])", "iter([b'', b'five5', b''])"):
        answer = app.ask(query=f"(5, {body})")
        assert answer.body == b"five5" and [frame.flags for frame in answer.frames] == [HEAD | LAST], body
    answer = app.ask(query="(5, iter([b'five', b'5']))")
    assert answer.pieces == [b"five", b"5"] and [frame.flags for frame in answer.frames] == [HEAD, LAST]


@pytest.mark.parametrize("body, pieces", [("[b'fi', b've5', b'more']", b"five5"), ("iter([b'five5more'])", b"five5"),
                                          ("iter([b'five5', b'more', b'more'])", b"five5")])
def test_more_than_the_promised_length_is_cut_and_logged(serve_app, body, pieces):
    app = serve_app(LENGTHS)
    answer = app.ask(query=f"(5, {body})")
    assert answer.body == pieces and not answer.failed and answer.status == 200
    assert app.log("sent more than")[0] == "r-1"
    assert app.ask(query="(5, [b'five5'])").body == b"five5"


def test_a_body_where_none_was_promised_is_cut_off(serve_app):
    answer = serve_app(LENGTHS).ask(query="(0, [b'more'])")
    assert answer.status == 200 and answer.body == b"" and not answer.failed


@pytest.mark.parametrize("body, has_head, sent", [("[b'fo', b'ur']", False, b""), ("[]", False, b""),
                                                  ("iter([])", False, b""), ("iter([b'four'])", True, b"four")])
def test_less_than_the_promised_length_fails(serve_app, body, has_head, sent):
    app = serve_app(LENGTHS)
    answer = app.ask(query=f"(5, {body})")
    assert answer.failed and answer.has_head == has_head and answer.body == sent
    assert "of the 5 that its Content-Length promised" in app.log("the application sent")[1]


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("body", ["[b'five5']", "iter([b'fi', b've5'])", "iter([])", "[]"])
def test_head_gets_the_head_and_no_body(serve_app, body, validate):
    answer = serve_app(LENGTHS, validate and "[]" not in body).ask(method="HEAD", query=f"(5, {body})")
    assert answer.status == 200 and answer.body == b"" and not answer.failed
    assert ("Content-Length", "5") in answer.headers


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("body", ["[b'body']", "iter([b'bo', b'dy'])", "[]"])
def test_a_status_without_a_body_has_none_and_the_iterable_still_runs(serve_app, status, body):
    app = serve_app(f"""
        ran = []
        def run(pieces):
            for piece in pieces:
                yield piece
            ran.append(1)
        def application(environ, start_response):
            start_response("{status}", [("X-Ran", str(len(ran)))])
            return run({body})
    """)
    answer = app.ask()
    assert answer.body == b"" and not answer.failed and answer.status == int(status[:3])
    assert app.ask().headers == [("X-Ran", "1")]


@pytest.mark.parametrize("validate", [False, True])
def test_file_wrapper(serve_app, validate, tmp_path):
    content = bytes(range(256)) * 1000
    (tmp_path / "content").write_bytes(content)
    app = serve_app("""
        import io
        closed = []
        class Closing(io.BytesIO):
            def close(self): closed.append(1); super().close()
        class Bare:
            def __init__(self): self.left = [b"a", b"b"]
            def read(self, size): return self.left.pop(0) if self.left else b""
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain"), ("X-Closed", str(len(closed)))])
            wrapper = environ["wsgi.file_wrapper"]
            made = {"file": lambda: wrapper(open("content", "rb")), "small": lambda: wrapper(Closing(b"abc"), 1),
                    "named": lambda: wrapper(Bare(), block_size=10)}[environ["QUERY_STRING"]]()
            assert isinstance(made, wrapper) and iter(made) is made
            return made
    """, validate)
    assert app.ask(query="file").body == content
    small = app.ask(query="small")
    assert small.pieces == [b"a", b"b", b"c"] and ("X-Closed", "0") in small.headers
    named = app.ask(query="named")
    assert named.body == b"ab" and ("X-Closed", "1") in named.headers


def test_many_loops_each_get_their_own_answers(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            start_response("200 OK", [])
            return [environ["QUERY_STRING"].encode()]
    """, loops=3)
    thread = app.workers[0].threads[0]
    for sequence, loop in [(1001, 0), (1002, 2), (1003, 1), (1004, 2)]:
        thread.send(sequence, app.variables(query=str(sequence)), loop=loop)
    for loop, sequences in [(2, [1002, 1004]), (1, [1003]), (0, [1001])]:
        assert [thread.answer(s, loop).body for s in sequences] == [str(s).encode() for s in sequences]

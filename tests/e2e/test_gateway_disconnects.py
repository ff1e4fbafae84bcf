"""What an app is told of a client that has left: edge.disconnected, and the end of what it streams."""
import pytest

from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import FAILED

DISCONNECTED = """
    import os
    kept = []
    def application(environ, start_response):
        gone = environ["edge.disconnected"]
        if environ["PATH_INFO"] == "/keep":
            kept.append(gone)
        if environ["PATH_INFO"] == "/kept":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [repr([one() for one in kept] + [gone()]).encode()]
        if environ["PATH_INFO"] == "/wait":
            kept.append(gone)
            before = gone()
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
            assert gone() and not before
            kept.append(lambda: "saw it")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [repr(gone()).encode()]
"""


def begin(app, path):
    """Sends a request; its sequence."""
    sequence = next(app.sequences)
    app.workers[0].threads[0].send(sequence, app.variables(path))
    return sequence


@pytest.mark.parametrize("validate", [False, True])
def test_an_app_can_ask_whether_its_client_is_there(serve_app, validate, gate):
    app = serve_app(DISCONNECTED, validate=validate, environment=gate.environment)
    assert app.ask("/keep").body == b"False"
    sequence = begin(app, "/wait")
    gate.wait_arrived()
    app.workers[0].cancel(sequence)
    gate.open()
    app.workers[0].threads[0].answer(sequence)
    assert app.ask("/keep").body == b"False"
    # Each keeps the answer of its own request, whatever is cancelled later.
    app.workers[0].cancel(next(app.sequences) + 1)
    answer = app.ask("/kept")
    assert answer.failed or answer.body == b"[False, True, 'saw it', False, False]"
    assert app.ask("/kept").body == b"[False, True, 'saw it', False, False]"


def test_the_callable_takes_no_arguments(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            start_response("200 OK", [])
            try:
                environ["edge.disconnected"](1)
            except TypeError as error:
                return [str(error).encode()]
    """)
    assert app.ask().body == b"edge.disconnected takes no arguments"


def test_a_generator_is_closed_and_what_it_yields_is_not_sent_when_the_client_has_left(serve_app, gate):
    app = serve_app("""
        import os
        def body():
            try:
                yield b"first"
                open(os.environ["ARRIVED"], "w").close()
                open(os.environ["GO_ON"]).close()
                yield b"second"
                yield b"third"
            finally:
                print("closed", flush=True)
        def application(environ, start_response):
            start_response("200 OK", [])
            return body()
    """, environment=gate.environment)
    sequence = begin(app, "/")
    assert app.workers[0].threads[0].frame(sequence).body == b"first"
    gate.wait_arrived()
    app.workers[0].cancel(sequence)
    gate.open()
    last = app.workers[0].threads[0].frame(sequence)
    assert last.body == b"" and last.flags & FAILED
    app.out.wait_for("closed")

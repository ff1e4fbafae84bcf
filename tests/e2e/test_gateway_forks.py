"""Processes that an app forks out of its worker by itself."""
import signal

from gateway_harness import serve_app    # noqa: F401 (fixtures)


def test_a_signal_that_meets_a_fork_of_the_app_is_obeyed(serve_app):
    """Its hook runs before ours does in the child: the moment in which the worker's own handler would swallow it."""
    app = serve_app("""
        import os, signal
        serving = False
        os.register_at_fork(after_in_child=lambda: serving and os.kill(os.getpid(), signal.SIGTERM))
        def application(environ, start_response):
            global serving
            serving = True
            child = os.fork()
            if not child:
                os._exit(7)
            start_response("200 OK", [])
            return [str(os.waitpid(child, 0)[1]).encode()]
    """)
    assert app.ask().body == str(int(signal.SIGTERM)).encode()
    assert app.ask().body == str(int(signal.SIGTERM)).encode()


def test_multiprocessing_works_in_a_worker(serve_app):
    app = serve_app("""
        import multiprocessing
        def square(x): return x * x
        def application(environ, start_response):
            start_response("200 OK", [])
            with multiprocessing.get_context(environ["QUERY_STRING"]).Pool(2) as pool:
                return [repr(pool.map(square, range(5))).encode()]
    """)
    for way in ("fork", "spawn"):
        assert app.ask(query=way).body == b"[0, 1, 4, 9, 16]", way

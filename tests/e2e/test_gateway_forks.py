"""Processes that an app forks out of its worker by itself."""
import json
import os
import signal

from edge import wait_until
from gateway_harness import serve_app    # noqa: F401 (fixtures)

SITE = """\
    apps: {app: {module: app, processes: 4}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{path: /, app: app}]
"""


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


HOOKS = """
    import json, os, time
    ran = {"before": 0, "after": 0, "child": 0}
    def count(what):
        ran[what] += 1
    os.register_at_fork(before=lambda: count("before"), after_in_parent=lambda: count("after"),
                        after_in_child=lambda: count("child"))
    def application(environ, start_response):
        time.sleep(0.05)                        # so that the others get one as well
        start_response("200 OK", [])
        return [json.dumps([os.getpid(), ran]).encode()]
"""


def told(edge, workers):
    """What each worker was forked with, by its pid."""
    hooks = {}

    def ask():
        clients = [edge.connect() for _ in range(workers)]
        for client in clients:
            client.ask("GET", "/")
        hooks.update(json.loads(client.answer().body) for client in clients)
        for client in clients:
            client.close()
        return len(hooks) == workers
    wait_until(ask, "every worker has answered")
    return hooks


def test_hooks_run_around_the_forks_and_not_between_those_that_are_asked_for_together(serve):
    def are_forked_together():
        edge = serve(SITE, {"app.py": HOOKS})
        workers = told(edge, 4)
        assert all(ran["child"] == 1 and ran["after"] == ran["before"] - 1 for ran in workers.values()), workers
        most = max(ran["before"] for ran in workers.values())
        os.kill(next(iter(workers)), signal.SIGKILL)
        edge.log.wait_for(r"worker \d \(pid \d+\) .*SIGKILL")
        replaced = [ran for pid, ran in told(edge, 4).items() if pid not in workers]
        assert all(ran == {"before": most + 1, "after": most, "child": 1} for ran in replaced), replaced
        edge.stop()
        return most == 1
    wait_until(are_forked_together, "four workers are forked together")     # on a busy machine they may come apart


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

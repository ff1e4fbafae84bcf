"""When a worker's thread is a batch task (sched(7)), and when a normal one."""
import os

import pytest

from gateway_harness import serve_app    # noqa: F401 (fixtures)
from gateway_wire import LAST

WINDOW = 64    # requests between two decisions
WSGI = """
    import os, time
    def application(environ, start_response):
        start_response("200 OK", [])
        for order in environ["QUERY_STRING"].split(","):
            if order == "sleep":
                time.sleep(0.0001)
            elif order == "idle":
                os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            elif order == "fork":
                child = os.fork()
                if not child:
                    os._exit(os.sched_getscheduler(0))
                return [str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode()]
        return [str(os.sched_getscheduler(0)).encode()]
"""
ASGI = """
    import asyncio, os, time
    async def application(scope, receive, send):
        if scope["query_string"] == b"sleep":
            await asyncio.sleep(0.002)
        if scope["query_string"] == b"block":
            time.sleep(0.02)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": str(os.sched_getscheduler(0)).encode()})
"""


def policy_after(app, requests, query=""):
    for _ in range(requests):
        body = app.ask(query=query).body
    return int(body)


def test_a_worker_that_only_computes_is_a_batch_task(serve_app):
    app = serve_app(WSGI)
    assert policy_after(app, 1) == os.SCHED_OTHER
    # The first decision still sees the sleeps of the start.
    assert policy_after(app, 2 * WINDOW) == os.SCHED_BATCH


def test_a_worker_whose_app_sleeps_is_a_normal_task(serve_app):
    app = serve_app(WSGI)
    assert policy_after(app, 3 * WINDOW, "sleep") == os.SCHED_OTHER
    assert policy_after(app, 2 * WINDOW) == os.SCHED_BATCH
    assert policy_after(app, 2 * WINDOW, "sleep") == os.SCHED_OTHER


def test_each_thread_is_judged_by_itself(serve_app):
    app = serve_app(WSGI, threads=2)
    for _ in range(2 * WINDOW):
        app.ask(thread=0)
        app.ask(query="sleep", thread=1)
    assert int(app.ask(thread=0).body) == os.SCHED_BATCH
    assert int(app.ask(thread=1).body) == os.SCHED_OTHER


def test_a_process_that_the_app_forks_is_a_normal_task(serve_app):
    app = serve_app(WSGI)
    assert policy_after(app, 2 * WINDOW) == os.SCHED_BATCH
    assert policy_after(app, 1, "fork") == os.SCHED_OTHER


@pytest.mark.parametrize("before", [0, 2 * WINDOW])
def test_a_policy_that_the_app_chooses_stays(serve_app, before):
    app = serve_app(WSGI)
    for _ in range(before):
        app.ask()
    assert policy_after(app, 1, "idle") == os.SCHED_IDLE
    assert policy_after(app, 2 * WINDOW) == os.SCHED_IDLE
    assert policy_after(app, 2 * WINDOW, "sleep") == os.SCHED_IDLE


def test_an_event_loop_that_sleeps_is_a_normal_task(serve_app):
    app = serve_app(ASGI, interface="asgi")
    assert policy_after(app, 3 * WINDOW, "sleep") == os.SCHED_OTHER


def test_an_event_loop_that_finds_requests_ready_is_a_batch_task(serve_app):
    app = serve_app(ASGI, interface="asgi")
    for _ in range(6):
        # What comes while the first blocks the loop lies ready after it.
        sequences = [app.begin(query="block")] + [app.begin() for _ in range(WINDOW // 2 - 1)]
        for _ in sequences:
            _, frame = app.workers[0].threads[0].any_frame()
            assert frame.flags & LAST
    assert policy_after(app, 1) == os.SCHED_BATCH
    assert policy_after(app, 3 * WINDOW, "sleep") == os.SCHED_OTHER

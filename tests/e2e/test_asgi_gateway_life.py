"""The life of an ASGI worker: startup and shutdown of its app, what blocks its event loop, signals, and forks."""
import os
import re
import signal

import pytest

from edge import wait_until
from gateway_harness import Worker, binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import ANSWER_WINDOW, ASGI, FAILED, LAST, LEFT, TAKEN

LIFESPAN = """
    import asyncio, contextlib
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await lifespan(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": repr(scope["state"]).encode()})
    async def ok(send, kind):
        await send({"type": "lifespan." + kind + ".complete"})
    async def failed(send, kind, **more):
        await send({"type": "lifespan." + kind + ".failed", **more})
"""
BLOCKS = """
    import asyncio, os, signal, sys, time
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        path = scope["path"]
        if path == "/sleep":
            time.sleep(1000)
        if path == "/spin":
            await later(spin)
        if path == "/fork":
            pid = os.fork()
            if pid == 0:
                await FORKED[scope["query_string"]]()
            os.waitpid(pid, 0)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"fine"})
    def spin():
        while True:
            pass
    async def later(call):
        await asyncio.sleep(0)
        call()
    async def returns():
        raise ValueError("in the child")
    FORKED = {b"sleeps": lambda: asyncio.sleep(1000), b"returns": returns}
"""


def logs_of(app):
    return [message.text for message in app.messages.all() if message.kind == "Log"]


def ended_logs(app):
    app.stop()
    app.messages.join()
    return [text.split("\0", 1)[1] for text in logs_of(app)]


def serve(serve_app, *lines, **settings):
    source = "\n".join(["    async def lifespan(scope, receive, send):", *("        " + line for line in lines)])
    return serve_app(LIFESPAN + source + "\n", **settings)


@pytest.mark.parametrize("preload", [True, False])
def test_startup_and_shutdown(serve_app, preload):
    app = serve(serve_app, "assert await receive() == {'type': 'lifespan.startup'}",
                "assert scope['asgi'] == {'version': '3.0', 'spec_version': '2.0'}", "scope['state']['pool'] = 7",
                "await ok(send, 'startup')", "assert await receive() == {'type': 'lifespan.shutdown'}",
                "await ok(send, 'shutdown')", "await asyncio.sleep(0)", "print('shut down', flush=True)", preload=preload)
    assert app.ask().body == b"{'pool': 7}"
    assert ended_logs(app) == []
    app.out.wait_for("shut down")


@pytest.mark.parametrize("lines", [["raise ValueError"], ["await receive()", "raise ValueError"], ["pass"],
                                   ["assert scope['type'] == 'http'"]])
def test_an_app_without_a_lifespan(serve_app, lines):
    app = serve(serve_app, *lines)
    assert app.ask().body == b"{}"
    assert ended_logs(app) == []


@pytest.mark.parametrize("lines, why", [
    (["await failed(send, 'startup', message='no database')"],
     r"the application's lifespan startup failed: no database"),
    (["await failed(send, 'startup')"], r"the application's lifespan startup failed: "),
    (["raise SystemExit(3)"], r"the application's lifespan startup failed: it raised\nTraceback(.|\n)*SystemExit: 3\n"),
    (["raise asyncio.CancelledError"], r"the application's lifespan startup failed: it was cancelled"),
])
def test_a_startup_that_fails(serve_app, lines, why):
    source = "\n".join(["    async def lifespan(scope, receive, send):", *("        " + line for line in lines)])
    app = serve_app(LIFESPAN + source + "\n", start=False)
    app.imported()
    worker = Worker(app, 0).fork()
    worker.pid = app.messages.wait_for("Forked").pid
    message = app.messages.wait_for("WorkerFailed")
    assert (message.worker, message.pid) == (0, worker.pid) and re.fullmatch(why, message.text)
    assert worker.wait_exit() == 1 << 8
    worker.close()


@pytest.mark.parametrize("lines, log", [
    (["await receive()", "await failed(send, 'shutdown', message='it leaks')"],
     "the application's lifespan shutdown failed: it leaks\n"),
    (["await receive()", "raise ValueError('in it')"], "ValueError: in it\n"),
    (["raise ValueError('early')"], "ValueError: early\n"),
    (["await ok(send, 'startup')"], "RuntimeError: lifespan.startup.complete was sent after the startup\n"),
    (["await ok(send, 'shutdown')"], "RuntimeError: lifespan.shutdown.complete was sent, but there is no shutdown at "
                                     "this time\n"),
    (["await ok(send, 'other')"], "RuntimeError: an application cannot send 'lifespan.other.complete' in its lifespan\n"),
])
def test_a_lifespan_that_fails_later_is_no_reason_not_to_serve(serve_app, lines, log):
    app = serve(serve_app, "await receive()", "await ok(send, 'startup')", *lines)
    assert app.ask().body == b"{}"
    found, = ended_logs(app)
    assert found.endswith(log)


def test_a_lifespan_that_does_not_return_ends_none_the_less(serve_app):
    app = serve(serve_app, "await receive()", "await ok(send, 'startup')", "await receive()", "await ok(send, 'shutdown')",
                "await asyncio.Event().wait()")
    assert ended_logs(app) == []


def test_requests_end_before_the_shutdown(serve_app, gate):
    app = serve_app("""
        import asyncio, os
        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                print("shutdown", flush=True)
                return await send({"type": "lifespan.shutdown.complete"})
            await asyncio.get_running_loop().run_in_executor(None, lambda: open(os.environ["GO_ON"]).close())
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"whole"})
            await asyncio.sleep(0.01)
            print("after", flush=True)
    """, environment=gate.environment)
    sequence = app.begin()
    app.workers[0].threads[0].quit()
    gate.open()
    assert app.workers[0].threads[0].answer(sequence).body == b"whole"
    app.out.wait_for("shutdown")
    assert app.out.text().index("after") < app.out.text().index("shutdown")
    assert app.workers.pop().wait_exit() == 0


def test_what_is_left_is_cancelled_at_the_end(serve_app):
    app = serve_app("""
        import asyncio, threading
        kept = []
        async def forever():
            try:
                await asyncio.Event().wait()
            finally:
                print("cancelled", flush=True)
        async def numbers():
            try:
                yield 1
            finally:
                print("closed", flush=True)
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            kept.append(asyncio.ensure_future(forever()))
            kept.append(numbers())
            await kept[-1].__anext__()
            await asyncio.get_running_loop().run_in_executor(None, print, "in a thread")
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": threading.current_thread().name.encode()})
    """)
    assert app.ask().body == b"MainThread"
    assert ended_logs(app) == []
    for line in ("cancelled", "closed"):
        app.out.wait_for(line)


def test_an_edge_that_goes_ends_the_worker(serve_app):
    app = serve_app(BLOCKS)
    worker = app.workers.pop()
    worker.close()
    assert worker.wait_exit() == 0


@pytest.mark.parametrize("path, place", [("/sleep", "app"), ("/spin", "spin")])
def test_code_that_blocks_the_loop_is_seen_and_interrupted(serve_app, path, place):
    app = serve_app(BLOCKS)
    worker = app.workers[0]
    for _ in range(2):
        sequence = app.begin(path, REQUEST_ID="r-blocks")
        waiting = app.begin()
        wait_until(lambda: worker.running() == sequence, "its code has the loop")
        wait_until(lambda: re.search(rf'shop_app.py", line \d+ in {place}\n', worker.stacks()), "the stack shows where")
        worker.interrupt(waiting)               # which does not run
        assert worker.running() == sequence
        wait_until(lambda: worker.interrupt(sequence) or worker.running() != sequence, "it was interrupted")
        assert {worker.threads[0].any_frame()[0] for _ in range(2)} == {sequence, waiting}
        assert app.log("interrupted") == ("r-blocks", "interrupted: it ran longer than request_timeout\n")
        assert app.ask().body == b"fine"
    assert not logs_of(app) and worker.interface == ASGI


def test_an_interrupt_comes_once_for_a_request(serve_app):
    app = serve_app("""
        import asyncio, time
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            count, until = 0, None
            while until is None or time.monotonic() < until:
                await asyncio.sleep(0)
                try:
                    time.sleep(0.01)
                except BaseException as error:
                    count += 1
                    until = time.monotonic() + 0.3
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": str(count).encode()})
    """)
    sequence = app.begin()
    worker = app.workers[0]
    wait_until(lambda: worker.interrupt(sequence) or not worker.threads[0].nothing_comes(), "the answer is there")
    assert worker.threads[0].answer(sequence).body == b"1"


@pytest.mark.parametrize("raised", ["ValueError", "SystemExit", "KeyboardInterrupt"])
def test_what_a_signal_handler_raises_does_not_end_the_worker(serve_app, raised):
    app = serve_app(BLOCKS + f"""
    def handler(number, frame):
        raise {raised}("from the handler")
    signal.signal(signal.SIGUSR1, handler)
    """)
    for count in range(1, 20):
        os.kill(app.workers[0].pid, signal.SIGUSR1)         # it meets the end of a request, the loop, or its sleep
        wait_until(lambda: "\n".join([*logs_of(app), app.out.text()]).count(f"{raised}: from the handler") >= count,
                   "it is told what was raised")
        assert app.ask().body == b"fine"


@pytest.mark.parametrize("raised", ["SystemExit", "KeyboardInterrupt"])
def test_what_a_task_besides_the_requests_raises_does_not_end_the_worker(serve_app, raised):
    app = serve_app(f"""
        import asyncio
        kept = []
        async def raises():
            raise {raised}("from a task")
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            kept.append(asyncio.ensure_future(raises()))
            await send({{"type": "http.response.start", "status": 200}})
            await send({{"type": "http.response.body", "body": b"fine"}})
    """)
    for _ in range(3):
        assert app.ask().body == b"fine"
        assert f"{raised}: from a task" in app.log("a signal handler or a task of the app raised")[1]


@pytest.mark.parametrize("child", ["sleeps", "returns"])
def test_a_fork_of_the_app_that_comes_back_ends(serve_app, child):
    app = serve_app(BLOCKS)
    for _ in range(2):
        assert app.ask("/fork", query=child).body == b"fine"
        app.out.wait_for("a process that the application forked returned from it")
    assert app.ask().body == b"fine" and not logs_of(app)


def test_a_child_of_another_task_does_not_serve(serve_app):
    app = serve_app("""
        import asyncio, os
        kept = []
        async def forks():
            pid = os.fork()
            if pid == 0:
                return
            kept.append(pid)
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            if scope["path"] == "/fork":
                await asyncio.ensure_future(forks())
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"fine"})
    """)
    for path in ("/fork", "/", "/", "/"):
        assert app.ask(path).body == b"fine"
    app.out.wait_for("a process that the application forked returned from it")


def test_what_a_worker_is_called(serve_app):
    app = serve_app(BLOCKS)
    with open(f"/proc/{app.workers[0].pid}/cmdline", "rb") as file:
        assert file.read().startswith(b"edge: shop worker 0 gen 1\0")


def test_nothing_is_left_of_a_request_that_gave_up_sending(serve_app):
    app = serve_app("""
        import asyncio, gc
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            await send({"type": "http.response.start", "status": 200})
            if scope["path"] == "/requests":
                gc.collect()
                left = [type(thing).__name__ for thing in gc.get_objects()].count("Request")
                return await send({"type": "http.response.body", "body": b"%d" % left})
            try:
                await asyncio.wait_for(send({"type": "http.response.body", "body": b"x" * 200000, "more_body": True}), 0.01)
            except asyncio.TimeoutError:
                pass
    """)
    for _ in range(5):
        assert app.ask("/").failed
    assert app.ask("/requests").body == b"1"


def test_an_answer_that_waits_when_the_task_has_ended(serve_app):
    """The sender was cancelled with the end of the body on its way: the client still gets all of it."""
    app = serve_app("""
        import asyncio
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            await send({"type": "http.response.start", "status": 200})
            sender = asyncio.ensure_future(send({"type": "http.response.body", "body": b"x" * 200000}))
            await asyncio.sleep(0)
            sender.cancel()
    """)
    thread = app.workers[0].threads[0]
    for left in (False, True):
        sequence = app.begin()
        assert sum(len(thread.frame(sequence).body) for _ in range(2)) == ANSWER_WINDOW
        thread.notice(sequence, LEFT if left else TAKEN, 200000)
        frames = [thread.frame(sequence)]
        while not frames[-1].flags & LAST:
            frames.append(thread.frame(sequence))
        assert sum(len(frame.body) for frame in frames) == (0 if left else 200000 - ANSWER_WINDOW)
        assert bool(frames[-1].flags & FAILED) == left
    assert ended_logs(app) == []

"""An ASGI app behind the whole edge: many requests in one process, clients that leave or are slow, limits, reloads."""
import json
import os
import threading
import time

import pytest

from edge import run, wait_until

SITE = """\
    log: {level: debug, access: {path: access.log, format: "$status $uri"}}
    apps:
      shop: {module: app, processes: %s%s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /cancelled/
            app: shop
            cancel_on_disconnect: true
          - path: /
            app: shop
"""
APP = '''\
    """One coroutine for each way in which requests differ. What it learns stands in the file `notes`."""
    import asyncio
    import os
    import time

    in_flight = 0
    gate = None


    def note(text):
        with open("notes", "a") as notes:
            notes.write(text + "\\n")


    async def answer(send, body, status=200, **more):
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body, **more})


    async def lifespan(receive, send):
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if os.path.exists("refuse"):
                    await send({"type": "lifespan.startup.failed", "message": "the shop has no till"})
                    return
                note("startup")
                await send({"type": "lifespan.startup.complete"})
            else:
                note("shutdown")
                await send({"type": "lifespan.shutdown.complete"})
                return


    async def meet(receive, send, path):
        """Waits until so many are here."""
        global in_flight, gate
        gate = gate or asyncio.Event()
        in_flight += 1
        if in_flight == int(path.rsplit("/", 1)[1]):
            gate.set()
        await gate.wait()
        await answer(send, b"%d" % os.getpid())


    async def echo(receive, send, path):
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        await answer(send, body)


    async def stream(receive, send, path):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(int(path.rsplit("/", 1)[1])):
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        note("streamed")


    async def watch(receive, send, path):
        await receive()
        note("waits")
        note((await receive())["type"])


    async def sleep(receive, send, path):
        try:
            note("sleeps")
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            note("cancelled")
            raise


    async def spin(receive, send, path):
        note("spins")
        while True:
            pass


    async def until_opened(receive, send, path):
        note("waits")
        while not os.path.exists("opened"):
            await asyncio.sleep(0.01)
        await answer(send, b"opened")


    async def answer_and_block(receive, send, path):
        async def block():
            note("blocks")
            while True:
                pass

        await answer(send, b"answered")
        asyncio.ensure_future(block())


    async def crash(receive, send, path):
        os.kill(os.getpid(), 9)


    async def later(receive, send, path):
        await asyncio.sleep(float(path.rsplit("/", 1)[1]))
        await answer(send, b"later")


    async def broken(receive, send, path):
        raise ValueError("the till is empty")


    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return await lifespan(receive, send)
        view = globals().get(scope["path"].strip("/").split("/")[-2 if scope["path"][-1].isdigit() else -1])
        if view:
            return await view(receive, send, scope["path"])
        await answer(send, b"%d %s" % (os.getpid(), scope["path"].encode()))
'''


@pytest.fixture
def shop(serve):
    def start(processes=1, settings=""):
        return serve(SITE % (processes, settings), {"app.py": APP})
    return start


def notes(edge):
    path = edge.folder / "notes"
    return path.read_text().split("\n") if path.exists() else []


def worker_pids(edge):
    app = json.loads(run("status", "--json", folder=edge.folder).stdout)["apps"][0]
    return sorted(worker["pid"] for generation in app["generations"] for worker in generation["workers"])


def all_answers(connections):
    answers = []
    for connection in connections:
        answers.append(connection.answer())
        connection.close()
    return answers


def ask_many(edge, targets):
    connections = [edge.connect() for _ in targets]
    for connection, target in zip(connections, targets):
        connection.ask("GET", target)
    return connections


def test_one_process_answers_many_requests_at_the_same_time(shop):
    edge = shop()
    answers = all_answers(ask_many(edge, ["/meet/200"] * 200))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


def test_concurrency_bounds_what_a_process_takes(shop):
    edge = shop(settings=", concurrency: 2, queue_timeout: 1s")
    held = ask_many(edge, ["/until_opened"] * 2)
    wait_until(lambda: notes(edge).count("waits") == 2, "two are there")
    assert edge.get("/fine").status == 503                  # it waited in the edge, in vain
    status = json.loads(run("status", "--json", folder=edge.folder).stdout)["apps"][0]
    worker, = status["generations"][0]["workers"]
    assert worker["in_flight"] == 2
    assert [request["target"] for request in worker["running"]] == ["/until_opened"] * 2
    (edge.folder / "opened").touch()
    assert {answer.status for answer in all_answers(held)} == {200}


def test_bodies_come_whole_small_and_large(shop):
    edge = shop()
    for size in (0, 10, 65536, 3_000_000):
        body = os.urandom(size)
        answer = edge.get("/echo", "POST", body=body)
        assert answer.status == 200 and answer.body == body


def test_an_error_is_logged_under_the_request_and_answered_500(shop):
    edge = shop()
    assert edge.get("/broken").status == 500
    edge.log.wait_for("ValueError: the till is empty")
    assert edge.get("/fine").status == 200


def test_slow_readers_hold_nobody_else(shop):
    edge = shop()
    slow = [edge.connect(receive_buffer=4096) for _ in range(20)]
    for connection in slow:
        connection.ask("GET", "/stream/200")                # 13 MB each
    for _ in range(50):
        assert edge.get("/quick").status == 200
    assert "streamed" not in notes(edge)
    assert all(answer.status == 200 and len(answer.body) == 200 * 65536 for answer in all_answers(slow))
    wait_until(lambda: notes(edge).count("streamed") == 20, "every stream has ended")


def test_a_client_that_leaves_is_told_to_the_app(shop):
    edge = shop()
    connection = edge.connect()
    connection.ask("GET", "/watch")
    wait_until(lambda: "waits" in notes(edge), "the app waits")
    connection.close()
    wait_until(lambda: "http.disconnect" in notes(edge), "the app was told")
    assert edge.get("/fine").status == 200
    edge.stop()
    assert "499 /watch" in (edge.folder / "access.log").read_text()


def test_cancel_on_disconnect_cancels_the_task(shop):
    edge = shop()
    for path, cancelled in (("/sleep", False), ("/cancelled/sleep", True)):
        connection = edge.connect()
        connection.ask("GET", path)
        wait_until(lambda: "sleeps" in notes(edge), "the app sleeps")
        connection.close()
        if cancelled:
            wait_until(lambda: "cancelled" in notes(edge), "the task was cancelled")
        else:
            edge.log.wait_for("GET /sleep.*the client has gone")
            assert edge.get("/fine").status == 200
            assert "cancelled" not in notes(edge)
        (edge.folder / "notes").unlink()
    edge.signal(9)                                          # the first one sleeps on
    edge.wait()


def test_a_request_that_runs_too_long_is_cancelled_and_its_stack_logged(shop):
    edge = shop(settings=", request_timeout: 300ms")
    pids = worker_pids(edge)
    with edge.connect() as other:
        other.ask("GET", "/later/0.5")
        assert edge.get("/sleep").status == 504
        assert other.answer().status in (200, 504)          # it began before and may have run as long
    wait_until(lambda: "cancelled" in notes(edge), "the task was cancelled")
    edge.log.wait_for(r"in sleep")
    assert edge.get("/fine").status == 200
    assert worker_pids(edge) == pids


def test_a_view_that_blocks_the_event_loop_is_interrupted(shop):
    edge = shop(settings=", request_timeout: 300ms")
    pids = worker_pids(edge)
    assert edge.get("/spin").status == 504
    edge.log.wait_for(r"line \d+ in spin")
    edge.log.wait_for("interrupted: it ran longer than request_timeout")
    wait_until(lambda: edge.get("/fine").status == 200, "the loop runs again")
    assert worker_pids(edge) == pids


def test_the_view_that_blocks_is_interrupted_although_another_request_expired_before(shop):
    edge = shop(settings=", request_timeout: 400ms")
    pids = worker_pids(edge)
    with edge.connect() as sleeps:
        sleeps.ask("GET", "/sleep")
        wait_until(lambda: "sleeps" in notes(edge), "one sleeps")
        time.sleep(0.1)                                 # so that it expires first
        assert edge.get("/spin").status == 504
        assert sleeps.answer().status == 504
    edge.log.wait_for("interrupted: it ran longer than request_timeout")
    wait_until(lambda: edge.get("/fine").status == 200, "the loop runs again")
    assert worker_pids(edge) == pids


def test_an_event_loop_that_nobodys_request_blocks_is_replaced(shop):
    edge = shop(settings=", request_timeout: 2s, queue_timeout: 1s")
    pids = worker_pids(edge)
    assert edge.get("/answer_and_block").status == 200
    wait_until(lambda: "blocks" in notes(edge), "the loop is blocked")
    assert edge.get("/fine").status == 503              # within queue_timeout
    edge.log.wait_for("its event loop has been blocked for request_timeout")
    edge.log.wait_for(r"line \d+ in block")
    wait_until(lambda: edge.get("/fine").status == 200, "another worker serves")
    assert worker_pids(edge) != pids


def test_while_one_event_loop_is_blocked_the_others_get_its_requests(shop):
    edge = shop(processes=2, settings=", request_timeout: 5s")
    with edge.connect() as blocks:
        blocks.ask("GET", "/spin")
        wait_until(lambda: "spins" in notes(edge), "one loop is blocked")
        begun = time.monotonic()
        answers = all_answers(ask_many(edge, ["/fine"] * 40))
        assert {answer.status for answer in answers} == {200}
        assert time.monotonic() - begun < 4
        assert blocks.answer().status == 504


def test_a_worker_that_dies_takes_only_what_it_had_begun(shop):
    edge = shop()
    held = ask_many(edge, ["/watch"])
    wait_until(lambda: "waits" in notes(edge), "the app waits")
    assert edge.get("/crash", "POST", body=b"").status == 502
    for connection in held:
        connection.close()
    wait_until(lambda: edge.get("/fine").status == 200, "another worker serves")
    edge.log.wait_for("died of SIGKILL")


def test_lifespan_runs_in_each_worker_and_at_its_end(shop):
    edge = shop(processes=3)
    assert notes(edge).count("startup") == 3
    assert edge.get("/fine").status == 200
    edge.stop()
    assert notes(edge).count("shutdown") == 3


def test_a_startup_that_fails_keeps_the_app_from_serving(serve):
    edge = serve(SITE % (1, ""), {"app.py": APP, "refuse": ""}, ready=False)
    edge.log.wait_for("the shop has no till")
    assert edge.wait() != 0


def test_a_reload_fails_no_request_and_a_bad_one_keeps_the_old(shop):
    edge = shop(processes=2)
    failures, stop = [], threading.Event()

    def load():
        with edge.connect() as connection:
            while not stop.is_set():
                answer = connection.request("GET", "/later/0.01")
                if answer.status != 200:
                    failures.append(answer)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    pids = set(worker_pids(edge))
    for _ in range(5):
        done = run("reload", folder=edge.folder)
        assert done.returncode == 0, done.stderr
    assert not pids & set(worker_pids(edge))
    (edge.folder / "refuse").touch()
    refused = run("reload", folder=edge.folder)
    assert refused.returncode != 0 and "the shop has no till" in refused.stdout + refused.stderr
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert edge.get("/fine").status == 200


def test_max_requests_replaces_the_worker_under_load(shop):
    edge = shop(settings=", max_requests: 50")
    seen = set()
    for _ in range(5):
        for answer in all_answers(ask_many(edge, ["/later/0.01"] * 20 + ["/pid"] * 20)):
            assert answer.status == 200
            seen.add(answer.body.split()[0])
    assert len(seen - {b"later"}) > 1


@pytest.mark.parametrize("settings, said", [
    (", threads: 2", "concurrency"),
    (", interface: wsgi", "interface"),
])
def test_settings_that_do_not_fit_an_asgi_app(serve, settings, said):
    edge = serve(SITE % (1, settings), {"app.py": APP}, ready=False)
    edge.log.wait_for("ASGI")
    assert edge.wait() != 0
    assert said in edge.log.text()

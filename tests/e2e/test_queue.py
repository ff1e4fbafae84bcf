"""The queue before an app: bounded in length and time, first come first served, and blind to clients that have left."""
import json
import re
import threading
import time
from collections import Counter

import pytest

from edge import run, wait_until

SITE = """\
    edge: {threads: %s, control: control.sock}
    log: {access: {path: access.log, format: "$uri $status $upstream_queue_time"}}
    apps:
      app: {module: app, processes: 2%s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: = /probe
            return: {status: 200, body: here}
          - path: /
            app: app
"""
APP = '''\
    """Counts its calls in a file; /wait holds the worker until the test's gate opens."""
    import os


    def application(environ, start_response):
        with open("calls", "a") as calls:
            calls.write(environ["PATH_INFO"] + "\\n")
        if environ["PATH_INFO"].startswith("/wait"):
            while not os.path.exists("open"):
                __import__("time").sleep(0.01)
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]
'''


def site(options, threads=2):
    return SITE % (threads, options)


def calls(edge):
    file = edge.folder / "calls"
    return file.read_text().split() if file.exists() else []


def open_gate(edge):
    (edge.folder / "open").touch()


def occupy(edge, workers=2):
    """Connections that hold every worker."""
    held = [edge.connect() for _ in range(workers)]
    for number, connection in enumerate(held):
        connection.ask("GET", f"/wait/{number}")
        wait_until(lambda: f"/wait/{number}" in calls(edge), "the worker has begun")
    return held


def test_clients_that_leave_while_queued_cost_the_app_nothing(serve):
    edge = serve(site(", queue: 1000"), {"app.py": APP})
    held = occupy(edge)
    waiting = [edge.connect() for _ in range(500)]
    for number, connection in enumerate(waiting):
        connection.ask("GET", f"/wait/queued/{number}")
    for number, connection in enumerate(waiting):
        if number % 10:
            connection.close()
    left = [connection for number, connection in enumerate(waiting) if number % 10 == 0]
    access = edge.folder / "access.log"
    wait_until(lambda: gone(edge) >= 450, "every client that left is known to have left")
    open_gate(edge)
    for connection in held + left:
        assert connection.answer().status == 200
        connection.close()
    assert len(calls(edge)) <= 52
    edge.stop()
    statuses = [line.split()[1] for line in access.read_text().splitlines()]
    assert statuses.count("499") == 450
    assert statuses.count("200") == 52


def workers_of(edge):
    return json.loads(run("status", "--json", folder=edge.folder).stdout)["apps"][0]["generations"][0]["workers"]


def warm(edge):
    """Until each worker is known for quick answers, so that it is handed more than one request at a time."""
    with edge.connect() as a, edge.connect() as b:
        def ask():
            for _ in range(100):
                for connection in (a, b):               # at once, so that the second finds the first worker busy
                    connection.ask("GET", "/quick")
                for connection in (a, b):
                    assert connection.answer().status == 200
            return all(worker["requests"] >= 100 for worker in workers_of(edge))
        wait_until(ask, "both workers have answered many requests")


@pytest.mark.parametrize("stays", [0, 9], ids=["the-first-leave", "the-first-stay"])
@pytest.mark.parametrize("at_once", [False, True], ids=["when-all-wait", "at-once"])
def test_clients_that_leave_cost_nothing_where_warm_workers_take_requests_ahead(serve, stays, at_once):
    edge = serve(site(", queue: 1000"), {"app.py": APP})
    warm(edge)
    asked, left = [], []
    for number in range(500):
        connection = edge.connect()
        connection.ask("GET", f"/wait/{number}")
        leaves = number % 10 != stays
        if at_once and leaves:
            connection.close()
        (left if leaves else asked).append((number, connection))
    if not at_once:
        wait_until(lambda: queue_of(edge)["waiting"] == 498, "two are with the workers, and all others wait")
        for _, connection in left:
            connection.close()
    wait_until(lambda: gone(edge) == 450, "every client that left is known to have left")
    open_gate(edge)
    for _, connection in asked:
        assert connection.answer().status == 200
        connection.close()
    slow = [int(path.split("/")[2]) for path in calls(edge) if path.startswith("/wait")]
    assert len(slow) == len(set(slow)) <= 52
    assert set(slow) >= {number for number, _ in asked}
    edge.stop()
    statuses = Counter(line.split()[1] for line in access_log(edge) if line.startswith("/wait"))
    assert statuses == {"499": 450, "200": 50}


def gone(edge):
    return len(re.findall("the client has gone", edge.log.text()))


def test_a_full_queue_answers_503_at_once_with_retry_after(serve):
    edge = serve(site(", queue: 2, depth: 1", threads=1), {"app.py": APP})
    waiting = fill(edge)
    with edge.connect() as refused:                     # while every worker is held: the answers wait for none
        answers = [refused.request("GET", "/one-too-many") for _ in range(100)]
    assert {answer.status for answer in answers} == {503}
    assert all(int(answer.get("Retry-After")) > 0 for answer in answers)
    queue = queue_of(edge)
    assert (queue["refused"], queue["waiting"], queue["timed_out"], queue["granted"]) == (100, 2, 0, 2)
    empty(edge, waiting)
    edge.log.wait_for(r" \[app\] request \w+ \(GET /one-too-many\): the queue of app app is full \(2 requests wait\)$")
    assert calls(edge) == ["/wait/0", "/wait/1", "/wait/queued", "/wait/queued"], "no Python ran for what was refused"
    edge.stop()
    waits = {line.split()[2] for line in access_log(edge) if line.startswith("/one-too-many ")}
    assert waits == {"0.000"}, "and it was never in the queue"


def queue_of(edge):
    return json.loads(run("status", "--json", folder=edge.folder).stdout)["apps"][0]["queue"]


def access_log(edge):
    return (edge.folder / "access.log").read_text().splitlines()


def fill(edge):
    """Connections that hold every worker, and those that wait in a queue of two."""
    held = occupy(edge)
    queued = [edge.connect() for _ in range(2)]
    for connection in queued:
        connection.ask("GET", "/wait/queued")
        assert edge.get("/probe").text == "here"        # the one loop has read what came before
    return held + queued


def empty(edge, connections):
    open_gate(edge)
    for connection in connections:
        assert connection.answer().status == 200
        connection.close()


def test_a_full_queue_answers_before_it_has_read_a_body(serve):
    edge = serve(site(", queue: 2, depth: 1", threads=1), {"app.py": APP})
    waiting = fill(edge)
    with edge.connect() as asks_first:
        asks_first.send(b"POST /refused HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
        answer = asks_first.answer("POST")
        assert (answer.status, answer.get("Retry-After"), answer.keeps_alive) == (503, "1", False)
    with edge.connect() as sends, edge.connect() as chunks:
        head = b"POST /refused HTTP/1.1\r\nHost: localhost\r\n"
        sends.send(head + b"Content-Length: 1000000\r\n\r\n").send_slowly(b"x" * 1000)
        chunks.send(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        for connection in (sends, chunks):              # neither body is at its end
            assert connection.answer("POST").status == 503
    empty(edge, waiting)
    assert "/refused" not in calls(edge)
    assert edge.get("/taken", "POST", body=b"x" * 1000).status == 200


def test_a_request_that_waited_too_long_answers_503_and_says_so(serve):
    edge = serve(site(", queue_timeout: 1s"), {"app.py": APP})
    held = occupy(edge)
    answer = edge.get("/late")
    assert answer.status == 503
    assert int(answer.get("Retry-After")) > 0
    edge.log.wait_for(r" \[app\] request \w+ \(GET /late\): no worker of app app was free within queue_timeout "
                      r"\(1000 ms\)$")
    open_gate(edge)
    for connection in held:
        assert connection.answer().status == 200
        connection.close()
    assert "/late" not in calls(edge)
    assert queue_of(edge)["wait_most_us"] >= 900_000        # the loop's clock ticks in milliseconds
    edge.stop()
    lines = [line.split() for line in (edge.folder / "access.log").read_text().splitlines()]
    waits = {path: float(wait) for path, _, wait in lines}
    assert waits["/wait/0"] < 5 and waits["/wait/1"] < 5
    assert waits["/late"] >= 0.9


def test_the_wait_is_a_variable_of_the_access_log(serve):
    edge = serve(site(", depth: 1"), {"app.py": APP})
    held = occupy(edge)
    with edge.connect() as connection:
        connection.ask("GET", "/queued")
        wait_until(lambda: queue_of(edge)["waiting"] == 1, "it is in the queue")
        threading.Timer(0.3, open_gate, [edge]).start()
        assert connection.answer().status == 200
    for each in held:
        assert each.answer().status == 200
        each.close()
    edge.stop()
    lines = dict((line.split()[0], float(line.split()[2])) for line in
                 (edge.folder / "access.log").read_text().splitlines())
    assert lines["/queued"] >= 0.2
    assert lines["/wait/0"] < lines["/queued"]


def test_first_come_first_served(serve):
    edge = serve(site(", depth: 1", threads=1).replace("processes: 2", "processes: 1"), {"app.py": APP})
    held = occupy(edge, workers=1)
    waiting = []
    for number in range(20):
        connection = edge.connect()
        connection.ask("GET", f"/{number:02}")
        waiting.append(connection)
        assert edge.get("/probe").text == "here"
    open_gate(edge)
    for connection in held + waiting:
        assert connection.answer().status == 200
        connection.close()
    assert calls(edge)[1:] == [f"/{number:02}" for number in range(20)]


def test_first_come_first_served_over_all_loops(serve):
    edge = serve(site(", depth: 1", threads=3).replace("processes: 2", "processes: 1"), {"app.py": APP})
    held = occupy(edge, workers=1)
    waiting = []
    for number in range(20):
        connection = edge.connect()                     # to whichever loop the kernel chooses
        connection.ask("GET", f"/{number:02}")
        waiting.append(connection)
        wait_until(lambda: queue_of(edge)["waiting"] == len(waiting), "it is in the queue")
    empty(edge, held + waiting)
    assert calls(edge)[1:] == [f"/{number:02}" for number in range(20)]


CLOSING = """\
    import os, time


    class Body(list):
        def close(self):
            while not os.path.exists("open"):
                time.sleep(0.01)


    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "1")])
        return Body([b"1"]) if environ["PATH_INFO"] == "/closing" else [b"2"]
"""


def test_a_worker_that_is_busy_closing_an_answer_does_not_hold_the_next_request(serve):
    edge = serve(site(", request_timeout: 60s"), {"app.py": CLOSING})
    with edge.connect() as connection:
        assert connection.request("GET", "/closing").status == 200
        begun = time.monotonic()
        for _ in range(20):
            assert connection.request("GET", "/").text == "2"
        assert time.monotonic() - begun < 20
    open_gate(edge)


def test_the_log_tells_how_long_a_client_waited_that_left(serve):
    edge = serve(site(""), {"app.py": APP})
    held = occupy(edge)
    with edge.connect() as leaving:
        leaving.ask("GET", "/impatient")
        time.sleep(0.3)
    access = edge.folder / "access.log"
    wait_until(lambda: "/impatient 499 " in access.read_text(), "its end is logged")
    waited = re.search(r"^/impatient 499 (\S+)$", access.read_text(), re.M)
    assert 0.2 <= float(waited[1]) < 30
    open_gate(edge)
    assert all(connection.answer().status == 200 for connection in held)
    assert "/impatient" not in calls(edge)

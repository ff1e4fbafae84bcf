"""Workers that are not there for the next request, although they have answered the last: an app's close() or iterator
that goes on, and a process that stands still."""
import json
import os
import signal

import pytest

from edge import run, wait_until

SITE = """\
    edge: {control: control.sock}
    apps:
      shop: {module: app, processes: %s, threads: %s, request_timeout: %s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /, app: shop}
"""
APP = '''\
    import itertools
    import os
    import threading
    import time


    class Page(list):
        def close(self):
            globals()[self.how]()


    def sleep():
        time.sleep(1000)


    def count():                                         # in C, with the interpreter's lock held, and without an end
        sum(itertools.repeat(0))


    def count_and_tell():
        with open("counts", "w"):
            pass
        count()


    def briefly():
        while not os.path.exists("go-on"):
            time.sleep(0.01)


    def overrun():
        yield b"four"
        time.sleep(1000)


    def application(environ, start_response):
        path = environ["PATH_INFO"][1:]
        if path == "background":
            threading.Timer(0.2, count_and_tell).start()
            path = ""
        if path == "overrun":
            start_response("200 OK", [("Content-Length", "4")])
            return overrun()
        page = str(os.getpid()).encode()
        start_response("200 OK", [("Content-Length", str(len(page)))])
        if not path:
            return [page]
        lasting = Page([page])
        lasting.how = path
        return lasting
'''


def start(serve, processes=1, threads=1, request_timeout="1s"):
    return serve(SITE % (processes, threads, request_timeout), {"app.py": APP})


def pid_of(edge):
    return int(edge.get("/").body)


def workers(edge):
    status = run("status", "--json", "site.yaml", folder=edge.folder)
    return json.loads(status.stdout)["apps"][0]["generations"][-1]["workers"]


def facts_of(pid):
    """From its state on, as proc(5) lists them."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def state_of(pid):
    return facts_of(pid)[0]


def ticks(pid):
    """Of a CPU, in Python."""
    return int(facts_of(pid)[11])


def freeze(pid):
    """While it waits for a request, and before it can read another."""
    wait_until(lambda: state_of(pid) == "S", "it waits")
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of(pid) == "T", "it stands still")


def told(edge, pid):
    """What the log says of an answered request that goes on; the request's id."""
    return edge.log.wait_for(
        rf"\[shop\] worker 0 \(pid {pid}\): request (\w+) is answered, and the app has gone on with it for "
        r"request_timeout \(1000 ms\), in its iterator or in close\(\)$")[1]


@pytest.mark.parametrize("path, function", [("sleep", "sleep"), ("overrun", "overrun")])
def test_an_answered_request_has_no_more_time_than_others(serve, path, function):
    edge = start(serve)
    before = pid_of(edge)
    assert edge.get("/" + path).status == 200
    request = told(edge, before)
    edge.log.wait_for(rf"\[shop\] request {request}: worker 0 \(pid {before}\) thread MainThread: "
                      r"stacks of its threads:$")
    edge.log.wait_for(rf'^  \| MainThread \(answers this request\): File ".*app\.py", line \d+ in {function}$')
    edge.log.wait_for(rf"\[shop\] request {request}: interrupted: it ran longer than request_timeout$")
    assert pid_of(edge) == before, "the exception has helped"
    assert edge.log.text().count("is answered, and") == 1


def test_the_request_behind_it_waits_and_is_answered(serve):
    edge = start(serve)
    before = pid_of(edge)
    assert edge.get("/sleep").status == 200
    assert pid_of(edge) == before
    told(edge, before)


@pytest.mark.parametrize("threads, path", [(1, "count"), (2, "sleep")])
def test_a_worker_that_does_not_come_back_is_replaced(serve, threads, path):
    edge = start(serve, threads=threads)
    before = pid_of(edge)
    assert edge.get("/" + path).status == 200
    told(edge, before)
    edge.log.wait_for(rf"\[shop\] worker 0 \(pid {before}\) is stuck in a request and is (killed|replaced)")
    wait_until(lambda: pid_of(edge) != before, "another worker answers")


def test_the_status_shows_that_it_is_still_at_it(serve):
    edge = start(serve, request_timeout="60s")
    assert edge.get("/briefly").status == 200
    wait_until(lambda: workers(edge)[0]["state"] == "finishing", "it is seen")
    (edge.folder / "go-on").touch()
    wait_until(lambda: workers(edge)[0]["state"] == "idle", "it is back")
    assert "request_timeout" not in edge.log.text()


def with_its_interpreter_taken(serve):
    edge = start(serve, request_timeout="4s")
    before = pid_of(edge)
    assert edge.get("/background").status == 200
    wait_until(lambda: (edge.folder / "counts").exists(), "the thread is about to take it")
    computed = ticks(before)
    wait_until(lambda: ticks(before) > computed + 20, "the thread has it")
    return edge, before


def test_a_worker_whose_interpreter_is_never_given_back_is_replaced_and_no_request_lost(serve):
    edge, before = with_its_interpreter_taken(serve)
    with edge.connect() as first, edge.connect() as second:
        for connection in (first, second):
            connection.ask("GET", "/")
        for connection in (first, second):
            answer = connection.answer()
            assert answer.status == 200 and int(answer.body) != before
    edge.log.wait_for(r'^  \| thread 0x\w+: File ".*app\.py", line \d+ in count$')
    edge.log.wait_for(rf"\[shop\] worker 0 \(pid {before}\): it has read no request for request_timeout \(4000 ms\), "
                      "although it has none$")
    edge.log.wait_for(rf"\[shop\] worker 0 \(pid {before}\) is stuck and is killed$")


def two_large_requests(edge):
    """Too large for the ring, so a thread takes them from the socket; each answer by its status."""
    with edge.connect() as first, edge.connect() as second:
        for connection in (first, second):
            connection.ask("GET", "/", headers=["Large: " + "x" * 5000])
        return {answer.status: answer for answer in (first.answer(), second.answer())}


def test_a_request_that_a_thread_without_its_interpreter_has_taken_is_answered_with_504(serve):
    for _ in range(5):      # a thread that gets no CPU within 20 ms takes nothing, and then nothing is lost
        edge, before = with_its_interpreter_taken(serve)
        answers = two_large_requests(edge)
        if 504 in answers:
            break
    assert sorted(answers) == [200, 504], "one lies with the worker, the other waits"
    assert int(answers[200].body) != before
    edge.log.wait_for(r'^  \| thread 0x\w+: File ".*app\.py", line \d+ in count$')
    edge.log.wait_for(rf"\[shop\] request \w+: worker 0 \(pid {before}\) had still not come to it 1000 ms after "
                      "edge_gateway.RequestTimeout$")
    edge.log.wait_for(rf"\[shop\] worker 0 \(pid {before}\) is stuck in a request and is killed$")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_process_that_stands_still_is_replaced(serve, processes):
    edge = start(serve, processes)
    pids = {worker["pid"] for worker in workers(edge)}
    frozen = pid_of(edge)
    freeze(frozen)
    answered = pid_of(edge)
    assert answered != frozen
    edge.log.wait_for(rf"\[shop\] worker \d \(pid {frozen}\): it has read no request for request_timeout \(1000 ms\), "
                      "although it has none$")
    edge.log.wait_for(rf"\[shop\] request \(none\): worker \d \(pid {frozen}\) gave no stacks within 1000 ms$")
    edge.log.wait_for(rf"\[shop\] worker \d \(pid {frozen}\) is stuck and is killed$")
    wait_until(lambda: len({worker["pid"] for worker in workers(edge)} - {0, frozen}) == processes, "it has a successor")
    assert answered in pids or processes == 1


def test_a_process_that_stood_still_for_a_moment_is_kept(serve):
    edge = start(serve, 2)
    frozen = pid_of(edge)
    freeze(frozen)
    assert pid_of(edge) != frozen
    os.kill(frozen, signal.SIGCONT)
    pids = {worker["pid"] for worker in workers(edge)}
    with edge.connect() as first, edge.connect() as second:
        for connection in (first, second):
            connection.ask("GET", "/")
            assert connection.answer().status == 200
    edge.stop()
    assert frozen in pids and "request_timeout" not in edge.log.text()

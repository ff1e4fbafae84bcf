"""What the edge may do to a running request: see the stacks of its worker, and raise an exception in it."""
import os
import random
import re
import signal
import time

import pytest

from edge import PATIENCE, wait_until
from gateway_harness import all_interpreters, binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import CLIENT_DISCONNECTED, FAILED, INTERRUPT_SIGNAL, REQUEST_TIMEOUT, STACKS_SIGNAL

INTERPRETERS = all_interpreters()
MAY_BE_MISSED = 0.2     # seconds until a signal is sent again

STUCK = """
    import itertools, re, threading, time
    def spin():
        while True:
            pass
    def in_python():
        spin()
    def in_sleep():
        time.sleep(1000)
    def in_c():                                     # holds the interpreter's lock, without an end
        sum(itertools.repeat(0))
    def in_regex():                                 # in C as well, but looks for signals now and then
        re.match("(a+)+$", "a" * 40 + "b")
    def in_lock():
        threading.Lock().acquire() and threading.Event().wait()
    def application(environ, start_response):
        path = environ["PATH_INFO"][1:]
        if path:
            globals()[path]()
        start_response("200 OK", [])
        return [b"fine"]
"""


def begin(app, path, thread=0):
    """Sends a request that gets stuck; its sequence once the app is at it."""
    sequence = next(app.sequences)
    app.workers[0].threads[thread].send(sequence, app.variables(path, REQUEST_ID=f"r-{sequence}"))
    wait_until(lambda: app.workers[0].running(thread) == sequence, "the app is at it")
    return sequence


def interrupt_until_left(app, sequence, thread=0, reason=REQUEST_TIMEOUT):
    worker = app.workers[0]
    next_at = 0

    def left():
        nonlocal next_at
        if time.monotonic() >= next_at:
            worker.interrupt(sequence, thread, reason)
            next_at = time.monotonic() + MAY_BE_MISSED
        return worker.running(thread) != sequence

    wait_until(left, "the app's code has been left")


def kill_worker(app):
    os.kill(app.workers[0].pid, signal.SIGKILL)
    app.workers.pop(0).wait_exit()


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("threads", [1, 2])
def test_stacks_of_whatever_the_threads_do(serve_app, version, threads):
    app = serve_app(STUCK, python=INTERPRETERS[version], threads=threads)
    worker = app.workers[0]
    lines = {name: number for number, line in enumerate((app.folder / "shop_app.py").read_text().splitlines(), 1)
             for name in re.findall(r"def (\w+)", line)}
    for path, place in [("in_sleep", "in_sleep"), ("in_python", "spin"), ("in_c", "in_c")]:
        begin(app, "/" + path, thread=threads - 1)

        def stack_within():                         # the app is called a moment after its request is said to run
            nonlocal stacks, mine
            stacks = worker.stacks()
            mine = stacks.split(f"0x{worker.thread_ident(threads - 1):016x} ")[1].split("hread 0x")[0]
            return re.search(rf'shop_app.py", line \d+ in {place}\n', mine)

        stacks = mine = None
        wait_until(stack_within, f"the stacks show {place}")
        frames = re.findall(r'shop_app.py", line (\d+) in (\w+)', mine)
        assert [name for _, name in frames][-1] == "application" and int(frames[-1][0]) > lines["application"]
        assert worker.stacks().count("most recent call first") == stacks.count("most recent call first")
        kill_worker(app)
        worker = app.worker()


def test_stacks_while_nothing_runs(serve_app):
    app = serve_app(STUCK, threads=2)
    stacks = app.workers[0].stacks()
    for thread in range(2):
        assert f"0x{app.workers[0].thread_ident(thread):016x} (most recent call first)" in stacks
    assert app.workers[0].running(0) == app.workers[0].running(1) == 0


def test_stacks_that_nobody_reads_hold_nobody_up(serve_app):
    app = serve_app("""
        def deep(n):
            return deep(n - 1) if n else open("/proc/self/stat").read()
        def application(environ, start_response):
            start_response("200 OK", [])
            for _ in range(int(environ["QUERY_STRING"] or 1)):
                deep(90)
            return [b"fine"]
    """)
    for _ in range(200):                            # much more than a pipe holds
        app.workers[0].threads[0].send(1, app.variables(query="20"))
        os.kill(app.workers[0].pid, STACKS_SIGNAL)
        assert app.workers[0].threads[0].answer(1).body == b"fine"


@pytest.mark.parametrize("threads", [1, 2])
def test_the_apps_own_use_of_faulthandler_goes_on(serve_app, tmp_path, threads):
    app = serve_app("""
        import faulthandler, signal
        faulthandler.enable()
        faulthandler.register(signal.SIGUSR1, file=open("mine", "w"))
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"fine"]
    """, threads=threads)
    assert "most recent call first" in app.workers[0].stacks()

    def dumped():
        os.kill(app.workers[0].pid, signal.SIGUSR1)         # the first may come while the threads still start
        return "most recent call first" in (tmp_path / "mine").read_text()

    wait_until(dumped, "the app's own dump is there")
    assert app.ask().body == b"fine"


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("threads, path", [(1, "/in_python"), (1, "/in_sleep"), (1, "/in_lock"),
                                           (1, "/in_regex"), (2, "/in_python")])
def test_an_exception_ends_a_request(serve_app, version, threads, path):
    app = serve_app(STUCK, python=INTERPRETERS[version], threads=threads)
    for _ in range(2):
        sequence = begin(app, path, threads - 1)
        interrupt_until_left(app, sequence, threads - 1)
        answer = app.workers[0].threads[threads - 1].answer(sequence)
        assert answer.failed and not answer.has_head
        assert app.log("interrupted") == (f"r-{sequence}", "interrupted: it ran longer than request_timeout\n")
        assert app.ask(thread=threads - 1).body == b"fine"
    assert not [message for message in app.messages.all() if message.kind == "Log"]


def test_a_thread_besides_the_main_one_is_interrupted_when_its_call_returns(serve_app):
    app = serve_app("""
        import time
        def application(environ, start_response):
            for _ in range(1000):
                time.sleep(0.05)
    """, threads=2)
    sequence = begin(app, "/", 1)
    interrupt_until_left(app, sequence, 1)
    assert app.workers[0].threads[1].answer(sequence).failed


def test_one_thread_is_meant_and_no_other(serve_app):
    app = serve_app(STUCK, threads=3)
    sequences = [begin(app, "/in_python", thread) for thread in range(3)]
    interrupt_until_left(app, sequences[1], 1)
    assert app.workers[0].threads[1].answer(sequences[1]).failed
    for _ in range(5):
        assert app.ask(thread=1).body == b"fine"
        assert [app.workers[0].running(thread) for thread in (0, 2)] == [sequences[0], sequences[2]]
    for thread in (0, 2):
        interrupt_until_left(app, sequences[thread], thread)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_exceptions_are_importable_and_are_no_exceptions_to_frameworks(serve_app, threads):
    app = serve_app("""
        import time
        from edge_gateway import ClientDisconnected, RequestTimeout
        seen = []
        def application(environ, start_response):
            if environ["PATH_INFO"] == "/seen":
                start_response("200 OK", [])
                return [repr(seen).encode()]
            try:
                try:
                    while True:
                        time.sleep(0.01)
                except Exception as error:
                    seen.append(error)
            except RequestTimeout:
                seen.append("timeout")
            except ClientDisconnected:
                seen.append("disconnected")
            start_response("200 OK", [])
            return [b"in the end"]
    """, threads=threads)
    for reason in (REQUEST_TIMEOUT, CLIENT_DISCONNECTED):
        sequence = begin(app, "/")
        interrupt_until_left(app, sequence, 0, reason)
        assert app.workers[0].threads[0].answer(sequence).body == b"in the end"
    assert app.ask("/seen").body == b"['timeout', 'disconnected']"
    assert not [message for message in app.messages.all() if message.kind == "Log"]     # the app has dealt with it


def test_a_client_that_left_is_no_error(serve_app):
    app = serve_app(STUCK)
    sequence = begin(app, "/in_sleep")
    app.workers[0].cancel(sequence)
    interrupt_until_left(app, sequence, 0, CLIENT_DISCONNECTED)
    assert app.workers[0].threads[0].answer(sequence).failed
    assert app.ask().body == b"fine"
    assert not [message for message in app.messages.all() if message.kind == "Log"]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_comes_once_for_a_reason(serve_app, threads):
    app = serve_app("""
        import time
        count = 0
        def application(environ, start_response):
            global count
            until = None
            while until is None or time.monotonic() < until:
                try:
                    time.sleep(0.01)
                except BaseException:
                    count += 1
                    until = time.monotonic() + 0.5
            start_response("200 OK", [])
            return [str(count).encode()]
    """, threads=threads)
    sequence = begin(app, "/")
    interrupt_until_left(app, sequence)
    assert app.workers[0].threads[0].answer(sequence).body == b"1"


def test_an_iterator_and_its_close_are_interrupted_too(serve_app):
    app = serve_app("""
        import time
        class Body:
            def __iter__(self):
                yield b"first"
                time.sleep(1000)
            def close(self):
                time.sleep(1000)
        def application(environ, start_response):
            start_response("200 OK", [])
            body = Body()
            return body if environ["PATH_INFO"] == "/slow" else Closing()
        class Closing(Body):
            def __iter__(self):
                return iter([b"whole"])
    """)
    sequence = begin(app, "/close")
    answer = app.workers[0].threads[0].answer(sequence)         # is complete before close() runs
    assert answer.body == b"whole" and not answer.failed
    interrupt_until_left(app, sequence)
    assert app.log("interrupted")[0] == f"r-{sequence}"
    sequence = begin(app, "/slow")
    assert app.workers[0].threads[0].frame(sequence).body == b"first"
    # The iterator raises, and close(), which nothing interrupts a second time, is what the app is at then.
    wait_until(lambda: app.workers[0].interrupt(sequence) or not app.workers[0].threads[0].nothing_comes(),
               "the answer has its last frame")
    assert app.workers[0].threads[0].frame(sequence).flags & FAILED
    wait_until(lambda: app.workers[0].running() == sequence, "close() runs")
    kill_worker(app)
    app.worker()


def test_an_interrupt_for_another_request_does_nothing(serve_app):
    app = serve_app(STUCK)
    sequence = begin(app, "/in_sleep")
    for wrong in (sequence - 1, sequence + 1, 0):
        app.workers[0].interrupt(wrong)
    app.workers[0].interrupt(sequence, reason=77)
    assert app.workers[0].stacks() and app.workers[0].running() == sequence
    interrupt_until_left(app, sequence)
    app.workers[0].threads[0].answer(sequence)
    for _ in range(100):
        os.kill(app.workers[0].pid, INTERRUPT_SIGNAL)           # late ones
        assert app.ask().body == b"fine"


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("threads", [1, 3])
def test_no_interrupt_reaches_the_next_request(serve_app, version, threads):
    """In each round one request is interrupted at a random moment, or the one before it was meant and it is too late."""
    app = serve_app("""
        import sys
        sys.setswitchinterval(0.0001)
        def application(environ, start_response):
            start_response("200 OK", [])
            total = 0
            for i in range(int(environ["QUERY_STRING"])):
                total += i
            return iter([b"total ", str(total).encode()])
    """, python=INTERPRETERS[version], threads=threads)
    chance = random.Random(version + str(threads))
    worker = app.workers[0]
    ended = spared = 0
    for round_number in range(300):
        sequences = []
        before = [worker.begun(thread) for thread in range(threads)]
        loops = chance.choice([10, 10_000, 100_000])
        victim = chance.randrange(threads)
        too_late, endless = round_number % 2, round_number % 20 == 0
        for thread in range(threads):
            sequences.append(next(app.sequences))
            query = str(10**15 if endless and thread == victim else loops)
            worker.threads[thread].send(sequences[-1], app.variables(query=query, REQUEST_ID=f"r-{sequences[-1]}"))
        deadline = time.monotonic() + PATIENCE
        while worker.begun(victim) != sequences[victim]:        # without a pause: the moment is what it is about
            assert time.monotonic() < deadline
        for _ in range(chance.randrange(1, 4)):
            sum(range(chance.randrange(loops)))
            worker.interrupt(before[victim] if too_late else sequences[victim], victim)
        if endless:
            interrupt_until_left(app, sequences[victim], victim)
        for thread in range(threads):
            answer = worker.threads[thread].answer(sequences[thread])
            may_fail = thread == victim and not too_late
            assert may_fail or (not answer.failed and answer.body == f"total {sum(range(loops))}".encode())
            ended += answer.failed
            spared += not answer.failed
    assert ended >= 15 and spared > 100
    logs = [message.text for message in app.messages.all() if message.kind == "Log"]
    assert all(text.endswith("interrupted: it ran longer than request_timeout\n") for text in logs), logs


def test_a_fork_of_the_app_neither_interrupts_nor_is_interrupted(serve_app):
    app = serve_app("""
        import os, time
        def application(environ, start_response):
            pid = os.fork()
            if pid == 0:
                raise ValueError("in the child")        # the gateway goes on in it, and must not touch the slot
            os.waitpid(pid, 0)
            time.sleep(1000)
    """)
    sequence = begin(app, "/")
    app.out.wait_for("a process that the application forked returned from it")
    assert app.workers[0].running() == sequence
    interrupt_until_left(app, sequence)
    assert app.workers[0].threads[0].answer(sequence).failed

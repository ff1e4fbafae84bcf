"""Many requests of an ASGI app at once, on channels that they share: bodies, windows, notices, and clients that leave."""
import os
import random
import re
import socket
import tempfile
import time

import pytest

from edge import PATIENCE, wait_until
from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import (ANSWER_WINDOW, CANCEL, CLIENT_DISCONNECTED, FAILED, HEAD, LAST, LEFT, NOTICE, REQUEST_TIMEOUT,
                          TAKEN)

PRELUDE = """
    import asyncio, os, time
    START = {"type": "http.response.start", "status": 200}
    def body(text=b"", more=False):
        return {"type": "http.response.body", "body": text, "more_body": more}
"""
MANY = PRELUDE + """
    waiting = {}
    seen = []
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        path, query = scope["path"], scope["query_string"].decode()
        if path == "/release":
            for event in waiting.values():
                event.set()
        if path == "/wait":
            waiting[query] = asyncio.Event()
            await waiting[query].wait()
        if path == "/waiting":
            query = str(len(waiting))
        if path == "/seen":
            query = repr(seen)
        if path == "/receive":
            seen.append((await receive())["type"])
            seen.append((await receive())["type"])
            try:
                await send(START)
            except OSError as error:
                seen.append(type(error).__name__ + ": " + str(error))
            return
        if path == "/stuck":
            try:
                await stuck()
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
        await send(START)
        if path == "/large":
            size = int(query)
            await send(body(b"x" * size, True))
            seen.append("sent")
            query = ""
        await send(body(query.encode()))
    async def stuck():
        async with asyncio.Lock():
            await deeper()
    async def deeper():
        await asyncio.Event().wait()
"""


def logs_of(app):
    return [message.text for message in app.messages.all() if message.kind == "Log"]


def seen(app, holding):
    """What the app has seen, once it has seen that."""
    wait_until(lambda: holding in eval(app.ask("/seen").body), f"the app has seen {holding}")
    return eval(app.ask("/seen").body)


def collect(thread, sequences, take=True, loop=0):
    """The bodies of these answers, which come mixed; no client has more under way than the window."""
    bodies, left = dict.fromkeys(sequences, b""), set(sequences)
    while left:
        sequence, frame = thread.any_frame(loop)
        assert not frame.flags & FAILED and bool(frame.flags & HEAD) == (not bodies[sequence])
        bodies[sequence] += frame.body
        if frame.flags & LAST:
            left.remove(sequence)
        elif take:
            thread.notice(sequence, TAKEN, len(frame.body), loop)
    return bodies


def test_two_hundred_requests_at_once(serve_app):
    app = serve_app(MANY, loops=2)
    thread, worker = app.workers[0].threads[0], app.workers[0]
    sequences = {loop: [app.begin("/wait", query=f"{loop}-{i}", loop=loop) for i in range(100)] for loop in (0, 1)}
    wait_until(lambda: app.ask("/waiting").body == b"200", "all requests wait")
    wait_until(lambda: worker.running() == 0, "no code of the app runs")
    assert worker.taken() >= 201
    last = app.begin("/release")
    for loop in (0, 1):
        bodies = collect(thread, sequences[loop] + [last] * (loop == 0), loop=loop)
        for i, sequence in enumerate(sequences[loop]):
            assert bodies[sequence] == f"{loop}-{i}".encode()


@pytest.mark.parametrize("size", [0, 1, 65536, 65537, 1000000])
def test_a_body_comes_in_pieces_from_a_file(serve_app, size):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        pieces = []
        while True:
            message = await receive()
            assert message["type"] == "http.request"
            pieces.append(message["body"])
            if not message["more_body"]:
                break
        await send(START)
        await send(body(repr([hash(b"".join(pieces)) == hash(b"y" * sum(map(len, pieces))), [len(p) for p in pieces],
                              len(os.listdir("/proc/self/fd"))]).encode()))
    """)
    whole = [65536] * (size // 65536)
    expected = whole + [size % 65536] if size % 65536 or not whole else whole
    descriptors = eval(app.ask().body)[2]
    for _ in range(3):
        with tempfile.TemporaryFile() as file:
            file.write(b"y" * size)
            file.flush()
            assert eval(app.ask(method="POST", file=file.fileno()).body) == [True, expected, descriptors]
    if size <= 65536:
        assert eval(app.ask(method="POST", body=b"y" * size).body)[:2] == [True, [size]]


def test_a_body_that_nobody_reads_is_closed(serve_app):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send(START)
        await send(body(str(len(os.listdir("/proc/self/fd"))).encode()))
    """)
    before = int(app.ask().body)
    for _ in range(3):
        with tempfile.TemporaryFile() as file:
            file.write(b"y" * 100000)
            file.flush()
            app.ask(method="POST", file=file.fileno())
    assert int(app.ask().body) == before


def test_a_sender_waits_for_its_client_and_for_no_other(serve_app):
    app = serve_app(MANY)
    thread = app.workers[0].threads[0]
    sequence = app.begin("/large", query="300000")
    received = sum(len(thread.frame(sequence).body) for _ in range(2))
    assert received == ANSWER_WINDOW and app.ask("/seen").body == b"[]" and thread.nothing_comes()
    thread.notice(sequence, TAKEN, 1000)
    assert len(thread.frame(sequence).body) == 1000
    assert app.ask("/seen").body == b"[]" and thread.nothing_comes()
    received += 1000
    thread.notice(sequence, TAKEN, received - 1000)
    while received < 300000:
        frame = thread.frame(sequence)
        received += len(frame.body)
        thread.notice(sequence, TAKEN, len(frame.body))
    assert thread.frame(sequence).flags == LAST
    assert app.ask("/seen").body == b"['sent']"


def test_notices_come_torn(serve_app):
    app = serve_app(MANY)
    thread = app.workers[0].threads[0]
    sequence = app.begin("/large", query=str(ANSWER_WINDOW + 3))
    assert sum(len(thread.frame(sequence).body) for _ in range(2)) == ANSWER_WINDOW
    notices = NOTICE.pack(77, TAKEN, 5) + b"".join(NOTICE.pack(sequence, TAKEN, 1) for _ in range(3))
    for at in range(len(notices)):
        thread.answers[0].sendall(notices[at:at + 1])
        if at % 8 == 3:
            app_is_there = app.begin("/seen")
            while thread.any_frame()[0] != app_is_there:        # a byte of the large answer may come before
                pass
    wait_until(lambda: b"sent" in collect_one(app, thread, sequence), "the whole of it was sent")


def collect_one(app, thread, sequence):
    """What the app has seen, whatever frames of the other answer are in front."""
    asked = app.begin("/seen")
    while True:
        named, frame = thread.any_frame()
        assert named in (asked, sequence)
        if named == asked:
            return frame.body


def test_a_notice_of_an_unknown_kind_ends_the_worker(serve_app):
    app = serve_app(MANY)
    app.workers[0].threads[0].notice(1, 4)
    assert app.log("a worker was sent a notice that makes no sense")
    assert app.workers.pop().wait_exit() == 76 << 8


def test_a_channel_that_is_full_tears_no_frame(serve_app):
    """The edge reads nothing for a while: all answers wait, some in the channel, some with their senders."""
    app = serve_app(MANY)
    thread = app.workers[0].threads[0]
    thread.answers[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sizes = {app.begin("/large", query=str(size)): size for size in range(100000, 160000, 1000)}
    small = [app.begin("/small", query="s" * 2000) for _ in range(100)]
    wait_until(lambda: app.workers[0].begun() == small[-1], "all were taken")
    bodies = collect(thread, [*sizes, *small])
    assert all(bodies[sequence] == b"x" * size for sequence, size in sizes.items())
    assert all(bodies[sequence] == b"s" * 2000 for sequence in small)
    assert app.ask("/small", query="after").body == b"after"


def test_a_file_behind_a_full_channel(serve_app, tmp_path):
    (tmp_path / "file.txt").write_bytes(b"of the file")
    app = serve_app(MANY.replace('if path == "/wait":', """if path == "/file":
            await send(START)
            await send({"type": "http.response.pathsend", "path": os.path.abspath("file.txt")})
            return
        if path == "/wait":"""))
    thread = app.workers[0].threads[0]
    large = [app.begin("/large", query="100000") for _ in range(20)]
    files = [app.begin("/file") for _ in range(5)]
    wait_until(lambda: app.workers[0].begun() == files[-1], "all were taken")
    bodies = collect(thread, large + files)
    assert [bodies[sequence] for sequence in files] == [b"of the file"] * 5


def test_two_tasks_send_parts_of_one_answer(serve_app):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send(START)
        await asyncio.gather(*[send(body(bytes([97 + i]) * 200000, True)) for i in range(3)])
        await send(body(b"end"))
    """)
    sequence = app.begin()
    assert collect(app.workers[0].threads[0], [sequence])[sequence] == \
        b"a" * 200000 + b"b" * 200000 + b"c" * 200000 + b"end"


def test_a_sender_that_is_cancelled_tears_nothing(serve_app):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send(START)
        sender = asyncio.ensure_future(send(body(b"a" * 200000, True)))
        await asyncio.sleep(0)
        sender.cancel()
        await send(body(b"in its place"))
        assert sender.cancelled()
    """)
    sequence = app.begin()
    thread = app.workers[0].threads[0]
    assert collect(thread, [sequence])[sequence] == b"a" * 200000 + b"in its place"
    app.stop()
    assert not logs_of(app)


def test_a_client_that_leaves_while_its_app_waits_in_receive(serve_app):
    app = serve_app(MANY)
    thread = app.workers[0].threads[0]
    sequence = app.begin("/receive")
    assert seen(app, "http.request") == ["http.request"]
    thread.notice(sequence, LEFT)
    last = thread.frame(sequence)
    assert last.flags == LAST | FAILED and last.body == b""
    assert seen(app, "http.disconnect") == ["http.request", "http.disconnect",
                                            "ConnectionAbortedError: the client has gone"]
    assert not logs_of(app)


def test_a_client_that_leaves_while_its_app_waits_in_send(serve_app):
    app = serve_app(MANY)
    thread = app.workers[0].threads[0]
    sequence = app.begin("/large", query="1000000")
    for _ in range(2):
        thread.frame(sequence)
    thread.notice(sequence, LEFT)
    assert thread.frame(sequence).flags == LAST | FAILED
    assert app.ask("/seen").body == b"[]"
    assert not logs_of(app)                     # what send() raised came out of the app, and is nobody's failure


def test_notices_that_overtake_their_requests(serve_app, gate):
    """Requests and notices come on different channels: what is heard of first is the kernel's choice."""
    app = serve_app(MANY.replace('if path == "/wait":', """if path == "/block":
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
        if path == "/wait":"""), environment=gate.environment)
    thread = app.workers[0].threads[0]
    blocks = app.begin("/block")
    gate.wait_arrived()
    waiting = [app.begin("/stuck") for _ in range(10)]      # as many as a mailbox holds
    for sequence in waiting:
        thread.notice(sequence, CANCEL, CLIENT_DISCONNECTED)
    gate.open()
    left = {blocks, *waiting}
    while left:
        sequence, frame = thread.any_frame()
        assert frame.flags == (HEAD | LAST if sequence == blocks else LAST | FAILED)
        left.remove(sequence)
    assert not logs_of(app)


@pytest.mark.parametrize("reason", [REQUEST_TIMEOUT, CLIENT_DISCONNECTED])
def test_a_task_is_cancelled(serve_app, reason):
    app = serve_app(MANY)
    thread = app.workers[0].threads[0]
    sequence = app.begin("/stuck", REQUEST_ID="r-stuck")
    wait_until(lambda: app.workers[0].begun() == sequence, "it was taken")
    assert app.ask("/small").status == 200
    thread.notice(sequence, CANCEL, reason)
    assert thread.frame(sequence).flags == LAST | FAILED
    assert eval(app.ask("/seen").body) == ["cancelled"]
    if reason == REQUEST_TIMEOUT:
        request, text = app.log("ran longer than request_timeout")
        assert request == "r-stuck" and re.findall(r"in (\w+)\n", text)[:3] == ["app", "stuck", "deeper"]
    assert not logs_of(app)


def test_a_task_that_keeps_its_cancellation_from_happening(serve_app):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        await send(START)
        await send(body(b"too late"))
    """)
    sequence = app.begin()
    wait_until(lambda: app.workers[0].begun() == sequence, "it was taken")
    app.workers[0].threads[0].notice(sequence, CANCEL, REQUEST_TIMEOUT)
    assert app.workers[0].threads[0].frame(sequence).flags == LAST | FAILED
    assert app.log("cancelled: it ran longer")
    assert not logs_of(app)


KINDS = [("/large", "200000"), ("/small", "s"), ("/receive", ""), ("/stuck", "")]


def test_requests_under_a_storm_of_notices(serve_app):
    """Whatever notices come at whatever time: each answer has one end, and the worker goes on."""
    app = serve_app(MANY)
    thread = app.workers[0].threads[0]
    chance = random.Random(1)
    for _ in range(20):
        paths = {app.begin(path, query=query): path for path, query in
                 chance.choices(KINDS, k=20)}
        for _ in range(60):
            sequence = chance.choice([*paths, 10**9])
            thread.notice(sequence, *chance.choice([(TAKEN, 70000), (TAKEN, 2**32 - 1), (LEFT,), (CANCEL, 2)]))
        for sequence in paths:
            thread.notice(sequence, CANCEL, 2)
        left, deadline = set(paths), time.monotonic() + PATIENCE
        while left:
            assert time.monotonic() < deadline
            sequence, frame = thread.any_frame()
            assert sequence in left
            if frame.flags & LAST:
                left.remove(sequence)
    assert app.ask("/small", query="after").body == b"after" and not logs_of(app)
    assert len(os.listdir(f"/proc/{app.workers[0].pid}/fd")) < 40

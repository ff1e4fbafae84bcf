"""The channels of an ASGI worker when things go wrong: full, out of the kernel's memory, closed, or interrupted."""
import os
import select

import pytest

from edge import wait_until
from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import ANSWER_WINDOW, CANCEL, FAILED, LAST, LEFT, NOTICE, REQUEST_TIMEOUT, TAKEN

PRELUDE = """
    import asyncio, os, resource, socket, sys
    START = {"type": "http.response.start", "status": 200}
    def body(text=b"", more=False):
        return {"type": "http.response.body", "body": text, "more_body": more}
"""
# Raises at the Nth point at which a signal handler could, as far as a frame of the gateway is concerned.
RAISES = """
    class Raises:
        def __init__(self, points, within):
            self.points, self.within = points, within
        def __call__(self, frame, event, argument):
            if event == "c_call" or not self.is_within(frame):
                return
            self.points -= 1
            if self.points == 0:
                raise ValueError("as a signal handler would")
        def is_within(self, frame):
            if frame.f_code.co_filename != "<edge asgi.py>":
                return False
            while frame is not None and frame.f_code.co_name != self.within:
                frame = frame.f_back
            return frame is not None
"""


def ends(thread, sequences, loop=0):
    """Reads until each of these answers has ended: the sizes of their bodies."""
    sizes, left = dict.fromkeys(sequences, 0), set(sequences)
    while left:
        sequence, frame = thread.any_frame(loop)
        sizes[sequence] += len(frame.body)
        if frame.flags & LAST:
            left.remove(sequence)
    return [sizes[sequence] for sequence in sequences]


def is_asleep(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


def lies_unread(mailbox):
    """The worker's own end of it, which the edge keeps too."""
    return bool(select.select([mailbox], [], [], 0)[0])


def wait_taken(app, sequence):
    worker = app.workers[0]
    wait_until(lambda: worker.begun() == sequence and not worker.running(), "the app has had all requests")


def test_more_descriptors_than_may_be_on_their_way(serve_app):
    """The kernel counts them by user, and lets root have any number, so root becomes a user of its own."""
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))
            if os.getuid() == 0:
                os.setresuid(*[1_000_000_000 + os.getpid()] * 3)
            await send({"type": "lifespan.startup.complete"})
            return
        await send(START)
        await send({"type": "http.response.pathsend", "path": "/etc/passwd"})
    """)
    thread = app.workers[0].threads[0]
    sequences = []
    for _ in range(10):
        sequences += [app.begin() for _ in range(8)]        # no more than a mailbox holds
        wait_taken(app, sequences[-1])
    assert ends(thread, sequences) == [os.path.getsize("/etc/passwd")] * len(sequences)
    assert app.ask().body and not [m.text for m in app.messages.all() if m.kind == "Log"]


def test_an_app_that_closes_what_is_not_its_own(serve_app):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        nothing = os.open("/dev/null", os.O_RDWR)
        for number in map(int, os.listdir("/proc/self/fd")):
            if is_stream(number):
                os.dup2(nothing, number)
        await send(START)
        await send(body())
    def is_stream(number):
        try:
            with socket.socket(fileno=os.dup(number)) as channel:
                return channel.type == socket.SOCK_STREAM
        except OSError:
            return False
    """)
    app.begin()
    assert app.log("the worker cannot send its answers (Socket operation on non-socket)")
    assert app.workers.pop().wait_exit() == 76 << 8


def test_what_is_raised_while_answers_begin_to_wait(serve_app):
    app = serve_app(PRELUDE + RAISES + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send(START)
        sys.setprofile(Raises(int(scope["query_string"] or 0), "send"))
        try:
            await send(body(b"x" * 100000))
        except ValueError:
            pass
        finally:
            sys.setprofile(None)
    """)
    thread = app.workers[0].threads[0]
    for point in range(1, 12):
        sequences = [app.begin(query=str(point)) for _ in range(4)]     # more than the channel holds
        wait_taken(app, sequences[-1])
        ends(thread, sequences)
    assert app.ask().body == b"x" * 100000


def test_answers_that_wait_when_the_worker_quits(serve_app):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("shut down", flush=True)
            return await send({"type": "lifespan.shutdown.complete"})
        await send(START)
        await send(body(b"x" * 100000))
    """, loops=2)
    worker = app.workers[0]
    sequences = {loop: [app.begin(loop=loop) for _ in range(4)] for loop in (0, 1)}     # more than a channel holds
    wait_taken(app, sequences[1][-1])
    worker.threads[0].quit()
    wait_until(lambda: is_asleep(worker.pid) and not lies_unread(worker.threads[0].theirs), "the worker has nothing to do")
    for loop in (1, 0):
        assert "shut down" not in app.out.text()
        assert ends(worker.threads[0], sequences[loop], loop) == [100000] * 4
    assert app.workers.pop().wait_exit() == 0
    app.out.wait_for("shut down")


def test_an_edge_that_goes_while_answers_wait(serve_app):
    app = serve_app(PRELUDE + """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await send(START)
        await send(body(b"x" * 100000))
    """)
    for _ in range(4):
        app.begin()
    worker = app.workers.pop()
    worker.threads[0].quit()
    worker.close()
    assert worker.wait_exit() == 0


def test_what_is_raised_while_notices_are_read(serve_app):
    """At each point in turn, until there are no more of them."""
    app = serve_app(PRELUDE + RAISES + """
    raises = None
    async def app(scope, receive, send):
        global raises
        assert scope["type"] == "http"
        path, query = scope["path"], scope["query_string"].decode()
        if path == "/waits":
            await asyncio.Event().wait()
        if path == "/arm":
            raises = Raises(int(query), "read_notices")
            sys.setprofile(raises)
        if path == "/disarm":
            sys.setprofile(None)
            query = str(raises.points)
        await send(START)
        await send(body(b"x" * 200000 if path == "/large" else query.encode()))
    """)
    thread = app.workers[0].threads[0]
    point, points_left = 0, 0
    while points_left <= 0:
        point += 1
        large = [app.begin("/large") for _ in range(3)]
        for sequence in large * 2:
            thread.any_frame()                  # a window of each
        leaves, cancelled = [app.begin("/waits") for _ in range(2)]
        assert app.ask("/arm", query=str(point)).status == 200
        notices = [*[(sequence, TAKEN, ANSWER_WINDOW) for sequence in large], (leaves, LEFT, 0), (leaves, CANCEL, 2),
                   (cancelled, CANCEL, REQUEST_TIMEOUT)]
        thread.answers[0].sendall(b"".join(NOTICE.pack(*notice) for notice in notices))
        assert ends(thread, [*large, leaves, cancelled]) == [200000 - ANSWER_WINDOW] * 3 + [0, 0]
        points_left = int(app.ask("/disarm").body)
    assert point > 20


@pytest.mark.parametrize("frame", ["raise ValueError('no frame')", "return 7", "return sys._getframe()"])
def test_a_request_that_ran_too_long_in_what_has_no_stack(serve_app, frame):
    app = serve_app(PRELUDE + f"""
    class Endless:
        def __init__(self):
            self.steps = asyncio.Event().wait().__await__()
        def __await__(self):
            return self
        def __next__(self):
            return next(self.steps)
        def throw(self, *error):
            return self.steps.throw(*error)
        @property
        def cr_frame(self):
            {frame}
        @property
        def cr_await(self):
            return self
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        if scope["path"] == "/endless":
            await Endless()
        await send(START)
        await send(body(b"fine"))
    """)
    sequence = app.begin("/endless")
    wait_taken(app, sequence)
    app.workers[0].threads[0].notice(sequence, CANCEL, REQUEST_TIMEOUT)
    assert app.workers[0].threads[0].frame(sequence).flags == LAST | FAILED
    assert len(app.log("ran longer than request_timeout")[1]) < 20000
    assert app.ask().body == b"fine"

# The event loop of an ASGI worker: a task for each request, and the app's lifespan around all of them. Carried by the
# gateway object, and run by its asgi_worker.cpp, whose functions are the module `edge` here.
import asyncio
import os

TAKEN, LEFT, CANCEL = 1, 2, 3  # wire::NoticeKind
REQUEST_TIMEOUT = 1  # wire::InterruptReason
DONE, KEPT, REFUSED = 0, 1, 2  # what Exchange.send says
EMPTY, MORE, CLOSED = 0, 1, 2  # what edge.read_mailbox says
PIECE = 64 * 1024  # bytes of a body from a file
DEEPEST = 100  # coroutines of which a stack tells
PATIENCE = 1  # seconds that a lifespan which has said that it is through may take to return


class Failed(Exception):
    """The app cannot be served; the text is for its author."""


def traceback_of(error):
    import traceback

    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


def stack_of(coroutine):
    """Where a coroutine waits, as a traceback shows it; words instead, if the app's objects have no frames to show."""
    try:
        return stack_below(coroutine)
    except Exception as error:
        return "  (unknown: %s)\n" % type(error).__name__


def stack_below(coroutine):
    """The coroutine's own frame, and those of what it awaits."""
    import traceback

    frames = []
    while coroutine is not None and len(frames) < DEEPEST:
        frame = first_of(coroutine, "cr_frame", "gi_frame", "ag_frame")
        if frame is None:
            break
        frames.append((frame, frame.f_lineno))
        coroutine = first_of(coroutine, "cr_await", "gi_yieldfrom", "ag_await")
    return "".join(traceback.StackSummary.extract(iter(frames)).format())


def first_of(thing, *names):
    for name in names:
        value = getattr(thing, name, None)
        if value is not None:
            return value
    return None


def wake(waiting):
    for future in waiting:
        if not future.done():
            future.set_result(None)


class Request:
    """One request: what its app calls as receive and send."""

    __slots__ = ("server", "exchange", "body", "offset", "task", "receivers", "senders")

    def __init__(self, server, body, exchange):
        self.server = server
        self.exchange = exchange
        self.body = body  # bytes, or a file; None once all of it was received
        self.offset = 0  # how much of the file was
        self.task = None  # until it has ended
        self.receivers = self.senders = ()  # futures of those who wait

    async def receive(self):
        if not self.exchange.is_over():
            body = self.body
            if body is not None:
                if type(body) is not bytes:
                    return self.next_piece()
                self.body = None
                return {"type": "http.request", "body": body, "more_body": False}
            if not self.receivers:
                self.receivers = []
            await self.wait_among(self.receivers)
        return {"type": "http.disconnect"}

    def next_piece(self):
        file = self.body.fileno()
        piece = os.pread(file, PIECE, self.offset)
        self.offset += len(piece)
        more_body = self.offset < os.fstat(file).st_size
        if not more_body:
            self.close_body()
        return {"type": "http.request", "body": piece, "more_body": more_body}

    def close_body(self):
        body, self.body = self.body, None
        if body is not None and type(body) is not bytes:
            body.close()

    async def wait_among(self, waiting):
        future = self.server.loop.create_future()
        waiting.append(future)
        try:
            await future
        finally:
            waiting.remove(future)

    async def send(self, message):
        outcome = self.exchange.send(message)
        if outcome:
            await self.send_slowly(message, outcome)
        if self.receivers and self.exchange.is_over():
            wake(self.receivers)

    async def send_slowly(self, message, outcome):
        if not self.senders:
            self.senders = []
        while outcome == REFUSED:  # another task's message goes first
            await self.wait_among(self.senders)
            outcome = self.exchange.send(message)
        if outcome == KEPT:
            self.server.kept.add(self)
            await self.wait_among(self.senders)
            self.exchange.check_kept()

    def go_on(self):
        """The edge or the client has made room."""
        if self.exchange.advance():
            self.server.kept.discard(self)
            wake(self.senders)
            if self.exchange.is_over():
                wake(self.receivers)
            self.forget_if_done()

    def leave(self):
        """Nobody wants the answer any more."""
        self.exchange.leave()
        self.go_on()

    def cancel(self, reason):
        task = self.task
        if task is not None:
            if reason == REQUEST_TIMEOUT:
                self.exchange.log("cancelled: it ran longer than request_timeout. It waits at (most recent call last):\n"
                                  + stack_of(task.get_coro()))
            self.server.loop.call_soon(task.cancel)  # which asks what it waits for: that may be code of the app's
        self.leave()

    def ended(self):
        """The app's coroutine has returned or raised."""
        self.task = None
        self.close_body()
        wake(self.receivers)
        wake(self.senders)
        self.forget_if_done()

    def forget_if_done(self):
        if self.exchange.is_done():
            self.server.forget(self)


class Lifespan:
    """The app's startup and shutdown, where it has them."""

    def __init__(self, app, loop, log):
        self.app = app
        self.loop = loop
        self.log = log
        self.state = {}
        self.received = False
        self.started = loop.create_future()
        self.stopping = loop.create_future()
        self.stopped = loop.create_future()
        self.task = None

    async def start(self):
        self.task = self.loop.create_task(self.run())
        await self.started

    async def stop(self):
        if self.task.done():
            return
        self.stopping.set_result(None)
        await self.stopped
        await asyncio.wait([self.task], timeout=PATIENCE)

    async def run(self):
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        failure = None
        try:
            await self.app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            failure = None if self.started.done() else "it was cancelled"
        except BaseException as error:
            # An app that knows no lifespan raises without having said a word, and is served none the less.
            if self.started.done() or not isinstance(error, Exception):
                failure = "it raised\n" + traceback_of(error)
        self.end(failure)

    def end(self, failure):
        if not self.started.done():
            self.tell_started(failure)
            return
        if failure is not None:
            self.log("the application's lifespan failed: %s" % failure)
        if not self.stopped.done():
            self.stopped.set_result(None)

    def tell_started(self, failure):
        if failure is None:
            self.started.set_result(None)
        else:
            self.started.set_exception(Failed("the application's lifespan startup failed: %s" % failure))

    async def receive(self):
        if not self.received:
            self.received = True
            return {"type": "lifespan.startup"}
        await asyncio.shield(self.stopping)
        return {"type": "lifespan.shutdown"}

    async def send(self, message):
        kind = message["type"]
        if kind in ("lifespan.startup.complete", "lifespan.startup.failed"):
            if self.started.done():
                raise RuntimeError("%s was sent after the startup" % kind)
            self.tell_started(message.get("message", "") if kind.endswith("failed") else None)
        elif kind in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            if not self.stopping.done() or self.stopped.done():
                raise RuntimeError("%s was sent, but there is no shutdown at this time" % kind)
            self.stopped.set_result(None)
            if kind.endswith("failed"):
                self.log("the application's lifespan shutdown failed: %s\n" % message.get("message", ""))
        else:
            raise RuntimeError("an application cannot send %r in its lifespan" % kind)


class Server:
    """All requests of this worker."""

    def __init__(self, edge, app, loop):
        self.edge = edge
        self.app = app
        self.loop = loop
        self.lifespan = Lifespan(app, loop, edge.log)
        self.state = self.lifespan.state
        self.requests = {}  # by their sequence
        self.kept = set()  # requests of which a part of the body waits
        self.quitting = loop.create_future()
        self.idle = None  # a future, once no requests are to come
        self.notices = []  # that were read; one goes when all was done about it
        self.flushed = None  # a future, once the last answers wait for the edge

    async def serve(self):
        await self.lifespan.start()
        for index, channel in enumerate(self.edge.channels):
            self.loop.add_reader(channel, self.read_notices, index)
        self.loop.add_reader(self.edge.room, self.make_room)
        self.loop.add_reader(self.edge.mailbox, self.read_mailbox)
        # Once this task stands still: from then on signals come, and what their handlers raise must not meet it.
        self.loop.call_soon(self.edge.ready)
        await self.quitting
        if self.requests:
            self.idle = self.loop.create_future()
            await self.idle
        while not self.edge.flush():
            self.flushed = self.loop.create_future()
            await self.flushed
        for channel in self.edge.channels:
            self.loop.remove_reader(channel)
        await self.lifespan.stop()

    def read_mailbox(self):
        outcome = self.edge.read_mailbox(self.begin)
        if outcome == CLOSED:
            self.loop.remove_reader(self.edge.mailbox)
            self.quitting.set_result(None)
        return outcome

    def find(self, sequence):
        """The request that a notice is about, which may still be in the mailbox; None: it was answered meanwhile."""
        request = self.requests.get(sequence)
        if request is None and not self.quitting.done():
            while self.read_mailbox() == MORE:
                pass
            request = self.requests.get(sequence)
        return request

    def begin(self, scope, body, exchange):
        request = Request(self, body, exchange)
        scope["state"] = self.state.copy()
        self.requests[exchange.sequence] = request
        call = self.edge.Call(self.app, scope, request.receive, request.send, exchange, request.ended)
        try:
            request.task = self.loop.create_task(call)
        except BaseException:
            self.forget(request)
            raise

    def forget(self, request):
        self.kept.discard(request)
        self.requests.pop(request.exchange.sequence, None)
        self.tell_if_idle()

    def tell_if_idle(self):
        if self.idle is not None and not self.requests:
            wake([self.idle])

    def read_notices(self, index=None):
        """Those of a channel, and what is left of those before."""
        try:
            if index is not None and not self.edge.read_notices(index, self.notices):
                self.loop.remove_reader(self.edge.channels[index])
            while self.notices:
                self.heed(self.notices[0])
                del self.notices[0]
            self.tell_if_idle()
        except BaseException:  # a signal handler of the app's raised, perhaps with a notice half done
            self.loop.call_soon(self.read_notices)
            raise

    def heed(self, notice):
        """Not harmed by doing it twice."""
        sequence, kind, value = notice
        request = self.find(sequence)
        if request is None:
            return
        if kind == TAKEN:
            exchange = request.exchange
            notice[2] = 0  # no signal comes between this and the next call
            exchange.take(value)
            request.go_on()
        elif kind == LEFT:
            request.leave()
        else:
            request.cancel(value)

    def make_room(self):
        try:
            self.edge.flush()
            for request in list(self.kept):
                request.go_on()
            if self.flushed is not None:
                wake([self.flushed])
        except BaseException:  # a signal handler of the app's raised
            self.loop.call_soon(self.make_room)
            raise


def run_until_done(edge, loop, task):
    edge.keep_running(loop.run_until_complete, task)
    return task.result()


def close(edge, loop):
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        run_until_done(edge, loop, loop.create_task(asyncio.wait(tasks)))
    run_until_done(edge, loop, loop.create_task(loop.shutdown_asyncgens()))
    run_until_done(edge, loop, loop.create_task(loop.shutdown_default_executor()))
    asyncio.set_event_loop(None)
    loop.close()


def serve(edge, app):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    server = Server(edge, app, loop)
    try:
        run_until_done(edge, loop, loop.create_task(server.serve()))
    except Failed as failed:
        edge.fail(str(failed))
    close(edge, loop)

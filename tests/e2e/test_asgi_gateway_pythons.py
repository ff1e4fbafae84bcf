"""ASGI in every CPython from 3.9 on, with uvloop, and with the frameworks that apps are written with."""
import json
import os
import subprocess
import tempfile

import pytest

from edge import SYSTEM_PYTHON, wait_until
from gateway_harness import all_interpreters, binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import ASGI, CANCEL, CLIENT_DISCONNECTED, FAILED, LAST, LEFT, TAKEN

INTERPRETERS = all_interpreters()
EVERYTHING = """
    import asyncio, json, sys, time
    PREPARE
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            assert await receive() == {"type": "lifespan.startup"}
            scope["state"]["loop"] = type(asyncio.get_running_loop()).__module__
            await send({"type": "lifespan.startup.complete"})
            await receive()
            print("shut down", flush=True)
            return await send({"type": "lifespan.shutdown.complete"})
        path = scope["path"]
        if path == "/raise":
            raise ValueError("in the view")
        if path == "/spin":
            while True:
                pass
        if path == "/stuck":
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        if path == "/large":
            for _ in range(4):
                await send({"type": "http.response.body", "body": b"x" * 100000, "more_body": True})
        if path == "/file":
            return await send({"type": "http.response.pathsend", "path": __file__})
        pieces = []
        if path == "/body":
            more = True
            while more:
                message = await receive()
                pieces.append(message["body"])
                more = message["more_body"]
        about = [sys.version_info[:2], scope["state"]["loop"], sum(map(len, pieces))]
        await send({"type": "http.response.body", "body": json.dumps(about).encode()})
"""


def exercise(app, tmp_path):
    """The lifespan's loop, after a look at everything."""
    thread, worker = app.workers[0].threads[0], app.workers[0]
    assert worker.interface == ASGI and app.ask("/file").body == (tmp_path / "shop_app.py").read_bytes()
    assert app.ask("/raise").failed and "ValueError: in the view" in app.log("the application raised")[1]
    with tempfile.TemporaryFile() as file:
        file.write(b"line\n" * 100000)
        file.flush()
        assert json.loads(app.ask("/body", "POST", file=file.fileno()).body)[2] == 500000
    assert json.loads(app.ask("/body", "POST", b"inline").body)[2] == 6
    sequence, size, last = app.begin("/large"), 0, False
    while not last:
        frame = thread.frame(sequence)
        size, last = size + len(frame.body), frame.flags & LAST
        thread.notice(sequence, TAKEN, len(frame.body))
    assert size > 400000 and app.ask("/caf\xc3\xa9").headers == [("a", "b")]
    for notice in [(LEFT,), (CANCEL, CLIENT_DISCONNECTED)]:
        sequence = app.begin("/large" if notice == (LEFT,) else "/stuck")
        thread.notice(sequence, *notice)
        frame = thread.frame(sequence)
        while not frame.flags & LAST:
            frame = thread.frame(sequence)
        assert frame.flags & FAILED
    sequence = app.begin("/spin")
    wait_until(lambda: worker.running() == sequence, "its code has the loop")
    wait_until(lambda: worker.interrupt(sequence) or worker.running() != sequence, "it was interrupted")
    assert thread.answer(sequence).failed and app.log("interrupted: it ran longer than request_timeout")
    version, loop, _ = json.loads(app.ask().body)
    return version, loop


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("preload", [True, False])
def test_every_interpreter(serve_app, tmp_path, version, preload):
    app = serve_app(EVERYTHING.replace("PREPARE", ""), python=INTERPRETERS[version], preload=preload)
    found, loop = exercise(app, tmp_path)
    assert loop == "asyncio.unix_events" and (version == "system" or ".".join(map(str, found)) == version)
    app.stop()
    app.out.wait_for("shut down")


def imports(module):
    return subprocess.run([SYSTEM_PYTHON, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def needs(module):
    return pytest.mark.skipif(not imports(module), reason=f"the system's Python has no {module}")


@needs("uvloop")
def test_the_policy_that_the_app_has_set_makes_the_loop(serve_app, tmp_path):
    app = serve_app(EVERYTHING.replace("PREPARE", "import uvloop; uvloop.install()"))
    assert exercise(app, tmp_path)[1] == "uvloop"
    app.stop()
    app.out.wait_for("shut down")


STARLETTE = """
    import anyio
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
    from starlette.routing import Mount, Route
    async def index(request):
        return PlainTextResponse("Hello from Starlette", background=BackgroundTask(print, "in the background", flush=True))
    async def about(request):
        return JSONResponse({"path": request.url.path, "query": dict(request.query_params), "root": request.scope["root_path"],
                             "client": request.client, "state": request.app.state.pool, "url": str(request.url)})
    def in_a_thread(request):
        return PlainTextResponse("from a thread")
    async def echo(request):
        return PlainTextResponse(await request.body())
    async def numbers():
        for i in range(1000000):
            yield b"%d," % i
    async def stream(request):
        return StreamingResponse(numbers())
    async def nap(request):
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep(1000)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 1000)
            await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        return PlainTextResponse(str(scope.cancel_called))
    async def fail(request):
        raise ValueError("in the view")
    async def through(request, call_next):
        response = await call_next(request)
        response.headers["x-middle"] = "was here"
        return response
    async def startup():
        app.state.pool = 7
    routes = [Route("/", index), Route("/about", about), Route("/thread", in_a_thread), Route("/stream", stream),
              Route("/echo", echo, methods=["POST"]), Route("/nap", nap), Route("/fail", fail),
              Route("/file", lambda request: FileResponse(__file__))]
    app = Starlette(routes=routes + [Mount("/middle", routes=routes, middleware=[])], on_startup=[startup])
    MIDDLEWARE
"""


@needs("starlette")
@pytest.mark.parametrize("middleware", [False, True])
def test_starlette(serve_app, tmp_path, middleware):
    app = serve_app(STARLETTE.replace("MIDDLEWARE", "app.add_middleware(BaseHTTPMiddleware, dispatch=through)"
                                      if middleware else ""))
    answer = app.ask("/")
    assert answer.body == b"Hello from Starlette" and (("x-middle", "was here") in answer.headers) == middleware
    app.out.wait_for("in the background")
    assert json.loads(app.ask("/about", query="a=1", HTTP_HOST="example.org").body) == {
        "path": "/about", "query": {"a": "1"}, "root": "", "client": ["127.0.0.1", 4711], "state": 7,
        "url": "http://example.org/about?a=1"}
    assert app.ask("/thread").body == b"from a thread" and app.ask("/nap").body == b"True"
    with tempfile.TemporaryFile() as file:
        file.write(os.urandom(100000))
        file.seek(0)
        assert app.ask("/echo", "POST", file=file.fileno()).body == file.read()
    assert app.ask("/file").body == (tmp_path / "shop_app.py").read_bytes()
    assert app.ask("/", method="HEAD").body == b"" and app.ask("/nothing").status == 404
    assert app.ask("/fail").status == 500 and "ValueError: in the view" in app.log("the application raised")[1]
    thread = app.workers[0].threads[0]
    sequence = app.begin("/stream")
    frame = thread.frame(sequence)
    assert frame.body.startswith(b"0,") and not frame.flags & LAST
    thread.notice(sequence, LEFT)
    while not frame.flags & LAST:
        frame = thread.frame(sequence)
    assert frame.flags & FAILED
    assert app.ask("/").status == 200
    assert not [message for message in app.messages.all() if message.kind == "Log"]


DJANGO = """
    from django.conf import settings
    settings.configure(SECRET_KEY="a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEBUG=False,
                       DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}})
    from django.core.asgi import get_asgi_application
    from django.db import connection
    from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path
    import asyncio
    async def index(request):
        await asyncio.sleep(0)
        return HttpResponse("Hello from Django\\n")
    def upload(request):
        file = request.FILES["upload"]
        return HttpResponse(f"{request.POST['name']} {file.name} {file.size}")
    def database(request):
        with connection.cursor() as cursor:
            cursor.execute("select 6 * 7")
            return JsonResponse({"answer": cursor.fetchone()[0], "path": request.path, "script": request.META["SCRIPT_NAME"]})
    def stream(request):
        return StreamingHttpResponse(f"line {i}\\n" for i in range(3))
    def file(request):
        return FileResponse(open(__file__, "rb"))
    async def fail(request):
        raise ValueError("in the view")
    urlpatterns = [path("", index), path("upload", upload), path("database", database), path("stream", stream),
                   path("file", file), path("raise", fail)]
    application = get_asgi_application()
"""


@needs("django.core.asgi")
def test_django(serve_app, tmp_path):
    app = serve_app(DJANGO)
    assert app.workers[0].interface == ASGI and app.ask("/").body == b"Hello from Django\n"
    body = (b'--edge\r\nContent-Disposition: form-data; name="name"\r\n\r\nJos\xc3\xa9\r\n--edge\r\n'
            b'Content-Disposition: form-data; name="upload"; filename="a.bin"\r\n\r\n' + bytes(100000) + b"\r\n--edge--\r\n")
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        answer = app.ask("/upload", "POST", file=file.fileno(), CONTENT_TYPE="multipart/form-data; boundary=edge")
    assert answer.status == 200 and answer.body.decode() == "Jos\u00e9 a.bin 100000"
    assert json.loads(app.ask("/database", SCRIPT_NAME="/shop").body) == {
        "answer": 42, "path": "/shop/database", "script": "/shop"}
    assert b"".join(app.ask("/stream").pieces) == b"line 0\nline 1\nline 2\n"
    assert app.ask("/file").body == (tmp_path / "shop_app.py").read_bytes()
    assert app.ask("/raise").status == 500 and app.ask("/nothing").status == 404
    assert app.ask("/", method="HEAD").body == b""
    thread = app.workers[0].threads[0]
    sequences = [app.begin("/") for _ in range(8)]
    assert sorted(thread.any_frame()[0] for _ in range(8)) == sequences

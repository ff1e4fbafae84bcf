"""What an ASGI app raises when its client has left, and whether anybody hears of it."""
import sys

import pytest

from edge import wait_until
from gateway_harness import binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import FAILED, LAST, LEFT

PRELUDE = """
    import asyncio
    START = {"type": "http.response.start", "status": 200}
"""


def logs_after_the_client_left(app):
    """The app waits in its second receive()."""
    sequence = app.begin()
    wait_until(lambda: app.workers[0].begun() == sequence and not app.workers[0].running(), "the app waits")
    app.workers[0].threads[0].notice(sequence, LEFT)
    assert app.workers[0].threads[0].frame(sequence).flags == LAST | FAILED
    app.stop()
    app.messages.join()
    return [message.text for message in app.messages.all() if message.kind == "Log"]


@pytest.mark.parametrize("preparation", ["", "raise ValueError('other')"])
def test_what_an_app_raises_when_its_client_has_left(serve_app, preparation):
    logs = logs_after_the_client_left(serve_app(PRELUDE + f"""
    class Disconnect(Exception):
        pass
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await receive(), await receive()
        {preparation or "pass"}
        try:
            await send(START)
        except OSError:
            raise Disconnect
    """))
    assert len(logs) == bool(preparation) and all("ValueError: other" in text for text in logs)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this Python has no exception groups")
@pytest.mark.parametrize("lines, log", [
    (["async with asyncio.TaskGroup() as group:", "    group.create_task(send(START))"], None),
    (["async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as group:", "    group.create_task(send(START))"], None),
    (["try:", "    raise ExceptionGroup('as of old', [ConnectionAbortedError()])",
      "except* OSError as group:", "    raise RuntimeError('of the framework') from group"], None),
    (["raise ExceptionGroup('', [ConnectionAbortedError(), ValueError('other')])"], "ValueError: other"),
    (["raise ExceptionGroup('many', [ConnectionAbortedError()] * 100000 + [ValueError('other')])"], "many (100001 sub-exceptions)"),
    (["error = ConnectionAbortedError()", "for _ in range(10000):", "    error = ExceptionGroup('deep', [error])",
      "raise error"], "the application raised"),
    (["error = RuntimeError('with a list')", "error.exceptions = (7,)", "raise error"], "RuntimeError: with a list"),
])
def test_exception_groups_of_a_client_that_left(serve_app, lines, log):
    source = "\n".join("        " + line for line in lines)
    logs = logs_after_the_client_left(serve_app(PRELUDE + f"""
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await receive(), await receive()
{source}
    """))
    assert bool(logs) == bool(log) and (not log or log in "".join(logs))

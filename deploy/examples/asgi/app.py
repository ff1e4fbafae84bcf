"""A board on which everybody sees at once what anybody writes: ASGI and nothing else, one process for all readers."""
import asyncio
import contextlib
import html
import urllib.parse

MOST_BYTES = 4096                                       # of one note
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>A board</title>
<h1>A board</h1>
<form method="post"><input name="note" autofocus><button>Write</button></form>
<ul id="notes"></ul>
<script>
  new EventSource("/notes").onmessage = message =>
    document.getElementById("notes").insertAdjacentHTML("afterbegin", `<li>${message.data}</li>`)
</script>
</html>
"""
readers = set()                                         # a queue for each who listens


async def answer(send, status, body=b"", headers=()):
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-length", str(len(body)).encode()), *headers]})
    await send({"type": "http.response.body", "body": body})


async def body_of(receive):
    body, more = b"", True
    while more and len(body) <= MOST_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def write(receive, send):
    fields = urllib.parse.parse_qs((await body_of(receive)).decode("utf-8", "replace"))
    note = " ".join(fields.get("note", [""])[0].split())
    for reader in readers:
        reader.put_nowait(note)
    await answer(send, 303, headers=[(b"location", b"/")])


async def left(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def listen(receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]})
    await send({"type": "http.response.body", "body": b": welcome\n\n", "more_body": True})
    notes = asyncio.Queue()
    readers.add(notes)
    gone = asyncio.ensure_future(left(receive))
    try:
        while not gone.done():
            note = asyncio.ensure_future(notes.get())
            await asyncio.wait([note, gone], return_when=asyncio.FIRST_COMPLETED, timeout=15)
            if note.done():
                event = "data: %s\n\n" % html.escape(note.result())
            else:                                       # a sign of life now and then, so that nobody gives up
                note.cancel()
                event = ": nothing new\n\n"
            await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
    finally:
        readers.discard(notes)
        gone.cancel()


async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/notes":
        with contextlib.suppress(OSError):              # the reader has left
            await listen(receive, send)
    elif scope["path"] == "/" and scope["method"] == "POST":
        await write(receive, send)
    elif scope["path"] == "/":
        await answer(send, 200, PAGE.encode(), [(b"content-type", b"text/html; charset=utf-8")])
    else:
        await answer(send, 404)

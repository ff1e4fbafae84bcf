"""A whole web application in one file: WSGI and nothing else."""
import html
import sys

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hello from edge</title>
<style>
  body {{ font: 18px/1.5 system-ui, sans-serif; margin: 0; min-height: 100vh; display: grid; place-items: center;
         background: linear-gradient(160deg, #0b3d4f, #1c7c7d); color: #0b3d4f }}
  main {{ background: #fff; border-radius: 16px; padding: 2.5rem 3rem; box-shadow: 0 12px 40px #0006; max-width: 36rem }}
  h1 {{ margin: 0 0 .5rem; font-size: 2.4rem }}
  dl {{ display: grid; grid-template-columns: auto 1fr; gap: .25rem 1.25rem; margin: 1.5rem 0 0; font-size: 1rem }}
  dt {{ color: #1c7c7d }}
  dd {{ margin: 0; font-family: ui-monospace, monospace }}
</style>
<main>
  <h1>Hello, {name}!</h1>
  <p>One binary took your request, and this Python function answered it.</p>
  <dl>
    <dt>Path</dt><dd id="path">{path}</dd>
    <dt>Your address</dt><dd id="address">{address}</dd>
    <dt>Python</dt><dd id="python">{python}</dd>
    <dt>Request</dt><dd id="request">{request}</dd>
  </dl>
</main>
</html>
"""


def application(environ, start_response):
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    page = PAGE.format(
        name=html.escape(path.strip("/") or "world"),
        path=html.escape(path),
        address=html.escape(environ["REMOTE_ADDR"]),
        python=sys.version.split()[0],
        request=html.escape(environ.get("REQUEST_ID", "")),
    ).encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))])
    return [page]

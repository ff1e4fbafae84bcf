"""What ps, top and py-spy call the processes and threads of an app."""
import json
import os
import re

import pytest

from gateway_harness import all_interpreters, binary, serve_app    # noqa: F401 (fixtures)

INTERPRETERS = all_interpreters()


def command_line(pid):
    return open(f"/proc/{pid}/cmdline", "rb").read()


@pytest.mark.parametrize("version", INTERPRETERS)
def test_titles(serve_app, version):
    app = serve_app("""
        import json, sys, threading
        def application(environ, start_response):
            start_response("200 OK", [])
            return [json.dumps(sys.argv).encode()]
    """, python=INTERPRETERS[version], threads=2, generation=7)
    worker = app.worker(13)
    assert command_line(app.process.pid).rstrip(b"\0") == b"edge: shop zygote gen 7"
    assert command_line(worker.pid).rstrip(b"\0") == b"edge: shop worker 13 gen 7"
    shown = os.popen(f"ps -o args= -o comm= -p {worker.pid}").read()
    assert re.fullmatch(r"edge: shop worker 13 gen 7 +edge: shop w13\n", shown)
    threads = {open(f"/proc/{worker.pid}/task/{task}/comm").read().strip()
               for task in os.listdir(f"/proc/{worker.pid}/task")}
    assert threads == {"edge: shop w13", "edge-1", "edge-2"}
    assert open(f"/proc/{app.process.pid}/comm").read() == "edge: shop\n"
    assert json.loads(app.ask().body) == ["shop_app"]


def test_the_app_may_give_itself_another_title(serve_app):
    app = serve_app("""
        import ctypes
        ctypes.CDLL(None).prctl(15, b"mine", 0, 0, 0)
        def application(environ, start_response):
            start_response("200 OK", [])
            return []
    """, preload=False)
    assert open(f"/proc/{app.workers[0].pid}/comm").read() == "mine\n"

"""What ps, top and py-spy call the processes and threads of an app."""
import json
import os
import re
import subprocess

import pytest

from edge import PATIENCE, run
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


SITE = """\
    apps:
      blog: {module: app, processes: 2, threads: 3}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /, app: blog}
"""
APP = """\
    import json, os, threading


    def application(environ, start_response):
        start_response("200 OK", [])
        thread = threading.current_thread()
        return [json.dumps([os.getpid(), thread.native_id, thread.name]).encode()]
"""


def listed(edge):
    """What ps says of edge's processes and their threads: (process, thread, its name, the process's title) of each."""
    command = ["ps", "-L", "-o", "pid=,lwp=,comm:30=,args=", "-p", ",".join(map(str, edge.family()))]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    lines = re.findall(r"^ *(\d+) +(\d+) (.{30}) (.*?) *$", shown, re.MULTILINE)
    return [(int(process), int(thread), name.rstrip(), title) for process, thread, name, title in lines]


def test_ps_tells_the_workers_of_each_generation_and_the_thread_that_answers(serve):
    edge = serve(SITE, {"app.py": APP})
    for generation in (1, 2):
        workers = {title: process for process, _, _, title in listed(edge) if title.endswith(f"gen {generation}")}
        assert set(workers) == {f"edge: blog {who} gen {generation}" for who in ("zygote", "worker 0", "worker 1")}
        process, thread, name = json.loads(edge.get("/").body)
        assert process in workers.values() and name in ("edge-1", "edge-2", "edge-3")
        named = {lwp: comm for pid, lwp, comm, _ in listed(edge) if pid == process}
        assert named[thread] == name, "as Python calls it"
        number = next(title.split()[3] for title in workers if workers[title] == process)
        assert sorted(named.values()) == ["edge-1", "edge-2", "edge-3", f"edge: blog w{number}"]
        assert run("restart", "blog", folder=edge.folder).returncode == 0

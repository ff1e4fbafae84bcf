"""As the first process of a container: orphans are reaped, and the stop signal is obeyed."""
import os
import shutil
import signal
from pathlib import Path

import pytest

from edge import wait_until

SITE = """\
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """/leave makes a process whose parent is gone; /end lets it end."""
    import os

    read_end, write_end = os.pipe()


    def leave():
        if not (parent := os.fork()):
            if not os.fork():
                os.read(read_end, 1)
            os._exit(0)
        os.waitpid(parent, 0)


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/leave":
            leave()
        if environ["PATH_INFO"] == "/end":
            os.write(write_end, b".")
        start_response("200 OK", [])
        return [b"done"]
'''


def children(pid):
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="only root can make a pid namespace")
def test_the_first_process_reaps_orphans_and_stops_on_sigterm(serve):
    edge = serve(SITE, {"app.py": APP}, launcher=("unshare", "--pid", "--fork"))
    first, = map(int, children(edge.pid))
    own = children(first)
    assert edge.get("/leave").status == 200
    wait_until(lambda: len(children(first)) == len(own) + 1, "the orphan is given to the first process")
    assert edge.get("/end").status == 200
    wait_until(lambda: children(first) == own, "the orphan is reaped")
    os.kill(first, signal.SIGTERM)
    assert edge.wait() == 0

"""py-spy, which many use to look into a process that hangs, sees a worker as any other Python."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edge import PATIENCE

PY_SPY = shutil.which("py-spy")
SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
MAY_TRACE = os.geteuid() == 0 or not SCOPE.exists() or SCOPE.read_text().strip() == "0"
SITE = """\
    apps:
      app: {module: app, processes: 1, threads: 2}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Answers who it is; /held waits at the gate."""
    import os


    def wait_at_the_gate():
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/held":
            wait_at_the_gate()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
'''


@pytest.mark.skipif(PY_SPY is None, reason="py-spy is not installed")
@pytest.mark.skipif(not MAY_TRACE, reason="only root may look into processes here: kernel.yama.ptrace_scope")
def test_py_spy_sees_where_a_request_is(serve, gate):
    edge = serve(SITE, {"app.py": APP}, environment=gate.environment)
    pid = edge.get("/").text
    with edge.connect() as connection:
        connection.ask("GET", "/held")
        gate.wait_arrived()
        dumped = subprocess.run([PY_SPY, "dump", "--pid", pid], capture_output=True, text=True, timeout=PATIENCE)
        gate.open()
        assert connection.answer().text == pid
    assert dumped.returncode == 0, dumped.stderr
    assert f"Process {pid}: edge: app worker 0 gen 1\n" in dumped.stdout
    held, = re.findall(r'^Thread \d+ \(.*\): "(.*)"\n    wait_at_the_gate', dumped.stdout, re.MULTILINE)
    assert held in ("edge-1", "edge-2")
    assert "wait_at_the_gate (app.py:" in dumped.stdout and "application (app.py:" in dumped.stdout

"""Workers that somebody kills: what the log says of it, and where the next one comes from."""
import contextlib
import json
import os
import re
import signal
from pathlib import Path

import pytest

from edge import run

SITE = """\
    log: {level: debug}
    apps:
      app: {module: app, processes: 1}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Notes that it is imported; /hoard takes 64 MiB."""
    import os

    with open("imports", "a") as imports:
        imports.write("x")


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/hoard":
            bytearray(os.urandom(1 << 20)) * 64
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]
'''


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kills_for_memory():
    return int(re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE)[1])


@contextlib.contextmanager
def little_memory(pid, size):
    """A memory control group of the process's own, by either version of the kernel's interface."""
    first = Path("/sys/fs/cgroup/memory")
    group = (first if first.is_dir() else Path("/sys/fs/cgroup")) / f"edge-tests-{pid}"
    limit = "memory.limit_in_bytes" if first.is_dir() else "memory.max"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no memory control group can be made here: {error}")
    try:
        try:
            (group / limit).write_text(str(size))
            for swap, most in (("memory.swap.max", 0), ("memory.memsw.limit_in_bytes", size)):
                if (group / swap).exists():             # else what is too much is only put away
                    (group / swap).write_text(str(most))
            (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            pytest.skip(f"the memory of a control group cannot be limited here: {error}")
        yield
    finally:
        with contextlib.suppress(OSError):              # of a worker that lives: it goes back to where its edge is
            (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def test_a_worker_that_the_kernel_killed_is_reported_with_its_request(serve):
    edge = serve(SITE, {"app.py": APP})
    pid = edge.get("/").text
    with little_memory(pid, 32 << 20):
        assert edge.get("/hoard", method="POST", body=b"x").status == 502
    why = "died of SIGKILL, probably by the kernel, which ran out of memory and killed a process meanwhile"
    edge.log.wait_for(rf"worker 0 \(pid {pid}\) {why}$")
    edge.log.wait_for(rf"worker 0 \(pid {pid}\) {why} while it answered request \w+ \(POST /hoard\)")
    assert edge.get("/hoard").status == 200


def test_a_worker_that_somebody_else_killed_is_not_put_down_to_the_kernel(serve):
    before = kills_for_memory()
    edge = serve(SITE, {"app.py": APP})
    pid = int(edge.get("/").text)
    os.kill(pid, signal.SIGKILL)
    told = edge.log.wait_for(rf"worker 0 \(pid {pid}\) died of SIGKILL.*")
    if kills_for_memory() != before:
        pytest.skip("the kernel has killed something meanwhile")
    assert told[0].endswith("died of SIGKILL")


def test_a_worker_that_was_killed_is_forked_anew_without_another_start_of_python(serve):
    edge = serve(SITE, {"app.py": APP})
    status = json.loads(run("status", "--json", folder=edge.folder).stdout)
    zygote = status["apps"][0]["generations"][0]["zygote"]
    assert parent_of(zygote) == edge.pid
    pids = set()
    for _ in range(5):
        pid = int(edge.get("/").text)
        assert pid not in pids and parent_of(pid) == zygote
        pids.add(pid)
        os.kill(pid, signal.SIGKILL)
        edge.log.wait_for(rf"worker 0 \(pid {pid}\) died of SIGKILL")
    assert edge.get("/").status == 200
    assert (edge.folder / "imports").read_text() == "x", "the app was imported once, by the zygote"

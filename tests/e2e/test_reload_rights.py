"""Reloading once the rights of root are given up: what cannot be done any more says so, and nothing has changed."""
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from edge import run, write_files

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")

EXIT_CONFIGURATION = 2
APP = """
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"app"]
"""


@pytest.fixture
def folder():
    """One that other users can reach, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="edge-rights-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def site(listen="", app=""):
    more = ", b: {module: app, processes: 1, user: games}" if app else ""
    return f"""
        edge: {{threads: 2, user: www-data, control: control.sock}}
        log: {{access: off}}
        apps: {{a: {{module: app, processes: 1}}{more}}}
        sites:
          - listen: ["127.0.0.1:0"{listen}]
            routes: [{{path: /, app: a}}{app}]
    """


def reload(folder, text, expect):
    write_files(folder, {"site.yaml": text})
    done = run("reload", folder=folder)
    assert done.returncode == expect, (done.returncode, done.stdout, done.stderr)
    return done.stderr


def test_a_port_that_needs_root(serve, folder):
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 81:
        pytest.skip("everybody may listen on that port here")
    edge = serve(site(), {"app.py": APP}, folder=folder)
    error = reload(folder, site(listen=', "127.0.0.9:81"'), EXIT_CONFIGURATION)
    assert "site.yaml:6:" in error and "cannot listen on 127.0.0.9:81: Permission denied" in error
    assert "edge has given up the rights of root since it was started: restart it" in error
    assert edge.get("/").text == "app" and len(edge.ports) == 1
    reload(folder, site(listen=', "127.0.0.9:0"'), 0)
    edge.log.wait_for(r"listening on http://127\.0\.0\.9:\d+")


def test_a_new_app_of_another_user(serve, folder):
    edge = serve(site(), {"app.py": APP}, folder=folder)
    error = reload(folder, site(app=", {path: /b, app: b}"), EXIT_CONFIGURATION)
    assert "apps.b.user: only an edge that is started as root" in error and "must be restarted" in error
    assert edge.get("/b").text == "app"

"""An edge that is upgraded, and those that take its place one after another: each of them is ended with the test."""
import contextlib
import http.client
import json
import os
import re
import signal
import socket

from edge import BINARY, PATIENCE, ended, run

STARTED = re.compile(r"upgrade: \S+ is started as pid (\d+)")

STATIC = """\
    edge: {threads: %d, control: control.sock}
    sites:
      - listen: ["127.0.0.1:0", "unix:site.sock"]
        routes:
          - path: /
            return: {body: "served"}
"""


def status_of(folder):
    return json.loads(run("status", "--json", folder=folder).stdout)


def get_over(path):
    """The body of one answer over a unix socket."""
    with contextlib.closing(http.client.HTTPConnection("localhost", timeout=PATIENCE)) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(PATIENCE)
        connection.sock.connect(str(path))
        connection.request("GET", "/")
        return connection.getresponse().read()


class Upgradable:
    """Starts edge through a link in the test's folder, so that the test can put another program in its place."""

    def __init__(self, serve, folder):
        self._serve = serve
        self.folder = folder
        self.program = folder / "edge"
        self.install(BINARY)
        self.edge = None
        self.pid = None                                 # of the process that serves
        self._process = None

    def install(self, program):
        """Puts a program, or a shell script when it is a text, where edge looks for a newer one."""
        if isinstance(program, str):
            script = self.folder / "script"
            script.write_text("#!/bin/sh\n" + program + "\n")
            script.chmod(0o755)
            program = script
        with contextlib.suppress(FileNotFoundError):
            self.program.unlink()
        self.program.symlink_to(program)

    def start(self, site, files=None, launcher=(), **options):
        shell = ("/bin/sh", "-c", 'shift; exec "$0" "$@"', str(self.program))
        self.edge = self._serve(site, files, launcher=(*launcher, *shell), **options)
        self.pid = self.edge.pid
        self._process = os.pidfd_open(self.pid)
        return self.edge

    def upgrade(self):
        """One that succeeds; the process before has ended when it returns."""
        done = run("upgrade", folder=self.folder)
        assert done.returncode == 0, (done.stderr, self.edge.log.text())
        self.follow(int(re.match(r"edge \(pid (\d+)\) serves now", done.stdout)[1]))

    def follow(self, pid):
        """The process `pid` serves now, and has said so in the log."""
        successor = os.pidfd_open(pid)
        assert ended(self._process), "the process that served before is to end"
        os.close(self._process)
        self.pid, self._process = pid, successor
        if self.edge.process.poll() is None:
            self.edge.process.wait()                    # it was the first
        assert self.edge.process.returncode == 0, self.edge.log.text()
        self.edge.log.wait_for(rf"upgrade: pid {pid} takes the place of pid \d+")

    def stop(self):
        done = run("stop", folder=self.folder)
        assert done.returncode == 0, done.stderr
        assert ended(self._process)
        self.edge.check_log()

    def end(self):
        """For the fixture: kills what still runs of all that were started."""
        if self._process is not None:
            # The first is the fixture's own.
            with contextlib.suppress(ProcessLookupError):
                if self.pid != self.edge.pid:
                    signal.pidfd_send_signal(self._process, signal.SIGKILL)
            os.close(self._process)
        for pid in STARTED.findall(self.edge.log.text()) if self.edge else []:
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/cwd") == str(self.folder):
                    os.kill(int(pid), signal.SIGKILL)

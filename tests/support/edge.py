"""A running `edge`: started on a port of the kernel's choice, ready when it says so, stopped and checked."""
import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import textwrap
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from http_client import PATIENCE, Connection
from sanitizer import BINARY

SYSTEM_PYTHON = "/usr/bin/python3"

LISTENING = re.compile(r"listening on (https?)://(\S+?):(\d+)")
READY = re.compile(r"^\S+ info ready$")
REPORT = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error:")
LEFT_OUT = ("EDGE_", "PYTEST_", "PYTHON", "VIRTUAL_ENV") # what the tests' own environment must not hand on
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"    # so `python3` is the system's

# Where edges put their control sockets unless a site names one: what a killed edge leaves there goes with the tests.
SESSION = tempfile.TemporaryDirectory(prefix="edge-tests-")


def wait_until(condition, what, within=PATIENCE):
    """Asks `condition` again and again until it is true; for states that nothing announces."""
    deadline = time.monotonic() + within
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {within} s in vain until {what}"
        pause.wait(0.005)
    return value


def opened_by(pid):
    """What each descriptor of a process leads to, as the kernel calls it."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):    # closed meanwhile
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


class Lines:
    """The lines of a pipe, read by a thread as they come, so that the writer never waits for the test."""

    def __init__(self, pipe):
        self._pipe = pipe
        self._lines = []
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for raw in self._pipe:
            with self._news:
                self._lines.append(raw.decode(errors="backslashreplace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def all(self):
        with self._news:
            return list(self._lines)

    def text(self):
        return "\n".join(self.all())

    def wait_for(self, pattern, within=PATIENCE, after=0):
        """The match of the first line from number `after` on that holds `pattern`; fails when the pipe ends first."""
        deadline = time.monotonic() + within
        with self._news:
            while True:
                while after < len(self._lines):
                    after += 1
                    if found := re.search(pattern, self._lines[after - 1]):
                        return found
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the output ended" if self._ended else f"{within} s passed"
                    raise AssertionError(f"{why} before {pattern!r}; there was:\n" + "\n".join(self._lines[-60:]))
                self._news.wait(left)

    def join(self):
        self._thread.join(PATIENCE)

    def close(self):
        """After the last writer has gone."""
        self.join()
        self._pipe.close()


def environment_of(more=None):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(LEFT_OUT)}
    return {"ASAN_OPTIONS": "detect_stack_use_after_return=1", "UBSAN_OPTIONS": "print_stacktrace=1",
            **inherited, "PATH": SYSTEM_PATH, "XDG_RUNTIME_DIR": SESSION.name, **(more or {})}


class Edge:
    """One `edge serve`. Made by the `serve` fixture, which ends it."""

    def __init__(self, folder, arguments, environment=None, launcher=(), descriptors=()):
        self.folder = Path(folder)
        self.process = subprocess.Popen(
            [*launcher, str(BINARY), *map(str, arguments)], cwd=self.folder, env=environment_of(environment),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=descriptors)
        self.pid = self.process.pid
        self.log = Lines(self.process.stderr)
        self.out = Lines(self.process.stdout)
        self.stopped = False

    def wait_ready(self):
        self.log.wait_for(READY)
        return self

    @property
    def ports(self):
        """The real ports, in the order in which they were announced."""
        return [int(m[3]) for line in self.log.all() if (m := LISTENING.search(line))]

    @property
    def port(self):
        return self.ports[0]

    def url(self, path="/"):
        return f"http://127.0.0.1:{self.port}{path}"

    def connect(self, port=None, **options):
        return Connection(port or self.port, **options)

    def get(self, path="/", method="GET", headers=(), body=None, host="localhost"):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.request(method, path, headers=headers, body=body, host=host)

    def browse(self, path="/", data=None, opener=None, headers=None):
        """As a browser without scripts would: through urllib, which follows redirects and keeps an opener's cookies.
        Answers (status, text, url)."""
        request = urllib.request.Request(self.url(path), data=data, headers=headers or {})
        opened = (opener or urllib.request.build_opener()).open
        try:
            with opened(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode(), answer.url
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode(), answer.url

    def family(self):
        """The process ids of all that edge has started, directly or not, and that still run."""
        parents = {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                if stat[0] != "Z":
                    parents[int(entry.name)] = int(stat[1])
        found = {self.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.pid}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def most_descriptors(self):
        """What the kernel allows it."""
        lines = Path(f"/proc/{self.pid}/limits").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("Max open files")).split()[3])

    def processor_time(self):
        """Seconds that its threads have worked."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, within=PATIENCE):
        """The exit code, after the last line of output was read."""
        code = self.process.wait(within)
        self.log.join()
        self.out.join()
        self.stopped = True
        return code

    def stop(self, expect=0):
        """Stops gracefully; nothing may be wrong by then."""
        if self.stopped:
            return
        self.signal(signal.SIGTERM)
        code = self.wait()
        self.check_log()
        assert code == expect, f"edge ended with {code}:\n{self.log.text()}"

    def check_log(self):
        assert not REPORT.search(self.log.text()), self.log.text()

    def end(self):
        """For the fixture: whatever happened, nothing is left."""
        left = self.family()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for lines in (self.log, self.out):
            lines.close()


def write_files(folder, files):
    for name, content in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(textwrap.dedent(content))


def ended(pid_descriptor, within=PATIENCE):
    """Whether the process of an os.pidfd_open() has ended, waiting for it."""
    return bool(select.select([pid_descriptor], [], [], within)[0])


def run(*arguments, folder, environment=None, launcher=()):
    """A command of edge that ends by itself: its CompletedProcess, with text."""
    return subprocess.run(
        [*launcher, str(BINARY), *map(str, arguments)], cwd=folder, env=environment_of(environment),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)

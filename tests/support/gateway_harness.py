"""Plays the edge to the gateway: starts an app's zygote, asks for workers, sends requests and reads their answers, all
by appserver/wire.h and without any of the edge's own code."""
import array
import contextlib
import glob
import itertools
import json
import mmap
import os
import re
import select
import signal
import socket
import struct
import subprocess
import textwrap
import threading
import time
from pathlib import Path

import pytest

from edge import LEFT_OUT, PATIENCE, REPORT, SYSTEM_PYTHON, Lines
from gateway_wire import (ASK, BODY_IN_FILE, CONTROL, CONTROL_KINDS, FILE, FRAME, HEAD, INTERRUPT_SIGNAL, LAST,
                          MOST_FRAME, NOTICE, QUIT, REQUEST, REQUEST_TIMEOUT, SLOT_MEMBERS, SLOT_SIZE, STACKS_END,
                          STACKS_SIGNAL, Answer, Frame, Message, packet, read_part, shared_size)
from sanitizer import BUILD, SANITIZED
from source_tree import ROOT

SOURCES = [ROOT / "appserver" / "gateway" / name for name in ("left_open.py", "app_interface.py", "bootstrap.py")]
SPECIAL_CASES = ROOT / "appserver" / "gateway" / "special_cases.py"


def all_interpreters():
    """The system's Python, and every other CPython from 3.9 on that this machine has."""
    found = {}
    homes = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for path in [*glob.glob("/usr/bin/python3.*"), *sorted(glob.glob(homes + "/versions/*/bin/python3"))]:
        if re.search(r"config|gdb", path):
            continue
        asked = subprocess.run([path, "-c", "import sys; print(*sys.version_info[:2], sys.implementation.name)"],
                               capture_output=True, text=True, check=False).stdout.split()
        if len(asked) == 3 and asked[2] == "cpython" and (int(asked[0]), int(asked[1])) >= (3, 9):
            found.setdefault(f"{asked[0]}.{asked[1]}", path)
    return {"system": SYSTEM_PYTHON, **found}


def place_of(sequence):
    """Which an answer must repeat with the sequence."""
    return (sequence * 7) % 1000


class Messages:
    """Control messages and log lines as they come; a thread reads them, so that the gateway never waits for the test."""

    def __init__(self, channel):
        self._channel = channel
        self._all = []
        self._news = threading.Condition()
        self._ended = False
        self._may_read = threading.Event()
        self._may_read.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def pause(self):
        """Reads one message more at most, until what this returns is called."""
        self._may_read.clear()
        return self._may_read.set

    def _read(self):
        kinds = {number: name for name, number in CONTROL_KINDS.items()}
        try:
            while raw := self._channel.recv(64 * 1024):
                kind, worker, _, pid, value, size = CONTROL.unpack_from(raw)
                assert size == len(raw) - CONTROL.size
                with self._news:
                    self._all.append(Message(kinds[kind], worker, pid, value, raw[CONTROL.size:].decode()))
                    self._news.notify_all()
                self._may_read.wait()
        except OSError:
            pass
        with self._news:
            self._ended = True
            self._news.notify_all()

    def all(self):
        """What came and was not waited for."""
        with self._news:
            return list(self._all)

    def wait_for(self, kind, accept=lambda message: True, within=PATIENCE):
        """The first message of that kind that nobody was given yet; fails when there is none in time."""
        deadline = time.monotonic() + within
        with self._news:
            while True:
                for message in self._all:
                    if message.kind == kind and accept(message):
                        self._all.remove(message)
                        return message
                left = deadline - time.monotonic()
                assert left > 0 and not self._ended, f"no {kind}; there was {self._all}"
                self._news.wait(left)

    def join(self):
        self._thread.join(PATIENCE)


class WorkerThread:
    """The edge's ends of one Python thread's channels."""

    def __init__(self, loops):
        self.files = []                         # descriptors that came with the frame that is being read
        self.mailbox, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pairs = [socket.socketpair() for _ in range(loops)]
        self.answers = [ours for ours, _ in pairs]
        self.their_answers = [theirs for _, theirs in pairs]
        for channel in [self.mailbox, *self.answers]:
            channel.settimeout(PATIENCE)

    def send(self, sequence, variables, body=b"", file=None, loop=0, body_size=None, flags=0, raw=None):
        message = raw if raw is not None else REQUEST.pack(
            sequence, loop, flags | (BODY_IN_FILE if file is not None else 0),
            len(body) if body_size is None else body_size, place_of(sequence), 0) + packet(variables) + body
        descriptors = [] if file is None else [file]
        socket.send_fds(self.mailbox, [message], descriptors)

    def notice(self, sequence, kind, value=0, loop=0):
        self.answers[loop].sendall(NOTICE.pack(sequence, kind, value))

    def quit(self):
        self.mailbox.send(REQUEST.pack(0, 0, QUIT, 0, 0, 0))

    def ask(self):
        self.mailbox.send(REQUEST.pack(0, 0, ASK, 0, 0, 0))

    def receive(self, loop, size):
        channel, gathered = self.answers[loop], b""
        while len(gathered) < size:
            more, descriptors, _, _ = socket.recv_fds(channel, size - len(gathered), 4)
            if not more:
                raise EOFError("the worker closed its answers channel")
            assert not (descriptors and gathered), "a descriptor came within a frame"
            self.files += descriptors
            gathered += more
        return gathered

    def frame(self, sequence, loop=0):
        named, frame = self.any_frame(loop)
        assert named == sequence
        return frame

    def any_frame(self, loop=0):
        """(sequence, frame): an ASGI app's answers come mixed."""
        named, payload_size, head_size, status, flags, place = FRAME.unpack(self.receive(loop, FRAME.size))
        assert place == place_of(named) and payload_size <= MOST_FRAME and head_size <= payload_size
        assert bool(flags & HEAD) == bool(status) and (flags & HEAD or head_size == 0)
        files, self.files = self.files, []
        payload = self.receive(loop, payload_size)
        assert len(files) == bool(flags & FILE) and not self.files, "descriptors come with files, one by one"
        body = payload[head_size:]
        return named, Frame(flags, status, payload[:head_size], read_part(*files, body) if files else body)

    def answer(self, sequence, loop=0):
        answer = Answer()
        deadline = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < deadline, f"the answer has no end; there were {len(answer.frames)} frames"
            answer.frames.append(self.frame(sequence, loop))
            if answer.frames[-1].flags & LAST:
                return answer

    def nothing_comes(self, loop=0):
        """No byte is there, which is only telling once something later has come on another way."""
        return not select.select([self.answers[loop]], [], [], 0)[0]

    def close(self):
        for channel in [self.mailbox, self.theirs, *self.answers, *self.their_answers]:
            channel.close()


class Worker:
    def __init__(self, app, number):
        self.app, self.number, self.pid, self.interface = app, number, None, None
        self.threads = [WorkerThread(app.loops) for _ in range(app.threads)]
        self.memory = os.memfd_create("slots")
        size = shared_size(app.threads, app.loops)
        os.ftruncate(self.memory, size)
        self.slots = mmap.mmap(self.memory, size)
        self.stacks_pipe, self.stacks_end = os.pipe()

    def fork(self):
        for index, thread in enumerate(self.threads):
            descriptors = [thread.theirs.fileno(), *(s.fileno() for s in thread.their_answers)]
            self.app.command("WorkerThread", worker=self.number, thread=index, descriptors=descriptors)
        self.app.command("Fork", worker=self.number, descriptors=[self.memory, self.stacks_end])
        os.close(self.stacks_end)
        self.stacks_end = None
        for thread in self.threads:             # the edge keeps the mailbox's other end, to take requests back
            for theirs in thread.their_answers:
                theirs.close()
        return self

    def wait_ready(self):
        self.pid = self.app.messages.wait_for("Forked", lambda m: m.worker == self.number).pid
        ready = self.app.messages.wait_for("Ready", lambda m: m.worker == self.number)
        assert ready.pid == self.pid
        self.interface = ready.value
        return self

    def _tell(self, member, value, thread):
        struct.pack_into("=Q", self.slots, thread * SLOT_SIZE + SLOT_MEMBERS[member], value)

    def told(self, member, thread=0):
        return struct.unpack_from("=Q", self.slots, thread * SLOT_SIZE + SLOT_MEMBERS[member])[0]

    def cancel(self, sequence, thread=0):
        self._tell("cancelled", sequence, thread)

    def begun(self, thread=0):
        return self.told("begun", thread)

    def taken(self, thread=0):
        return self.told("taken", thread)

    def running(self, thread=0):
        """The sequence of the request that the app is at, or 0."""
        return self.told("running", thread)

    def thread_ident(self, thread=0):
        return self.told("thread", thread)

    def interrupt(self, sequence, thread=0, reason=REQUEST_TIMEOUT):
        """Like any Python, a worker may miss a signal just before its app waits."""
        self._tell("reason", reason, thread)
        self._tell("interrupted", sequence, thread)
        os.kill(self.pid, INTERRUPT_SIGNAL)

    def stacks(self):
        """What faulthandler writes."""
        os.kill(self.pid, STACKS_SIGNAL)
        text = b""
        while not text.endswith(STACKS_END):
            assert select.select([self.stacks_pipe], [], [], PATIENCE)[0], f"no end of the stacks; there was {text}"
            more = os.read(self.stacks_pipe, 65536)
            assert more, f"the worker has gone; there was {text}"
            text += more
        return text[:-1].decode()

    def quit(self):
        """All threads end, and the process: its wait status."""
        for thread in self.threads:
            thread.quit()
        return self.wait_exit()

    def wait_exit(self):
        return self.app.messages.wait_for("Exited", lambda m: m.worker == self.number and m.pid == self.pid).value

    def close(self):
        for thread in self.threads:
            thread.close()
        self.slots.close()
        for descriptor in [self.memory, self.stacks_pipe, self.stacks_end]:
            if descriptor is not None:
                os.close(descriptor)


class App:
    """One app's zygote, and the edge that it knows."""

    def __init__(self, folder, python=SYSTEM_PYTHON, threads=1, processes=1, loops=1, preload=True, module="",
                 wsgi_file="", callable="", chdir=None, site_files=(), python_path=(), environment=None, launcher=None,
                 generation=1, interface="auto"):
        self.folder, self.threads, self.loops = Path(folder), threads, loops
        self.sequences = itertools.count(1)
        self.workers = []
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        gateway = os.memfd_create("gateway", 0)
        os.write(gateway, (BUILD / "edge_gateway.abi3.so").read_bytes())
        settings = {"name": "shop", "parent": os.getpid(), "control": theirs.fileno(), "gateway": gateway,
                    "module": module, "wsgi_file": wsgi_file, "callable": callable,
                    "chdir": str(folder if chdir is None else chdir), "python_path": [str(p) for p in python_path],
                    "site_files": [str(p) for p in site_files], "preload": preload, "threads": threads,
                    "processes": processes, "generation": generation, "interface": interface,
                    "static": False}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(LEFT_OUT)}
        command = launcher or [python]
        self.process = subprocess.Popen(
            [*command, "-c", "".join(source.read_text() for source in SOURCES), json.dumps(settings),
             SPECIAL_CASES.read_text()],
            env={**inherited, **SANITIZED, **(environment or {})}, pass_fds=[theirs.fileno(), gateway],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        theirs.close()
        os.close(gateway)
        self.out = Lines(self.process.stdout)
        self.messages = Messages(self.control)

    def command(self, kind, worker=0, thread=0, descriptors=()):
        header = CONTROL.pack(CONTROL_KINDS[kind], worker, thread, 0, 0, 0)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self.control.sendmsg([header], ancillary)

    def imported(self):
        """The warnings, once the app is there."""
        return self.messages.wait_for("Imported").text

    def import_failure(self):
        """The text, once the zygote has ended as it must."""
        text = self.messages.wait_for("ImportFailed").text
        assert self.process.wait(PATIENCE) == 1
        return text

    def worker(self, number=0):
        worker = Worker(self, number)
        self.workers.append(worker)
        return worker.fork().wait_ready()

    def start(self):
        """The usual beginning: one worker that is ready."""
        self.imported()
        return self.worker()

    def variables(self, path="/", method="GET", query="", **more):
        return {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
                "REQUEST_URI": path, "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
                "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "4711", "REQUEST_SCHEME": "http", "REQUEST_ID": "r-1",
                "HTTP_HOST": "localhost", **more}

    def begin(self, path="/", method="GET", body=b"", file=None, thread=0, loop=0, worker=-1, query="", **more):
        """Sends one request: its sequence."""
        sequence = next(self.sequences)
        size = len(body) if file is None else os.fstat(file).st_size
        if body or file is not None:
            more["CONTENT_LENGTH"] = str(size)
        variables = self.variables(path, method, query, **more)
        self.workers[worker].threads[thread].send(sequence, variables, body, file, loop, body_size=size)
        return sequence

    def ask(self, *request, thread=0, loop=0, worker=-1, **more):
        """One request, as begin() takes it, and its whole answer."""
        sequence = self.begin(*request, thread=thread, loop=loop, worker=worker, **more)
        return self.workers[worker].threads[thread].answer(sequence, loop)

    def log(self, holding, within=PATIENCE):
        """(request id, text) of the next log message that holds the text."""
        return tuple(self.messages.wait_for("Log", lambda m: holding in m.text, within).text.split("\0", 1))

    def stop(self):
        """Every worker quits, then the zygote: nothing may be left, and nothing may have gone wrong."""
        for worker in self.workers:
            assert worker.quit() == 0
        self.command("Stop")
        assert self.process.wait(PATIENCE) == 0

    def end(self):
        with contextlib.suppress(ProcessLookupError):   # what an app has started, and a failed test not ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        for worker in self.workers:
            worker.close()
        self.control.shutdown(socket.SHUT_RDWR)
        self.messages.join()
        self.control.close()
        self.out.close()


@pytest.fixture(scope="session")
def binary():
    """The gateway is tested without the edge's binary."""
    assert (BUILD / "edge_gateway.abi3.so").exists(), f"no gateway in {BUILD}: build it, or name another by EDGE_BUILD"


@pytest.fixture
def serve_app(tmp_path, request):
    """A function that starts an app from its source, with one ready worker; at the end everything must stop well."""
    apps = []

    def serve(source=None, validate=False, start=True, **settings):
        if source is not None:
            wrapped = "\nfrom wsgiref.validate import validator\napplication = validator(application)\n"
            (tmp_path / "shop_app.py").write_text(textwrap.dedent(source) + (wrapped if validate else ""))
        if not settings.get("wsgi_file"):
            settings.setdefault("module", "shop_app")
        app = App(tmp_path, **settings)
        apps.append(app)
        if start:
            app.start()
        return app

    yield serve
    try:
        for app in apps:
            if getattr(request.node, "passed", False) and app.process.poll() is None:
                app.stop()
    finally:
        for app in apps:
            app.end()
            print(app.out.text())
            assert not REPORT.search(app.out.text()), app.out.text()

"""The life of an app's processes: zygote, workers, threads, signals, forks of the app's own, and how all of it ends."""
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from edge import PATIENCE, opened_by, wait_until
from gateway_harness import BUILD, Worker, binary, serve_app    # noqa: F401 (fixtures)

WHO = """
    import json, os, random, threading
    imported_in = os.getpid()
    def application(environ, start_response):
        start_response("200 OK", [])
        return [json.dumps({"pid": os.getpid(), "parent": os.getppid(), "imported_in": imported_in,
                            "thread": threading.current_thread().name, "random": random.random(),
                            "main": threading.current_thread() is threading.main_thread()}).encode()]
"""


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_are_forked_from_an_app_that_was_imported_once(serve_app):
    app = serve_app(WHO, processes=3)
    app.worker(1)
    app.worker(2)
    seen = [json.loads(app.ask(worker=i).body) for i in range(3)]
    assert {one["pid"] for one in seen} == {worker.pid for worker in app.workers}
    assert {one["parent"] for one in seen} == {one["imported_in"] for one in seen} == {app.process.pid}
    assert len({one["random"] for one in seen}) == 3
    assert all(one["main"] for one in seen)


def test_without_preload_each_worker_imports_by_itself(serve_app):
    app = serve_app(WHO, preload=False)
    app.worker(1)
    for i in range(2):
        seen = json.loads(app.ask(worker=i).body)
        assert seen["imported_in"] == seen["pid"] == app.workers[i].pid


def test_threads_serve_side_by_side(serve_app, gate):
    app = serve_app("""
        import os, threading
        meeting = threading.Barrier(3)
        def application(environ, start_response):
            meeting.wait()
            print(threading.current_thread().name, file=environ["wsgi.errors"])
            start_response("200 OK", [])
            return [threading.current_thread().name.encode()]
    """, threads=3)
    threads = app.workers[0].threads
    for index, thread in enumerate(threads):
        thread.send(100 + index, app.variables(REQUEST_ID=f"r-{index}"))
    names = [thread.answer(100 + index).body.decode() for index, thread in enumerate(threads)]
    assert names == ["edge-1", "edge-2", "edge-3"]
    for index, name in enumerate(names):
        assert app.log(name) == (f"r-{index}", name + "\n")
    assert [app.workers[0].begun(i) for i in range(3)] == [100, 101, 102]


def test_quit_lets_what_is_in_the_mailbox_be_answered_and_exit_handlers_run(serve_app, tmp_path):
    app = serve_app("""
        import atexit, os
        atexit.register(lambda: open(f"exited-{os.getpid()}", "w").close())
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]
    """)
    worker, thread = app.workers[0], app.workers[0].threads[0]
    thread.send(1, app.variables())
    thread.send(2, app.variables())
    assert worker.quit() == 0
    assert thread.answer(1).body == thread.answer(2).body == b"ok"
    assert (tmp_path / f"exited-{worker.pid}").exists()
    app.workers.clear()


def test_a_worker_that_dies_is_reported_and_can_be_forked_anew(serve_app):
    app = serve_app(WHO)
    first = app.workers.pop()
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait_exit() == signal.SIGKILL
    first.close()
    second = app.worker(0)
    assert second.pid != first.pid and json.loads(app.ask().body)["pid"] == second.pid


def test_an_app_that_ends_its_process(serve_app):
    app = serve_app("import os\ndef application(environ, start_response): os._exit(7)\n")
    app.workers[0].threads[0].send(1, app.variables())
    assert app.workers[0].wait_exit() == 7 << 8
    app.workers.clear()


def test_stop_waits_for_the_workers(serve_app):
    app = serve_app(WHO)
    app.command("Stop")
    app.command("Fork", worker=5)                       # is not obeyed any more
    assert json.loads(app.ask().body)["pid"] == app.workers[0].pid
    assert app.process.poll() is None
    assert app.workers.pop().quit() == 0
    assert app.process.wait(PATIENCE) == 0


def test_a_torn_control_channel_ends_everything(serve_app):
    app = serve_app(WHO)
    app.control.shutdown(2)
    assert app.process.wait(PATIENCE) == 0
    wait_until(lambda: not alive(app.workers[0].pid), "the worker is gone")


@pytest.mark.parametrize("victim", ["zygote", "edge"])
def test_nothing_outlives_its_parent(serve_app, tmp_path, victim):
    """The edge here is a process of its own that plays it, so that it can be killed."""
    (tmp_path / "shop_app.py").write_text(
        "import time\ndef application(environ, start_response):\n    time.sleep(1000)\n")
    player = tmp_path / "player.py"
    player.write_text(f"""
import os, sys
from gateway_harness import App
app = App({str(tmp_path)!r}, module="shop_app", processes=2)
app.imported()
pids = [app.worker(i).pid for i in range(2)]
app.workers[0].threads[0].send(1, app.variables())
while not app.workers[0].begun():
    pass
print(app.process.pid, *pids, flush=True)
sys.stdin.read()
""")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "EDGE_BUILD": str(BUILD)}
    edge = subprocess.Popen([sys.executable, player], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    try:
        pids = [int(word) for word in edge.stdout.readline().split()]
        assert len(pids) == 3 and all(map(alive, pids))
        os.kill(pids[0] if victim == "zygote" else edge.pid, signal.SIGKILL)
        wait_until(lambda: not any(map(alive, pids)), f"{pids} are gone")
    finally:
        edge.kill()
        edge.communicate()


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]


@pytest.mark.parametrize("threads", [1, 2])
def test_signals_of_the_process_group_are_the_edges_affair(serve_app, threads):
    app = serve_app(WHO, threads=threads)
    for number in SIGNALS:
        os.kill(app.process.pid, number)
        os.kill(app.workers[0].pid, number)
        assert json.loads(app.ask().body)["pid"] == app.workers[0].pid
    assert app.worker(1).pid


@pytest.mark.parametrize("threads", [1, 2])
def test_a_handler_of_the_app_runs_in_its_workers_only(serve_app, threads):
    app = serve_app("""
        import os, signal, sys
        called = []
        def handler(number, frame):
            print("handled in", os.getpid(), flush=True)
            sys.exit(3)
        signal.signal(signal.SIGTERM, handler)
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]
    """, threads=threads)
    os.kill(app.process.pid, signal.SIGTERM)

    def handled():
        os.kill(app.workers[0].pid, signal.SIGTERM)     # like any Python, it may miss one just before it waits
        return f"handled in {app.workers[0].pid}" in app.out.text()

    wait_until(handled, "the handler has run")
    assert "SystemExit" in app.log("a signal handler of the app raised")[1]
    assert app.ask().body == b"ok"
    app.stop()
    assert f"handled in {app.process.pid}" not in app.out.text()


def test_children_of_the_app_have_the_usual_signals_and_none_of_the_channels(serve_app):
    app = serve_app("""
        import json, os, signal, subprocess, sys
        SHOW = '''import json, os, sys; print(json.dumps([
            [l.split()[1] for l in open("/proc/self/status") if l.startswith(("SigIgn", "SigCgt", "SigBlk"))],
            sorted(os.readlink(f"/proc/self/fd/{f}").split(":")[0] for f in os.listdir("/proc/self/fd")
                   if os.path.exists(f"/proc/self/fd/{f}"))]))'''
        def application(environ, start_response):
            start_response("200 OK", [])
            ran = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, close_fds=False)
            sleeper = subprocess.Popen(["sleep", "1000"])
            sleeper.terminate()
            return [json.dumps([json.loads(ran.stdout), sleeper.wait(20)]).encode()]
    """)
    ((blocked, ignored, caught), descriptors), ended = json.loads(app.ask().body)
    group = sum(1 << (number - 1) for number in SIGNALS)
    assert int(blocked, 16) == 0 and int(ignored, 16) & group == 0
    assert int(caught, 16) & group == 1 << (signal.SIGINT - 1)      # Python's own
    assert "socket" not in descriptors and "/memfd" not in descriptors
    assert ended == -signal.SIGTERM


def test_a_fork_of_the_app_has_the_default_signals_and_holds_no_channel(serve_app):
    app = serve_app("""
        import os, signal, sys, time
        def application(environ, start_response):
            write = start_response("200 OK", [])
            pid = os.fork()
            if pid == 0:
                try:
                    write(b"from the child")        # it must not get through
                finally:
                    os._exit(9)
            status = os.waitpid(pid, 0)[1]
            sleeper = os.fork()
            if sleeper == 0:
                time.sleep(1000)
            return [repr((status, sleeper)).encode()]
    """)
    answer = app.ask()
    status, sleeper = eval(answer.body)
    assert answer.pieces == [answer.body] and status == 0           # it was ended before it could write
    try:
        wait_until(lambda: not [target for target in opened_by(sleeper) if target.startswith("socket:")],
                   "the child has closed its copies of the channels")
    finally:
        os.kill(sleeper, signal.SIGTERM)
    wait_until(lambda: not alive(sleeper), "the sleeper has ended")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_fork_that_returns_into_the_server_ends(serve_app, threads):
    app = serve_app("""
        import os
        def application(environ, start_response):
            pid = os.fork()
            start_response("200 OK", [])
            return [repr(os.waitpid(pid, 0)[1] if pid else "child").encode()]
    """, threads=threads)
    for _ in range(2):
        assert app.ask().body == b"0"
    app.out.wait_for("a process that the application forked returned from it")


def test_what_the_app_left_open_at_import_is_named(serve_app, tmp_path):
    app = serve_app("""
        import socket, sqlite3, threading
        threading.Thread(target=threading.Event().wait, name="uploader", daemon=True).start()
        database = sqlite3.connect("shop.db")
        database.execute("create table a (b)")
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.create_connection(listener.getsockname())
        name = "%s:%s" % listener.getsockname()
        def application(environ, start_response):
            start_response("200 OK", [])
            return [name.encode()]
    """, start=False)
    warnings = app.imported()
    app.worker()
    name = app.ask().body.decode()
    assert "thread 'uploader' was started at import: it does not run in the workers\n" in warnings
    assert f"SQLite database {tmp_path}/shop.db was opened at import: workers must not share its handle\n" in warnings
    assert f" at {name} was opened at import: every worker would share it\n" in warnings
    assert f" to {name} was opened at import" in warnings


def test_a_known_database_client_is_named(serve_app, tmp_path):
    (tmp_path / "pymongo").mkdir()
    (tmp_path / "pymongo" / "__init__.py").write_text("")
    (tmp_path / "pymongo" / "mongo_client.py").write_text(
        "import socket\nclass MongoClient:\n    def __init__(self):\n        self.pair = socket.socketpair()\n")
    app = serve_app("""
        import pymongo.mongo_client
        client = pymongo.mongo_client.MongoClient()
        def application(environ, start_response): pass
    """, start=False)
    assert "MongoDB client (pymongo) (1) was opened at import: every worker would share it" in app.imported()


@pytest.mark.parametrize("source", ["", "import logging, socket, threading, sqlite3\n"])
def test_a_clean_app_has_no_warnings(serve_app, source):
    assert serve_app(source + "def application(environ, start_response): pass\n", start=False).imported() == ""


def test_what_was_imported_is_frozen_out_of_garbage_collection(serve_app):
    app = serve_app("""
        import gc
        def application(environ, start_response):
            start_response("200 OK", [])
            return [str(gc.get_freeze_count()).encode()]
    """)
    assert int(app.ask().body) > 1000


@pytest.mark.parametrize("lost", ["every channel", "a thread's channels", "the memory"])
def test_a_fork_without_all_channels_fails_and_the_next_one_works(serve_app, lost):
    app = serve_app(WHO, start=False, threads=2)
    app.imported()
    worker = Worker(app, 0)
    app.workers.append(worker)
    if lost != "every channel":
        for index, thread in enumerate(worker.threads[:1] if lost == "a thread's channels" else worker.threads):
            app.command("WorkerThread", thread=index, descriptors=[thread.theirs.fileno(), 1])
    app.command("Fork", descriptors=[] if lost == "the memory" else [worker.memory, worker.stacks_end])
    assert app.log("could not send all")[0] == ""
    told = app.messages.wait_for("Exited")
    assert (told.worker, told.pid, told.value) == (0, 0, 1 << 8)
    worker.fork().wait_ready()
    assert json.loads(app.ask().body)["pid"] == worker.pid


@pytest.mark.parametrize("what", ["small memory", "short", "unknown", "thread", "for edge"])
def test_a_broken_command_ends_the_zygote_with_a_log_line(serve_app, what, tmp_path):
    app = serve_app(WHO, start=False)
    app.imported()
    worker = Worker(app, 0)
    app.workers.append(worker)
    if what == "short":
        app.control.send(b"abc")
    elif what == "unknown":
        app.control.send(b"\xff" * 20 + bytes(4))
    elif what == "thread":
        app.command("WorkerThread", thread=1, descriptors=[0, 1])
    elif what == "for edge":
        app.command("Ready")
    else:
        os.ftruncate(worker.memory, 10)
        worker.fork()
    assert app.log(" was sent ")[0] == ""
    if what == "small memory":
        assert app.messages.wait_for("Exited").value == 76 << 8
    else:
        assert app.process.wait(PATIENCE) == 76
    app.workers.clear()


def test_a_log_that_nobody_reads_holds_the_app_back_only_shortly(serve_app):
    app = serve_app("""
        def application(environ, start_response):
            for i in range(int(environ["QUERY_STRING"])):
                environ["wsgi.errors"].write("x" * 7000 + "\\n")
            start_response("200 OK", [])
            return [b"answered"]
    """)
    release = app.messages.pause()
    began = time.monotonic()
    assert app.ask(query="200").body == b"answered"
    assert time.monotonic() - began < 20        # not a second for each of the lines that do not fit
    release()

    def told():
        app.ask(query="1")                      # the first message that finds room again is preceded by the number
        return any("log messages were lost: nobody read them in time" in m.text for m in app.messages.all())

    wait_until(told, "the app's log says how much of it was lost")


def test_thousands_of_requests_leave_nothing_behind(serve_app):
    app = serve_app("""
        import gc, sys
        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain")])
            environ["wsgi.input"].read()
            if environ["QUERY_STRING"] == "count":
                gc.collect()
                return [f"{sys.getallocatedblocks()} {sys.getrefcount(None)}".encode()]
            return iter([b"x"])
    """)
    def measure():
        return [int(word) for word in app.ask(query="count").body.split()]
    for _ in range(300):
        app.ask(body=b"x", HTTP_X_SOME="a")
    before = measure()
    for i in range(3000):
        app.ask(body=b"x", HTTP_X_SOME=str(i))
    after = measure()
    assert after[0] - before[0] < 1000 and after[1] - before[1] < 1000      # not one a request

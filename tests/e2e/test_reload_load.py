"""Many reloads: under load they fail no request and close no connection, and they leave nothing behind."""
import subprocess
import threading
import time

import pytest

from edge import BINARY, PATIENCE, environment_of, run, wait_until, write_files
from process_memory import resident

APP = '''\
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"NAME"]
'''
FILES = {f"{name}/app.py": APP.replace("NAME", name) for name in ("blog", "even", "odd")} | {
    "files/a.txt": "a", "files/b.txt": "b" * 100_000}


def site(number):
    """Another app, other routes, another listener and other logs each time; what /, /f/ and /same answer stays."""
    odd = ("even", "odd")[number % 2]
    return f"""\
        edge: {{control: control.sock, threads: 2, hot_files: {1 + number % 2}m}}
        log: {{access: {{path: {odd}.log}}}}
        http: {{keepalive_requests: 1000000000}}        # how many there are depends on the machine
        apps:
          blog: {{module: app, chdir: ./blog, processes: 1}}
          {odd}: {{module: app, chdir: ./{odd}, processes: 1}}
        sites:
          - listen: ["127.0.0.1:0", "unix:./{odd}.sock"]
            headers: {{X-Number: "{number}"}}
            routes:
              - {{path: /, app: blog}}
              - {{path: /{odd}, app: {odd}}}
              - {{path: /f/, static: {{directory: ./files}}}}
              - {{path: = /same, return: {{body: same}}}}
    """


def reload(folder, number):
    write_files(folder, {"site.yaml": site(number)})
    done = run("reload", folder=folder)
    assert (done.returncode, done.stderr) == (0, ""), (number, done.stdout, done.stderr)


class Asking:
    """Threads that each ask on one connection, which nobody may close, until they are told to stop."""

    def __init__(self, edge, wanted):
        self.edge, self.enough, self.wrong, self.numbers = edge, threading.Event(), [], set()
        self.threads = [threading.Thread(target=self.ask, args=pair) for pair in wanted for _ in range(2)]

    def ask(self, target, body):
        try:
            with self.edge.connect() as connection:
                while not self.enough.is_set():
                    answer = connection.request("GET", target)
                    self.numbers.add(int(answer.get("X-Number")))
                    assert (answer.status, answer.body, answer.keeps_alive) == (200, body, True), answer
        except (OSError, AssertionError) as error:
            self.wrong.append((target, error))

    def wait_for(self, number):
        wait_until(lambda: number in self.numbers or self.wrong, f"configuration {number} answers")
        assert self.wrong == []

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        assert self.wrong == []


def test_fifty_reloads_under_load_fail_nothing(serve, tmp_path):
    edge = serve(site(0), FILES)
    with Asking(edge, [("/", b"blog"), ("/f/a.txt", b"a"), ("/f/b.txt", b"b" * 100_000), ("/same", b"same")]) as asking:
        asking.wait_for(0)
        for number in range(1, 51):
            reload(tmp_path, number)
            asking.wait_for(number)
    assert asking.numbers == set(range(51))
    assert "while it answered" not in edge.log.text(), "a GET that was asked twice is a worker that was killed at it"
    assert edge.get("/even").text == "even" and edge.get("/odd").text == "blog"


@pytest.mark.skipif("asan" in str(BINARY) or "tsan" in str(BINARY), reason="a sanitizer keeps what was freed")
def test_two_hundred_reloads_leave_nothing_behind(serve, tmp_path):
    edge = serve(site(0), FILES)
    changed = max(path.stat().st_ctime for path in (tmp_path / "files").iterdir())
    wait_until(lambda: time.time() > changed + 3, "the files have settled: what has just changed is not kept open")
    with edge.connect() as kept:
        def settle(number):
            reload(tmp_path, number)
            for target in ("/", "/f/a.txt", "/f/b.txt", "/same"):
                assert kept.request("GET", target).status == 200

        def count():
            """Of what is there once the parts of the configuration before have ended."""
            ended = edge.log.text().count("the app has ended")
            return (edge.descriptors(), len(edge.family())) if ended == number else None

        for number in range(1, 21):
            settle(number)
        before, memory = wait_until(count, "the removed apps have ended"), resident(edge.pid)
        for number in range(21, 221):
            settle(number)
        wait_until(lambda: (now := count()) and now[0] <= before[0] and now[1] <= before[1],
                   f"there are {before} descriptors and processes again, or fewer")
        grown = resident(edge.pid) - memory
    assert grown < 4 << 20, f"{grown} bytes more after 200 reloads"


def test_reloads_while_the_first_configuration_still_answers(serve, tmp_path):
    edge = serve(site(0), FILES | {"files/large.bin": b"x" * (16 << 20)})
    with edge.connect(receive_buffer=1 << 18) as slow:
        slow.ask("GET", "/f/large.bin")
        head = slow.head()
        commands = [subprocess.Popen([str(BINARY), "reload"], cwd=tmp_path, env=environment_of(),
                                     stdout=subprocess.DEVNULL) for _ in range(3)]
        assert [command.wait(PATIENCE) for command in commands] == [0, 0, 0]
        for number in range(1, 6):
            reload(tmp_path, number)
        assert edge.get("/same").get("X-Number") == "5" and head.get("X-Number") == "0"
        assert len(slow.exactly(int(head.get("Content-Length")))) == 16 << 20
        assert slow.request("GET", "/same").get("X-Number") == "5"

"""What one request or one worker may do to the rest: nothing. Deaths are reported with the request that was held."""
import json
import os
import re
import signal

from edge import run, wait_until

SITE = """\
    edge: {threads: 2}
    log: {level: debug}
    apps:
      app: {module: app, processes: %s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Dies when asked to, counts its calls in a file."""
    import os
    import signal
    import time

    HOARD = []


    def application(environ, start_response):
        path = environ["PATH_INFO"]
        with open("calls", "a") as calls:
            calls.write(path + "\\n")
        if path.startswith("/crash"):
            os.kill(os.getpid(), signal.SIGSEGV)
        if path == "/exit":
            os._exit(3)
        if path == "/half":
            start_response("200 OK", [("Content-Length", "10")])
            return half()
        if path == "/hoard":
            HOARD.append(bytearray(os.urandom(1 << 20)) * 60)
        if path == "/slow":
            time.sleep(0.3)
        if path == "/hang":
            open("hanging", "w").write(str(os.getpid()))
            time.sleep(60)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]


    def half():
        yield b"12345"
        os.kill(os.getpid(), signal.SIGKILL)
'''


def status_of(edge):
    return json.loads(run("status", "--json", folder=edge.folder).stdout)


def calls(edge, path):
    return (edge.folder / "calls").read_text().split().count(path)


def test_a_worker_that_dies_is_reported_with_its_request_also_when_the_client_has_gone(serve):
    edge = serve(SITE % 1, {"app.py": APP})
    hanging = edge.folder / "hanging"
    with edge.connect() as connection:
        connection.ask("GET", "/hang")
        wait_until(lambda: hanging.exists() and hanging.read_text(), "the view hangs")
    found = edge.log.wait_for(r"request (\w+) \(GET /hang\): the client has gone")
    pid = hanging.read_text()
    os.kill(int(pid), signal.SIGKILL)
    edge.log.wait_for(rf"worker \d \(pid {pid}\) died of SIGKILL while it answered request {found[1]} \(GET /hang\), "
                      "whose client has gone$")


def test_a_safe_request_whose_worker_dies_is_repeated_once_and_no_more(serve):
    edge = serve(SITE % 2, {"app.py": APP})
    assert edge.get("/crash").status == 502
    assert calls(edge, "/crash") == 2
    found = edge.log.wait_for(r"worker \d \(pid (\d+)\) died of SIGSEGV while it answered request \w+ \(GET /crash\)")
    edge.log.wait_for(rf"worker \d \(pid {found[1]}\) died of SIGSEGV$")
    assert edge.get("/").status == 200


def test_a_request_that_may_have_an_effect_is_never_repeated(serve):
    edge = serve(SITE % 2, {"app.py": APP})
    assert edge.get("/crash/post", method="POST", body=b"x").status == 502
    assert calls(edge, "/crash/post") == 1
    assert edge.get("/exit", method="DELETE").status == 502
    assert calls(edge, "/exit") == 1
    edge.log.wait_for(r"worker \d \(pid \d+\) exited with status 3 while it answered request \w+ \(DELETE /exit\)")


def test_an_answer_that_has_begun_is_not_begun_anew(serve):
    edge = serve(SITE % 2, {"app.py": APP})
    with edge.connect() as connection:
        connection.ask("GET", "/half")
        assert connection.head().status == 200
        assert connection.rest().endswith(b"12345"), "the rest never came"
    assert calls(edge, "/half") == 1


def test_others_are_answered_while_one_app_crashes_all_the_time(serve):
    edge = serve(SITE % 2, {"app.py": APP})
    for _ in range(5):
        assert edge.get("/crash").status == 502
        assert edge.get("/").status == 200


def test_workers_that_die_at_once_are_started_ever_more_slowly_and_shown_as_a_crash_loop(serve):
    site = SITE.replace("processes: %s", "processes: 1, preload: false, restart: {delay: 50ms, max_delay: 200ms}")
    edge = serve(site, {"app.py": APP + "\n    if os.path.exists('broken'):\n        os._exit(9)\n"})
    pid = int(edge.get("/").text)
    (edge.folder / "broken").touch()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(re.findall("exited with status 9", edge.log.text())) >= 4, "some tries")
    status = status_of(edge)
    assert status["apps"][0]["state"] == "crash loop"
    assert "exited with status 9" in status["apps"][0]["errors"][0]["text"]
    (edge.folder / "broken").unlink()
    assert edge.get("/").status == 200
    wait_until(lambda: status_of(edge)["apps"][0]["state"] == "serving", "it serves again")


def test_max_requests_replaces_workers_without_a_failed_request(serve):
    edge = serve(SITE % "2, max_requests: 20", {"app.py": APP})
    pids = set()
    with edge.connect() as connection:
        while len(pids) < 6:
            answer = connection.request("GET", "/")
            assert answer.status == 200
            pids.add(answer.text)
    edge.log.wait_for(r"worker \d \(pid \d+\) is replaced: max_requests is 20, it was to answer \d+$")
    assert "died" not in edge.log.text()


def test_a_worker_that_is_used_up_serves_until_the_next_is_ready(serve, gate):
    held = APP + "\n    if os.path.exists('hold'):\n        open(os.environ['ARRIVED'], 'w').close()\n" \
                 "        open(os.environ['GO_ON']).close()\n"
    edge = serve(SITE % "1, max_requests: 5, preload: false", {"app.py": held}, environment=gate.environment)
    (edge.folder / "hold").touch()
    old = edge.get("/").text
    for _ in range(4):
        assert edge.get("/").text == old
    gate.wait_arrived()                                 # the next one is at its import, and stays there
    for _ in range(10):
        assert edge.get("/").text == old
    (edge.folder / "hold").unlink()
    gate.open()
    edge.log.wait_for(rf"worker 0 \(pid {old}\) exited with status 0")
    new = edge.get("/").text
    assert new != old
    log = edge.log.text()
    assert log.index(f"(pid {new}) is ready") < log.index(f"(pid {old}) exited")


def test_max_memory_replaces_a_worker_between_requests(serve):
    edge = serve(SITE % "1, max_memory: 100M", {"app.py": APP})
    pid = edge.get("/").text
    with edge.connect() as connection:
        while (answer := connection.request("GET", "/hoard")).text == pid:
            assert answer.status == 200
    edge.log.wait_for(rf"worker 0 \(pid {pid}\) is replaced: it holds \d+ MiB, max_memory is 100 MiB")
    assert "died" not in edge.log.text()


def test_workers_grow_while_requests_wait_and_shrink_when_idle(serve):
    edge = serve(SITE % "{min: 1, max: 4, idle: 300ms}, depth: 1", {"app.py": APP})
    waiting = []
    for _ in range(12):
        connection = edge.connect()
        connection.ask("GET", "/slow")
        waiting.append(connection)
    pids = {connection.answer().text for connection in waiting}
    assert len(pids) == 4
    for connection in waiting:
        connection.close()
    wait_until(lambda: len(edge.family()) == 2, "a zygote and one worker are left")
    edge.log.wait_for(r"worker \d was idle for")
    assert edge.get("/").status == 200
    assert "died" not in edge.log.text()

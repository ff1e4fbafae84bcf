"""The process that forks an app's workers dies again and again: it is started ever more slowly, the status shows a
crash loop, and the app serves by itself once that process lives."""
import json
import os
import re
import signal
import time

import pytest

from edge import run, wait_until

EXIT_APP = 4
DELAY, MOST = 200, 400                                  # milliseconds
SITE = """\
    log: {level: debug}
    apps:
      app: {module: app, processes: 1, restart: {delay: %s, max_delay: %s}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """Notes when which process imports it; that is its last deed where the test says so."""
    import os
    import signal
    import time

    with open("imports", "a") as imports:
        imports.write("%d %f\\n" % (os.getpid(), time.monotonic()))
    if os.path.exists("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"served by %d" % os.getppid()]
'''


def start(serve, delay=f"{DELAY}ms", most=f"{MOST}ms"):
    return serve(SITE % (delay, most), {"app.py": APP})


def imports(edge):
    """(process, time) of each."""
    lines = (edge.folder / "imports").read_text().splitlines()
    return [(int(pid), float(when)) for pid, when in map(str.split, lines)]


def status_of(edge):
    return json.loads(run("status", "--json", folder=edge.folder).stdout)["apps"][0]


def wait_ready(edge, number):
    """The zygote that is the app's import of that number, once a worker of it is ready."""
    def count_ready():
        return len(re.findall(r"\[app\] worker 0 gen 1 \(pid \d+\) is ready after", edge.log.text()))
    wait_until(lambda: count_ready() == number, f"zygote number {number} has forked its worker")
    return imports(edge)[number - 1][0]


def kill(zygote):
    os.kill(zygote, signal.SIGKILL)
    return time.monotonic()


def pause(deaths):
    """Seconds before the next try after so many deaths in a row."""
    return (min(MOST, DELAY * 2 ** (deaths - 1)) - 10) / 1000   # a loop's clock ticks in milliseconds


def answers_again(edge, waiting):
    """What was asked meanwhile is answered, without anybody's doing."""
    answer = waiting.answer()
    assert (answer.status, answer.text) == (200, f"served by {imports(edge)[-1][0]}")
    wait_until(lambda: status_of(edge)["state"] == "serving", "the status takes it for well again")


def test_a_zygote_that_is_killed_again_and_again_is_started_ever_more_slowly(serve):
    edge = start(serve)
    killed = []
    for number in range(1, 10):
        zygote = wait_ready(edge, number)
        if number == 2:
            assert status_of(edge)["state"] == "serving", "one death is no crash loop"
        killed.append(kill(zygote))
        edge.log.wait_for(rf" error \[app\] the process that holds the app \(pid {zygote}, \S+\) died of SIGKILL$")
    status = status_of(edge)
    assert status["state"] == "crash loop"
    assert re.search(rf"\(pid {zygote}, \S+\) died of SIGKILL$", status["errors"][0]["text"])
    with edge.connect() as connection:
        connection.ask("GET", "/")
        answers_again(edge, connection)
    pauses = [began - died for died, (_, began) in zip(killed, imports(edge)[1:], strict=True)]
    assert all(took >= pause(deaths) for deaths, took in enumerate(pauses, 1)), pauses
    assert pauses[-1] < DELAY * 2 ** 8 / 1000 / 4, "the pauses grow no longer than max_delay"


def test_a_zygote_whose_workers_have_answered_is_started_anew_at_once(serve):
    edge = start(serve, "1h", "1h")
    for number in range(1, 5):
        zygote = wait_ready(edge, number)
        assert edge.get("/").text == f"served by {zygote}"
        assert status_of(edge)["state"] == "serving"
        kill(zygote)
        edge.log.wait_for(rf"\(pid {zygote}, \S+\) died of SIGKILL$")
    assert edge.get("/").text == f"served by {wait_ready(edge, 5)}"


def test_an_app_whose_import_comes_to_kill_its_process(serve):
    edge = start(serve)
    zygote = wait_ready(edge, 1)
    assert edge.get("/").text == f"served by {zygote}"
    (edge.folder / "deadly").touch()
    kill(zygote)
    with edge.connect() as connection:
        wait_until(lambda: len(imports(edge)) >= 2, "the first try, at once")
        connection.ask("GET", "/")
        edge.log.wait_for(rf"\(pid {imports(edge)[1][0]}, \S+\) died of SIGKILL$")
        wait_until(lambda: len(imports(edge)) >= 6, "some more")
        status = status_of(edge)
        assert status["state"] == "crash loop" and "died of SIGKILL" in status["errors"][0]["text"]
        tries = [when for _, when in imports(edge)[1:]]
        assert all(b - a >= pause(deaths) for deaths, (a, b) in enumerate(zip(tries, tries[1:]), 1)), tries
        (edge.folder / "deadly").unlink()
        answers_again(edge, connection)


@pytest.mark.parametrize("command", [("reload",), ("restart", "app")])
def test_a_new_generation_whose_import_kills_its_process_changes_nothing(serve, command):
    edge = start(serve)
    before = edge.get("/").text
    (edge.folder / "deadly").touch()
    done = run(*command, folder=edge.folder)
    assert done.returncode == EXIT_APP
    assert "generation 1 serves on:\n  its Python ended before the app was imported" in done.stderr
    assert edge.get("/").text == before and len(imports(edge)) == 2, "it was tried once"
    assert status_of(edge)["state"] == "serving"


def test_the_status_shows_a_crash_loop_as_long_as_no_process_is_there(serve):
    edge = start(serve, "1500ms", "1h")                 # so the third pause is longer than what counts as a good life
    for number in range(1, 4):
        zygote = wait_ready(edge, number)
        kill(zygote)
    edge.log.wait_for(rf"\(pid {zygote}, \S+\) died of SIGKILL$")
    states = set()
    while not (status := status_of(edge))["generations"][0]["zygote"]:
        states.add(status["state"])
    assert states == {"crash loop"}


def test_a_zygote_that_has_lived_long_is_started_anew_at_once_although_nobody_asked_its_workers(serve):
    edge = start(serve, "1h", "1h")
    zygote, began = wait_ready(edge, 1), time.monotonic()
    wait_until(lambda: time.monotonic() > began + 6, "it has had a good life")
    kill(zygote)
    successor = wait_ready(edge, 2)
    assert edge.get("/").text == f"served by {successor}"

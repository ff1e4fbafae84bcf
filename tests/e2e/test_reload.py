"""Reloading apps: what is loaded anew and what is left alone, that a failure changes nothing, and that nobody notices."""
import os
import signal
import threading

import pytest

from edge import PATIENCE, ended, run, wait_until, write_files

SITE = """\
    edge: {threads: 2}
    apps:
      blog: {module: app, chdir: ./blog, processes: 2}
      shop: {module: app, chdir: ./shop, processes: 2}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /blog/, app: blog}
          - {path: /shop/, app: shop}
"""
ONE = """\
    edge: {threads: 2}
    apps:
      blog: {module: app, chdir: ./blog, processes: 2}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /, app: blog}
    http: {keepalive_requests: 1000000}                 # how many there are depends on the machine
"""
APP = '''\
    """Tells its version and its process; /slow takes a while, and /gate as long as the test says."""
    import os, time

    VERSION = "VERSION"


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            time.sleep(0.3)
        if environ["PATH_INFO"] == "/gate":
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [("%s %d" % (VERSION, os.getpid())).encode()]
'''


WAITS = """
    open(os.environ["ARRIVED"], "w").close()
    open(os.environ["GO_ON"]).close()
"""


def version(number):
    """Each of another length: Python takes its compiled code for good where second and size are the same."""
    return APP.replace('"VERSION"', f'"v{number}"  #' + "." * number)


def told(edge, path="/"):
    """(version, process id) of who answers."""
    answer = edge.get(path)
    assert answer.status == 200
    name, pid = answer.text.split()
    return name, int(pid)


def reload(edge, outcome="info reloaded$"):
    """By SIGHUP; returns the log's lines from there on, once it is done."""
    begin = len(edge.log.all())
    edge.signal(signal.SIGHUP)
    edge.log.wait_for(outcome, after=begin)
    return edge.log.all()[begin:]


def workers(edge, app):
    """The processes that answer for an app, asked for until each of its two has."""
    seen = set()
    with edge.connect() as a, edge.connect() as b:
        def both():
            for connection in (a, b):               # at once, so that the second finds the first worker busy
                connection.ask("GET", f"/{app}/slow" if app else "/slow")
            for connection in (a, b):
                seen.add(int(connection.answer().text.split()[1]))
            return len(seen) == 2
        wait_until(both, "both workers have answered")
    return seen


def test_new_code_is_served_and_what_is_unchanged_is_left_alone(serve, tmp_path):
    edge = serve(SITE, {"blog/app.py": version(1), "shop/app.py": version(1)})
    shop, blog = workers(edge, "shop"), workers(edge, "blog")
    write_files(tmp_path, {"blog/app.py": version(2)})
    lines = reload(edge)
    assert f"[blog] reloading: {tmp_path}/blog/app.py changed" in "\n".join(lines)
    assert told(edge, "/blog/")[0] == "v2"
    assert not workers(edge, "blog") & blog
    assert workers(edge, "shop") == shop
    assert not any("[shop]" in line for line in lines)


def test_a_reload_without_any_change_reloads_every_app(serve):
    edge = serve(SITE, {"blog/app.py": version(1), "shop/app.py": version(1)})
    before = workers(edge, "blog") | workers(edge, "shop")
    reload(edge)
    assert not (workers(edge, "blog") | workers(edge, "shop")) & before


def test_changed_settings_reload_their_app_only(serve, tmp_path):
    site = SITE.replace("chdir: ./blog, ", "").replace("module: app, p", "wsgi_file: blog/app.py, p")
    edge = serve(site, {"blog/app.py": version(1), "shop/app.py": version(1)})
    shop, blog = workers(edge, "shop"), workers(edge, "blog")
    write_files(tmp_path, {"site.yaml": site.replace("chdir: ./shop,", "chdir: ./shop, queue: 7,")})
    lines = "\n".join(reload(edge))
    assert "[shop] reloading: its settings have changed" in lines and "[blog] reloading" not in lines
    assert workers(edge, "blog") == blog, "the site file is in its folder, and no file of it"
    assert not workers(edge, "shop") & shop


def test_a_failed_import_keeps_the_old_generation(serve, tmp_path):
    edge = serve(SITE, {"blog/app.py": version(1), "shop/app.py": version(1)})
    blog = workers(edge, "blog")
    write_files(tmp_path, {"blog/app.py": "import nowhere\n", "shop/app.py": version(2)})
    text = "\n".join(reload(edge, "error the reload failed"))
    assert f'File "{tmp_path}/blog/app.py", line 1' in text and "No module named 'nowhere'" in text
    assert "generation 2 does not serve" in text and "generation 1 goes on" in text
    assert workers(edge, "blog") == blog and told(edge, "/blog/")[0] == "v1"
    assert told(edge, "/shop/")[0] == "v2", "one app's failure is not another's"
    write_files(tmp_path, {"blog/app.py": version(3)})
    reload(edge)
    assert told(edge, "/blog/")[0] == "v3" and told(edge, "/shop/")[0] == "v2"


def test_a_broken_site_file_changes_nothing(serve, tmp_path):
    edge = serve(ONE, {"blog/app.py": version(1)})
    before = workers(edge, "")
    write_files(tmp_path, {"site.yaml": ONE.replace("processes: 2", "proceses: 2"), "blog/app.py": version(2)})
    text = "\n".join(reload(edge, "error the reload failed"))
    assert "site.yaml:3" in text and "processes" in text and "nothing was reloaded" in text
    assert workers(edge, "") == before


def test_what_the_old_generation_holds_is_answered_by_it(serve, tmp_path, gate):
    edge = serve(ONE, {"blog/app.py": version(1)}, environment=gate.environment)
    old = workers(edge, "")
    watched = {pid: os.pidfd_open(pid) for pid in old}
    with edge.connect() as held, edge.connect() as idle:
        assert idle.request("GET", "/").text.startswith("v1 ")
        held.ask("GET", "/gate")
        gate.wait_arrived()
        write_files(tmp_path, {"blog/app.py": version(2)})
        reload(edge)
        assert idle.request("GET", "/").text.startswith("v2 "), "on the connection that was there before"
        gate.open()
        answer = held.answer()
        assert answer.text.startswith("v1 ") and int(answer.text.split()[1]) in old
        assert held.request("GET", "/").text.startswith("v2 ")
    for pid, descriptor in watched.items():
        assert ended(descriptor), f"worker {pid} of the old generation does not end"
        os.close(descriptor)


class Asking:
    """Threads that each ask on one kept connection until they are told to stop; every answer is counted."""

    def __init__(self, edge, targets):
        self.edge, self.targets = edge, targets
        self.asked, self.answered, self.wrong, self.versions = 0, 0, [], set()
        self.enough = threading.Event()
        self.news = threading.Condition()
        self.threads = [threading.Thread(target=self.ask, args=(target,)) for target in targets]

    def ask(self, target):
        with self.edge.connect() as connection:
            while not self.enough.is_set():
                with self.news:
                    self.asked += 1
                try:
                    answer = connection.request("GET", target)
                    with self.news:
                        self.answered += 1
                        self.versions.add(answer.text.split()[0])
                        if answer.status != 200 or not answer.keeps_alive:
                            self.wrong.append((target, answer))
                        self.news.notify_all()
                except (OSError, AssertionError) as error:
                    with self.news:
                        self.wrong.append((target, error))
                        self.news.notify_all()
                    return

    def wait_for(self, name):
        """Until a version has answered."""
        with self.news:
            assert self.news.wait_for(lambda: name in self.versions or self.wrong, PATIENCE), f"{name} never answers"

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        for thread in self.threads:
            thread.join()


def test_signals_that_come_together_are_reloads_one_after_another(serve, tmp_path):
    edge = serve(ONE, {"blog/app.py": version(1)})
    write_files(tmp_path, {"blog/app.py": version(2)})
    for _ in range(5):
        edge.signal(signal.SIGHUP)
    edge.log.wait_for("info reloaded$")
    wait_until(lambda: told(edge)[0] == "v2", "the new code serves")
    edge.stop()


def test_a_stop_during_a_reload(serve, tmp_path, gate):
    edge = serve(ONE, {"blog/app.py": version(1)}, environment=gate.environment)
    write_files(tmp_path, {"blog/app.py": 'import os\nopen(os.environ["ARRIVED"], "w").close()\n'
                                          'open(os.environ["GO_ON"]).close()\n'})
    edge.signal(signal.SIGHUP)
    gate.wait_arrived()
    left = [os.pidfd_open(pid) for pid in edge.family()]
    edge.stop()
    for descriptor in left:
        assert ended(descriptor, 0), "a process of the app is left"
        os.close(descriptor)


def watching(edge):
    """Once the first look has ended, which sees that one file is not there."""
    edge.log.wait_for("/nothing is watched, but there is no such file yet")
    return edge


@pytest.mark.parametrize("pattern", ["./blog/reload", "./blog/*load", "./blog", "./**/reload"])
def test_reload_on_a_touched_file(serve, tmp_path, pattern):
    site = SITE.replace("chdir: ./blog,", f'chdir: ./blog, reload_on: [./nothing, "{pattern}"],')
    edge = watching(serve(site, {"blog/app.py": version(1), "blog/reload": "", "shop/app.py": version(1)}))
    shop, blog = workers(edge, "shop"), workers(edge, "blog")
    os.utime(tmp_path / "blog" / "reload")
    edge.log.wait_for(rf"\[blog\] .*{tmp_path}/blog/reload changed")
    edge.log.wait_for(r"\[blog\] generation 2 serves")
    assert not workers(edge, "blog") & blog
    assert workers(edge, "shop") == shop


def test_reload_on_loads_new_code_and_survives_code_that_is_broken(serve, tmp_path):
    site = ONE.replace("chdir: ./blog,", 'chdir: ./blog, reload_on: [./nothing, "./blog/**/*.py"],')
    edge = watching(serve(site, {"blog/app.py": version(1)}))
    write_files(tmp_path, {"blog/app.py": version(2)})
    wait_until(lambda: told(edge)[0] == "v2", "the new code serves")
    write_files(tmp_path, {"blog/app.py": "def broken(:\n"})
    edge.log.wait_for("SyntaxError")
    edge.log.wait_for("generation 2 goes on")
    assert told(edge)[0] == "v2"
    write_files(tmp_path, {"blog/app.py": version(3)})
    wait_until(lambda: told(edge)[0] == "v3", "the repaired code serves")


def test_what_is_saved_while_an_app_is_loaded_is_not_missed(serve, tmp_path, gate):
    site = ONE.replace("chdir: ./blog,", 'chdir: ./blog, reload_on: ["./blog/**/*.py"],')
    edge = serve(site, {"blog/app.py": version(1) + WAITS}, environment=gate.environment, ready=False)
    gate.wait_arrived()
    write_files(tmp_path, {"blog/app.py": version(2)})
    gate.open()
    edge.wait_ready()
    wait_until(lambda: told(edge)[0] == "v2", "the new code serves")


def test_rollback_goes_back_to_the_code_before(serve, tmp_path):
    edge = serve(ONE, {"blog/app.py": version(1)})
    write_files(tmp_path, {"blog/app.py": version(2)})
    reload(edge)
    assert told(edge)[0] == "v2"
    with Asking(edge, ["/", "/slow"]) as asking:
        asking.wait_for("v2")
        done = run("rollback", "blog", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        asking.wait_for("v1")
    assert asking.wrong == [] and asking.answered == asking.asked
    assert told(edge)[0] == "v1"


IMPORTED_BY_EACH = ONE.replace("processes: 2", "processes: 2, preload: false")


def test_without_preload_there_is_nothing_to_roll_back_to(serve, tmp_path):
    """Each worker imports by itself: the code before stands nowhere any more."""
    edge = serve(IMPORTED_BY_EACH, {"blog/app.py": version(1)})
    write_files(tmp_path, {"blog/app.py": version(2)})
    reload(edge)
    before = edge.family()
    done = run("rollback", "blog", folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("blog: NOT rolled back, generation 2 serves on:\n  there is no generation to go back to: "
                           "the one before is kept for 10 minutes, and only if it had preload: true\n")
    assert "kept for rollback" not in run("status", folder=tmp_path).stdout
    assert {told(edge)[0] for _ in range(10)} == {"v2"} and edge.family() <= before, "the same workers"


def test_rollback_from_without_preload_goes_back_to_what_was_preloaded(serve, tmp_path):
    edge = serve(ONE, {"blog/app.py": version(1)})
    write_files(tmp_path, {"blog/app.py": version(2), "site.yaml": IMPORTED_BY_EACH})
    reload(edge)
    assert told(edge)[0] == "v2"
    assert "generation 1 serves again" in run("rollback", "blog", folder=tmp_path).stdout
    assert told(edge)[0] == "v1"
    assert run("rollback", "blog", folder=tmp_path).returncode == 1, "what is left has not been preloaded"
    assert told(edge)[0] == "v1"


def test_rollback_never_passes_over_the_generation_before(serve, tmp_path):
    edge = serve(ONE, {"blog/app.py": version(1)})
    write_files(tmp_path, {"blog/app.py": version(2), "site.yaml": IMPORTED_BY_EACH})
    reload(edge)
    write_files(tmp_path, {"blog/app.py": version(3)})
    reload(edge)
    done = run("rollback", "blog", folder=tmp_path)
    assert done.returncode == 1 and "only if it had preload: true" in done.stderr
    assert told(edge)[0] == "v3"
    assert "kept for rollback" not in run("status", folder=tmp_path).stdout

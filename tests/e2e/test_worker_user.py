"""Apps under users and groups of their own, the rights that edge keeps for it, and the limits of workers."""
import grp
import json
import os
import pwd
import resource
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from edge import wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start apps as other users")

APP = """
    import ctypes, json, os, resource

    def application(environ, start_response):
        if environ["PATH_INFO"] == "/eat":
            eaten = bytearray(int(environ["QUERY_STRING"]) << 20)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({
            "pid": os.getpid(), "zygote": os.getppid(), "ids": [os.getresuid(), os.getresgid()],
            "groups": sorted(os.getgroups()), "variables": [os.environ.get(n) for n in ("HOME", "USER", "LOGNAME")],
            "files": resource.getrlimit(resource.RLIMIT_NOFILE), "data": resource.getrlimit(resource.RLIMIT_DATA),
            "imported_as": imported_as}).encode()]

    imported_as = os.getuid()
"""
CHANGE_USER = 1 << 5 | 1 << 6 | 1 << 7      # CAP_KILL, CAP_SETGID, CAP_SETUID


@pytest.fixture
def folder():
    """One that other users can reach, unlike pytest's."""
    path = Path(tempfile.mkdtemp(prefix="edge-users-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def site(app="", edge="", processes=1):
    return f"""
        edge: {{threads: 1{edge}}}
        log: {{access: off}}
        apps:
          a: {{module: app, processes: {processes}, python: /usr/bin/python3{app}}}
        sites:
          - listen: 127.0.0.1:0
            routes: [{{path: /, app: a}}]
    """


def ask(edge, path="/"):
    return json.loads(edge.get(path).body)


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def capabilities(pid, sets=("CapInh", "CapPrm", "CapEff", "CapAmb")):
    found = status(pid)
    return [int(found[name][0], 16) for name in sets]


def check_identity(pid, user, group, groups):
    found = status(pid)
    assert set(found["Uid"]) == {str(user)}, found["Uid"]
    assert set(found["Gid"]) == {str(group)}, found["Gid"]
    assert sorted(map(int, found["Groups"])) == sorted(groups)
    assert capabilities(pid) == [0, 0, 0, 0]


def groups_of(user):
    entry = pwd.getpwnam(user)
    return sorted(set(os.getgrouplist(user, entry.pw_gid)))


@needs_root
def test_an_app_runs_as_its_user(serve, folder):
    edge = serve(site(", user: games", ", user: www-data"), {"app.py": APP}, folder=folder)
    answer = ask(edge)
    games = pwd.getpwnam("games")
    assert answer["ids"] == [[games.pw_uid] * 3, [games.pw_gid] * 3]
    assert answer["groups"] == groups_of("games")
    assert answer["imported_as"] == games.pw_uid
    assert answer["variables"] == [games.pw_dir, "games", "games"]
    for pid in answer["pid"], answer["zygote"]:
        check_identity(pid, games.pw_uid, games.pw_gid, groups_of("games"))


@needs_root
def test_edge_keeps_only_the_right_to_change_users(serve, folder):
    edge = serve(site(", user: games", ", user: www-data"), {"app.py": APP}, folder=folder)
    www_data = pwd.getpwnam("www-data")
    found = status(edge.pid)
    assert set(found["Uid"]) == {str(www_data.pw_uid)}
    assert set(found["Gid"]) == {str(www_data.pw_gid)}
    assert capabilities(edge.pid) == [0, CHANGE_USER, CHANGE_USER, 0]
    for thread in os.listdir(f"/proc/{edge.pid}/task"):
        assert all(kept & ~CHANGE_USER == 0 for kept in capabilities(f"{edge.pid}/task/{thread}"))


@needs_root
@pytest.mark.parametrize("app", ["", ", user: www-data", ", user: www-data, group: www-data", ", group: www-data"])
def test_no_right_is_kept_when_no_app_needs_it(serve, folder, app):
    edge = serve(site(app, ", user: www-data"), {"app.py": APP}, folder=folder)
    for thread in os.listdir(f"/proc/{edge.pid}/task"):
        assert capabilities(f"{edge.pid}/task/{thread}") == [0, 0, 0, 0]
    www_data = pwd.getpwnam("www-data")
    answer = ask(edge)
    for pid in answer["pid"], answer["zygote"]:
        check_identity(pid, www_data.pw_uid, www_data.pw_gid, [www_data.pw_gid])


@needs_root
def test_a_user_brings_all_its_groups(serve, folder):
    """The groups are those of the system's database: here one that is in front of it for this edge only."""
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("no mount namespace may be made here")
    database = folder / "group"
    database.write_text(Path("/etc/group").read_text() + "edge-test:x:54321:games\n")
    launcher = ["unshare", "--mount", "sh", "-c", f"mount --bind {database} /etc/group && exec \"$@\"", "sh"]
    edge = serve(site(", user: games", ", user: www-data"), {"app.py": APP}, folder=folder, launcher=launcher)
    answer = ask(edge)
    assert answer["groups"] == sorted([*groups_of("games"), 54321])
    check_identity(answer["zygote"], pwd.getpwnam("games").pw_uid, pwd.getpwnam("games").pw_gid,
                   [*groups_of("games"), 54321])


@needs_root
def test_a_group_of_its_own(serve, folder):
    edge = serve(site(", user: games, group: daemon, env: {HOME: /tmp, LOGNAME: ''}"), {"app.py": APP}, folder=folder)
    answer = ask(edge)
    daemon = grp.getgrnam("daemon").gr_gid
    assert answer["ids"] == [[pwd.getpwnam("games").pw_uid] * 3, [daemon] * 3]
    assert daemon in answer["groups"]
    assert answer["variables"] == ["/tmp", "games", ""]


@needs_root
def test_a_worker_of_another_user_is_replaced(serve, folder):
    """edge, which is www-data by then, must start and signal processes of games."""
    edge = serve(site(", user: games", ", user: www-data"), {"app.py": APP}, folder=folder)
    first = ask(edge)
    os.kill(first["pid"], signal.SIGKILL)
    second = ask(edge)
    assert second["pid"] != first["pid"]
    os.kill(first["zygote"], signal.SIGKILL)
    wait_until(lambda: ask(edge)["zygote"] != first["zygote"], "a new zygote's worker answers")
    third = ask(edge)
    check_identity(third["pid"], pwd.getpwnam("games").pw_uid, pwd.getpwnam("games").pw_gid, groups_of("games"))
    family = edge.family()
    edge.stop()
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]


@needs_root
def test_nothing_survives_an_edge_that_is_killed(serve, folder):
    edge = serve(site(", user: games", ", user: www-data", processes=2), {"app.py": APP}, folder=folder)
    family = edge.family()
    assert len(family) == 3
    os.kill(edge.pid, signal.SIGKILL)
    edge.wait()
    wait_until(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()], "all have ended")


def test_a_user_that_does_not_exist(serve):
    edge = serve(site(", user: nobody-of-that-name"), {"app.py": APP}, ready=False)
    assert edge.wait() != 0
    assert "apps.a.user: there is no user nobody-of-that-name on this machine" in edge.log.text()


@needs_root
def test_another_user_without_root(serve, folder):
    edge = serve(site(", user: games"), {"app.py": APP}, folder=folder, ready=False,
                 launcher=["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups"])
    assert edge.wait() != 0
    assert "only an edge that is started as root can run an app under the user `games`" in edge.log.text()


def test_workers_get_the_limit_of_files_that_edge_was_started_with(serve):
    soft, hard = 300, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    edge = serve(site(), {"app.py": APP}, launcher=["sh", "-c", f"ulimit -S -n {soft} && exec \"$@\"", "sh"])
    limit = Path(f"/proc/{edge.pid}/limits").read_text().partition("Max open files")[2].split()
    assert limit[0] == limit[1] == str(hard)
    assert ask(edge)["files"] == [soft, hard]


def test_a_worker_cannot_take_all_the_memory(serve):
    edge = serve(site(", max_memory: 100M"), {"app.py": APP})
    wall = (100 + 256 + 8) << 20
    first = ask(edge)
    assert first["data"] == [wall, wall]
    assert ask(edge, "/eat?20")["pid"] == first["pid"]
    assert edge.get("/eat?1000").status == 500
    edge.log.wait_for("MemoryError")
    assert ask(edge)["pid"] == first["pid"]


def test_without_max_memory_there_is_no_wall(serve):
    unlimited = resource.getrlimit(resource.RLIMIT_DATA)
    assert ask(serve(site(), {"app.py": APP}))["data"] == list(unlimited)

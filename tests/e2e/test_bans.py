"""Bans: by hand and earned, on every site, with an end, over restarts and upgrades."""
import http.client
import json
import socket
import time

import pytest

from edge import run, wait_until

BAD, GOOD, PROXY = "127.0.0.5", "127.0.0.6", "127.0.0.9"

SITE = """\
    edge: {threads: 2, control: control.sock, trusted_proxies: [127.0.0.9], MORE}
    log: {access: {path: stdout, format: "log $remote_addr $uri $status"}}
    sites:
      - listen: ["127.0.0.1:0"]
        ban: {when: 3 x 401 in 1m, for: 1h}
        routes:
          - path: /
            return: {body: served}
          - path: /login
            return: {status: 401}
          - path: /free
            ban: []
            return: {status: 401}
          - path: /any
            ban: [{when: 2 x any in 1m, for: 1s}, {when: 100 x 2xx in 1m}]
            return: {body: served}
"""
KEPT = "state_dir: state"


def start(serve, more="max_bans: 3", **options):
    return serve(SITE.replace("MORE", more), **options)


def edge_command(edge, *arguments, expect=0):
    done = run(*arguments, "site.yaml", folder=edge.folder)
    assert done.returncode == expect, (done.stdout, done.stderr)
    return done.stdout if expect == 0 else done.stderr


def bans_of(edge):
    return {ban["address"]: ban for ban in json.loads(edge_command(edge, "bans", "--json"))["bans"]}


def is_banned(edge, source):
    try:
        with edge.connect(source=source) as connection:
            return connection.ask("GET", "/").is_closed()
    except ConnectionError:
        return True


def test_who_is_banned_is_out_at_once_and_until_the_ban_is_lifted(serve):
    edge = start(serve)
    with edge.connect(source=BAD) as before:
        assert before.request("GET", "/").text == "served"
        assert edge_command(edge, "ban", BAD, "--why", "a test \x1b[1m") == f"{BAD} is banned until it is lifted\n"
        assert before.ask("GET", "/").is_closed(), "who is connected is out as well"
    edge.out.wait_for(rf"^log {BAD} / 444$")

    def is_told():                                      # one line a second tells of those who are turned away
        with edge.connect(source=BAD) as connection:
            assert connection.is_closed(), "without a byte of it being read"
        return f"info a connection is closed unread: {BAD} is banned" in edge.log.text()

    wait_until(is_told, "the log tells of it")
    assert edge.get("/").text == "served"
    assert "\x1b" not in edge_command(edge, "bans")
    ban = bans_of(edge)[BAD]
    assert abs(ban["since"] - time.time()) < 30 and ban["until"] == 0 and not ban["automatic"]
    assert ban["why"].startswith("a test")
    assert edge_command(edge, "unban", BAD) == f"{BAD} is not banned any more\n"
    assert not is_banned(edge, BAD)


def test_a_ban_ends_with_its_time(serve):
    edge = start(serve)
    edge_command(edge, "ban", "127.0.0.4/31", "--for", "3s")
    assert is_banned(edge, BAD)
    assert not is_banned(edge, GOOD)
    edge.log.wait_for("info 1 ban has ended")
    wait_until(lambda: not is_banned(edge, BAD), "every loop knows")
    assert bans_of(edge) == {}


def test_what_cannot_be_banned_is_told(serve):
    edge = start(serve)
    assert "is no address or network" in edge_command(edge, "ban", "nobody", expect=2)
    assert 'bits set behind its prefix; did you mean "10.0.0.0/8"?' in edge_command(edge, "ban", "10.0.0.1/8", expect=2)
    assert "is no duration" in edge_command(edge, "ban", BAD, "--for", "soon", expect=2)
    assert "127.0.0.9 is in edge.trusted_proxies" in edge_command(edge, "ban", PROXY, expect=1)
    assert f"{BAD} is not banned" in edge_command(edge, "unban", BAD, expect=1)
    edge_command(edge, "ban", "127.0.0.4/31")
    assert "but with 127.0.0.4/31; lift that" in edge_command(edge, "unban", BAD, expect=1)
    edge_command(edge, "ban", "192.0.2.1")
    edge_command(edge, "ban", "192.0.2.2")
    assert "there are 3 bans, which is edge.max_bans" in edge_command(edge, "ban", "192.0.2.3", expect=1)
    edge_command(edge, "ban", "192.0.2.2", "--for", "1h")
    assert len(bans_of(edge)) == 3


def test_a_network_that_holds_a_trusted_proxy_leaves_it_be(serve):
    edge = start(serve)
    edge_command(edge, "ban", "127.0.0.8/29")
    with edge.connect(source=PROXY) as proxy:
        assert proxy.request("GET", "/").text == "served"
        assert proxy.request("GET", "/", headers=["X-Forwarded-For: 127.0.0.10"]).status == 403
        assert proxy.request("GET", "/", headers=["X-Forwarded-For: 198.51.100.1"]).status == 200


def test_a_ban_is_earned_by_answers_of_a_status(serve):
    edge = start(serve)
    with edge.connect(source=BAD) as connection:
        assert connection.request("GET", "/").status == 200
        for _ in range(3):
            assert connection.request("GET", "/login").status == 401
    edge.log.wait_for(rf"info {BAD} is banned for 1h: 3 x 401 in 1m$")
    wait_until(lambda: is_banned(edge, BAD), "every loop knows")
    ban = bans_of(edge)[BAD]
    assert ban["automatic"] and ban["why"] == "3 x 401 in 1m" and ban["until"] - ban["since"] == 3600
    with edge.connect(source=GOOD) as connection:
        for _ in range(2):
            assert connection.request("GET", "/login").status == 401
        for _ in range(5):
            assert connection.request("GET", "/free").status == 401
    assert not is_banned(edge, GOOD)
    assert edge.log.text().count("is banned for 1h") == 1


def test_the_client_behind_a_proxy_earns_the_ban_and_not_the_proxy(serve):
    edge = start(serve)
    with edge.connect(source=PROXY) as proxy:
        for _ in range(5):
            assert proxy.request("GET", "/login").status == 401
        for last in range(1, 4):
            field = f"X-Forwarded-For: 2001:db8::{last}"
            assert proxy.request("GET", "/login", headers=[field]).status == 401
        wait_until(lambda: bans_of(edge), "the ban is there")
        assert list(bans_of(edge)) == ["2001:db8::/64"]
        assert proxy.request("GET", "/", headers=["X-Forwarded-For: 2001:db8::99"]).status == 403
        assert proxy.request("GET", "/", headers=["X-Forwarded-For: 2001:db8:1::"]).status == 200


def test_a_route_may_have_rules_of_its_own(serve):
    edge = start(serve)
    with edge.connect(source=BAD) as connection:
        for _ in range(2):
            assert connection.request("GET", "/any").status == 200
    edge.log.wait_for(rf"{BAD} is banned for 1s: 2 x any in 1m$")
    edge.log.wait_for("1 ban has ended")


def test_bans_outlive_a_restart_and_a_reload(serve):
    edge = start(serve, KEPT)
    assert run("ban", BAD, "--for", "1h", "--why", "über", "site.yaml", folder=edge.folder).stderr == ""
    edge_command(edge, "ban", "2001:db8::/32")
    edge_command(edge, "reload")
    assert is_banned(edge, BAD)
    before = bans_of(edge)
    edge.stop()
    assert (edge.folder / "state" / "bans.json").stat().st_mode & 0o777 == 0o600
    edge = start(serve, KEPT)
    edge.log.wait_for("info bans: 2 are taken up from ")
    assert is_banned(edge, BAD)
    assert bans_of(edge) == before


def test_what_ended_while_edge_was_stopped_is_over(serve):
    edge = start(serve, KEPT)
    edge_command(edge, "ban", GOOD)
    edge_command(edge, "ban", BAD, "--for", "3s")
    edge.stop()
    kept = json.loads((edge.folder / "state" / "bans.json").read_text())["bans"]
    until = {ban["address"]: ban["until"] for ban in kept}[BAD]
    wait_until(lambda: time.time() > until, "the ban has ended")
    edge = start(serve, KEPT)
    assert list(bans_of(edge)) == [GOOD]
    assert not is_banned(edge, BAD)


def test_without_a_folder_bans_are_in_memory_and_the_command_says_so(serve):
    edge = start(serve)
    done = run("ban", BAD, "site.yaml", folder=edge.folder)
    assert "kept in memory only" in done.stderr and "edge.state_dir" in done.stderr
    assert "kept in memory only" in edge_command(edge, "bans")


def test_a_damaged_file_is_put_aside(serve, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "bans.json").write_text('{"bans": [')
    edge = start(serve, KEPT)
    edge.log.wait_for(r"error .*bans\.json holds no bans that can be read.*bans\.json\.damaged")
    edge_command(edge, "ban", BAD)
    assert json.loads((tmp_path / "state" / "bans.json").read_text())["bans"][0]["address"] == BAD
    assert (tmp_path / "state" / "bans.json.damaged").read_text() == '{"bans": ['


def test_lines_of_the_file_that_mean_nothing_are_left_out(serve, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "bans.json").write_text(json.dumps({"bans": [
        1, {}, {"address": 7}, {"address": "10.0.0.1/8"}, {"address": BAD, "until": "x", "why": 9, "since": -1}]}))
    edge = start(serve, KEPT)
    assert list(bans_of(edge)) == [BAD]
    assert is_banned(edge, BAD)


def test_bans_go_with_an_upgrade(upgradable):
    edge = upgradable.start(SITE.replace("MORE", KEPT))
    edge_command(edge, "ban", BAD, "--for", "1h")
    upgradable.upgrade()
    assert list(bans_of(edge)) == [BAD]
    assert is_banned(edge, BAD) and not is_banned(edge, GOOD)
    edge_command(edge, "ban", GOOD)
    assert is_banned(edge, GOOD)


def test_a_folder_that_cannot_be_written_is_told_at_the_start(serve, tmp_path):
    (tmp_path / "state").write_text("a file")
    edge = serve(SITE.replace("MORE", KEPT), ready=False)
    assert edge.wait() != 0
    assert "edge.state_dir" in edge.log.text()


@pytest.mark.parametrize("query, problem", [
    ("", "the `address` is missing"),
    ("address=%zz", "a broken escape"),
    ("address=1.2.3.4&for=0", "`for` is a number of milliseconds"),
    ("address=1.2.3.4&whom=me", "unknown parameter `whom`"),
])
def test_the_control_socket_takes_no_nonsense(serve, query, problem):
    edge = start(serve)
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(edge.folder / "control.sock"))
    connection.request("POST", "/ban?" + query)
    answer = connection.getresponse()
    assert answer.status == 400 and problem in json.loads(answer.read())["error"]
    connection.close()

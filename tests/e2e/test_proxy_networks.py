"""Servers on hosts of their own, whose cables are pulled and choked: who notices, how soon, and what clients see."""
import contextlib
import re
import threading
import time

import pytest

from edge import PATIENCE, wait_until
from http_client import SLOWNESS
from outage_server import OutageServer
from remote_host import RemoteHost, needs_namespaces
from test_proxy_outages import Load, OverHttp1, check_posts

SITE = """\
    edge: {{threads: 2}}
    log: {{access: off}}
    http: {{keepalive_requests: 1000000000}}
    upstreams:
      api: {{servers: [{servers}], connect_timeout: {time}ms, read_timeout: {time}ms, {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""
PORT = 8000


class Remote:
    """A host with a server."""

    def __init__(self, folder, number, stack):
        self.host = RemoteHost(number)
        stack.callback(self.host.end)
        self.server = OutageServer(folder, f"host-{number}", self.host.address, PORT, self.host.launcher)
        stack.callback(self.server.end)

    @property
    def name(self):
        return re.escape(self.server.name)


@pytest.fixture
def remotes(tmp_path):
    """Makes so many."""
    needs_namespaces()
    with contextlib.ExitStack() as stack:
        yield lambda count: [Remote(tmp_path, number, stack) for number in range(count)]


@pytest.fixture
def behind(serve, remotes):
    """edge before `count` remote servers, which were all asked."""
    def make(count, more="", milliseconds=400):
        made = remotes(count)
        edge = serve(SITE.format(servers=", ".join(f"http://{remote.server.name}" for remote in made), more=more,
                                 time=int(milliseconds * SLOWNESS)))
        assert [edge.get(f"/first/{turn}").status for turn in range(4 * count)] == [200] * 4 * count
        assert all(remote.server.requests() for remote in made)
        return edge, *made
    return make


def ask(edge, count, name):
    """Each with an answer of its own."""
    for turn in range(count):
        answer = edge.get(f"/{name}/{turn}")
        assert (answer.status, answer.text) == (200, f"/{name}/{turn} 0")


def test_a_host_that_is_cut_off_is_left_out_and_comes_back(behind):
    edge, far, *_ = behind(3, "eject: {failures: 2, for: 1s}")
    far.host.pull()
    ask(edge, 20, "cut")
    edge.log.wait_for(rf"server {far.name}: .*(read_timeout|connect_timeout); another server is asked")
    edge.log.wait_for(rf"server {far.name} is left alone")
    far.host.plug()
    wait_until(lambda: ask(edge, 1, "plugged") or re.search(rf"{far.name} answers again", edge.log.text()), "it is back")
    before = len(far.server.requests())
    ask(edge, 30, "back")
    assert len(far.server.requests()) >= before + 5, "it has its share again"


def test_a_host_that_is_cut_off_costs_nobody_time_while_it_is_left_out(behind):
    edge, far, *_ = behind(2, "eject: {failures: 1, for: 1h}")
    far.host.pull()
    ask(edge, 4, "cut")
    edge.log.wait_for(rf"server {far.name} is left alone")
    told = edge.log.text().count("another server is asked")
    ask(edge, 50, "after")
    assert edge.log.text().count("another server is asked") == told


def test_connect_timeout_holds_where_packets_are_lost(behind):
    edge, far = behind(1, "retries: 0, keepalive: 0")
    far.host.pull()
    begun = time.monotonic()
    assert edge.get("/x").status == 504
    assert 0.39 * SLOWNESS <= time.monotonic() - begun < PATIENCE    # the loop's clock counts milliseconds
    edge.log.wait_for(rf"GET /x: upstream api, server {far.name}: .*no connection within connect_timeout")


def test_a_post_goes_elsewhere_when_its_host_cannot_be_reached(behind):
    edge, far, near = behind(2, "eject: {failures: 0}, keepalive: 0")
    far.host.pull()
    for turn in range(6):
        answer = edge.get(f"/order/{turn}", method="POST", body=b"x")
        assert (answer.status, answer.text) == (200, f"/order/{turn} 1")
    assert [f"POST /order/{turn}" for turn in range(6)] == [line for line in near.server.requests() if "POST" in line]


def test_a_stopped_host_is_unreachable_then_refuses_then_serves(behind):
    edge, far, *_ = behind(2, "eject: {failures: 1, for: 200ms}")
    far.host.pull()
    far.server.kill()
    ask(edge, 4, "down")
    far.host.plug()
    wait_until(lambda: ask(edge, 1, "refused") or "connection refused" in edge.log.text(), "it refuses")
    assert "answers again" not in edge.log.text()
    far.server.start()
    wait_until(lambda: ask(edge, 1, "up") or re.search(rf"{far.name} answers again", edge.log.text()), "it serves")


def test_active_checks_find_a_pulled_cable_without_a_request(behind):
    edge, far, *_ = behind(2, "eject: {failures: 0}, health: {path: /healthz, interval: 200ms, timeout: %dms, fall: 2, "
                              "rise: 2}" % (300 * SLOWNESS))
    far.host.pull()
    edge.log.wait_for(rf"server {far.name} is down: 2 health checks")
    told = len(edge.log.all())
    ask(edge, 20, "cut")
    assert "another server is asked" not in "\n".join(edge.log.all()[told:])
    far.host.plug()
    before = sum("/healthz" not in line for line in far.server.requests())
    wait_until(lambda: ask(edge, 2, "plugged") or
               sum("/healthz" not in line for line in far.server.requests()) > before, "it is asked again")


def test_a_host_that_became_slow_is_passed_over(behind):
    edge, far, *_ = behind(2, "eject: {failures: 2, for: 1h}")
    far.host.choke()
    wait_until(lambda: ask(edge, 4, "slow") or re.search(rf"server {far.name} is left alone .*too slow", edge.log.text()),
               "it is left out")
    told = edge.log.text().count("another server is asked")
    ask(edge, 20, "after")
    assert edge.log.text().count("another server is asked") == told


def test_cables_pulled_under_load_fail_no_get(behind):
    edge, *hosts = behind(3, "eject: {for: 1s}")
    pause = threading.Event()
    with Load(edge, OverHttp1) as load:
        for turn in range(6):
            host = hosts[turn % 3].host
            host.pull()
            pause.wait(1.0 * SLOWNESS)
            host.plug()
            pause.wait(0.5 * SLOWNESS)
    assert load.wrong == [], f"{len(load.wrong)} wrong of {load.gets.total()} GETs and {len(load.posts)} POSTs"
    check_posts(edge, [remote.server for remote in hosts], load.posts)

"""edge.max_connections: idle connections give way to new ones, those with a request under way never do."""
import contextlib
import select
import textwrap
import time

import pytest

from certificates import Authority
from edge import run, wait_until
from http2_client import Http2, request
from http_client import Connection
from tls_client import trusting

MOST = 8
NO_ERROR = 0
APP = '''\
    """Waits at the gate when it is asked to."""
    import os


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/held":
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"app"]
'''


def site(threads, listen='"127.0.0.1:0"', more="", most=MOST):
    return f"""\
        edge: {{threads: {threads}, max_connections: {most}, control: control.sock}}
        log: {{access: off}}
        apps: {{app: {{module: app, processes: 1, threads: 8}}}}
        sites:
          - listen: [{listen}]
            {more}
            routes: [{{path: /, return: {{body: served}}}}, {{path: /held, app: app}}]
    """


def is_ended(connection):
    """Whether an end, or a reset, has arrived from the server, which has said nothing."""
    return bool(select.select([connection.socket], [], [], 0)[0])


@pytest.mark.parametrize("threads", [1, 4])
def test_who_never_asks_locks_nobody_out(serve, threads):
    edge = serve(site(threads), {"app.py": APP})
    with contextlib.ExitStack() as opened:
        silent = [opened.enter_context(edge.connect()) for _ in range(3 * MOST)]
        for _ in range(3 * MOST):
            newcomer = opened.enter_context(edge.connect())
            assert newcomer.request("GET", "/").text == "served"
        edge.log.wait_for(rf"warn {MOST} connections are open \(edge\.max_connections\): idle ones are closed")
        wait_until(lambda: sum(is_ended(one) for one in silent) >= 2 * MOST, "they have given way")


def test_a_limit_that_a_reload_lowers_is_come_down_to(serve):
    edge = serve(site(1), {"app.py": APP})
    with contextlib.ExitStack() as opened:
        kept = [opened.enter_context(edge.connect()) for _ in range(MOST)]
        for one in kept:
            assert one.request("GET", "/").text == "served"
        (edge.folder / "site.yaml").write_text(textwrap.dedent(site(1, most=MOST - 3)))
        assert run("reload", folder=edge.folder).returncode == 0
        for newcomers in range(1, 6):
            newcomer = opened.enter_context(edge.connect())
            assert newcomer.request("GET", "/").text == "served"
            gone = min(2 * newcomers, newcomers + 3)    # two for each, until there are few enough
            assert [is_ended(one) for one in kept] == [True] * gone + [False] * (MOST - gone)


def test_who_has_been_idle_longest_goes_first(serve):
    edge = serve(site(1), {"app.py": APP})
    with contextlib.ExitStack() as opened:
        kept = [opened.enter_context(edge.connect()) for _ in range(MOST)]
        for one in [*kept, kept[0]]:
            assert one.request("GET", "/").text == "served"
        with edge.connect() as newcomer:
            assert newcomer.request("GET", "/").text == "served"
            assert kept[1].is_closed()
            assert all(one.request("GET", "/").text == "served" for one in [kept[0], *kept[2:]])


def test_who_has_had_time_to_ask_and_did_not_goes_before_those_that_did(serve):
    edge = serve(site(1), {"app.py": APP})
    with contextlib.ExitStack() as opened:
        kept = [opened.enter_context(edge.connect()) for _ in range(MOST - 1)]
        for one in kept:
            assert one.request("GET", "/").text == "served"
        silent = opened.enter_context(edge.connect())
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 1.5, "it has had its time")
        with edge.connect() as newcomer:
            assert newcomer.request("GET", "/").text == "served"
            assert silent.is_closed()
            assert all(one.request("GET", "/").text == "served" for one in kept)


@pytest.mark.parametrize("threads", [1, 4])
def test_requests_under_way_stay_and_others_wait_for_them(serve, gate, threads):
    edge = serve(site(threads), {"app.py": APP}, environment=gate.environment)
    with contextlib.ExitStack() as opened:
        head = opened.enter_context(edge.connect()).send(b"GET / HTTP/1.1\r\n")
        heads = [opened.enter_context(edge.connect()).send(b"GET ") for _ in range(MOST - 3)]
        task = opened.enter_context(edge.connect())
        task.ask("GET", "/held")
        gate.wait_arrived()
        idle = opened.enter_context(edge.connect())
        assert idle.request("GET", "/").text == "served"
        first = opened.enter_context(edge.connect())
        assert first.request("GET", "/").text == "served"
        assert idle.is_closed(), "the only one that could go, on whichever loop"
        first.send(b"GET ")
        waiting = opened.enter_context(edge.connect())
        waiting.ask("GET", "/")
        edge.log.wait_for(rf"{MOST} connections are open \(edge\.max_connections\): new ones wait")
        assert not is_ended(waiting)
        head.send(b"Host: x\r\nConnection: close\r\n\r\n")
        assert head.answer().text == "served"
        assert waiting.answer().text == "served", "there is room now"
        gate.open()
        assert task.answer().text == "app"
        for one in heads:
            assert one.send(b"/ HTTP/1.1\r\nHost: x\r\n\r\n").answer().text == "served"


def test_http2_is_told_and_streams_stay(serve, gate):
    listen = '{address: "127.0.0.1:0", http2: true}'
    edge = serve(site(1, listen), {"app.py": APP}, environment=gate.environment)
    with contextlib.ExitStack() as opened:
        busy = opened.enter_context(Http2(edge.port)).send(request(1, "/held"))
        gate.wait_arrived()
        idle = [opened.enter_context(Http2(edge.port)) for _ in range(MOST - 1)]
        for one in idle:
            one.send(request(1))
            assert one.answer(1)[0] == 200
        newcomer = opened.enter_context(Http2(edge.port)).send(request(1))
        assert newcomer.answer(1)[0] == 200
        assert idle[0].goaway() == NO_ERROR and idle[0].is_closed()
        gate.open()
        assert busy.answer(1) == (200, b"app")


def test_handshakes_that_do_not_go_on_give_way(serve, tmp_path):
    authority = Authority(tmp_path / "authority")
    pair = authority.issue("localhost", ["localhost"])
    edge = serve(site(2, '{address: "127.0.0.1:0", tls: true}', f"tls: {{{pair}}}"), {"app.py": APP})
    with contextlib.ExitStack() as opened:
        for number in range(3 * MOST):
            half = opened.enter_context(Connection(edge.port))
            half.send(b"\x16\x03\x01" if number % 2 else b"")
        with Http2(edge.port, tls=trusting(authority.certificate, alpn=["h2"])) as newcomer:
            assert newcomer.send(request(1, scheme="https")).answer(1)[0] == 200

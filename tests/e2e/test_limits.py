"""Limits of requests, of requests at a time: bursts, keys, loops that count together, reloads, dry runs, the status."""
import json
import re
import threading
import time

import pytest

from edge import run, wait_until, write_files
from http2_client import Http2, request

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
# One in ten seconds, so that none comes back while a test runs.
SLOW = "rate: 6/m, burst: 2"


def site(routes, edge="threads: 2", more="", http="", listen='"127.0.0.1:0"'):
    return f"""\
        edge: {{control: control.sock, {edge}}}
        log: {{access: {{path: stdout, format: "log $request_uri $status $limit_req_status/$limit_conn_status"}}}}
        http: {{{http}}}
        apps: {{app: {{module: app, processes: 1, threads: 8}}}}
        sites:
          - listen: [{listen}]
            {more}
            routes: {routes}
    """


def returning(path, limits):
    return f'{{path: {path}, return: {{body: here}}, limits: {limits}}}'


def statuses(edge, count, path="/", **options):
    return [edge.get(path, **options).status for _ in range(count)]


def limits_of(folder):
    done = run("status", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return {limit["limit"]: limit for limit in json.loads(done.stdout)["limits"]}


def only_limit(folder):
    (limit,) = limits_of(folder).values()
    return limit


def test_an_ipv6_client_has_one_count_whichever_address_of_its_network_it_takes(serve):
    by_address = returning("/address", f"{{requests: {{{SLOW}, key: $remote_addr}}}}")
    edge = serve(site(f'[{returning("/", f"{{requests: {{{SLOW}}}}}")}, {by_address}]',
                      edge="threads: 2, trusted_proxies: [127.0.0.1]"), {"app.py": APP})

    def asked_from(addresses, path="/"):
        return [edge.get(path, headers=[f"X-Forwarded-For: {address}"]).status for address in addresses]

    network = [f"2001:db8:1:2:{n:x}::7" for n in range(5)]
    assert asked_from(network) == [200, 200, 200, 429, 429]
    assert asked_from(["2001:db8:1:3::7", "192.0.2.1", "192.0.2.2"]) == [200, 200, 200], "others are others"
    assert asked_from(network, "/address") == [200] * 5


def test_a_burst_passes_and_the_rest_is_refused(serve, tmp_path):
    edge = serve(site("[" + returning("/", f"{{requests: {{{SLOW}}}}}") + "]"), {"app.py": APP})
    assert statuses(edge, 3) == [200] * 3
    answer = edge.get()
    assert answer.status == 429
    assert 1 <= int(answer.get("Retry-After")) <= 10
    assert edge.get(method="HEAD").status == 429
    refused = edge.log.wait_for(r"warn request \w{32}: GET / is refused by (limits.requests 6/m .*): 127\.0\.0\.1")
    assert re.fullmatch(r"limits\.requests 6/m \(.*site\.yaml:8:\d+\)", refused[1])
    edge.out.wait_for("log / 200 PASSED/-$")
    edge.out.wait_for("log / 429 REJECTED/-$")
    assert only_limit(tmp_path) == {"limit": refused[1], "refused": 2, "delayed": 0, "would_have_refused": 0,
                                    "would_have_delayed": 0}


def test_all_loops_count_together(serve):
    edge = serve(site("[" + returning("/", "{requests: {rate: 1/h, burst: 9}}") + "]", edge="threads: 4"),
                 {"app.py": APP})
    got = []
    threads = [threading.Thread(target=lambda: got.extend(statuses(edge, 10))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [200] * 10 + [429] * 30


def test_keys_count_apart_and_an_empty_one_not_at_all(serve):
    edge = serve(site("[" + returning("/", f"{{requests: {{{SLOW}, key: $http_x_user}}}}") + "]"), {"app.py": APP})
    for user in ("a", "b"):
        assert statuses(edge, 4, headers=[f"X-User: {user}"]) == [200, 200, 200, 429]
    assert statuses(edge, 6) == [200] * 6


def test_several_limits_inheritance_and_off(serve):
    routes = ("[{path: /, return: {body: here}}, "
              "{path: /free, return: {body: here}, limits: off}, "
              + returning("/own", "{requests: [{rate: 6/m, burst: 9}, {rate: 6/m, status: 503}]}") + "]")
    edge = serve(site(routes, http=f"limits: {{requests: {{{SLOW}}}}}"), {"app.py": APP})
    assert statuses(edge, 2, "/a") + statuses(edge, 2, "/b") == [200, 200, 200, 429]
    assert statuses(edge, 5, "/free") == [200] * 5
    assert statuses(edge, 3, "/own") == [200, 503, 503]


def test_what_is_no_route_counts_for_its_site_and_error_pages_do_not_count(serve):
    more = f"limits: {{requests: {{{SLOW}}}}}\n            error_pages: {{429: /page/429.html, 404: /page/404.html}}"
    routes = f"[{{path: /page/, static: {{directory: ./pages}}, limits: {{requests: {{rate: 1/h}}}}}}]"
    edge = serve(site(routes, more=more),
                 {"app.py": APP, "pages/429.html": "too many", "pages/404.html": "nothing"})
    answers = [edge.get("/nothing") for _ in range(5)]
    assert [(a.status, a.text) for a in answers] == [(404, "nothing")] * 3 + [(429, "too many")] * 2
    assert int(answers[-1].get("Retry-After")) >= 1


def test_a_route_that_another_falls_back_to_counts_too(serve):
    routes = ("[{path: /files/, static: {directory: ./files, try: [$uri, /app]}}, "
              "{path: /app, app: app, limits: {requests: {rate: 1/h}}}]")
    edge = serve(site(routes), {"app.py": APP, "files/a.txt": "a"})
    assert [edge.get("/files/nothing").status for _ in range(2)] == [200, 429]
    assert edge.get("/files/a.txt").status == 200


def test_with_delay_requests_wait_for_their_turn(serve):
    edge = serve(site("[" + returning("/", "{requests: {rate: 20/s, burst: 10, delay: true}}") + "]"), {"app.py": APP})
    began = time.monotonic()
    assert statuses(edge, 6) == [200] * 6
    assert time.monotonic() - began >= 5 / 20 - 0.01
    edge.out.wait_for("log / 200 DELAYED/-$")
    limit = only_limit(edge.folder)
    assert limit["delayed"] >= 1
    assert limit["refused"] == 0


def test_a_client_that_leaves_while_it_waits_is_let_go(serve, tmp_path):
    edge = serve(site("[" + returning("/", "{requests: {rate: 1/m, burst: 1, delay: true}, connections: {max: 1}}") + "]"),
                 {"app.py": APP})
    assert edge.get().status == 200
    with edge.connect() as waiting:
        waiting.ask("GET", "/waits")
        wait_until(lambda: any(limit["delayed"] for limit in limits_of(tmp_path).values()), "a request waits")
        assert edge.get().status == 503
    edge.out.wait_for("log /waits 499 DELAYED/PASSED")
    assert edge.get().status == 429


def test_requests_at_a_time(serve, gate):
    edge = serve(site("[{path: /, app: app, limits: {connections: {max: 1}}}]"), {"app.py": APP},
                 environment=gate.environment)
    with edge.connect() as held, edge.connect() as other:
        held.ask("GET", "/held")
        gate.wait_arrived()
        assert other.request("GET", "/").status == 503
        assert edge.get().status == 503
        gate.open()
        assert held.answer().status == 200
        # Both connections stay open, and neither counts.
        wait_until(lambda: other.request("GET", "/").status == 200, "the request is over")
        wait_until(lambda: edge.get().status == 200, "the request is over")
    edge.out.wait_for("log / 503 -/REJECTED$")
    edge.log.wait_for(r"GET / is refused by limits.connections max 1 \(.*\): 127\.0\.0\.1")


def test_each_stream_of_http2_is_a_request(serve, gate):
    edge = serve(site("[{path: /, app: app, limits: {connections: {max: 1}}}]",
                      listen='{address: "127.0.0.1:0", http2: true}'),
                 {"app.py": APP}, environment=gate.environment)
    with Http2(edge.port) as client:
        client.send(request(1, "/held"))
        gate.wait_arrived()
        client.send(request(3, "/"))
        assert client.answer(3)[0] == 503
        gate.open()
        assert client.answer(1) == (200, b"app")
        streams = iter(range(5, 1000, 2))

        def is_let_in():
            stream = next(streams)
            client.send(request(stream, "/"))
            return client.answer(stream)[0] == 200
        wait_until(is_let_in, "the stream is over")


def test_a_client_that_leaves_is_not_under_way_any_more(serve, gate):
    edge = serve(site("[{path: /, app: app, limits: {connections: {max: 1, status: 429}}}]"), {"app.py": APP},
                 environment=gate.environment)
    with edge.connect() as held:
        held.ask("GET", "/held")
        gate.wait_arrived()
        assert edge.get().status == 429
    wait_until(lambda: edge.get().status == 200, "the request is over")
    gate.open()


def test_a_dry_run_refuses_nobody(serve, tmp_path):
    edge = serve(site("[" + returning("/", "{requests: {rate: 1/h, dry_run: true}}") + "]"), {"app.py": APP})
    assert statuses(edge, 4) == [200] * 4
    edge.log.wait_for("GET / would be refused by limits.requests 1/h")
    edge.out.wait_for("log / 200 REJECTED_DRY_RUN/-$")
    assert only_limit(tmp_path)["would_have_refused"] == 3
    assert only_limit(tmp_path)["refused"] == 0


@pytest.mark.parametrize("rate", ["6/m", "5/m"])
def test_counts_stay_over_a_reload_while_the_limit_keeps_its_place(serve, tmp_path, rate):
    limits = "{requests: {rate: 6/m, burst: 2}}"
    edge = serve(site("[" + returning("/", limits) + "]"), {"app.py": APP})
    assert statuses(edge, 4) == [200, 200, 200, 429]
    changed = limits.replace("6/m", rate)
    write_files(tmp_path, {"site.yaml": site("[{path: = /new, return: {}}, " + returning("/", changed) + "]")})
    assert run("reload", folder=tmp_path).returncode == 0
    assert edge.get("/new").status == 200
    assert statuses(edge, 2) == [429, 429]
    assert only_limit(tmp_path)["refused"] == 3
    write_files(tmp_path, {"site.yaml": site("[" + returning("/", limits.replace("burst", "key: $uri, burst")) + "]")})
    assert run("reload", folder=tmp_path).returncode == 0
    assert statuses(edge, 4) == [200, 200, 200, 429]
    write_files(tmp_path, {"site.yaml": site("[" + returning("/", "off") + "]", edge="threads: 2, limits_memory: 1M")})
    told = run("reload", folder=tmp_path)
    assert told.returncode == 0
    assert "edge.limits_memory" in told.stdout + told.stderr
    assert statuses(edge, 4) == [200] * 4


def test_more_keys_than_there_is_memory_for(serve, tmp_path):
    """The oldest are forgotten, in a line of the log and in the status; nothing fails."""
    edge = serve(site("[" + returning("/", "{requests: {rate: 1/h, key: $arg_k}}") + "]",
                      edge="threads: 1, limits_memory: 4k"), {"app.py": APP})
    with edge.connect() as connection:
        for n in range(400):
            assert connection.request("GET", f"/?k={n}").status == 200
        assert connection.request("GET", "/?k=399").status == 429
    edge.log.wait_for("limits count more keys than edge.limits_memory has room for")
    done = run("status", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["limit_keys_forgotten"] >= 400 - 128

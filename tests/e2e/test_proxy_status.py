"""`edge status` of the servers behind edge: as they come, fail, rest, are checked and wait; and what wakes who waits."""
import json
import re
import threading

from edge import PATIENCE, run, wait_until
from origin import OK, Hangup

SITE = """\
    edge: {{threads: 2, control: control.sock}}
    upstreams:
      api: {{servers: [{servers}], balance: least_conn, {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""


def ask(edge, *arguments):
    done = run("status", *arguments, folder=edge.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def upstream_of(edge):
    [upstream] = json.loads(ask(edge, "--json"))["upstreams"]
    return upstream


def server_of(edge, origin):
    return next(server for server in upstream_of(edge)["servers"] if server["name"] == f"127.0.0.1:{origin.port}")


def in_background(count, call):
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_servers_that_serve_and_one_that_is_killed(serve, origins):
    stays, killed, spare = origins(), origins(), origins()
    port = killed.port
    edge = serve(SITE.format(servers=f"{stays.url}, {{url: {killed.url}, max_connections: 9}}, "
                                     f"{{url: {spare.url}, backup: true}}, http://no.such.host.invalid:80",
                             more="eject: {failures: 1, for: 1h}"))
    wait_until(lambda: edge.get("/").status == 200 and stays.seen and killed.seen, "both serve")
    upstream = upstream_of(edge)
    assert (upstream["name"], upstream["protocol"], upstream["balance"]) == ("api", "http", "least_conn")
    assert (upstream["waiting"], upstream["queue"], upstream["retried"]) == (0, 1000, 0)
    assert [server["state"] for server in upstream["servers"]] == ["up"] * 3
    assert [server["backup"] for server in upstream["servers"]] == [False, False, True]
    assert server_of(edge, stays)["served"] > 0 and server_of(edge, stays)["latency_us"] > 0
    assert server_of(edge, stays)["error"] == "" and server_of(edge, stays)["error_at"] == 0
    wait_until(lambda: upstream_of(edge)["unresolved"][0]["why"] != "it is being looked up", "the name has failed")
    assert upstream_of(edge)["unresolved"][0]["host"] == "no.such.host.invalid"

    killed.close()
    wait_until(lambda: edge.get("/").status == 200 and upstream_of(edge)["servers"][1]["state"] == "ejected",
               "the killed one is left out")
    server = upstream_of(edge)["servers"][1]
    assert server["failed"] >= 1 and re.search(r"; (3600|35\d\d) s until it is tried again", server["why"])
    assert server["error"] and server["error_at"] > 1_700_000_000
    table = ask(edge)
    assert "upstream api: http, least_conn\n" in table
    assert f"127.0.0.1:{port}" in table and "ejected" in table and "0/9" in table and "up, backup" in table
    assert "no.such.host.invalid: " in table
    assert all(len(line) <= 100 for line in table.splitlines()[1:])


def test_a_server_that_health_checks_hold_down(serve, origins):
    sick = origins(lambda seen, client: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    edge = serve(SITE.format(servers=sick.url, more="health: {path: /healthz, interval: 100ms, fall: 1}"))
    wait_until(lambda: server_of(edge, sick)["state"] == "down", "it is held down")
    assert server_of(edge, sick)["why"] == "health check: it answered with status 503"


def test_who_waits_is_counted_and_goes_on_with_a_server_that_comes_back(serve, origins):
    """The only server that is up is full for good; the other is let up by its health checks."""
    release, well = threading.Event(), threading.Event()
    full = origins(lambda seen, client: OK if seen.target == "/healthz" else release.wait(PATIENCE) and OK)

    def back(seen, client):
        if seen.target == "/healthz" and not well.is_set():
            raise Hangup
        return OK
    comes = origins(back)
    edge = serve(SITE.format(servers=f"{{url: {full.url}, max_connections: 1}}, {comes.url}", more="queue_timeout: 60s, "
                             "eject: {failures: 0}, health: {path: /healthz, interval: 100ms, fall: 1, rise: 1}"))
    wait_until(lambda: server_of(edge, comes)["state"] == "down", "the other is down")
    statuses = []
    clients = in_background(1, lambda: statuses.append(edge.get("/").status))
    wait_until(lambda: server_of(edge, full)["in_flight"] == 1, "the place is taken")
    clients += in_background(6, lambda: statuses.append(edge.get("/").status))
    wait_until(lambda: upstream_of(edge)["waiting"] == 6, "six wait")
    assert "queue: 6 of 1000 a loop" in ask(edge)
    well.set()
    wait_until(lambda: statuses == [200] * 6, "those who waited are served")
    release.set()
    for client in clients:
        client.join(PATIENCE)
    assert statuses == [200] * 7 and upstream_of(edge)["waiting"] == 0


def test_a_post_after_the_server_has_given_up_idle_connections_is_no_502(serve, origins):
    """The server forgets idle connections without a word, as behind a firewall; a GET before has left one."""
    def forgets(seen, client):
        if seen.connection == 0 and len(origin.seen) > 1:
            raise Hangup                                # the second request on it is lost
        return OK
    origin = origins(forgets)
    edge = serve(SITE.format(servers=origin.url, more="retries: 0"))
    assert edge.get("/").status == 200
    idle_since = threading.Event()
    idle_since.wait(1.3)                                # longer than a connection counts as fresh
    assert edge.get("/", method="POST", body=b"order").status == 200
    assert origin.seen[-1].connection == 1


def test_a_post_takes_a_connection_that_was_just_in_use(serve, origins):
    origin = origins()
    edge = serve(SITE.format(servers=origin.url, more="").replace("threads: 2", "threads: 1"))
    with edge.connect() as client:
        assert client.request("GET", "/").status == 200
        assert client.request("POST", "/", body=b"x").status == 200
    assert origin.connections == 1

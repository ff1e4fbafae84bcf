"""Servers that are killed, hung and cut in turn under load: every GET is answered, and no POST is sent twice."""
import contextlib
import re
import threading
from collections import Counter

import pytest

from edge import PATIENCE, run, wait_until, write_files
from http2_client import DATA, END_STREAM, KEEPS_NOTHING, Http2, frame, request
from http_client import SLOWNESS

SITE = """\
    edge: {{threads: {threads}, control: control.sock}}
    log: {{access: off}}
    http: {{keepalive_requests: 1000000000}}        # how many there are depends on the machine
    upstreams:
      api:
        servers: [{servers}]
        connect_timeout: 1s
        read_timeout: {read_timeout}ms
        retries: 2
        eject: {{{eject}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: {http2}}}]
        headers: {{X-Number: "{number}"}}
        routes: [{{path: /, proxy: api}}]
"""
CLIENTS = 20
OUTAGES = 12
FAILURES_ALLOWED = {502, 504}                           # of a POST


class OverHttp1:
    """A client that keeps its connection for as long as edge does."""

    def __init__(self, edge):
        self.edge, self.connection = edge, edge.connect()

    def ask(self, method, target, body=None):
        answer = self.connection.request(method, target, body=body)
        if not answer.keeps_alive:
            self.close()
            self.connection = self.edge.connect()
        return answer.status, answer.body

    def close(self):
        self.connection.close()


class OverHttp2:
    def __init__(self, edge):
        self.connection, self.stream = Http2(edge.port, settings=KEEPS_NOTHING), -1

    def ask(self, method, target, body=None):
        self.stream += 2
        content = b"" if body is None else frame(DATA, END_STREAM, self.stream, body)
        self.connection.send(request(self.stream, target, body=body, method=method) + content)
        return self.connection.answer(self.stream)

    def close(self):
        self.connection.socket.close()


class Load:
    """Clients that ask one request after another, each with a target of its own, until they are told to stop."""

    def __init__(self, edge, make_client):
        self.edge, self.make_client = edge, make_client
        self.enough, self.wrong, self.posts = threading.Event(), [], {}
        self.gets = Counter()
        self.threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(CLIENTS)]

    def ask(self, number):
        target = "nothing yet"
        try:
            client = self.make_client(self.edge)
            with contextlib.closing(client):
                for turn in range(1 << 30):
                    target = f"/{number}-{turn}"
                    if turn % 3 == 2:
                        self.post(client, target)
                    else:
                        self.get(client, target)
                        self.gets[number] += 1
                    if self.enough.wait(0.01):              # the load of a busy site, not of a benchmark
                        return
        except Exception as error:                          # whatever it is, the test must hear of it
            self.wrong.append((target, error))

    def get(self, client, target):
        answer = client.ask("GET", target)
        if answer != (200, f"{target} 0".encode()):
            self.wrong.append((f"GET {target}", answer))

    def post(self, client, target):
        status, body = client.ask("POST", target, b"an order")
        self.posts[target] = status
        if status != 200 and status not in FAILURES_ALLOWED or status == 200 and body != f"{target} 8".encode():
            self.wrong.append((f"POST {target}", status, body))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        wait_until(lambda: len(self.gets) == CLIENTS or self.wrong, "every client has its first answer")
        return self

    def __exit__(self, *_):
        self.enough.set()
        for thread in self.threads:
            thread.join(PATIENCE)


@contextlib.contextmanager
def killed(server):
    server.kill()
    yield
    server.start()


@contextlib.contextmanager
def hung(server):
    server.hang()
    yield
    server.go_on()


@contextlib.contextmanager
def cut(server):
    server.cut()
    yield
    server.heal()


def suffer(servers, reload):
    """An outage a second: each server in each way."""
    second = threading.Event()
    for number in range(OUTAGES):
        outage = (killed, hung, cut)[(number + number // 3) % 3]
        with outage(servers[number % 3]):
            if number % 3 == 2:
                reload(number)
            second.wait(0.8 * SLOWNESS)
        second.wait(0.2 * SLOWNESS)


@pytest.mark.parametrize("make_client, threads, reloads, eject", [
    (OverHttp1, 1, False, ""), (OverHttp1, 2, False, "for: 1s"), (OverHttp1, 2, True, ""), (OverHttp2, 2, True, "for: 1s")],
    ids=["one loop", "two loops", "reloads", "reloads and HTTP/2"])
def test_outages_fail_no_get_and_repeat_no_post(serve, outage_servers, make_client, threads, reloads, eject):
    def site(number):
        servers = ", ".join(f"http://{server.name}" for server in outage_servers)
        return SITE.format(servers=servers, threads=threads, eject=eject,
                           http2=str(make_client is OverHttp2).lower(), number=number,
                           read_timeout=int(400 * SLOWNESS))

    def reload(number):
        if reloads:
            write_files(edge.folder, {"site.yaml": site(number)})
            done = run("reload", folder=edge.folder)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
    edge = serve(site(0))
    with Load(edge, make_client) as load:
        suffer(outage_servers, reload)
    assert load.wrong == [], f"{len(load.wrong)} wrong of {load.gets.total()} GETs and {len(load.posts)} POSTs"
    check_posts(edge, outage_servers, load.posts)
    assert "another server is asked" in edge.log.text(), "no outage was felt"


def check_posts(edge, servers, posts):
    seen = Counter(line for server in servers for line in server.requests() if line.startswith("POST "))
    assert [line for line, times in seen.items() if times > 1] == [], "sent twice"
    assert [target for target, status in posts.items() if status == 200 and not seen[f"POST {target}"]] == []
    named = "|".join(re.escape(server.name) for server in servers)
    told = set(re.findall(rf"error request [0-9a-f]{{32}}: POST (\S+): upstream api, server (?:{named})(?:, |:)",
                          edge.log.text()))
    assert {target for target, status in posts.items() if status != 200} == told

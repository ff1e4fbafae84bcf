"""The bandwidth of answers: of files, of bytes and of what an app makes, over HTTP/1, TLS and HTTP/2."""
import json
import os
import re
import threading
import time

import pytest

from certificates import Authority
from edge import run
from http2_client import Http2, request
from tls_client import TlsConnection, trusting

RATE = 512 * 1024
CONTENT = os.urandom(1 << 16) * 10                      # 640 KiB
# A quarter of a second's worth leaves at once.
LEAST = (len(CONTENT) - RATE / 4) / RATE
APP = '''\
    """Sends the file at once, or in pieces."""
    CONTENT = open("public/file", "rb").read()


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        if environ["PATH_INFO"].endswith("whole"):
            return [CONTENT]
        return (CONTENT[at:at + 10_000] for at in range(0, len(CONTENT), 10_000))
'''
SITE = """\
    edge: {{control: control.sock}}
    log: {{access: {{path: stdout, format: "log $request_uri $status $body_bytes_sent"}}}}
    apps: {{app: {{module: app, processes: 1, threads: 4}}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}, {{address: "127.0.0.2:0", tls: true}}]
        tls: {{{pair}}}
        limits: {{bandwidth: {{rate: 512k/s}}}}
        routes:
          - {{path: /app/, app: app}}
          - {{path: /static/, static: {{directory: ./public}}}}
          - {{path: /after/, static: {{directory: ./public}}, limits: {{bandwidth: {{rate: 1k/s, after: 1M}}}}}}
          - {{path: /dry/, static: {{directory: ./public}}, limits: {{bandwidth: {{rate: 1k/s, dry_run: true}}}}}}
          - {{path: /free/, static: {{directory: ./public}}, limits: {{bandwidth: off}}}}
          - {{path: /slow/, static: {{directory: ./public}}, limits: {{bandwidth: {{rate: 1k/s}}}}}}
"""


@pytest.fixture(scope="module")
def edge(serve_module):
    pair = Authority(serve_module.folder / "authority").issue("localhost", ["localhost"])
    return serve_module(SITE.format(pair=pair), {"app.py": APP, "public/file": CONTENT})


def by_http1(edge, path):
    with edge.connect() as connection:
        return connection.request("GET", path).body


def by_tls(edge, path):
    with TlsConnection(edge.ports[1], trusting(), name="localhost", host="127.0.0.2") as connection:
        return connection.request("GET", path).body


def by_http2(edge, path):
    with Http2(edge.port) as client:
        return client.send(request(1, path)).answer(1)[1]


def by_http2_over_tls(edge, path):
    context = trusting(alpn=["h2"])
    with Http2(edge.ports[1], tls=context, host="127.0.0.2") as client:
        return client.send(request(1, path, scheme="https")).answer(1)[1]


DOORS = [by_http1, by_tls, by_http2, by_http2_over_tls]
PATHS = ["/app/whole", "/app/pieces", "/static/file"]


def test_every_answer_takes_its_time_and_arrives_whole(edge):
    """All at once: the limit is of each answer."""
    results = {}

    def take(door, path):
        began = time.monotonic()
        content = door(edge, path)
        results[door.__name__, path] = content == CONTENT, time.monotonic() - began

    threads = [threading.Thread(target=take, args=(door, path)) for door in DOORS for path in PATHS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(threads)
    assert {name: (whole, took >= LEAST - 0.01) for name, (whole, took) in results.items()} == {
        name: (True, True) for name in results}


@pytest.mark.parametrize("path", ["/after/file", "/dry/file", "/free/file"])
def test_what_is_not_slowed(edge, path):
    """At a kilobyte a second each would take ten minutes."""
    for door in DOORS:
        assert door(edge, path) == CONTENT


def test_a_dry_run_tells(edge):
    by_http1(edge, "/dry/file")
    edge.log.wait_for(r"GET /dry/file would be slowed by limits.bandwidth 1k/s \(.*site.yaml:12:")
    done = run("status", "--json", folder=edge.folder)
    counted = [limit for limit in json.loads(done.stdout)["limits"] if limit["would_have_delayed"]]
    assert len(counted) == 1


@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_leaves_a_slow_answer(edge, tls):
    connection = (TlsConnection(edge.ports[1], trusting(), name="localhost", host="127.0.0.2") if tls else edge.connect())
    path = f"/slow/file?tls={tls}"
    with connection:
        connection.ask("GET", path)
        assert connection.head().status == 200
    line = edge.out.wait_for(f"log {re.escape(path)} 200 (\\d+)")
    assert 256 <= int(line[1]) < 100_000


def test_a_stop_lets_a_slow_answer_end(serve):
    edge = serve("""\
        log: {access: off}
        sites:
          - listen: ["127.0.0.1:0"]
            limits: {bandwidth: {rate: 512k/s}}
            routes: [{path: /, static: {directory: ./public}}]
    """, {"public/file": CONTENT})
    with edge.connect() as connection:
        connection.ask("GET", "/file")
        assert connection.head().status == 200
        edge.signal(15)
        assert connection.exactly(len(CONTENT)) == CONTENT
    assert edge.wait() == 0

"""Clients that end their sending behind a request, like `nc -N`: they get all of a large answer, by TLS too; an app's
request is cancelled, because on TCP such a client cannot be told from one who has gone."""
import pytest

from certificates import Authority
from tls_client import TlsConnection, trusting

SITE = """\
    log: {{access: {{path: stdout, format: '$request_uri $status'}}}}
    apps:
      app: {{module: app, processes: 1}}
    sites:
      - host: [localhost]
        listen: ["127.0.0.1:0", {{address: "127.0.0.2:0", tls: true}}]
        tls: {{{pair}}}
        default: true
        routes:
          - {{path: /app, app: app}}
          - {{path: /, static: {{directory: files}}}}
"""
APP = '''\
    """Works for as long as its client is there."""
    import time


    def application(environ, start_response):
        while not environ["edge.disconnected"]():
            time.sleep(0.01)
        print("the client left", flush=True)
        start_response("200 OK", [])
        return [b"too late"]
'''
LARGE = bytes(range(251)) * 40_000
GET = b"GET /large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def edge(serve_module):
    pair = Authority(serve_module.folder / "authority").issue("localhost", ["localhost"])
    started = serve_module(SITE.format(pair=pair), {"app.py": APP, "files/.keep": ""})
    (started.folder / "files" / "large.bin").write_bytes(LARGE)
    return started


def test_a_large_file_arrives_whole(edge):
    with edge.connect(receive_buffer=16384) as client:
        client.send(GET)
        client.end_of_sending()
        assert client.answer().body == LARGE
        assert client.rest() == b""


def test_a_large_file_arrives_whole_over_tls(edge):
    port = int(edge.log.wait_for(r"listening on https://127\.0\.0\.2:(\d+)")[1])
    with TlsConnection(port, trusting(), "localhost", host="127.0.0.2", receive_buffer=16384) as client:
        client.send(GET)
        client.end_of_sending()
        assert client.answer().body == LARGE


def test_an_app_hears_that_its_client_may_have_gone(edge):
    with edge.connect() as client:
        client.send(b"GET /app HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.end_of_sending()
        edge.log.wait_for(r"\(GET /app\): the client has gone")
        edge.out.wait_for(r"^/app 499$")

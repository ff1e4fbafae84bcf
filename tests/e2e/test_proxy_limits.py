"""What bounds the work for servers that are out of order: the budget of retries, and send_timeout."""
import socket
import time

from origin import Hangup

RETRIES = """\
    edge: {{threads: 1}}
    log: {{access: off}}
    upstreams:
      api: {{servers: [{servers}], retries: 2, eject: {{failures: 0}}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""
SEND_TIMEOUT = """\
    edge: {{threads: 1}}
    log: {{access: off}}
    http: {{client_max_body_size: 64M}}
    upstreams:
      api: {{servers: ["http://127.0.0.1:{port}"], send_timeout: 300ms}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, proxy: api}}]
"""
REQUESTS = 600
SAVED, PERCENT, PER_SECOND = 100, 20, 5                 # what an upstream may spend on retries


def test_an_outage_is_not_multiplied_by_retries(serve, origins):
    """Every server ends every connection; each request alone might be sent three times."""
    def ends(seen, client):
        raise Hangup
    servers = [origins(ends) for _ in range(3)]
    edge = serve(RETRIES.format(servers=", ".join(server.url for server in servers)))
    began = time.monotonic()
    with edge.connect() as client:
        for turn in range(REQUESTS):
            assert client.request("GET", f"/{turn}").status == 502
    budget = SAVED + REQUESTS * PERCENT / 100 + PER_SECOND * (time.monotonic() - began)
    sent = sum(len(server.seen) for server in servers)
    assert REQUESTS + SAVED <= sent <= REQUESTS + budget + 1
    edge.log.wait_for("another server is asked")


def test_a_server_that_takes_nothing_is_given_up_after_send_timeout(serve):
    with socket.create_server(("127.0.0.1", 0)) as listener:    # the kernel takes what it has room for, and nobody reads
        edge = serve(SEND_TIMEOUT.format(port=listener.getsockname()[1]))
        answer = edge.get("/", method="POST", body=bytes(48 << 20))
        assert answer.status == 504
        edge.log.wait_for("error request [0-9a-f]{32}: POST /: upstream api, server .*: "
                          "the request was not taken within send_timeout")

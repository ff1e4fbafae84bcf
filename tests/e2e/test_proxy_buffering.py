"""What edge keeps of answers and of requests on their way between a client and a server, and what it does not."""
import select
import socket
from collections import Counter

import pytest

from edge import BINARY, PATIENCE, wait_until
from http2_client import DATA, END_STREAM, RST_STREAM, WINDOW_UPDATE, Http2, frame, number, request
from process_memory import resident

SITE = """\
    edge: {{threads: 1}}
    log: {{access: off}}
    upstreams:
      api: {{servers: ["{server}"]}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}]
        routes:
          - {{path: /files/, internal: true, static: {{directory: ./files}}}}
          - {{path: /, proxy: {{to: api, {more}}}}}
"""
FILES = {"files/some report.txt": "the report\n"}
MIB = 1 << 20
WHOLE = bytes(range(256)) * (32 * MIB // 256)
HELD_BY_KERNELS = 8 * MIB                               # of a connection that nobody reads, at most


class Pouring:
    """A server that sends its answers as fast as they are taken. `sent`: bytes of each; `at_rest`: those that are sent, or
    of which nobody has taken anything for a second."""

    def __init__(self, content, header=b""):
        self.content, self.header, self.sent, self.at_rest = content, header, Counter(), set()

    def __call__(self, seen, client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (len(self.content), self.header))
        while (sent := self.sent[seen.target]) < len(self.content):
            if not select.select([], [client], [], 1)[1]:
                self.at_rest.add(seen.target)
            self.sent[seen.target] += client.send(self.content[sent:sent + 65536])
        self.at_rest.add(seen.target)


@pytest.mark.parametrize("buffered, header, least", [
    ("12M", b"", 12 * MIB), ("12M", b"X-Accel-Buffering: yes\r\n", 12 * MIB), ("12M", b"X-Accel-Buffering: no\r\n", 0),
    ("0", b"", 0)], ids=["12M", "12M, yes", "12M, no", "0"])
def test_so_much_of_an_answer_is_taken_ahead_of_its_client(serve, origins, buffered, header, least):
    pouring = Pouring(WHOLE, header)
    edge = serve(SITE.format(server=origins(pouring).url, more=f"buffer_response: {buffered}"), FILES)
    with edge.connect(receive_buffer=4096) as client:
        assert client.ask("GET", "/").head().get("X-Accel-Buffering") is None
        wait_until(lambda: pouring.sent["/"] >= least and pouring.at_rest, f"{least} bytes are taken, and no more")
        assert pouring.sent["/"] < least + HELD_BY_KERNELS
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, MIB)
        assert client.exactly(len(WHOLE)) == WHOLE


@pytest.mark.skipif("asan" in str(BINARY) or "tsan" in str(BINARY), reason="a sanitizer keeps what was freed")
def test_answers_that_nobody_takes_share_a_bounded_memory(serve, origins):
    """Sixty, each of which alone might be kept whole: 120 MiB."""
    pouring = Pouring(WHOLE[:2 * MIB])
    edge = serve(SITE.format(server=origins(pouring).url, more="buffer_response: 4M"), FILES)
    before = resident(edge.pid)
    with Http2(edge.port) as client:
        targets = {stream: f"/{stream}" for stream in range(1, 121, 2)}
        client.send(b"".join(request(stream, target) for stream, target in targets.items()))
        wait_until(lambda: len(pouring.at_rest) == len(targets), "edge takes no more of any answer")
        wait_until(lambda: pouring.sent.total() > 32 * MIB, "the memory that there is is used")
        grown = resident(edge.pid) - before
        assert grown < 64 * MIB, f"{grown / MIB:.0f} MiB"
        assert whole_answers(client, targets) == {stream: pouring.content for stream in targets}


def whole_answers(client, streams):
    """The content of each, read as it comes."""
    content, ended = {stream: bytearray() for stream in streams}, set()
    while len(ended) < len(content):
        found = client.next()
        client.seen.clear()
        assert found and found.kind != RST_STREAM, found
        if found.kind == DATA and found.payload:
            content[found.stream] += found.payload
            opened = number(len(found.payload))
            client.send(frame(WINDOW_UPDATE, 0, 0, opened) + frame(WINDOW_UPDATE, 0, found.stream, opened))
        if found.stream and found.flags & END_STREAM:
            ended.add(found.stream)
    return content


@pytest.mark.parametrize("field", ["X-Accel-Redirect: /files/some%20report.txt", "X-Sendfile: {folder}/files/some report.txt"],
                         ids=["X-Accel-Redirect", "X-Sendfile"])
def test_a_server_hands_a_file_to_edge(serve, origins, tmp_path, field):
    field = field.format(folder=tmp_path)
    origin = origins(lambda seen, client: (f"HTTP/1.1 200 OK\r\nContent-Type: text/x-report\r\nSet-Cookie: a=b\r\n{field}\r\n"
                                           "Content-Length: 7\r\n\r\nits own").encode())
    edge = serve(SITE.format(server=origin.url, more=""), FILES)
    answer = edge.get("/report")
    assert (answer.status, answer.body, answer.get("Content-Length")) == (200, b"the report\n", "11")
    assert (answer.get("Content-Type"), answer.get("Set-Cookie")) == ("text/x-report", "a=b")
    assert answer.get(field.partition(":")[0]) is None
    assert edge.get("/files/some%20report.txt").status == 404       # no way in but by the server's word
    assert [seen.target for seen in origin.seen] == ["/report"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_streamed_body_reaches_the_server_as_it_comes(serve, chunked):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        server = f"http://127.0.0.1:{listener.getsockname()[1]}"
        edge = serve(SITE.format(server=server, more="buffer_request: false"), FILES)
        with edge.connect() as client:
            framing = b"Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n" if chunked else b"Content-Length: 9\r\n\r\nfirst"
            client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\n" + framing)
            server, _ = listener.accept()
            with server:
                server.settimeout(PATIENCE)
                until(server, b"first")
                client.send(b"4\r\nlast\r\n0\r\n\r\n" if chunked else b"last")
                until(server, b"last")
                server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                assert client.answer().body == b"ok"


def until(server, piece):
    received = b""
    while piece not in received:
        data = server.recv(65536)
        assert data, f"the request ended before {piece}: {received}"
        received += data

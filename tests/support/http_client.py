"""A client of HTTP/1 on a raw socket: sends any bytes, and reads answers strictly, so that a server's slip shows."""
import os
import re
import select
import socket
import struct
from dataclasses import dataclass, field

PATIENCE = float(os.environ.get("EDGE_TEST_PATIENCE", "30"))    # seconds until a wait has failed; sanitizers are slow
SLOWNESS = max(PATIENCE / 30, 1)                        # of this machine and build
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2}) ([\x20-\x7e]*)")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\x20\t-\xff]*[\x21-\xff])?)?)[ \t]*")
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})(;[^\r\n]*)?")


@dataclass
class Answer:
    status: int
    reason: str
    minor: int                                          # of HTTP/1
    fields: list = field(default_factory=list)          # (name, value), in order
    body: bytes = b""
    chunks: list = field(default_factory=list)          # the pieces, when it came in chunks

    def all(self, name):
        return [value for n, value in self.fields if n.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} stands {len(values)} times in the answer"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()

    @property
    def keeps_alive(self):
        said = (self.get("Connection") or "").lower()
        return said != "close" if self.minor == 1 else said == "keep-alive"


class Connection:
    """One TCP connection. Every wait has an end."""

    def __init__(self, port, host="127.0.0.1", receive_buffer=None, source=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def tear(self):
        """Closes with a reset instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def end_of_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data)
        return self

    def send_slowly(self, data):
        """Sends byte by byte, and stops when an answer has come. Returns how many were sent."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for sent in range(len(data)):
            if self._answer_waits():
                return sent
            self.socket.send(data[sent:sent + 1])
        return len(data)

    def send_until_refused(self, data, most):
        """Sends `data` over and over until the server has had enough of it; at most `most` bytes, else it fails."""
        sent = 0
        try:
            while not self._answer_waits():
                assert sent < most, f"the server took {sent} bytes and more"
                sent += self.socket.send(data)
        except (ConnectionError, BrokenPipeError):
            pass
        return sent

    def _answer_waits(self):
        return bool(select.select([self.socket], [], [], 0)[0])

    def ask(self, method, target, headers=(), body=None, host="localhost", version="HTTP/1.1"):
        """Sends a well-formed request."""
        lines = [f"{method} {target} {version}", *([f"Host: {host}"] if host else []), *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def request(self, method, target, **options):
        return self.ask(method, target, **options).answer(method)

    def more(self):
        """Reads on; False at the end of the stream."""
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def line(self):
        while b"\n" not in self.buffer:
            assert len(self.buffer) < 65536, "a line without end"
            assert self.more(), f"the stream ended within a line, after {self.buffer!r}"
        line, _, self.buffer = self.buffer.partition(b"\n")
        assert line.endswith(b"\r"), f"a bare LF ends {line!r}"
        return line[:-1]

    def exactly(self, size):
        while len(self.buffer) < size:
            assert self.more(), f"the stream ended {size - len(self.buffer)} bytes too early"
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self):
        """An answer's head, without its body."""
        line = self.line()
        match = STATUS_LINE.fullmatch(line)
        assert match, f"not a status line: {line!r}"
        answer = Answer(int(match[2]), match[3].decode(), int(match[1]))
        while line := self.line():
            match = FIELD.fullmatch(line)
            assert match, f"not a header field: {line!r}"
            answer.fields.append((match[1].decode(), match[2].decode("latin-1")))
        assert answer.get("Transfer-Encoding") in (None, "chunked")
        assert not (answer.get("Transfer-Encoding") and answer.get("Content-Length")), "two framings in one answer"
        return answer

    def chunk(self):
        """The next chunk of a body; empty for the last, after its trailer section."""
        line = self.line()
        match = CHUNK_SIZE.fullmatch(line)
        assert match, f"not a chunk size: {line!r}"
        size = int(match[1], 16)
        if size == 0:
            while self.line():
                pass
            return b""
        data = self.exactly(size)
        assert self.exactly(2) == b"\r\n", "a chunk does not end where it said"
        return data

    def answer(self, method="GET"):
        """One final answer with its body, to a request of that method. An interim answer fails: expect it first."""
        answer = self.head()
        assert answer.status >= 200, f"an interim {answer.status} that nobody asked for"
        length = answer.get("Content-Length")
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        if answer.get("Transfer-Encoding"):
            while piece := self.chunk():
                answer.chunks.append(piece)
            answer.body = b"".join(answer.chunks)
        elif length is not None:
            answer.body = self.exactly(int(length))
        else:
            assert not answer.keeps_alive, "a body without length or chunks, on a connection that goes on"
            answer.body = self.rest()
        return answer

    def rest(self):
        """All that comes until the orderly end of the stream."""
        while self.more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def is_closed(self):
        """Whether the server closes now, orderly or not, without another byte. Waits for it."""
        if self.buffer:
            return False
        try:
            return not self.more()
        except ConnectionResetError:
            return True

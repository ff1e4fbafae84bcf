"""A client of HTTP/2 on a raw socket: frames as bytes, right or wrong, and what comes back, frame by frame."""
import select
import socket
import struct
from dataclasses import dataclass

from http_client import PATIENCE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS = 4
PROTOCOL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 1, 8, 11
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4           # of SETTINGS


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    """A literal that no table keeps (RFC 7541 6.2.2)."""
    return b"\0" + text(name) + text(value)


def text(value):
    encoded = value.encode() if isinstance(value, str) else value
    if len(encoded) < 127:
        return bytes([len(encoded)]) + encoded
    size, left = b"\x7f", len(encoded) - 127            # RFC 7541 5.1
    while left >= 128:
        size, left = size + bytes([128 | left % 128]), left // 128
    return size + bytes([left]) + encoded


def head(path="/", method="GET", scheme="http", more=()):
    """A request's header block."""
    schemes = {"http": b"\x86", "https": b"\x87"}
    block = field(":method", method) + schemes[scheme] + field(":path", path) + field(":authority", "localhost")
    return block + b"".join(field(name, value) for name, value in more)


def request(stream, path="/", body=None, **options):
    """A whole request, or its head alone when the body is to come."""
    flags = END_HEADERS | (END_STREAM if body is None else 0)
    return frame(HEADERS, flags, stream, head(path, **options))


def number(value):
    return struct.pack(">I", value)


def setting(name, value):
    return struct.pack(">HI", name, value)


KEEPS_NOTHING = setting(HEADER_TABLE_SIZE, 0)           # settings of a client whose server may refer to nothing it said


def digits(code):
    """Of Huffman's code (RFC 7541 B)."""
    bits, found = "".join(f"{byte:08b}" for byte in code), ""
    while len(bits) >= 5 and not set(bits) == {"1"}:
        size = 5 if bits[:5] in ("00000", "00001", "00010") else 6
        found += str(int(bits[:5], 2) if size == 5 else int(bits[:6], 2) - 0b011001 + 3)
        bits = bits[size:]
    return found


def behind_size_updates(block):
    """What the server has to say of HPACK's table comes first (RFC 7541 6.3)."""
    while block[0] >> 5 == 0b001:
        size = 1
        if block[0] & 0b11111 == 0b11111:               # and bytes of seven bits, the last without the eighth
            while block[size] & 0b1000_0000:
                size += 1
            size += 1
        block = block[size:]
    return block


@dataclass
class Frame:
    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self):
        """Of RST_STREAM, or of GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.kind == GOAWAY else self.payload[:4], "big")

    @property
    def status(self):
        """Of an answer's head. The usual ones stand in HPACK's table, the others are written in digits, plain or in
        Huffman's code; `KEEPS_NOTHING` for who asks for many of those."""
        table = {0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}
        block = behind_size_updates(self.payload)
        size = block[1] & 127
        return table.get(block[0]) or int(digits(block[2:2 + size]) if block[1] & 128 else block[2:2 + size])


class Http2:
    """One connection. Every wait has an end."""

    def __init__(self, port, settings=b"", preface=PREFACE, receive_buffer=None, tls=None,
                 host="127.0.0.1", source=None):
        """`tls`: an ssl.SSLContext. `preface`: what is said before SETTINGS; None: nothing is said at all."""
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = b""
        self.seen = []
        if preface is not None:
            self.send(preface + frame(SETTINGS, payload=settings))
            self.until(lambda f: f.kind == SETTINGS and not f.flags & ACK)
            self.send(frame(SETTINGS, ACK))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def more(self):
        """Reads on; False at the end of the stream, orderly or not."""
        try:
            data = self.socket.recv(262144)
        except ConnectionError:
            return False
        self.buffer += data
        return bool(data)

    def next(self):
        """The next frame, or None at the end."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3], "big"):
            if not self.more():
                return None
        size = int.from_bytes(self.buffer[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
        found = Frame(kind, flags, stream, self.buffer[9:9 + size])
        self.buffer = self.buffer[9 + size:]
        self.seen.append(found)
        return found

    def until(self, condition):
        """The first frame for which it is true; None when the connection ends before."""
        while (found := self.next()) and not condition(found):
            pass
        return found

    def answer(self, stream):
        """The status and the body of an answer; windows are opened as it is read."""
        status, body = 0, b""
        while found := self.next():
            if found.stream != stream:
                continue
            assert found.kind != RST_STREAM, f"the stream was reset with {found.code}"
            if found.kind == HEADERS:
                status = found.status
            if found.kind == DATA:
                body += found.payload
                opened = number(max(len(found.payload), 1))
                self.send(frame(WINDOW_UPDATE, 0, 0, opened) + frame(WINDOW_UPDATE, 0, stream, opened))
            if found.flags & END_STREAM:
                return status, body
        raise AssertionError(f"the connection ended within the answer: {self.seen[-3:]}")

    def flood(self, make, most):
        """Sends what `make(i)` gives, up to `most` times, as fast as it is taken, until edge has had enough; what edge
        says is read meanwhile. Returns how many were sent."""
        sent = 0
        try:
            while sent < most:
                piece = b"".join(make(i) for i in range(sent, min(sent + 50, most)))
                sent = min(sent + 50, most)
                while piece:
                    readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE)
                    assert readable or writable, "edge takes nothing and says nothing"
                    if readable and not self._take():
                        return sent
                    if writable:
                        piece = piece[self.socket.send(piece):]
        except ConnectionError:
            self._read_rest()
        return sent

    def _take(self):
        """Reads what is there; False once edge has ended it."""
        return self.more() and not any(f.kind == GOAWAY for f in self._whole_frames())

    def _whole_frames(self):
        begin = len(self.seen)
        while len(self.buffer) >= 9 + int.from_bytes(self.buffer[:3], "big"):
            self.next()
        return self.seen[begin:]

    def _read_rest(self):
        while self.more():
            pass
        self._whole_frames()

    def goaway(self):
        """The code that the connection was ended with; None: it ended without a word, or goes on."""
        found = [f for f in self.seen if f.kind == GOAWAY]
        found = found or list(filter(None, [self.until(lambda f: f.kind == GOAWAY)]))
        return found[-1].code if found else None

    def is_closed(self):
        """Whether edge closes now. Waits for it."""
        while self.next():
            pass
        return True

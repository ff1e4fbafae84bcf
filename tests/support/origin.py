"""A server behind edge that does what a test says: it keeps every byte that it is sent, and answers with given bytes."""
import re
import socket
import threading
from dataclasses import dataclass, field

from http_client import PATIENCE

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Seen:
    """A request as it came."""
    head: bytes
    body: bytes
    connection: int                                     # counted from 0

    @property
    def line(self):
        return self.head.split(b"\r\n")[0].decode()

    @property
    def target(self):
        return self.line.split(" ")[1]

    @property
    def fields(self):
        return [tuple(part.strip() for part in line.decode().split(":", 1)) for line in self.head.split(b"\r\n")[1:] if line]

    def all(self, name):
        return [value for n, value in self.fields if n.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


@dataclass
class Origin:
    """`answer(seen, client)` returns the bytes to answer with, or None when it has sent what it wants itself. The
    connection ends when `answer` raises Hangup, or the client ends it."""
    answer: object = lambda seen, client: OK
    family: int = socket.AF_INET
    address: object = ("127.0.0.1", 0)
    seen: list = field(default_factory=list)
    connections: int = 0

    def __post_init__(self):
        self.listener = socket.socket(self.family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.address)
        self.listener.listen(128)
        self.clients = []
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        """No server any more: connections are reset, new ones refused. Of one that is none already nothing is asked."""
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in list(self.clients):
            hang_up(client)

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.settimeout(PATIENCE)
            with self.lock:
                number, self.connections = self.connections, self.connections + 1
                self.clients.append(client)
            threading.Thread(target=self._serve, args=(client, number), daemon=True).start()

    def _serve(self, client, number):
        with client:
            buffer = b""
            while True:
                try:
                    head, buffer = read_head(client, buffer)
                    body, buffer = read_body(client, head, buffer)
                except (OSError, EOFError):
                    return
                request = Seen(head, body, number)
                with self.lock:
                    self.seen.append(request)
                try:
                    answer = self.answer(request, client)
                    if answer is not None:
                        client.sendall(answer)
                except (Hangup, OSError):
                    return


class Hangup(Exception):
    """The server ends the connection."""


def hang_up(client):
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def receive(client):
    data = client.recv(65536)
    if not data:
        raise EOFError
    return data


def read_head(client, buffer):
    while b"\r\n\r\n" not in buffer:
        buffer += receive(client)
    head, _, rest = buffer.partition(b"\r\n\r\n")
    return head, rest


def read_body(client, head, buffer):
    length = re.search(rb"(?im)^content-length: *(\d+)", head)
    if re.search(rb"(?im)^transfer-encoding: *chunked", head):
        return read_chunks(client, buffer)
    size = int(length[1]) if length else 0
    while len(buffer) < size:
        buffer += receive(client)
    return buffer[:size], buffer[size:]


def read_chunks(client, buffer):
    body = b""
    while True:
        while b"\r\n" not in buffer:
            buffer += receive(client)
        line, _, buffer = buffer.partition(b"\r\n")
        size = int(line, 16)
        while len(buffer) < size + 2:
            buffer += receive(client)
        body, buffer = body + buffer[:size], buffer[size + 2:]
        if size == 0:
            return body, buffer

"""A server behind edge that speaks HTTP, uwsgi or FastCGI so strictly that whatever another could read differently is
told as malformed. It answers each request with its target."""
import re
import socket
import struct
import threading
from dataclasses import dataclass

from http_client import FIELD, PATIENCE

REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ((?:/|\*$)[\x21-\x7e]*) HTTP/1\.1")
CHUNK_SIZE = re.compile(rb"[1-9a-fA-F][0-9a-fA-F]{0,15}|0")
VARIABLE = re.compile(rb"[A-Z0-9_]+")
DECODED = {b"PATH_INFO", b"PATH_TRANSLATED", b"SCRIPT_NAME", b"SCRIPT_FILENAME", b"DOCUMENT_URI"}   # CGI has it so
BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7       # records of FastCGI


class Malformed(Exception):
    """Sent to the server, and not what edge may send."""


class Incomplete(Exception):
    """More has to come."""


@dataclass
class Message:
    method: str
    target: str
    fields: list                                        # (name, value) of header fields, or of variables
    body: bytes
    connection: int                                     # counted from 0

    def all(self, name):
        return [value for n, value in self.fields if n.lower() == name.lower()]


def demand(condition, what):
    if not condition:
        raise Malformed(what)


def cut(data, size):
    if len(data) < size:
        raise Incomplete
    return data[:size], data[size:]


def line_of(data):
    line, end, rest = data.partition(b"\r\n")
    demand(b"\n" not in line, f"a bare LF: {line!r}")
    if not end:
        raise Incomplete
    return line, rest


def read_http(data, number):
    line, data = line_of(data)
    match = REQUEST_LINE.fullmatch(line)
    demand(match, f"not a request line: {line!r}")
    fields = []
    while True:
        line, data = line_of(data)
        if not line:
            break
        found = FIELD.fullmatch(line)
        demand(found and b"\r" not in line and b"_" not in found[1], f"not a header field: {line!r}")
        fields.append((found[1].decode(), found[2].decode("latin-1")))
    message = Message(match[1].decode(), match[2].decode(), fields, b"", number)
    lengths, codings = message.all("Content-Length"), message.all("Transfer-Encoding")
    demand(len(message.all("Host")) == 1, f"{message.all('Host')} as Host")
    demand(len(lengths) + len(codings) <= 1, f"framed by {lengths} and {codings}")
    if codings:
        demand(codings == ["chunked"], f"coded as {codings}")
        message.body, data = read_chunks(data)
    if lengths:
        demand(re.fullmatch("0|[1-9][0-9]{0,18}", lengths[0]), f"a Content-Length of {lengths}")
        message.body, data = cut(data, int(lengths[0]))
    return message, data


def read_chunks(data):
    body = b""
    while True:
        line, data = line_of(data)
        demand(CHUNK_SIZE.fullmatch(line), f"not a chunk size: {line!r}")
        piece, data = cut(data, int(line, 16))
        end, data = cut(data, 2)
        demand(end == b"\r\n", f"a chunk, or a trailer section, that goes on: {end!r}")
        if not piece:
            return body, data
        body += piece


def read_uwsgi(data, number):
    head, data = cut(data, 4)
    first, size, second = struct.unpack("<BHB", head)
    demand((first, second) == (0, 0), f"modifiers {first} and {second}")
    block, data = cut(data, size)
    fields = []
    while block:
        name, block = counted(block)
        value, block = counted(block)
        fields.append((name, value))
    message = of_variables(fields, number)
    message.body, data = cut(data, int(message.all("CONTENT_LENGTH")[0] or 0))
    demand(not data, f"{data!r} behind the request")
    return message, data


def counted(block):
    demand(len(block) >= 2, "a variable is cut off")
    size = int.from_bytes(block[:2], "little")
    demand(len(block) >= 2 + size, "a variable is longer than the block")
    return block[2:2 + size], block[2 + size:]


def of_variables(fields, number):
    names = [name for name, _ in fields]
    demand(all(VARIABLE.fullmatch(name) for name in names), f"names of variables: {names}")
    demand(len(set(names)) == len(names), f"one variable came twice: {sorted(names)}")
    demand(not any(set(value) & set(b"\0" if name in DECODED else b"\r\n\0") for name, value in fields),
           f"a line end or NUL in a value: {fields}")
    values = {name.decode(): value.decode("latin-1") for name, value in fields}
    demand("HTTP_PROXY" not in values, "HTTP_PROXY is what programs take their proxy from")
    demand(not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"} & set(values), f"twins: {values}")
    demand(re.fullmatch("[0-9]*", values.get("CONTENT_LENGTH", "")), f"CONTENT_LENGTH {values.get('CONTENT_LENGTH')}")
    values.setdefault("CONTENT_LENGTH", "")
    return Message(values["REQUEST_METHOD"], values["REQUEST_URI"], list(values.items()), b"", number)


def read_fastcgi(data, number):
    streams, begun = {PARAMS: b"", STDIN: b""}, False
    ended = set()
    while STDIN not in ended:
        head, data = cut(data, 8)
        version, kind, request, size, padding = struct.unpack(">BBHHBx", head)
        content, data = cut(data, size)
        _, data = cut(data, padding)
        demand(version == 1 and request == 1 and kind in (BEGIN, PARAMS, STDIN), f"a record {head!r}")
        demand((kind == BEGIN) != begun and kind not in ended, f"a record {kind} at the wrong place")
        demand(kind != STDIN or PARAMS in ended, "content before the variables' end")
        begun = True
        if kind != BEGIN and not content:
            ended.add(kind)
        if kind != BEGIN:
            streams[kind] += content
    fields, block = [], streams[PARAMS]
    while block:
        sizes = []
        for _ in range(2):
            long = block[0] >= 128
            sizes.append(int.from_bytes(block[:4], "big") & 0x7fffffff if long else block[0])
            block = block[4 if long else 1:]
        demand(sum(sizes) <= len(block), "a variable is longer than the block")
        fields.append((block[:sizes[0]], block[sizes[0]:sum(sizes)]))
        block = block[sum(sizes):]
    message = of_variables(fields, number)
    message.body = streams[STDIN]
    demand(int(message.all("CONTENT_LENGTH")[0] or 0) == len(message.body), "CONTENT_LENGTH is not that of the content")
    return message, data


def http_answer(content):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content


def record(kind, content=b"", request=1, version=1, size=None, padding=b""):
    size = len(content) if size is None else size
    return struct.pack(">BBHHBx", version, kind, request, size, len(padding)) + content + padding


def fastcgi_answer(content):
    said = b"Content-Type: text/plain\r\n\r\n" + content
    return record(STDOUT, said) + record(STDOUT) + record(END, bytes(8))


READERS = {"http": read_http, "uwsgi": read_uwsgi, "fastcgi": read_fastcgi}


class RecordingServer:
    """`raw`: target -> the bytes that are sent instead of an answer; `ends`: the connection ends behind them."""

    def __init__(self, protocol, raw=None, ends=True):
        self.read, self.protocol, self.raw, self.ends = READERS[protocol], protocol, raw or {}, ends
        self.messages, self.malformed, self.cut_off, self.connections = [], [], [], 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"{self.protocol}://127.0.0.1:{self.listener.getsockname()[1]}"

    def take(self):
        """The messages since the last call."""
        with self.lock:
            taken, self.messages = self.messages, []
            return taken

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.settimeout(PATIENCE)
            threading.Thread(target=self._serve, args=(client, self.connections), daemon=True).start()
            self.connections += 1

    def _serve(self, client, number):
        with client:
            buffer = b""
            try:
                while data := client.recv(65536):
                    buffer = self._answer(client, buffer + data, number)
                if buffer:
                    self.cut_off.append(buffer)
            except Malformed as error:
                self.malformed.append(f"{error} in {buffer + data!r}")
            except OSError:
                pass

    def _answer(self, client, buffer, number):
        while buffer:
            try:
                message, buffer = self.read(buffer, number)
            except Incomplete:
                break
            with self.lock:
                self.messages.append(message)
            if message.target in self.raw:
                client.sendall(self.raw[message.target])
                if self.ends:
                    client.shutdown(socket.SHUT_RDWR)
                continue
            content = b"" if message.method == "HEAD" else message.target.encode()
            client.sendall(fastcgi_answer(content) if self.protocol == "fastcgi" else http_answer(content))
            if self.protocol == "uwsgi":
                client.shutdown(socket.SHUT_WR)
        return buffer

"""The bytes between the edge and the gateway, as appserver/wire.h describes them."""
import os
import re
import struct
from dataclasses import dataclass, field

from source_tree import ROOT

WIRE = ROOT / "appserver" / "wire.h"

REQUEST = struct.Struct("=QIIQII")
FRAME = struct.Struct("=QIIHHI")
NOTICE = struct.Struct("=QII")
FILE_PART = struct.Struct("=QQ")
CONTROL = struct.Struct("=IIIiiI")
SLOT_SIZE = 64
RING_SIZE = 3 * 64 + 32 * 1024
SLOT_MEMBERS = {name: 8 * place for place, name in enumerate(
    re.findall(r"^  std::uint64_t (\w+) = 0;", WIRE.read_text().split("struct alignas(64) SharedSlot")[1].split("};")[0],
               re.MULTILINE))}
TAKEN, LEFT, CANCEL = 1, 2, 3
ANSWER_WINDOW = 128 * 1024
WSGI, ASGI = 0, 1
REQUEST_TIMEOUT, CLIENT_DISCONNECTED = 1, 2
STACKS_SIGNAL, INTERRUPT_SIGNAL = 34 + 20, 34 + 21
STACKS_END = b"\0"
BODY_IN_FILE, QUIT, ASK, BELL = 1, 2, 4, 8
HEAD, LAST, FAILED, FILE, RING = 1, 2, 4, 8, 16
MOST_FRAME = 1 << 20
CONTROL_KINDS = {name: int(number) for name, number in
                 re.findall(r"^  k(\w+) = (\d+),", WIRE.read_text().split("enum class ControlKind")[1], re.MULTILINE)}


def ring_place(threads, thread):
    """Of a thread's ring in the memory of the worker: behind the slots, from a page of its own on."""
    return -(-threads * SLOT_SIZE // 4096) * 4096 + thread * RING_SIZE


def answer_ring_place(threads, index=0):
    """Behind the rings for requests."""
    return ring_place(threads, threads) + index * RING_SIZE


def shared_size(threads, loops):
    return answer_ring_place(threads, threads * loops)


def packet(variables):
    block = b""
    for name, value in variables.items():
        for text in (name, value):
            raw = text.encode("latin-1")
            block += struct.pack("<H", len(raw)) + raw
    return struct.pack("<BHB", 0, len(block), 0) + block


def read_part(file, part):
    """What an edge would send of a file that came with this part of it; closes the file."""
    offset, length = FILE_PART.unpack(part)
    body = os.pread(file, length, offset)
    os.close(file)
    assert len(body) == length > 0, "the file has no such part"
    return body


def parse_head(block):
    fields, at = [], 0
    while at < len(block):
        pair = []
        for _ in range(2):
            size, = struct.unpack_from("<H", block, at)
            pair.append(block[at + 2:at + 2 + size].decode("latin-1"))
            at += 2 + size
        fields.append(tuple(pair))
    assert fields[0][0] == ""
    return fields[0][1], fields[1:]


@dataclass
class Frame:
    flags: int
    status: int
    head: bytes
    body: bytes


@dataclass
class Answer:
    """An answer as the edge sees it."""
    frames: list = field(default_factory=list)

    @property
    def status(self):
        return self.frames[0].status

    @property
    def reason(self):
        return parse_head(self.frames[0].head)[0]

    @property
    def headers(self):
        return parse_head(self.frames[0].head)[1]

    @property
    def has_head(self):
        return bool(self.frames[0].flags & HEAD)

    @property
    def failed(self):
        return bool(self.frames[-1].flags & FAILED)

    @property
    def body(self):
        return b"".join(frame.body for frame in self.frames)

    @property
    def pieces(self):
        return [frame.body for frame in self.frames if frame.body]


@dataclass
class Message:
    """A control message."""
    kind: str
    worker: int
    pid: int
    value: int
    text: str

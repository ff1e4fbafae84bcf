"""A server behind edge as a process of its own, which can be killed, hung or told to cut its connections, and that
writes each request down before it answers.

Run as a program: `outage_server.py HOST PORT RECORD`. SIGUSR1: answers are cut from now on. SIGUSR2: no more."""
import asyncio
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

SLOW = re.compile(rb"/slow/(\d+)")                      # milliseconds until the answer
DRIP = re.compile(rb"/drip/(\d+)")                      # pieces of an answer, one each 20 ms


class Serving:
    def __init__(self, record):
        self.record, self.cuts, self.turn = record, False, 0

    async def __call__(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self.answer(reader, writer):
                pass
        writer.close()

    async def answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b" ", 2)
        length = re.search(rb"(?im)^content-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length and not self.cuts else b""
        os.write(self.record, method + b" " + target + b"\n")
        if self.cuts:
            return self.cut(writer)
        if slow := SLOW.search(target):
            await asyncio.sleep(int(slow[1]) / 1000)
        if drip := DRIP.search(target):
            await self.drip(writer, int(drip[1]))
            return True
        content = target + b" %d" % len(body)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        return True

    async def drip(self, writer, pieces):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(pieces):
            writer.write(b"4\r\n%4d\r\n" % number)
            await asyncio.sleep(0.02)
        writer.write(b"0\r\n\r\n")

    def cut(self, writer):
        """By a reset and by an orderly end in turn."""
        self.turn += 1
        if self.turn % 2:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        return False


async def main(host, port, record):
    serving = Serving(os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(serving, "cuts", True))
    loop.add_signal_handler(signal.SIGUSR2, lambda: setattr(serving, "cuts", False))
    server = await asyncio.start_server(serving, host, int(port), reuse_port=True)
    print("listening", flush=True)
    await server.serve_forever()


class OutageServer:
    """Keeps its port while the process is gone: connections are refused then. `launcher`: what starts the process."""

    def __init__(self, folder, name, host="127.0.0.1", port=0, launcher=()):
        self.reserved = None
        if not port:
            self.reserved = socket.socket()
            self.reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.reserved.bind((host, 0))               # it never listens
            port = self.reserved.getsockname()[1]
        self.host, self.port, self.launcher = host, port, launcher
        self.record = Path(folder) / f"{name}.record"
        self.record.touch()
        self.process = None
        self.start()

    @property
    def name(self):
        return f"{self.host}:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            [*self.launcher, sys.executable, "-B", __file__, self.host, str(self.port), str(self.record)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"listening\n", "the server did not start"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def cut(self):
        self.process.send_signal(signal.SIGUSR1)

    def heal(self):
        self.process.send_signal(signal.SIGUSR2)

    def requests(self):
        """`METHOD TARGET` of each, in order."""
        return self.record.read_text().splitlines()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        if self.reserved:
            self.reserved.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

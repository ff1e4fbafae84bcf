"""What others feel of an attack: a client that asks all the time, and the memory and the work it has cost edge."""
import statistics
import threading
import time
from pathlib import Path

from edge import BINARY

SANITIZED = b"__asan_init" in BINARY.read_bytes() if BINARY.exists() else False
IN_TIME = 20 if SANITIZED else 5                        # seconds that no answer may take, on a machine that does more
USUALLY = IN_TIME / 10                                  # and half of them


class Bystander:
    """Asks an edge for `path` over HTTP/1, again and again, from the beginning of the block to its end."""

    def __init__(self, edge, path="/", port=None, host="127.0.0.1"):
        self._edge, self._path, self._port, self._host = edge, path, port, host
        self._took = []
        self._enough = threading.Event()
        self._served = threading.Event()
        self._wrong = None
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self):
        try:
            with self._edge.connect(self._port, host=self._host) as connection:
                while not self._enough.wait(0.002):
                    began = time.monotonic()
                    assert connection.request("GET", self._path).status == 200
                    self._took.append(time.monotonic() - began)
                    self._served.set()
        except Exception as wrong:                      # told by the thread that waits for this one
            self._wrong = wrong
            self._served.set()

    def __enter__(self):
        self._thread.start()
        self._served.wait()
        self._took.clear()
        return self

    def __exit__(self, kind, *_):
        self._served.clear()
        while self._thread.is_alive() and not self._served.wait(0.1):
            pass                                        # one more, at least, that was asked for meanwhile
        self._enough.set()
        self._thread.join()
        if kind is None:
            assert not self._wrong, f"another client was not served: {self._wrong!r}"
            slowest, usual = max(self._took), statistics.median(self._took)
            assert slowest < IN_TIME and usual < USUALLY, f"others waited {usual:.3f} s, {slowest:.3f} s at most"


class Work:
    """How long the processors have worked for edge since this was made: in seconds."""

    def __init__(self, edge):
        self._edge = edge
        self._before = edge.processor_time()

    def check(self, most):
        """Who counts the work and not the time is not misled by a machine that does more."""
        done = self._edge.processor_time() - self._before
        print(f"work: {done:.2f} s")
        assert SANITIZED or done < most, f"edge worked for {done:.2f} s"


class Memory:
    """How much more memory edge has had, at the most, since this was made: in bytes."""

    def __init__(self, edge):
        self._process = Path(f"/proc/{edge.pid}")
        (self._process / "clear_refs").write_text("5")  # the highest point is forgotten
        self._before = self._field("VmRSS")

    def _field(self, name):
        lines = (self._process / "status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024

    def grown(self):
        return self._field("VmHWM") - self._before

    def check(self, most):
        """Sanitizers keep what was freed, so that there only the figure of a plain build counts."""
        grown = self.grown()
        print(f"memory: {grown / 2**20:.1f} MiB more at the most")
        assert SANITIZED or grown < most, f"edge needed {grown} bytes more"

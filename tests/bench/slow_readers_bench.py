"""How long others wait beside slow readers: asks an app again and again, first alone, then beside 500 clients that read
1 kB a second of a 1 MiB answer of the same app. Prints both p99 and their ratio.

    EDGE_BIN=build/release/edge python3 tests/bench/slow_readers_bench.py
"""
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from edge import Edge, write_files  # noqa: E402 (found by the line above)

READERS = 500
ROUNDS = 20                                             # in which a second's worth of reading is done
REQUESTS = 10000
MOST = 2.0
SITE = """\
    edge: {threads: 1}
    log: {access: off}
    apps:
      app: {module: app, processes: 2}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = """\
    BODY = bytes(1 << 20)


    def application(environ, start_response):
        body = BODY if environ["PATH_INFO"] == "/large" else b"small"
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]
"""


def read_slowly(edge, all_read):
    readers = [edge.connect(receive_buffer=4096) for _ in range(READERS)]
    for reader in readers:
        reader.ask("GET", "/large")
        assert reader.head().status == 200
    all_read.set()
    while True:
        for first in range(ROUNDS):
            for reader in readers[first::ROUNDS]:
                assert reader.socket.recv(1000)
            time.sleep(1 / ROUNDS)


def p99(edge):
    """In milliseconds."""
    took = []
    with edge.connect() as connection:
        for _ in range(REQUESTS):
            began = time.perf_counter()
            assert connection.request("GET", "/").status == 200
            took.append(time.perf_counter() - began)
    return statistics.quantiles(took, n=100)[98] * 1000


def main():
    with tempfile.TemporaryDirectory() as folder:
        write_files(folder, {"site.yaml": SITE, "app.py": APP})
        edge = Edge(folder, ["serve", "site.yaml"]).wait_ready()
        readers = None
        try:
            p99(edge)                                   # warm
            idle = p99(edge)
            all_read = multiprocessing.Event()
            readers = multiprocessing.Process(target=read_slowly, args=(edge, all_read), daemon=True)
            readers.start()
            assert all_read.wait(60), "the readers did not begin"
            beside = p99(edge)
            assert readers.is_alive(), "the readers have stopped"
        finally:
            if readers:
                readers.kill()
                readers.join()
            edge.stop()
            edge.end()
    print(f"p99 idle {idle:.3f} ms, beside {READERS} slow readers {beside:.3f} ms: {beside / idle:.2f} times"
          f" (at most {MOST:g})")
    return beside > MOST * idle


if __name__ == "__main__":
    sys.exit(main())

"""Files that are replaced, cut short and removed while they are served, and an edge that is out of descriptors: never a
wrong byte, never a crash, and nothing old for longer than a second."""
import hashlib
import itertools
import os
import shutil
import threading

import pytest

from edge import BINARY, wait_until

SITE = """\
    log: {access: off}
    http: {keepalive_requests: 1000000, compress: {types: [text/plain], encodings: [gzip]}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{path: /, static: {directory: ./files, precompressed: true}}]
"""
LARGE = 8 << 20
LONG_AGO = 1_000_000_000
VERSIONS = itertools.count(LONG_AGO)


def numbered(text, size):
    """Bytes of which no two parts are the same."""
    return b"".join(b"%s %08d\n" % (text, i) for i in range(size // (len(text) + 10)))


def put(edge, name, content):
    """In one step, as a deployment does; old enough to be kept at once."""
    path = edge.folder / "files" / name
    new = path.with_name(name + ".new")
    new.write_bytes(content)
    os.utime(new, (LONG_AGO, next(VERSIONS)))
    new.rename(path)
    return path


@pytest.fixture
def edge(serve):
    return serve(SITE, {"files/.keep": ""})


@pytest.fixture
def reading(edge):
    """A client that has read the head of a large answer, and no more; and what the file held."""
    content = numbered(b"old", LARGE)
    path = put(edge, "large.bin", content)
    for _ in range(2):                                  # so that it is kept open
        assert edge.get("/large.bin", method="HEAD").status == 200
    with edge.connect(receive_buffer=4096) as connection:
        connection.ask("GET", "/large.bin")
        assert connection.head().status == 200
        yield connection, path, content


def test_who_reads_a_file_that_is_replaced_gets_the_old_one_whole(edge, reading):
    connection, _, old = reading
    new = numbered(b"new", LARGE)
    put(edge, "large.bin", new)
    assert connection.exactly(len(old)) == old
    wait_until(lambda: edge.get("/large.bin").body == new, "the new one is served")


def test_who_reads_a_file_that_is_removed_gets_it_whole(edge, reading):
    connection, path, old = reading
    path.unlink()
    assert connection.exactly(len(old)) == old
    wait_until(lambda: edge.get("/large.bin").status == 404, "it is gone")


def test_who_reads_a_file_that_is_cut_short_sees_that_it_is_not_whole(edge, reading):
    connection, path, old = reading
    os.truncate(path, LARGE // 2)
    with pytest.raises((AssertionError, ConnectionResetError)):
        connection.exactly(len(old))
    assert old.startswith(connection.buffer)
    answer = edge.get("/large.bin")                     # one that is written to is not believed for a moment
    assert answer.status == 200 and answer.body == old[:LARGE // 2]


@pytest.mark.parametrize("name, size", [("small.txt", 3000), ("middle.bin", 100_000)])
def test_every_answer_is_one_version_under_its_own_tag(edge, name, size):
    versions = [numbered(b"version %d" % number, size) for number in range(4)]
    known = {hashlib.sha256(version).digest() for version in versions}
    put(edge, name, versions[0])
    wrong, tags, stop = [], {}, threading.Event()

    def load():
        with edge.connect() as connection:
            while not stop.is_set():
                answer = connection.request("GET", "/" + name)
                digest = hashlib.sha256(answer.body).digest()
                if answer.status != 200 or digest not in known or tags.setdefault(answer.get("ETag"), digest) != digest:
                    wrong.append(answer)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: tags, "the first version is asked for")
    for version in versions[1:]:
        put(edge, name, version)
        wait_until(lambda content=version: edge.get("/" + name).body == content, "the new version is served")
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong and len(tags) > 1                  # loops see a change at moments of their own


def test_an_encoding_follows_its_file(edge):
    put(edge, "page.txt", b"old " * 1000)
    gzip = ["Accept-Encoding: gzip"]
    first = edge.get("/page.txt", headers=gzip)
    assert first.get("Content-Encoding") == "gzip"
    put(edge, "page.txt", b"newer " * 1000)
    wait_until(lambda: edge.get("/page.txt", headers=gzip).get("ETag") != first.get("ETag"), "it is new")
    put(edge, "page.txt.gz", b"beside it")
    os.utime(edge.folder / "files" / "page.txt.gz", (LONG_AGO * 1.5, LONG_AGO * 1.5))
    assert edge.get("/page.txt", headers=gzip).get("Content-Encoding") == "gzip"
    wait_until(lambda: edge.get("/page.txt").body == b"newer " * 1000, "every loop has the new one")


def test_out_of_descriptors_it_answers_503_and_recovers(serve):
    prlimit = shutil.which("prlimit")
    if not prlimit:
        pytest.skip("there is no prlimit here")
    if b"__ubsan_" in BINARY.read_bytes():              # it takes an object for a wild one when it cannot open a pipe
        pytest.skip("the sanitizer needs descriptors of its own to look at memory")
    edge = serve(SITE, {"files/.keep": ""}, launcher=(prlimit, "--nofile=120:120"))
    contents = {}
    for number in range(90):
        contents[f"{number}.bin"] = numbered(b"%d" % number, 70_000)
        put(edge, f"{number}.bin", contents[f"{number}.bin"])
    for name, content in contents.items():              # more than may stay open beside what edge needs
        answer = edge.get("/" + name)
        assert answer.status == 200 and answer.body == content
    held = [edge.connect(receive_buffer=4096) for _ in range(60)]
    for connection in held:
        connection.ask("GET", "/0.bin")
    for connection in held:
        connection.tear()
    wait_until(lambda: edge.get("/1.bin").status == 200, "it serves again")
    edge.stop()

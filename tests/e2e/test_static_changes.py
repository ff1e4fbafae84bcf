"""Files that are replaced, cut short and removed while they are served, and an edge that is out of descriptors: never a
wrong byte, never a crash, and nothing old for longer than a second."""
import contextlib
import hashlib
import itertools
import os
import shutil
import threading
import time
import zlib

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
    new = path.with_name(path.name + ".new")
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


def test_other_content_of_the_same_size_under_the_same_time_is_seen(serve):
    """As `cp --preserve=timestamps` and `rsync -t --inplace` leave it."""
    edge = serve(SITE.replace("log:", "edge: {threads: 1}\n    log:"), {"files/.keep": ""})
    path = put(edge, "a.bin", b"old")
    before = path.stat()
    wait_until(lambda: time.time() > before.st_ctime + 3, "it has settled, so that it is kept")
    assert edge.get("/a.bin").body == edge.get("/a.bin").body == b"old"
    path.write_bytes(b"new")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    wait_until(lambda: edge.get("/a.bin").body == b"new", "the new content is served")


@pytest.mark.parametrize("in_future", [False, True])
def test_a_file_that_was_just_written_is_compressed_once_a_second_for_all(serve, in_future):
    site = SITE.replace("log: {", "edge: {threads: 1}\n    log: {level: debug, ").replace("text/plain", "text/css")
    edge = serve(site, {"files/.keep": ""})
    content = numbered(b"rule", 2 << 20)
    path = edge.folder / "files" / "a.css"
    path.write_bytes(content)
    if in_future:
        os.utime(path, (time.time() + 86_400,) * 2)
    began = time.monotonic()
    gzip = ["Accept-Encoding: gzip"]
    with contextlib.ExitStack() as open_ones:
        clients = [open_ones.enter_context(edge.connect()) for _ in range(24)]
        for _ in range(2):
            for client in clients:
                client.ask("GET", "/a.css", headers=gzip)
            answers = [client.answer() for client in clients]
            for answer in answers:
                body = zlib.decompress(answer.body, 31) if answer.get("Content-Encoding") else answer.body
                assert answer.status == 200 and body == content
    wait_until(lambda: edge.get("/a.css", headers=gzip).get("Content-Encoding") == "gzip", "it is sent compressed")
    seconds = time.monotonic() - began
    edge.stop()                                         # its log is whole then
    made = edge.log.text().count("a.css is compressed (gzip) on the thread pool")
    assert 1 <= made <= 2 + seconds


def descriptors_of(edge):
    return len(os.listdir(f"/proc/{edge.pid}/fd"))


def test_out_of_descriptors_it_answers_503_and_recovers(serve):
    """Each client that is slow to read a large file of its own holds two descriptors, until none is left."""
    prlimit = shutil.which("prlimit")
    if not prlimit:
        pytest.skip("there is no prlimit here")
    if b"__ubsan_" in BINARY.read_bytes():              # it takes an object for a wild one when it cannot open a pipe
        pytest.skip("the sanitizer needs descriptors of its own to look at memory")
    most, held = 120, 60
    edge = serve(SITE.replace("log:", "edge: {threads: 1}\n    log:"), {"files/.keep": ""},
                 launcher=(prlimit, f"--nofile={most}:{most}"))
    content, small = numbered(b"large", 4 << 20), b"small"
    put(edge, "small.bin", small)
    first = put(edge, "0.bin", content)
    for number in range(1, held):
        os.link(first, first.with_name(f"{number}.bin"))
    with contextlib.ExitStack() as open_ones:
        clients = [open_ones.enter_context(edge.connect(receive_buffer=4096)) for _ in range(held)]
        for client in clients:                          # an answer proves that it was let in
            answer = client.request("GET", "/small.bin")
            assert answer.status == 200 and answer.body == small
        reading, refused = {}, {}
        for number, client in enumerate(clients):
            head = client.ask("GET", f"/{number}.bin").head()
            if head.status == 200:
                reading[number] = client
            else:
                assert head.status == 503
                client.exactly(int(head.get("Content-Length")))
                refused[number] = client
        assert len(reading) > 10 and len(refused) > 10
        assert most - 2 <= descriptors_of(edge) <= most
        edge.log.wait_for("Too many open files")
        done = list(reading)[:5]
        for number in done:                             # who has begun to read is served to the end
            assert reading[number].exactly(len(content)) == content
        for number, client in list(reading.items())[5:]:
            client.tear()
        wait_until(lambda: descriptors_of(edge) < most - 20, "those that have left have given back what they held")
        for number, client in list(refused.items())[:5]:
            answer = client.request("GET", f"/{number}.bin")
            assert answer.status == 200 and answer.body == content
    assert edge.get("/small.bin").body == small


def test_a_large_file_beside_that_is_written_over_is_not_sent_as_it_was(edge):
    put(edge, "nb.txt", numbered(b"plain", 3_000_000))
    for size in (800_000, 1_600_000, 200_000):
        content = zlib.compress(os.urandom(size), wbits=31)
        with open(edge.folder / "files" / "nb.txt.gz", "wb") as beside:     # the same inode
            beside.write(content)
        answer = edge.get("/nb.txt", headers=["Accept-Encoding: gzip"])
        assert (answer.status, answer.get("Content-Encoding"), answer.body) == (200, "gzip", content)


@pytest.mark.parametrize("links", ["inside", "never"])
def test_a_folder_that_becomes_a_link_to_the_outside_is_outside(serve, links):
    edge = serve("""\
        sites:
          - listen: ["127.0.0.1:0"]
            routes: [{path: /, static: {directory: ./files, follow_symlinks: LINKS}}]
    """.replace("LINKS", links), {"files/sub/.keep": ""})
    file = put(edge, "sub/a.txt", b"inside")
    wait_until(lambda: time.time() > file.stat().st_ctime + 3, "it is kept, as it has not changed for a while")
    for _ in range(2):
        assert edge.get("/sub/a.txt").text == "inside"
    (edge.folder / "files" / "sub").rename(edge.folder / "outside")
    (edge.folder / "files" / "sub").symlink_to("../outside")
    wait_until(lambda: edge.get("/sub/a.txt").status == 404, "it is not served any more")

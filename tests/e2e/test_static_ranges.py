"""Ranges and conditions of files over the wire, beside nginx for the same tree where both should agree."""
import email.parser
import os
import subprocess

import pytest

from nginx import Nginx

SITE = """\
    log: {access: off}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            static: {directory: ./public}
          - path: /typed/
            static: {directory: ./public}
            headers: {Content-Type: x/y}
"""
LARGE = bytes((i * 7 + i // 251) % 256 for i in range(3_000_000))
FILES = {"public/a.txt": "0123456789", "public/large.bin": LARGE, "public/empty.txt": ""}
THEN = 784111777
SINCE = "Sun, 06 Nov 1994 08:49:37 GMT"


def grow_old(folder):
    for name in FILES:
        os.utime(folder / name, (THEN, THEN))


@pytest.fixture(scope="module")
def edge(serve_module):
    started = serve_module(SITE, FILES)
    grow_old(started.folder)
    return started


@pytest.fixture(scope="module")
def nginx(edge, tmp_path_factory):
    server = Nginx(tmp_path_factory.mktemp("peer") / "nginx", f"root {edge.folder}/public;")
    yield server
    server.end()


def parts_of(answer):
    """(Content-Type, Content-Range, bytes) of each part of a multipart answer, read by its framing alone."""
    kind = answer.get("Content-Type")
    assert kind.startswith("multipart/byteranges; boundary=")
    boundary = kind.partition("=")[2].encode()
    before, *parts = (b"\r\n" + answer.body).split(b"\r\n--" + boundary)
    assert before in (b"", b"\r\n") and parts.pop() == b"--\r\n"
    found = []
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = email.parser.BytesParser().parsebytes(head)
        found.append((fields["Content-Type"], fields["Content-Range"], content))
    return found


def seen(answer):
    """What both servers should agree upon."""
    several = (answer.get("Content-Type") or "").startswith("multipart/")
    body = [part[1:] for part in parts_of(answer)] if several else answer.body
    return answer.status, answer.get("Content-Range"), body if answer.status in (200, 206) else None


@pytest.mark.parametrize("asked", [
    "bytes=0-0", "bytes=2-5", "bytes=5-", "bytes=-3", "bytes=-99", "bytes=0-99", "bytes=9-9", "bytes=10-",
    "bytes=10-20", "bytes=-0", "bytes=0-1,4-5", "bytes=4-5,0-1", "bytes=-1, 0-0", "bytes=0-0,99-", "bytes=0-,0-", "lines=0-1",
    "bytes", "Bytes=1-1", "bytes=0-1, 3-4, 6-7", "bytes=0-4,8-9,6-6",
])
def test_ranges_are_those_of_nginx(edge, nginx, asked):
    headers = [f"Range: {asked}"]
    assert seen(edge.get("/a.txt", headers=headers)) == seen(nginx.get("/a.txt", headers=headers))


@pytest.mark.parametrize("conditions, status", [
    ([f"If-Range: {SINCE}"], 206), (["If-Range: Sun, 06 Nov 1994 08:49:36 GMT"], 200), (['If-Range: "x"'], 200),
    ([f"If-Modified-Since: {SINCE}"], 304), (["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"], 412),
    (['If-Match: "x"'], 412), (["If-Match: *"], 206), (["If-None-Match: *"], 304),
    (['If-None-Match: "x"', f"If-Modified-Since: {SINCE}"], 206),
])
def test_conditions_come_before_ranges_as_in_nginx(edge, nginx, conditions, status):
    for server in (edge, nginx):
        assert server.get("/a.txt", headers=["Range: bytes=0-1", *conditions]).status == status


def test_an_entity_tag_keeps_ranges_together(edge):
    tag = edge.get("/a.txt").get("ETag")
    assert edge.get("/a.txt", headers=["Range: bytes=0-1", f"If-Range: {tag}"]).status == 206
    assert edge.get("/a.txt", headers=["Range: bytes=0-1", f"If-Range: W/{tag}"]).status == 200


def test_files_say_that_they_have_ranges(edge):
    assert edge.get("/a.txt").get("Accept-Ranges") == "bytes"
    refused = edge.get("/a.txt", headers=["Range: bytes=10-"])
    assert (refused.status, refused.get("Content-Range")) == (416, "bytes */10")
    assert edge.get("/empty.txt", headers=["Range: bytes=0-"]).status == 200


def test_ranges_are_for_get_alone(edge):
    head = edge.get("/a.txt", method="HEAD", headers=["Range: bytes=0-1"])
    assert (head.status, head.get("Content-Length"), head.get("Content-Range")) == (200, "10", None)


def test_several_ranges_of_a_large_file(edge):
    asked = [(2_000_000, 2_999_999), (0, 70_000), (1_000_000, 1_000_000)]
    with edge.connect() as connection:
        header = "Range: bytes=" + ",".join(f"{first}-{last}" for first, last in asked)
        answer = connection.request("GET", "/large.bin", headers=[header])
        assert answer.status == 206 and answer.get("Transfer-Encoding") is None and answer.keeps_alive
        assert parts_of(answer) == [
            ("application/octet-stream", f"bytes {first}-{last}/{len(LARGE)}", LARGE[first:last + 1])
            for first, last in asked]
        assert connection.request("GET", "/a.txt", headers=["Range: bytes=-1"]).body == b"9"


def test_a_part_of_a_large_file(edge):
    answer = edge.get("/large.bin", headers=["Range: bytes=1000001-2500000"])
    assert (answer.status, answer.body) == (206, LARGE[1000001:2500001])


def test_absurd_sets_get_the_whole(edge):
    apart = ",".join(f"{2 * i}-{2 * i}" for i in range(17))
    for asked in (apart, "0-," * 50 + "0-", ",".join(f"{i}-{i}" for i in range(101)), "0-2000000,1000000-2999999"):
        answer = edge.get("/large.bin", headers=[f"Range: bytes={asked}"])
        assert answer.status == 200 and len(answer.body) == len(LARGE)


def test_a_file_cut_short_under_several_ranges_breaks_the_answer_off(edge):
    path = edge.folder / "public" / "shrinks.bin"
    path.touch()
    os.truncate(path, 100_000_000)                      # more than the kernel keeps for a client that does not read
    with edge.connect(receive_buffer=4096) as connection:
        connection.ask("GET", "/shrinks.bin", headers=["Range: bytes=0-60000000,70000000-99999999"])
        head = connection.head()
        os.truncate(path, 100)
        try:
            body = connection.rest()
        except ConnectionResetError:
            body = b""
        assert head.status == 206 and len(body) < int(head.get("Content-Length"))
    edge.log.wait_for("a file became shorter while it was sent")


def test_curl_resumes_and_takes_parts(edge, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(LARGE[:1_234_567])
    subprocess.run(["curl", "-sS", "--fail", "-C", "-", "-o", part, edge.url("/large.bin")], check=True, timeout=30)
    assert part.read_bytes() == LARGE
    got = subprocess.run(["curl", "-sS", "--fail", "-r", "2-4", edge.url("/a.txt")], check=True, timeout=30,
                         capture_output=True)
    assert got.stdout == b"234"


def test_a_type_by_headers_does_not_hide_where_parts_end(edge):
    assert edge.get("/typed/a.txt").get("Content-Type") == "x/y"
    several = edge.get("/typed/a.txt", headers=["Range: bytes=0-1,4-5"])
    assert several.status == 206 and [part[2] for part in parts_of(several)] == [b"01", b"45"]

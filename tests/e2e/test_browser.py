"""A real browser shows the hello page: its DOM holds what the app made, and its picture is not blank."""
import shutil
import struct
import subprocess
import zlib

import pytest

from network_turns import steady_network
from source_tree import ROOT

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars", "--window-size=1000,700"]


@pytest.fixture
def hello(serve, tmp_path):
    folder = shutil.copytree(ROOT / "deploy" / "examples" / "hello", tmp_path / "hello")
    return serve(None, folder=folder, environment={"LISTEN": "127.0.0.1:0"})


def browse(profile, url, *options):
    assert BROWSER, "chromium is missing: deploy/setup --tests"
    with steady_network():
        done = subprocess.run([BROWSER, *OPTIONS, f"--user-data-dir={profile}", *options, url],
                              capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def png_rows(data):
    """(width, height, [row of pixels as bytes]) of a PNG with 8-bit colours, its filters undone (RFC 2083 6)."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        content = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", content[:10])
            assert depth == 8
            step = {2: 3, 6: 4}[colours]
        elif kind == b"IDAT":
            packed += content
        at += size + 12
    raw, stride, rows = zlib.decompress(packed), width * step, []
    above = bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        row = unfiltered(raw[start], bytearray(raw[start + 1:start + 1 + stride]), above, step)
        rows.append(bytes(row))
        above = row
    return width, height, rows


def unfiltered(kind, row, above, step):
    for i in range(len(row) if kind else 0):
        left, up, corner = (row[i - step] if i >= step else 0), above[i], (above[i - step] if i >= step else 0)
        if kind == 4:
            guess = left + up - corner
            row[i] = (row[i] + min((left, up, corner), key=lambda c: abs(guess - c))) & 255
        else:
            row[i] = (row[i] + (0, left, up, (left + up) // 2)[kind]) & 255
    return row


def test_the_page_is_in_the_dom(hello, tmp_path):
    dom = browse(tmp_path / "profile", hello.url("/browser"), "--dump-dom")
    assert "<h1>Hello, browser!</h1>" in dom
    assert '<dd id="address">127.0.0.1</dd>' in dom
    hello.stop()
    assert '"GET /browser HTTP/1.1" 200' in hello.out.text()


def test_the_picture_shows_it(hello, tmp_path):
    picture = tmp_path / "hello.png"
    browse(tmp_path / "profile", hello.url("/"), f"--screenshot={picture}")
    width, height, rows = png_rows(picture.read_bytes())
    assert (width, height) == (1000, 700)
    step = len(rows[0]) // width
    pixels = {row[x:x + step][:3] for row in rows[::7] for x in range(0, len(row), 7 * step)}
    assert len(pixels) > 50, "the gradient behind the card has many colours"
    middle = rows[height // 2][(width // 2) * step:(width // 2) * step + 3]
    edge_of_page = rows[5][5 * step:5 * step + 3]
    assert middle != edge_of_page and min(middle) > 150, "the white card stands in the middle"
    dark = sum(row[x] < 60 for row in rows[200:500] for x in range(300 * step, 700 * step, step))
    assert dark > 500, "there is text on the card"

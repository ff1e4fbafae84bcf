"""Listings of folders and content types of one's own, as clients get them."""
import gzip
import json
import os
import re

import pytest

SITE = """\
    log: {access: off}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /pub/
            static: {directory: ./pub, list: true, types: {log: text/x-log, css: text/x-own}}
            expires: 1h
          - path: /closed/
            static: {directory: ./pub}
          - path: /coded/
            static: {directory: ./pub, list: true}
            compress: {min_size: 100}
          - path: /mine/
            static: {directory: ./pub, list: true, hidden_files: true, follow_symlinks: always}
"""
FILES = {"pub/a.txt": "12345", "pub/sub/b.log": "b", "pub/.hidden": "", "pub/index/index.html": "index", "beside": "x"}


@pytest.fixture(scope="module")
def edge(serve_module):
    started = serve_module(SITE, FILES)
    pub = started.folder / "pub"
    os.symlink("../beside", pub / "out")
    os.symlink("a.txt", pub / "link")
    (pub / os.fsdecode(b"\xff <&>\"'%?#")).write_text("odd")
    return started


def entries(edge, path):
    answer = edge.get(path, headers=["Accept: application/json"])
    assert answer.status == 200 and answer.get("Content-Type") == "application/json"
    return json.loads(answer.text)


def test_a_page_links_to_all_that_it_shows(edge):
    answer = edge.get("/pub/")
    assert answer.get("Content-Type") == "text/html; charset=utf-8"
    assert answer.get("ETag") is None and answer.get("Cache-Control") == "no-cache" and answer.get("Vary") == "Accept"
    links = re.findall(r'<td><a href="([^"]+)"', answer.text)
    assert links[0] == "../" and len(links) == 6
    for link in links[1:]:
        assert edge.get("/pub/" + link.replace("&#39;", "'").replace("&#38;", "&")).status == (
            403 if link.startswith("x") else 200)
    assert "http-equiv" not in answer.text and "<script" not in answer.text


def test_json_names_every_file(edge):
    listing = entries(edge, "/pub/")
    assert listing["path"] == "/pub/" and listing["complete"]
    assert [e["name"] for e in listing["entries"]] == ["index", "sub", "a.txt", "link", "\u00ff <&>\"'%?#"]
    found = next(e for e in listing["entries"] if e["name"] == "a.txt")
    assert (found["type"], found["size"], found["url"]) == ("file", 5, "a.txt")
    odd = listing["entries"][-1]
    assert edge.get("/pub/" + odd["url"]).text == "odd"
    assert [e["name"] for e in entries(edge, "/pub/?sort=size&order=desc")["entries"]][2:4] == ["a.txt", "link"]


def test_what_is_hidden_or_outside_shows_only_where_it_is_served(edge):
    names = {e["name"] for e in entries(edge, "/mine/")["entries"]}
    assert {".hidden", "out"} <= names
    assert edge.get("/mine/out").text == "x" and edge.get("/pub/out").status == 404


def test_an_index_file_and_no_leave_to_list_come_first(edge):
    assert edge.get("/pub/index/").text == "index"
    assert edge.get("/closed/").status == 403
    assert edge.get("/pub/sub").get("Location") == "/pub/sub/"


def test_head_and_http_1_0(edge):
    head = edge.get("/pub/", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    with edge.connect() as connection:
        assert connection.request("GET", "/pub/", version="HTTP/1.0").text.endswith("</html>\n")


def test_a_large_listing_comes_in_pieces_on_a_connection_that_goes_on(edge):
    many = edge.folder / "pub" / "sub" / "many"
    many.mkdir()
    for i in range(2_000):
        (many / f"{i:04}-{'n' * 60}").touch()
    with edge.connect() as connection:
        answer = connection.request("GET", "/pub/sub/many/")
        assert len(answer.chunks) > 1 and answer.text.count("<tr><td>") == 2_001
        assert connection.request("GET", "/pub/a.txt").text == "12345"


def test_types_of_one_s_own(edge):
    assert edge.get("/pub/sub/b.log").get("Content-Type") == "text/x-log; charset=utf-8"
    assert edge.get("/closed/sub/b.log").get("Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_a_listing_is_compressed_where_its_type_is(edge, kind):
    answer = edge.get("/coded/", headers=["Accept-Encoding: gzip", f"Accept: {kind}"])
    assert (answer.status, answer.get("Content-Encoding")) == (200, "gzip")
    vary = " ".join(answer.all("Vary"))
    assert "Accept-Encoding" in vary and vary.replace("Accept-Encoding", "").strip(" ,") == "Accept"
    assert gzip.decompress(answer.body) == edge.get("/coded/", headers=[f"Accept: {kind}"]).body

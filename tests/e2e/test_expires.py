"""`expires` over every kind of handler, beside nginx for the same forms."""
import email.utils

import pytest

from nginx import Nginx

FORMS = {"30d": "30d", "1h": "1h", "max": "max", "epoch": "epoch"}
SITE = """\
    log: {access: off}
    apps: {app: {module: app, processes: 1}}
    sites:
      - listen: ["127.0.0.1:0"]
        error_pages: {404: /1h/a.txt}
        routes:
          - {path: /30d/, static: {directory: ./public}, expires: 30d}
          - {path: /1h/, static: {directory: ./public}, expires: 1h}
          - {path: /max/, static: {directory: ./public}, expires: max}
          - {path: /epoch/, static: {directory: ./public}, expires: epoch}
          - {path: /hashed/, static: {directory: ./public}, expires: immutable}
          - {path: /off/, static: {directory: ./public}, expires: "off"}
          - {path: /ruled/, static: {directory: ./public}, expires: 1h, headers: {Cache-Control: private}}
          - {path: /removed/, app: app, expires: 1h, headers: {Cache-Control: ~}}
          - {path: = /old, redirect: {to: /new, status: 301}, expires: 1h}
          - {path: = /gone, return: {status: 410}, expires: 1h}
          - {path: /app/, app: app, expires: 1h}
"""
APP = '''\
    """Says how long its answer may be kept when it is asked to."""


    def application(environ, start_response):
        own = [("Cache-Control", "no-store")] if environ["PATH_INFO"].endswith("/own") else []
        start_response("200 OK", [("Content-Type", "text/plain"), *own])
        return [b"app"]
'''


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, {"app.py": APP, "public/a.txt": "a text\n"})


def caching(answer):
    """Cache-Control, and how far Expires is from Date in seconds, or its text when it is of another age."""
    expires = answer.get("Expires")
    if expires is None:
        return answer.get("Cache-Control"), None
    moment, now = (email.utils.parsedate_to_datetime(text) for text in (expires, answer.get("Date")))
    ahead = round((moment - now).total_seconds())
    return answer.get("Cache-Control"), ahead if 0 <= ahead < 100 * 86400 else expires


def test_the_same_fields_as_nginx(edge, tmp_path):
    locations = "".join(f"location /{name}/ {{ alias {edge.folder}/public/; expires {form}; }}"
                        for name, form in FORMS.items())
    nginx = Nginx(tmp_path / "nginx", locations)
    try:
        for name in FORMS:
            for options in ({}, {"headers": ["Range: bytes=0-0"]}, {"method": "HEAD"}):
                ours, theirs = edge.get(f"/{name}/a.txt", **options), nginx.get(f"/{name}/a.txt", **options)
                assert caching(ours) == caching(theirs), (name, options)
    finally:
        nginx.end()


def test_forms_of_edge_s_own(edge):
    assert caching(edge.get("/hashed/a.txt")) == ("public, max-age=31536000, immutable", None)
    assert caching(edge.get("/off/a.txt")) == (None, None)
    assert caching(edge.get("/ruled/a.txt")) == ("private", None)
    assert caching(edge.get("/removed/own")) == ("max-age=3600", 3600)


def test_answers_that_may_be_kept_and_others(edge):
    kept = ("max-age=3600", 3600)
    tag = edge.get("/1h/a.txt").get("ETag")
    assert caching(edge.get("/1h/a.txt", headers=[f"If-None-Match: {tag}"])) == kept
    assert caching(edge.get("/old")) == kept
    for path, status in (("/gone", 410), ("/1h/nothing", 404)):
        answer = edge.get(path)
        assert (answer.status, caching(answer)) == (status, (None, None))


def test_an_app_that_says_it_itself_is_left_alone(edge):
    assert caching(edge.get("/app/own")) == ("no-store", None)
    assert caching(edge.get("/app/other")) == ("max-age=3600", 3600)

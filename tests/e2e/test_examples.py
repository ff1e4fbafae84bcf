"""Every example of deploy/examples, as a user would copy it: its own site.yaml, run from a copy of its folder."""
import hashlib
import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from edge import PATIENCE, SYSTEM_PYTHON, environment_of
from source_tree import ROOT

LISTEN = {"LISTEN": "127.0.0.1:0"}
EXAMPLES = ROOT / "deploy" / "examples"
NOT_COPIED = shutil.ignore_patterns("venv", "collected", "*.sqlite3", "__pycache__")


def copied(name, to):
    return shutil.copytree(EXAMPLES / name, to / name, ignore=NOT_COPIED)


def python(folder, *arguments, interpreter=SYSTEM_PYTHON, environment=None):
    done = subprocess.run([str(interpreter), *arguments], cwd=folder, env=environment_of(environment),
                          capture_output=True, text=True, timeout=4 * PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def browser():
    """An opener that keeps cookies."""
    return urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def form(**fields):
    return urllib.parse.urlencode(fields).encode()


def token_in(page):
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]


def other_pythons():
    """Every CPython from 3.9 on that can be found beside the system's, one of each version."""
    found = {}
    places = [Path("/usr/bin"), Path("/usr/local/bin"), *Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
              .glob("versions/*/bin")]
    for place in places:
        for path in sorted(place.glob("python3.*")):
            version = re.fullmatch(r"python3\.(\d+)", path.name)
            if version and int(version[1]) >= 9:
                found.setdefault(path.name, path)
    return list(found.values())


def test_every_example_is_tested():
    assert {p.name for p in EXAMPLES.iterdir() if p.is_dir()} == {"hello", "flask", "django", "two-apps", "asgi"}


def test_hello(serve, tmp_path):
    edge = serve(None, folder=copied("hello", tmp_path), environment=LISTEN)
    answer = edge.get("/")
    assert answer.status == 200
    assert answer.get("Content-Type") == "text/html; charset=utf-8"
    assert "<h1>Hello, world!</h1>" in answer.text
    assert "<h1>Hello, J\u00fcrgen &lt;b&gt;!</h1>" in edge.get("/J%C3%BCrgen%20%3Cb%3E").text
    assert re.search(r'id="request">[0-9a-f]{32}<', answer.text)


def test_asgi_board(serve, tmp_path):
    edge = serve(None, folder=copied("asgi", tmp_path), environment=LISTEN)
    assert "<h1>A board</h1>" in edge.get("/").text
    readers = [edge.connect() for _ in range(3)]
    for reader in readers:
        reader.ask("GET", "/notes")
        while b": welcome" not in reader.buffer:
            assert reader.more()
    assert edge.get("/", "POST", body=form(note="five < six")).status == 303
    for reader in readers:
        while b"data: five &lt; six\n\n" not in reader.buffer:
            assert reader.more()
        reader.close()
    assert edge.get("/nowhere").status == 404


@pytest.fixture
def flask_shop(serve, tmp_path):
    return serve(None, folder=copied("flask", tmp_path), environment=LISTEN)


def test_flask_pages_and_static_files(flask_shop):
    status, page, _ = flask_shop.browse("/")
    assert status == 200 and "banana: 0.25" in page
    link = re.search(r'href="(/static/[^"]+)"', page)[1]
    style = flask_shop.get(link)
    assert style.status == 200 and style.get("Content-Type").startswith("text/css")
    assert style.body == (EXAMPLES / "flask" / "static" / "style.css").read_bytes()
    assert style.get("ETag") and style.get("X-Content-Type-Options") == "nosniff"
    status, page, _ = flask_shop.browse("/nowhere")
    assert status == 404 and "There is no such page" in page


def test_flask_form(flask_shop):
    status, page, url = flask_shop.browse("/greet", data=form(name="Zoë & Co"))
    assert status == 200 and "Hello, Zo\u00eb &amp; Co!" in page
    assert urllib.parse.unquote(url).endswith("/greeting/Zo\u00eb & Co")
    assert flask_shop.browse("/greet", data=form(name=" "))[0] == 400


def test_flask_json(flask_shop):
    kind = {"Content-Type": "application/json"}
    assert json.loads(flask_shop.browse("/api/fruit")[1])["fruit"]["apple"] == 0.45
    status, text, _ = flask_shop.browse("/api/price", json.dumps({"apple": 2, "cherry": 3}).encode(), headers=kind)
    assert (status, json.loads(text)) == (200, {"total": 1.2})
    assert flask_shop.browse("/api/price", b'{"brick": 1}', headers=kind)[0] == 422


def test_flask_upload_by_curl(flask_shop, tmp_path):
    content = bytes(range(256)) * 12_000
    (tmp_path / "fruit.bin").write_bytes(content)
    done = subprocess.run(["curl", "-sS", "--fail-with-body", "-F", f"file=@{tmp_path}/fruit.bin",
                           flask_shop.url("/upload")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert f'<span id="size">{len(content)}</span>' in done.stdout
    assert f'<code id="digest">{hashlib.sha256(content).hexdigest()}</code>' in done.stdout


def test_flask_upload_too_large(flask_shop):
    with flask_shop.connect() as connection:
        connection.ask("POST", "/upload", headers=[f"Content-Length: {20 * 1024 * 1024 + 1}"])
        answer = connection.answer("POST")
    assert answer.status == 413 and "At most 20 MB" in answer.text


def test_django_with_its_admin(serve, tmp_path):
    folder = copied("django", tmp_path)
    python(folder, "manage.py", "migrate")
    python(folder, "manage.py", "collectstatic", "--noinput")
    python(folder, "manage.py", "createsuperuser", "--noinput", environment={
        "DJANGO_SUPERUSER_USERNAME": "alice", "DJANGO_SUPERUSER_PASSWORD": "opensesame",
        "DJANGO_SUPERUSER_EMAIL": "alice@example.com"})
    edge = serve(None, folder=folder, environment=LISTEN)

    visitor = browser()
    page = edge.browse("/", opener=visitor)[1]
    status, page, _ = edge.browse("/", form(author="Bob", text="Nice & warm", csrfmiddlewaretoken=token_in(page)),
                                  opener=visitor)
    assert status == 200 and "Nice &amp; warm" in page

    alice = browser()
    status, page, url = edge.browse("/admin/", opener=alice)
    assert status == 200 and "/admin/login/" in url
    styles = re.findall(r'href="(/static/admin/[^"]+\.css)"', page)
    assert styles
    for style in styles:
        answer = edge.get(style)
        assert answer.status == 200 and answer.get("Content-Type").startswith("text/css")
        assert answer.body == (folder / "collected" / style.removeprefix("/static/")).read_bytes()
    status, page, url = edge.browse(
        "/admin/login/?next=/admin/notes/note/", opener=alice,
        data=form(username="alice", password="opensesame", next="/admin/notes/note/",
                  csrfmiddlewaretoken=token_in(page)))
    assert status == 200 and url.endswith("/admin/notes/note/")
    assert "Nice &amp; warm" in page and "alice" in page


def test_django_before_collectstatic_says_what_is_missing(serve, tmp_path):
    edge = serve(None, folder=copied("django", tmp_path), environment=LISTEN, ready=False)
    assert edge.wait() == 2
    assert re.search(r"site\.yaml:15:\d+: .*collected", edge.log.text()), edge.log.text()


@pytest.mark.parametrize("interpreter", other_pythons(), ids=lambda path: path.name)
def test_two_apps_on_two_pythons(serve, tmp_path, interpreter):
    folder = copied("two-apps", tmp_path)
    python(folder, "-m", "venv", "--without-pip", "shop/venv", interpreter=interpreter)
    edge = serve(None, folder=folder, environment=LISTEN)

    status, page, url = edge.browse("/")
    assert status == 200 and url.endswith("/blog/")
    link = re.search(r'href="(/blog/post/first)"', page)[1]
    page = edge.browse(link)[1]
    assert 'href="/blog/"' in page
    assert edge.browse("/shop")[0] == 200
    assert 'href="/shop/python"' in edge.browse("/shop/")[1]
    assert edge.get("/shopping").status == 404

    blog, shop = json.loads(edge.browse("/blog/python")[1]), json.loads(edge.browse("/shop/python")[1])
    assert blog["prefix"] == python(folder, "-c", "import sys; print(sys.prefix)").strip()
    assert shop["prefix"] == str(folder / "shop" / "venv")
    assert shop["version"] == python(folder, "-c", "import platform; print(platform.python_version())",
                                     interpreter=folder / "shop" / "venv" / "bin" / "python").strip()

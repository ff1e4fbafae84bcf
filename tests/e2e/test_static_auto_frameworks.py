"""`static: auto` with Django, with and without hashed names, and with Starlette."""
import json
import re

import pytest

from test_examples import LISTEN, copied, python
from test_static_auto import folders, reload

IMMUTABLE = "public, max-age=31536000, immutable"
STARLETTE = """\
    import os
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    class Guarded(StaticFiles):
        async def get_response(self, path, scope):
            return PlainTextResponse("guarded")

    async def index(request):
        return PlainTextResponse("the app")

    class Middleware:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    inner = [Mount("/deep", StaticFiles(directory="files"))]
    app = Middleware(Starlette(routes=[
        Route("/", index),
        Mount("/files", app=StaticFiles(directory="files"), name="files"),
        Mount("/guarded", app=Guarded(directory="files")),
        Mount("/inner", routes=inner),
        Mount("/{name}/files", app=StaticFiles(directory="files")),
    ]))
"""


def guestbook(serve, tmp_path, settings="", routes="- {path: /, app: guestbook, static: auto}", collect=True):
    """Django without tables: nobody asks for a page that needs one."""
    pytest.importorskip("django")
    folder = copied("django", tmp_path)
    with open(folder / "guestbook" / "settings.py", "a") as file:
        file.write("\nMEDIA_URL = 'media/'\nMEDIA_ROOT = BASE_DIR / 'uploads'\n" + settings)
    site = folder / "site.yaml"
    begin = site.read_text().partition("    routes:\n")[0]
    site.write_text(f"edge: {{threads: 2, control: control.socket}}\n{begin}    routes:\n      {routes}\n")
    (folder / "uploads").mkdir()
    (folder / "uploads" / "cat.0123456789ab.jpg").write_bytes(b"a cat")
    if collect:
        python(folder, "manage.py", "collectstatic", "--noinput")
    return serve(None, folder=folder, environment=LISTEN)


def test_django_static_and_media(serve, tmp_path):
    edge = guestbook(serve, tmp_path)
    assert folders(edge) == [("/static/", f"{edge.folder}/collected", False),
                             ("/media/", f"{edge.folder}/uploads", False)]
    page = edge.get("/admin/login/").text
    style = re.search(r'href="(/static/admin/[^"]+\.css)"', page)[1]
    answer = edge.get(style)
    assert answer.status == 200 and answer.get("Cache-Control") is None
    assert answer.body == (edge.folder / "collected" / style.removeprefix("/static/")).read_bytes()
    cat = edge.get("/media/cat.0123456789ab.jpg")
    assert (cat.body, cat.get("Content-Type"), cat.get("Cache-Control")) == (b"a cat", "image/jpeg", None)
    for path in ("/static/../guestbook/settings.py", "/static/%2e%2e/site.yaml", "/static/gone.css", "/media/"):
        assert edge.get(path).status == 404, path


@pytest.mark.parametrize("storage", ["STATICFILES_STORAGE = 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'",
                                     "STATICFILES_STORAGE = 'own_storage.Own'"])
def test_hashed_names_of_django_are_immutable(serve, tmp_path, storage):
    folder = tmp_path / "django"
    (tmp_path / "own_storage.py").write_text(
        "from django.contrib.staticfiles.storage import ManifestStaticFilesStorage\n"
        "class Own(ManifestStaticFilesStorage):\n    pass\n")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "v.202611231142.css").write_text("a {}\n")
    settings = f"import sys\nsys.path.append({str(tmp_path)!r})\n{storage}\n"
    settings += f"STATICFILES_DIRS = [{str(tmp_path / 'assets')!r}]\n"
    edge = guestbook(serve, tmp_path, settings)
    assert (folder / "collected" / "staticfiles.json").exists()
    assert folders(edge)[0] == ("/static/", f"{folder}/collected", True)
    style = re.search(r'href="(/static/admin/[^"]+\.css)"', edge.get("/admin/login/").text)[1]
    assert re.search(r"\.[0-9a-f]{12}\.css$", style)
    for headers in ([], ["Range: bytes=0-9"], ["If-None-Match: *"]):
        assert edge.get(style, headers=headers).get("Cache-Control") == IMMUTABLE
    plain = re.sub(r"\.[0-9a-f]{12}\.css$", ".css", style)
    answer = edge.get(plain)
    assert answer.status == 200 and answer.get("Cache-Control") is None
    assert edge.get(style.replace(".css", ".gone")).get("Cache-Control") is None
    assert edge.get("/media/cat.0123456789ab.jpg").get("Cache-Control") is None, "an upload's name says nothing"
    own = json.loads((folder / "collected" / "staticfiles.json").read_text())["paths"]["v.202611231142.css"]
    assert own != "v.202611231142.css" and edge.get("/static/" + own).get("Cache-Control") == IMMUTABLE
    answer = edge.get("/static/v.202611231142.css")
    assert answer.status == 200 and answer.get("Cache-Control") is None, "it only looks like a name with a hash"


def test_a_name_with_a_hash_says_nothing_without_a_manifest(serve, tmp_path):
    edge = guestbook(serve, tmp_path, "STATICFILES_STORAGE = 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'\n",
                     collect=False)
    edge.log.wait_for(rf"warn \[guestbook\] static: auto: there is no folder {edge.folder}/collected: .*collectstatic")
    (edge.folder / "collected").mkdir()
    (edge.folder / "collected" / "a.0123456789ab.css").write_text("a")
    reload(edge)
    answer = edge.get("/static/a.0123456789ab.css")
    assert (answer.text, answer.get("Cache-Control")) == ("a", None)


def test_a_relative_url_is_below_the_mount(serve, tmp_path):
    edge = guestbook(serve, tmp_path, "STATIC_URL = 'static/'\n", "- {mount: /book, app: guestbook, static: auto}")
    style = re.search(r'href="([^"]+\.css)"', edge.get("/book/admin/login/").text)[1]
    assert style.startswith("/book/static/"), "asking Django for its URL must not fix its script name"
    assert edge.get(style).status == 200
    assert ("/book/media/", f"{edge.folder}/uploads", False) in folders(edge)


def test_an_absolute_url_beside_the_mount_is_a_warning(serve, tmp_path):
    edge = guestbook(serve, tmp_path, "", "- {mount: /book, app: guestbook, static: auto}")
    edge.log.wait_for(r"warn \[guestbook\] static: auto: /static/ is not below the mount /book")
    assert [url for url, _, _ in folders(edge)] == ["/book/media/"]


@pytest.mark.parametrize("settings, url", [
    ("FORCE_SCRIPT_NAME = '/forced'\nSTATIC_URL = 'files/'\n", "/forced/files/"),
    ("STATIC_URL = 'https://cdn.example/static/'\n", None),
    ("STATIC_ROOT = None\n", None),
    ("STATIC_ROOT = str(BASE_DIR / 'gone')\n", None),
])
def test_other_ways_to_set_the_url(serve, tmp_path, settings, url):
    edge = guestbook(serve, tmp_path, settings, collect=url is not None)
    assert [found for found, directory, _ in folders(edge) if "uploads" not in directory] == ([url] if url else [])
    if "ROOT" in settings:
        edge.log.wait_for(r"warn \[guestbook\] static: auto: .*`manage.py collectstatic`")


def test_starlette(serve):
    pytest.importorskip("starlette")
    edge = serve("""
        edge: {threads: 1, control: control.socket}
        apps: {web: {module: app}}
        sites: [{listen: ["127.0.0.1:0"], routes: [{path: /, app: web, static: auto}]}]
    """, {"app.py": STARLETTE, "files/a.txt": "a\n"})
    assert folders(edge) == [("/files/", f"{edge.folder}/files", False), ("/inner/deep/", f"{edge.folder}/files", False)]
    answer = edge.get("/files/a.txt")
    assert answer.text == "a\n" and answer.get("Accept-Ranges") == "bytes", "Starlette of Debian 12 knows no ranges"
    assert edge.get("/inner/deep/a.txt").get("Accept-Ranges") == "bytes"
    assert edge.get("/guarded/a.txt").text == "guarded"
    assert edge.get("/any/files/a.txt").text == "a\n" and edge.get("/any/files/a.txt").get("Accept-Ranges") is None
    assert edge.get("/files/gone.txt").status == 404 and edge.get("/").text == "the app"

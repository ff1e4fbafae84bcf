"""Flask and Django on an app's public uwsgi socket, behind nginx's uwsgi_pass: mounts, forms, uploads and streams."""
import hashlib
import json
import os

import pytest

from edge import wait_until
from nginx import BINARY, Nginx

pytestmark = pytest.mark.skipif(not BINARY, reason="nginx is not installed")

SITE = """\
    apps:
      shop: {module: shop, processes: 1, socket: ./shop.sock}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{path: /, return: {body: "the site"}}]
"""
COMMON = """\
    import hashlib, os


    def gate():
        open(os.environ["ARRIVED"], "w").close()
        open(os.environ["GO_ON"]).close()


    def pieces():
        try:
            yield b"begun"
            gate()
            yield b"ended"
            while True:
                yield b"x" * 65536
        finally:
            open("closed", "w").close()


"""
FLASK = COMMON + """\
    import flask
    from flask import request

    application = flask.Flask(__name__)


    @application.route("/cart/<what>", methods=["GET", "POST"])
    def cart(what):
        files = {name: [file.filename, hashlib.sha256(file.read()).hexdigest()] for name, file in request.files.items()}
        return {"method": request.method, "mount": request.script_root, "path": request.path, "form": request.form,
                "query": request.args, "files": files, "link": flask.url_for("cart", what="tea"), "url": request.url}


    @application.get("/stream")
    def stream():
        return flask.Response(flask.stream_with_context(pieces()))
"""
DJANGO = COMMON + """\
    from django.conf import settings
    settings.configure(SECRET_KEY="a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"])
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse, StreamingHttpResponse
    from django.urls import path, reverse


    def cart(request, what):
        files = {name: [file.name, hashlib.sha256(file.read()).hexdigest()] for name, file in request.FILES.items()}
        return JsonResponse({
            "method": request.method, "mount": request.META["SCRIPT_NAME"], "path": request.path_info,
            "form": request.POST.dict(), "query": request.GET.dict(), "files": files,
            "link": reverse("cart", args=["tea"]), "url": request.build_absolute_uri()})


    def stream(request):
        return StreamingHttpResponse(pieces())


    urlpatterns = [path("cart/<what>", cart, name="cart"), path("stream", stream)]
    application = get_wsgi_application()
"""
APPS = {"flask": FLASK, "django": DJANGO}
LOCATION = "location {path} {{ include /etc/nginx/uwsgi_params; uwsgi_buffering off; {more} uwsgi_pass unix:{socket}; }}"


@pytest.fixture(params=APPS)
def behind(request, serve, tmp_path, gate):
    """(edge, nginx in front of it, which has the app at / and, as SCRIPT_NAME says, at /shop)"""
    pytest.importorskip(request.param)
    edge = serve(SITE, {"shop.py": APPS[request.param]}, environment=gate.environment)
    socket = tmp_path / "shop.sock"
    mount = "uwsgi_param SCRIPT_NAME /shop; uwsgi_param PATH_INFO $1;"
    front = Nginx(tmp_path / "nginx", LOCATION.format(path="/", more="", socket=socket)
                  + LOCATION.format(path="~ ^/shop(/.*)$", more=mount, socket=socket))
    yield edge, front
    front.end()


@pytest.mark.parametrize("mount", ["", "/shop"])
def test_a_mount_is_what_the_framework_makes_its_links_from(behind, mount):
    _, front = behind
    seen = json.loads(front.get(mount + "/cart/caf%C3%A9?size=2&name=Zo%C3%AB", headers=["Accept: */*"]).body)
    assert seen == {
        "method": "GET", "mount": mount, "path": "/cart/caf\u00e9", "form": {}, "files": {},
        "query": {"size": "2", "name": "Zo\u00eb"}, "link": f"{mount}/cart/tea", "url": seen["url"]}
    assert seen["url"].startswith(f"http://localhost{mount}/cart/caf")


def test_forms_and_uploads(behind):
    _, front = behind
    with front.connect() as connection:
        kind = ["Content-Type: application/x-www-form-urlencoded"]
        seen = json.loads(connection.request("POST", "/shop/cart/tea", headers=kind, body=b"cups=2&note=a+b%26c").body)
        assert (seen["method"], seen["mount"], seen["form"]) == ("POST", "/shop", {"cups": "2", "note": "a b&c"})
        content = os.urandom(3 << 20)
        body = (b'--edge\r\nContent-Disposition: form-data; name="cups"\r\n\r\n3\r\n'
                b'--edge\r\nContent-Disposition: form-data; name="photo"; filename="a.bin"\r\n\r\n'
                + content + b"\r\n--edge--\r\n")
        kind = ["Content-Type: multipart/form-data; boundary=edge"]
        seen = json.loads(connection.request("POST", "/cart/tea", headers=kind, body=body).body)
        assert seen["form"] == {"cups": "3"}
        assert seen["files"] == {"photo": ["a.bin", hashlib.sha256(content).hexdigest()]}


def test_a_stream_arrives_as_it_is_made_and_is_closed_when_its_client_leaves(behind, gate):
    edge, front = behind
    with front.connect() as connection:
        connection.ask("GET", "/shop/stream")
        assert connection.head().status == 200 and connection.chunk() == b"begun"
        gate.wait_arrived()
        gate.open()
        assert connection.chunk().startswith(b"ended")
        assert not (edge.folder / "closed").exists()
    wait_until((edge.folder / "closed").exists, "the generator is closed")
    assert json.loads(front.get("/cart/tea").body)["path"] == "/cart/tea", "the worker goes on"

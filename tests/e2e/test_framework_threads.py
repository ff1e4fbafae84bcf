"""Several threads in a worker: what Flask and Django keep for each thread stays apart while requests run at once."""
import json

import pytest

from edge import PATIENCE

THREADS = 4
SITE = f"""\
    apps:
      shop: {{module: shop, processes: 1, threads: {THREADS}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{{path: /, app: shop}}]
"""
# Each request writes down whose it is, waits until all have, and only then looks what stands there.
COMMON = f"""\
    import os, threading

    together = threading.Barrier({THREADS}, timeout={PATIENCE})


    def told(environ, **more):
        thread = threading.current_thread().name
        return dict(more, pid=os.getpid(), thread=thread, multithread=environ["wsgi.multithread"])


"""
FLASK = COMMON + """\
    import flask
    from flask import g, request, session

    application = flask.Flask(__name__)
    application.secret_key = "a test"


    @application.route("/<who>", methods=["POST"])
    def view(who):
        left = sorted(g)
        g.who = session["who"] = who
        together.wait()
        read = request.get_data(as_text=True)
        together.wait()
        url = flask.url_for("view", who=who)
        return told(request.environ, left=left, seen=[g.who, session["who"], request.path[1:], url[1:], read])
"""
DJANGO = COMMON + """\
    from django.conf import settings
    settings.configure(SECRET_KEY="a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DATABASES={
        "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db", "CONN_MAX_AGE": None}})
    from django.core.wsgi import get_wsgi_application
    from django.db import connection, transaction
    from django.http import JsonResponse
    from django.urls import path
    from django.utils import timezone


    def view(request, who):
        with timezone.override(timezone.get_fixed_timezone(int(who))), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("create temp table if not exists mine (who text)")    # of this connection alone
                cursor.execute("delete from mine")
                cursor.execute("insert into mine values (%s)", [who])
                together.wait()
                read = request.body.decode()
                cursor.execute("select who from mine")
                (mine,), = cursor.fetchall()
                transaction.set_rollback(who == "1")
            together.wait()
            zone = timezone.get_current_timezone().utcoffset(None).seconds // 60
            return JsonResponse(told(request.META, seen=[mine, str(zone), read, request.path[1:]],
                                     connection=id(connection.connection), rolled_back=transaction.get_rollback()))


    urlpatterns = [path("<who>", view)]
    application = get_wsgi_application()
"""


def ask_together(edge, names):
    """What each of the requests, which only end together, is told: a map by name."""
    connections = {name: edge.connect() for name in names}
    for name, connection in connections.items():
        connection.ask("POST", "/" + name, body=name.encode())
    told = {}
    for name, connection in connections.items():
        with connection:
            answer = connection.answer("POST")
        assert answer.status == 200, (answer, edge.log.text())
        told[name] = json.loads(answer.body)
    return told


def assert_apart(told):
    assert all(set(one["seen"]) == {name} for name, one in told.items()), told
    assert {one["multithread"] for one in told.values()} == {True}
    assert len({one["pid"] for one in told.values()}) == 1
    assert {one["thread"] for one in told.values()} == {f"edge-{number}" for number in range(1, THREADS + 1)}


def test_flask(serve):
    pytest.importorskip("flask")
    edge = serve(SITE, {"shop.py": FLASK})
    for begin in range(1, 30, THREADS):
        told = ask_together(edge, [str(number) for number in range(begin, begin + THREADS)])
        assert_apart(told)
        assert not any(one["left"] for one in told.values()), "a request finds what another has written to g"


def test_django(serve):
    pytest.importorskip("django")
    edge = serve(SITE, {"shop.py": DJANGO})
    connections = {}
    for turn in range(8):
        told = ask_together(edge, [str(turn * THREADS + number + 1) for number in range(THREADS)])
        assert_apart(told)
        for name, one in told.items():
            assert one["rolled_back"] == (name == "1"), "whoever rolls back does so alone"
            assert connections.setdefault(one["thread"], one["connection"]) == one["connection"], "a kept connection"
    assert len(set(connections.values())) == THREADS

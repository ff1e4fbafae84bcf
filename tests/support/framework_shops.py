"""The same shop twice, as Flask's and as Django's users write it: views that hang, wait for their client, and stream.

Each notes in a file what its framework was told, so that a test sees it. In both, `/` tells the process and whether
anything was left of a request before; `/cancelled/NAME` is `/NAME` on a route with `cancel_on_disconnect: true`.
"""
import json
import textwrap

from edge import wait_until

SITE = """\
    log: {access: {path: access.log, format: "$status $request_method $uri $request_id"}}
    apps:
      shop: {module: shop, processes: 1, threads: %s, request_timeout: %s}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /cancelled/, app: shop, cancel_on_disconnect: true}
          - {path: /, app: shop}
"""
COMMON = '''\
    import json, os, time
    from edge_gateway import RequestTimeout


    def note(text):
        with open("notes", "a") as notes:
            notes.write(text + "\\n")


    def hang():
        while True: time.sleep(0.01)    # as long as it is let


    def hang_and_note():
        note("view begins")
        try:
            hang()
        except Exception as error:
            note("view swallows %s" % type(error).__name__)
        except BaseException as error:
            note("view %s" % type(error).__name__)
            raise


    def hang_for_good():
        while True:
            try:
                hang()
            except BaseException as error:
                note("view swallows %s" % type(error).__name__)


    def hang_and_recover():
        try:
            hang()
        except RequestTimeout:
            note("view recovers")


    def wait_until_gone(environ):
        gone = environ["edge.disconnected"]
        note("view begins, gone: %r" % gone())
        while not gone():
            time.sleep(0.01)
        note("view sees that its client has left")
        while not os.path.exists("go on"):
            time.sleep(0.01)
        note("view ends")


    def endless(who):
        try:
            while True:
                yield b"x" * 65536
        finally:
            note("generator of %s left" % who())


    def hanging(who):
        try:
            yield b"first"
            hang_and_note()
        finally:
            note("generator of %s left" % who())


    def waiting(who, environ):
        try:
            yield b"first"
            wait_until_gone(environ)
            yield b"second"
            note("generator goes on")
        finally:
            note("generator of %s left" % who())


'''
FLASK = COMMON + '''\
    import flask

    shop = application = flask.Flask(__name__)


    @shop.errorhandler(Exception)
    def handle(error):
        note("errorhandler %s" % type(error).__name__)
        return "handled", 500


    @shop.teardown_request
    def teardown(error):
        if flask.request.path != "/":
            note("teardown %s" % type(error).__name__)


    def view(path):
        def both(function):
            for before in ("", "/cancelled"):
                shop.add_url_rule(before + path, before + path, function, methods=["GET", "POST"])
            return function
        return both


    @shop.get("/")
    def index():
        return {"pid": os.getpid(), "left": sorted(flask.g)}


    @view("/stuck")
    def stuck():
        flask.g.held = flask.request.environ["REQUEST_ID"]
        hang_and_note()    # the view


    @view("/swallow")
    def swallow():
        hang_for_good()


    @view("/recover")
    def recover():
        hang_and_recover()
        return "recovered"


    @view("/watch")
    def watch():
        wait_until_gone(flask.request.environ)
        return "watched"


    def who():
        return flask.g.who + " at " + flask.request.path


    def streamed(generator):
        flask.g.who = flask.request.args["who"]
        response = flask.Response(flask.stream_with_context(generator))
        response.call_on_close(lambda: note("response closed"))
        return response


    @view("/stream")
    def stream():
        return streamed(endless(who))


    @view("/hanging")
    def hanging_stream():
        return streamed(hanging(who))


    @view("/waiting")
    def waiting_stream():
        return streamed(waiting(who, flask.request.environ))
'''
DJANGO = COMMON + '''\
    import io, threading
    from django.conf import settings
    settings.configure(SECRET_KEY="a test", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=["shop.watcher"],
                       DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}})
    from django.core.signals import request_finished, request_started
    from django.core.wsgi import get_wsgi_application
    from django.db import connection, transaction
    from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path


    def sell(what):
        with connection.cursor() as cursor:
            cursor.execute("insert into sale values (%s)", [what])


    with connection.cursor() as cursor:
        cursor.execute("create table if not exists sale (what text)")
    connection.close()


    def watcher(get_response):
        def middleware(request):
            try:
                return get_response(request)
            except BaseException as error:
                note("middleware %s" % type(error).__name__)
                raise
        return middleware


    def index(request):
        with connection.cursor() as cursor:
            cursor.execute("select what from sale")
            sold = [what for what, in cursor.fetchall()]
        return JsonResponse({"pid": os.getpid(), "left": sold + ["atomic"] * connection.in_atomic_block})


    def stuck(request):
        with transaction.atomic():
            sell(request.META["REQUEST_ID"])
            hang_and_note()    # the view


    def swallow(request):
        with transaction.atomic():
            sell(request.META["REQUEST_ID"])
            hang_for_good()


    def recover(request):
        hang_and_recover()
        return HttpResponse("recovered")


    def watch(request):
        wait_until_gone(request.META)
        return HttpResponse("watched")


    class Noted:
        def close(self):
            super().close()
            note("response closed" if self.closed else "response not closed")


    class NotedStream(Noted, StreamingHttpResponse):
        pass


    class NotedFile(Noted, FileResponse):
        pass


    def who_of(request):
        return lambda: request.GET["who"] + " at " + request.path


    def stream(request):
        return NotedStream(endless(who_of(request)))


    def hanging_stream(request):
        return NotedStream(hanging(who_of(request)))


    def waiting_stream(request):
        return NotedStream(waiting(who_of(request), request.META))


    def file(request):
        return NotedFile(open("large", "rb"))


    def memory(request):
        with open("large", "rb") as source:
            return NotedFile(io.BytesIO(source.read()))


    def begun(environ, **more):
        current.path = environ["PATH_INFO"]


    def finished(**more):
        if current.path != "/":
            note("request_finished " + current.path)


    current = threading.local()
    request_started.connect(begun)
    request_finished.connect(finished)
    VIEWS = {"stuck": stuck, "swallow": swallow, "recover": recover, "watch": watch, "stream": stream, "file": file,
             "memory": memory, "hanging": hanging_stream, "waiting": waiting_stream}
    urlpatterns = [path("", index)]
    for name in VIEWS:
        urlpatterns += [path(name, VIEWS[name]), path("cancelled/" + name, VIEWS[name])]
    application = get_wsgi_application()
'''
SHOPS = {"flask": FLASK, "django": DJANGO}


class Shop:
    """An edge that serves the shop of one framework."""

    def __init__(self, serve, framework, threads=1, request_timeout="60s", files=None):
        self.source = SHOPS[framework]
        self.edge = serve(SITE % (threads, request_timeout), {"shop.py": self.source, **(files or {})})
        self.folder = self.edge.folder

    def line(self, mark):
        """The number of the line of the app's source that holds `mark`."""
        found, = [number for number, line in enumerate(textwrap.dedent(self.source).splitlines(), 1) if mark in line]
        return found

    def told(self):
        """What `/` answers: a map with `pid`, and `left`: what is left of requests before."""
        answer = self.edge.get("/")
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def notes(self):
        path = self.folder / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for(self, *notes):
        """Waits until all `notes` stand there, and whatever stands after them."""
        wait_until(lambda: set(notes) <= set(self.notes()), f"the app notes {notes}")

    def access(self):
        """The access log: (status, method, path, id) of each request that has ended."""
        return [tuple(line.split()) for line in (self.folder / "access.log").read_text().splitlines()]

    def wait_logged(self, status, method, path):
        """The id of the first such request in the access log."""
        def found():
            return [line[3] for line in self.access() if line[:3] == (str(status), method, path)]
        return wait_until(found, f"{status} {method} {path} is logged")[0]

"""How the gateway finds an app, and what it tells the author when it cannot."""
import glob
import os
import re
import textwrap

import pytest

from gateway_harness import SOURCES, SPECIAL_CASES, Worker, binary, serve_app    # noqa: F401 (fixtures)
from gateway_wire import ASGI, CONTROL, CONTROL_KINDS, WSGI

ANSWER = """
    def answer(text):
        def called(environ, start_response):
            start_response("200 OK", [])
            return [text]
        return called
"""


def failure(serve_app, source, **settings):
    return serve_app(source, start=False, **settings).import_failure()


@pytest.mark.parametrize("source, callable, expected", [
    ("application = answer(b'application'); app = answer(b'app')", "", b"application"),
    ("app = answer(b'app')\ndef create_app(): raise ValueError", "", b"app"),
    ("def create_app(): return answer(b'created')", "", b"created"),
    ("import os as app\ndef create_app(): return answer(b'not the module')", "", b"not the module"),
    ("other = answer(b'other'); app = answer(b'app')", "other", b"other"),
    ("class space:\n    wsgi = staticmethod(answer(b'dotted'))", "space.wsgi", b"dotted"),
    ("def make(): return answer(b'made')", "make()", b"made"),
    ("class Made:\n    def __init__(self, e, s): s('200 OK', [])\n    def __iter__(self): yield b'class'\napp = Made",
     "", b"class"),
    ("class Called:\n    def __call__(self, environ, start_response): return answer(b'it')(environ, start_response)\n"
     "app = Called()", "", b"it"),
    ("import functools\napp = functools.partial(answer(b'partial'))", "", b"partial"),
    ("app = lambda *anything: answer(b'star')(*anything)", "", b"star"),
])
@pytest.mark.parametrize("preload", [True, False])
def test_apps_that_are_found(serve_app, source, callable, expected, preload):
    app = serve_app(textwrap.dedent(ANSWER) + source, callable=callable, preload=preload)
    assert app.ask().body == expected


@pytest.mark.parametrize("name", ["site.py", "my-site.wsgi", "json.py"])
def test_a_wsgi_file_of_any_name(serve_app, tmp_path, name):
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "beside.py").write_text("TEXT = b'beside'\n")
    (folder / name).write_text("import beside, json, sys\njson.dumps({})\nmodule = sys.modules[__name__]\n"
                               "def application(environ, start_response):\n    start_response('200 OK', [])\n"
                               "    return [beside.TEXT, __file__.encode(), str(module.application).encode()]\n")
    answer = serve_app(wsgi_file=str(folder / name)).ask()
    assert answer.body.startswith(b"beside" + str(folder / name).encode() + b"<function application")


def test_what_the_app_sees_of_its_process(serve_app, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "json.py").write_text("mine = True\n")
    app = serve_app("""
        import os, sys
        seen = repr([sys.argv, sys.path[:2], "" in sys.path, os.getcwd(), __name__, len(sys.path) == len(set(sys.path))])
        def application(environ, start_response):
            start_response("200 OK", [])
            return [seen.encode()]
    """, python_path=[tmp_path / "elsewhere"])
    assert eval(app.ask().body) == [["shop_app"], [str(tmp_path / "elsewhere"), str(tmp_path)], False, str(tmp_path),
                                    "shop_app", True]


def test_a_package_with_a_factory(serve_app, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("from . import app\ncreate_app = app.create_app\n")
    (tmp_path / "shop" / "app.py").write_text(
        "def create_app():\n    def called(environ, start_response):\n        start_response('200 OK', [])\n"
        "        return [__name__.encode()]\n    return called\n")
    assert serve_app(module="shop").ask().body == b"shop.app"


def test_nothing_fits(serve_app):
    text = failure(serve_app, "from os.path import join\ndef serve(environ, start_response): pass\nx = 1\n")
    assert re.fullmatch(r"shop: shop_app \(\S+/shop_app.py\) has none of application, app or create_app\(\)\n"
                        r"what it holds that can be called: serve, join", text)


def test_a_module_that_holds_nothing(serve_app):
    assert failure(serve_app, "x = 1\n").endswith("it holds nothing that can be called")


def test_a_callable_of_another_name_is_suggested(serve_app):
    text = failure(serve_app, "def application(environ, start_response): pass\n", callable="aplication")
    assert "has no aplication. Did you mean application?\nwhat it holds that can be called: application" in text


@pytest.mark.parametrize("source, callable, why", [
    ("application = 7", "", r"application in shop_app \(\S+\) is not callable: it is an int"),
    ("other = {}", "other", r"other in shop_app \(\S+\) is not callable: it is a dict"),
    ("create_app = 7", "", r"create_app in shop_app \(\S+\) is not callable: it is an int"),
    ("def create_app(): return None", "", r"what create_app\(\) in shop_app \(\S+\) returned is not callable: "
                                          "it is a NoneType"),
    ("def make(): return 7", "make", r"make in \S+ \(\S+\) cannot be called with \(environ, start_response\); it takes "
                                     r"none: is it a factory\? Then name it with \(\), as in create_app\(\)"),
    ("def app(one): pass", "", r"app in \S+ \(\S+\) cannot be called with \(environ, start_response\)$"),
    ("async def app(environ, start_response): pass", "", r"app in \S+ \(\S+\) is asynchronous, but cannot be called "
                                                         r"with \(scope, receive, send\)$"),
    ("def app(scope):\n    return None", "", r"it is an ASGI 2 application, a callable of two steps: make it one of ASGI 3 "
                                            r"by asgiref.compatibility.guarantee_single_callable\(\.\.\.\)$"),
    ("class App:\n    def __init__(self, scope): pass\n    async def __call__(self, receive, send): pass\napp = App", "",
     "it is an ASGI 2 application"),
    ("async def make(): pass\ncreate_app = make", "", "returned is not callable: it is a coroutine"),
])
def test_what_is_found_does_not_serve(serve_app, source, callable, why):
    text = failure(serve_app, source, callable=callable)
    assert re.search(why, text), text
    assert text.startswith("shop: ") and "Traceback" not in text


ASYNCHRONOUS = [
    "async def app(scope, receive, send): pass",
    "class App:\n    async def __call__(self, scope, receive, send): pass\napp = App()",
    "def app(scope, receive, send): pass",
    "import functools\nasync def all(one, scope, receive, send): pass\napp = functools.partial(all, 1)",
]


@pytest.mark.parametrize("source", ASYNCHRONOUS)
@pytest.mark.parametrize("interface", ["auto", "asgi"])
def test_an_asgi_app_is_told_from_others(serve_app, source, interface):
    assert serve_app(source, interface=interface).workers[0].interface == ASGI


@pytest.mark.parametrize("source", ASYNCHRONOUS)
def test_an_asgi_app_is_not_served_as_wsgi(serve_app, source):
    text = failure(serve_app, source, interface="wsgi")
    assert re.fullmatch(r"shop: app in shop_app \(\S+\) is an ASGI application, but its `interface` is wsgi; set it to "
                        r"asgi, or leave it at auto", text)


@pytest.mark.parametrize("source", ["def app(environ, start_response): pass", "class App:\n    def __call__(self, e, s): "
                                    "pass\napp = App()", "def app(environ, start_response, more=None): pass"])
def test_a_wsgi_app_is_not_served_as_asgi(serve_app, source):
    assert serve_app(source, interface="wsgi").workers[0].interface == WSGI
    text = failure(serve_app, source, interface="asgi")
    assert "is a WSGI application, but its `interface` is asgi; set it to wsgi, or leave it at auto" in text


@pytest.mark.parametrize("interface, expected", [("auto", WSGI), ("wsgi", WSGI), ("asgi", ASGI)])
def test_an_app_that_takes_anything_is_what_its_settings_say(serve_app, interface, expected):
    assert serve_app("app = lambda *anything: None", interface=interface).workers[0].interface == expected


def test_an_asgi_app_has_one_event_loop_to_a_process(serve_app):
    text = failure(serve_app, ASYNCHRONOUS[0], threads=2)
    assert text.endswith("is an ASGI application: one event loop to a process answers many requests at once; leave "
                         "`threads` at 1 and set `concurrency`")


@pytest.mark.parametrize("callable", ["", "app"])
def test_a_plain_wsgi_app_starts_without_what_others_need(serve_app, callable):
    app = serve_app("""
        import sys
        def app(environ, start_response):
            start_response("200 OK", [])
            needless = [m for m in ("asyncio", "inspect", "edge_gateway_asgi") if m in sys.modules]
            return [repr(needless + [n for n in ("end_with", "inspected") if hasattr(sys.modules["__main__"], n)]).encode()]
    """, callable=callable)
    assert app.ask().body == b"[]"


def test_a_module_that_makes_names_up_is_asked_for_no_call(serve_app):
    source = "def make(): return answer(b'made')\ndef __getattr__(name): raise ValueError(name)"
    app = serve_app(textwrap.dedent(ANSWER) + source, callable="make()")
    assert app.ask().body == b"made"


def test_a_module_that_cannot_be_read_is_said_without_the_frames_of_the_import(serve_app, tmp_path):
    (tmp_path / "shop_app.py").symlink_to("/proc/self/mem")     # a file that every user may open and none can read
    why = "OSError: [Errno 5] Input/output error"
    assert failure(serve_app, None) == f"shop: {why}\nimporting shop_app failed: {why}"


def test_an_app_that_is_refused_may_have_modules_named_as_the_standard_ones(serve_app, tmp_path):
    for name in ("struct", "os", "sys"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not for edge')\n")
    assert failure(serve_app, "raise ValueError('broken')").endswith("importing shop_app failed: ValueError: broken")


@pytest.mark.parametrize("module, why", [
    ("shop_ap", r"there is no module named shop_ap. Did you mean shop_app\?\nlooked in:\n  "),
    ("nowhere.wsgi", r"there is no module named nowhere \(for nowhere.wsgi\)\nlooked in:\n  "),
    ("shop_app.wsgi", r"there is no module named shop_app.wsgi. Did you mean shop_app\?\nlooked in:"),
])
def test_a_module_that_is_not_there(serve_app, module, why):
    text = failure(serve_app, "app = 1", module=module)
    assert re.search(why, text) and "Traceback" not in text


def test_a_file_or_folder_that_is_not_there(serve_app, tmp_path):
    missing = str(tmp_path / "missing.py")
    assert failure(serve_app, None, wsgi_file=missing) == f"shop: there is no file {missing}"
    text = failure(serve_app, "app = 1", chdir=tmp_path / "missing")
    assert text == f"shop: chdir: cannot enter {tmp_path / 'missing'}: No such file or directory"


@pytest.mark.parametrize("source, last", [
    ("import nothing_like_it", "importing shop_app failed: ModuleNotFoundError: No module named 'nothing_like_it' "
     r"\(imported by \S+python\S*\)$"),
    ("def f():\n    raise KeyError('x')\nf()", "importing shop_app failed: KeyError: 'x'"),
    ("import sys\nsys.exit(3)", r"importing shop_app failed: it called sys.exit\(3\)"),
    ("raise KeyboardInterrupt", "importing shop_app failed: KeyboardInterrupt"),
    ("raise BaseException('b')", "importing shop_app failed: BaseException: b"),
    ("import json\njson.loads('{')", "importing shop_app failed: JSONDecodeError: Expecting"),
    ("def create_app():\n    raise ValueError('inside')", r"create_app\(\) in shop_app \(\S+\) failed: ValueError: ins"),
    ("def __getattr__(name):\n    raise ValueError('odd')", "looking for the app failed: ValueError: odd"),
])
def test_an_import_that_raises_shows_the_apps_own_frames_and_one_clear_line(serve_app, source, last):
    text = failure(serve_app, source)
    assert text.startswith("shop: Traceback (most recent call last):\n  File ")
    assert "importlib" not in text and re.search(last, text.splitlines()[-1]), text
    if "looking" not in last:
        assert re.match(r'shop: Traceback.*\n  File "\S+/shop_app.py"', text)
        assert "<string>" not in text


def test_a_syntax_error(serve_app):
    text = failure(serve_app, "def f(:\n")
    assert "shop_app.py" in text and "<string>" not in text and "importing shop_app failed: SyntaxError" in text


def test_an_exception_whose_text_cannot_be_made(serve_app):
    text = failure(serve_app, "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n")
    assert text.endswith("importing shop_app failed: E: (no text: its __str__ raised)")


def test_a_text_too_long_for_a_message_keeps_its_end(serve_app):
    text = failure(serve_app, "raise ValueError('x' * 100000 + ' the end')\n")
    assert len(text) < 32 * 1024 and text.endswith("x the end") and "[... shortened ...]" in text


def test_a_failed_import_ends_even_when_it_left_a_thread(serve_app):
    text = failure(serve_app, "import threading\nthreading.Thread(target=threading.Event().wait).start()\n1 / 0\n")
    assert text.endswith("ZeroDivisionError: division by zero")


def test_without_preload_the_worker_reports(serve_app):
    app = serve_app("print('imported')\n1 / 0\n", preload=False, start=False)
    assert app.imported() == ""
    worker = Worker(app, 0).fork()
    app.workers.append(worker)
    worker.pid = app.messages.wait_for("Forked").pid
    message = app.messages.wait_for("WorkerFailed")
    assert (message.worker, message.pid) == (0, worker.pid)
    assert message.text.endswith("importing shop_app failed: ZeroDivisionError: division by zero")
    assert "Traceback" in message.text and "<string>" not in message.text
    assert worker.wait_exit() == 1 << 8
    app.workers.clear()



def test_a_thread_that_the_app_started_at_import_does_not_hold_up_the_end(serve_app):
    app = serve_app("""
        import sys, threading
        def application(environ, start_response):
            start_response("200 OK", [])
            return [b"ok"]
        threading.Thread(target=threading.Event().wait).start()
        sys.stdout.reconfigure(line_buffering=False)
        print("said before the end")
    """, start=False)
    app.imported()
    app.stop()
    app.out.wait_for("said before the end")


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8"])
def test_an_interpreter_that_is_too_old_says_so(tmp_path, version, serve_app):
    found = glob.glob(os.path.expanduser(f"~/.pyenv/versions/{version}.*/bin/python"))
    if not found:
        pytest.skip(f"no Python {version} here")
    text = failure(serve_app, "app = 1", python=found[0])
    assert re.search(rf"shop: \S+ is Python {version}\.\d+; edge needs CPython 3.9 or later", text)


def test_the_bootstrap_knows_the_wire():
    names = {}
    source = SPECIAL_CASES.read_text()
    for name in ("IMPORT_FAILED", "MAX_CONTROL", "CONTROL_HEADER"):
        names[name] = re.search(rf"^{name} = (.*?)(?:  #|$)", source, re.MULTILINE)[1]
    assert int(names["IMPORT_FAILED"]) == CONTROL_KINDS["ImportFailed"]
    assert names["MAX_CONTROL"] == "32 * 1024"
    assert int(names["CONTROL_HEADER"]) == CONTROL.size and set(CONTROL.format) <= set("=Ii")  # four bytes each
    assert "kMaxControl = 32 * 1024;" in (SOURCES[0].parents[1] / "wire.h").read_text()

# What only some apps need at their start: one in a file, by a dotted name or made by a factory, one that leaves doubt
# what it speaks, one that left sockets open, and every one that is refused. Compiled when the first of these is asked
# for, and run among the globals of bootstrap.py, left_open.py and app_interface.py, where `special` stands for them.
import os
import sys

IMPORT_FAILED = 17  # wire::ControlKind::kImportFailed
MAX_CONTROL = 32 * 1024  # wire::kMaxControl
CONTROL_HEADER = 24  # bytes of wire::ControlHeader, six numbers of four
WSGI_ARGUMENTS = "(environ, start_response)"
ASGI_ARGUMENTS = "(scope, receive, send)"

DATABASE_HANDLES = {
    ("psycopg2.extensions", "connection"): "PostgreSQL connection (psycopg2)",
    ("psycopg", "Connection"): "PostgreSQL connection (psycopg)",
    ("pymysql.connections", "Connection"): "MySQL connection (PyMySQL)",
    ("MySQLdb.connections", "Connection"): "MySQL connection (MySQLdb)",
    ("mysql.connector.connection", "MySQLConnection"): "MySQL connection (mysql.connector)",
    ("redis.connection", "Connection"): "Redis connection (redis)",
    ("pymongo.mongo_client", "MongoClient"): "MongoDB client (pymongo)",
}


def end_with(settings, text):
    """Tells the edge why the import failed and ends. At once: threads that the app left could block a normal end."""
    payload = shortened(text.encode("utf-8", "backslashreplace"), MAX_CONTROL - CONTROL_HEADER)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    try:
        os.write(settings["control"], packed(IMPORT_FAILED, 0, 0, os.getpid(), 0, len(payload)) + payload)
    except OSError:
        os.write(2, payload)
    os._exit(1)


def packed(*numbers):
    """Not by struct, which an app may have a module of its own for."""
    places = (0, 8, 16, 24) if sys.byteorder == "little" else (24, 16, 8, 0)
    return bytes(bytearray(number >> place & 255 for number in numbers for place in places))


def shortened(text, limit):
    """The beginning and, above all, the end: there stands what went wrong."""
    if len(text) <= limit:
        return text
    begin = limit // 4
    mark = b"\n[... shortened ...]\n"
    return text[:begin] + mark + text[len(text) - (limit - begin - len(mark)):]


def import_file(path):
    from importlib import machinery, util

    name = os.path.splitext(os.path.basename(path))[0]
    if not name.isidentifier() or name in sys.modules:
        name = "wsgi_file_" + "".join(c if c.isalnum() else "_" for c in name)
    loader = machinery.SourceFileLoader(name, path)
    module = util.module_from_spec(util.spec_from_file_location(name, path, loader=loader))
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def without_our_frames(trace):
    ours = ("importlib", "importlib._bootstrap", "importlib._bootstrap_external", "_frozen_importlib",
            "_frozen_importlib_external")  # the last two: before somebody has imported importlib
    while trace is not None:
        names = trace.tb_frame.f_globals
        if names is not globals() and names.get("__name__") not in ours:
            return trace
        trace = trace.tb_next
    return None


def traceback_of(kind, error, trace):
    import traceback

    return "".join(traceback.format_exception(kind, error, trace))


def brief(error):
    if isinstance(error, SystemExit):
        return "it called sys.exit(%s)" % ("" if error.code is None else repr(error.code))
    try:
        text = str(error).strip()
    except Exception:
        text = "(no text: its __str__ raised)"
    return type(error).__name__ + (": " + text if text else "")


def no_such_module(name, missing):
    import difflib

    present = set()
    for directory in sys.path[:4]:
        try:
            found = os.listdir(directory)
        except OSError:
            continue
        present.update(entry[:-3] for entry in found if entry.endswith(".py"))
        present.update(entry for entry in found if os.path.isfile(os.path.join(directory, entry, "__init__.py")))
    text = "there is no module named %s" % missing
    if missing != name:
        text += " (for %s)" % name
    close = difflib.get_close_matches(missing, sorted(present), 1)
    if close:
        text += ". Did you mean %s?" % close[0]
    return text + "\nlooked in:\n" + "\n".join("  " + entry for entry in sys.path)


def named(module, wanted):
    call = wanted.endswith("()")
    found = module
    for part in (wanted[:-2] if call else wanted).split("."):
        if not hasattr(found, part):
            import difflib

            close = difflib.get_close_matches(part, [name for name in dir(found) if not name.startswith("__")], 1)
            hint = ". Did you mean %s?" % close[0] if close else ""
            raise Refused("%s has no %s%s\n%s" % (place(module), wanted, hint, candidates(module)))
        found = getattr(found, part)
    if call:
        return made(module, wanted[:-2], found)
    return found, "%s in %s" % (wanted, place(module))


def made(module, name, factory=None):
    """What a factory returns."""
    factory = getattr(module, name) if factory is None else factory
    if not callable(factory):
        raise Refused("%s in %s is not callable: it is %s" % (name, place(module), a_kind_of(factory)))
    try:
        return factory(), "what %s() in %s returned" % (name, place(module))
    except BaseException as error:
        raised = sys.exc_info()
        text = traceback_of(raised[0], error, without_our_frames(raised[2]))
        raise Refused(text + "%s() in %s failed: %s" % (name, place(module), brief(error)))


def candidates(module):
    names = [name for name in sorted(vars(module)) if not name.startswith("_") and callable(getattr(module, name))]
    own = [name for name in names if getattr(getattr(module, name), "__module__", None) == module.__name__]
    others = [name for name in names if name not in own]
    if not names:
        return "it holds nothing that can be called"
    more = "" if len(names) <= 20 else " and %d more" % (len(names) - 20)
    return "what it holds that can be called: " + ", ".join((own + others)[:20]) + more


def inspected(app, what, wanted):
    """What it speaks, by its signature. inspect takes 10 ms of a start."""
    import inspect

    if not callable(app):
        raise Refused("%s is not callable: it is %s" % (what, a_kind_of(app)))
    called = app if inspect.isroutine(app) or inspect.isclass(app) else type(app).__call__
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(called):
        if takes(app, 3):
            return ASGI
        raise Refused("%s is asynchronous, but cannot be called with %s" % (what, ASGI_ARGUMENTS))
    if takes(app, 3) and (wanted == ASGI or not takes(app, 2)):
        return ASGI
    if takes(app, 2):
        return WSGI
    raise Refused("%s cannot be called with %s%s" % (what, ASGI_ARGUMENTS if wanted == ASGI else WSGI_ARGUMENTS,
                                                     hint_for(app)))


def hint_for(app):
    """What an app that takes neither two nor three arguments may be."""
    if is_double_callable(app):
        return ("; it is an ASGI 2 application, a callable of two steps: make it one of ASGI 3 by "
                "asgiref.compatibility.guarantee_single_callable(...)")
    return "; it takes none: is it a factory? Then name it with (), as in create_app()" if takes(app, 0) else ""


def is_double_callable(app):
    import inspect

    if not takes(app, 1):
        return False
    if inspect.isclass(app):
        return takes(getattr(app, "__call__"), 3)  # self, receive, send
    return next(iter(inspect.signature(app).parameters)) == "scope"


def takes(app, count):
    import inspect

    try:
        inspect.signature(app).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return count == 2  # built in, and says nothing about itself
    return True


def an(word):
    return "%s %s" % ("an" if word[:1].lower() in "aeiou" else "a", word)


def a_kind_of(value):
    return an(type(value).__name__)


def describe_sockets(descriptors):
    import gc
    import socket

    handles = {}
    for item in gc.get_objects():
        kind = type(item)
        label = DATABASE_HANDLES.get((getattr(kind, "__module__", None), kind.__name__))
        if label:
            handles[label] = handles.get(label, 0) + 1
    lines = ["%s (%d)" % pair for pair in sorted(handles.items())]
    for fd in sorted(descriptors):
        try:
            with socket.socket(fileno=os.dup(fd)) as copy:
                lines.append("socket %d%s" % (fd, ends_of(copy)))
        except OSError:
            lines.append("socket %d" % fd)
    return lines


def ends_of(socket):
    text = ""
    for word, ask in ((" at ", socket.getsockname), (" to ", socket.getpeername)):
        try:
            address = ask()
        except OSError:
            continue
        if isinstance(address, tuple):
            address = "%s:%s" % address[:2]
        if address:
            text += word + str(address)
    return text

# What an app speaks, WSGI or ASGI, and whether it does what its settings say. The second part of the source that an
# interpreter runs, between left_open.py and bootstrap.py. inspect takes 10 ms of a start: only what leaves doubt is
# looked at with it.

WSGI, ASGI = 0, 1  # wire::Interface
SPOKEN = ("WSGI", "ASGI")
WSGI_ARGUMENTS = "(environ, start_response)"
ASGI_ARGUMENTS = "(scope, receive, send)"
COROUTINE, ASYNC_GENERATOR = 0x80, 0x200  # inspect.CO_COROUTINE, CO_ASYNC_GENERATOR


class Refused(Exception):
    """The app cannot be served; the text is for its author."""


def with_interface(app, what, settings):
    """(interface, app) for the gateway."""
    wanted = {"auto": None, "wsgi": WSGI, "asgi": ASGI}[settings["interface"]]
    interface = spoken(app, what, wanted)
    if wanted is not None and interface != wanted:
        raise Refused("%s is %s application, but its `interface` is %s; set it to %s, or leave it at auto"
                      % (what, an(SPOKEN[interface]), settings["interface"], SPOKEN[interface].lower()))
    if interface == ASGI and settings["threads"] > 1:
        raise Refused("%s is an ASGI application: one event loop to a process answers many requests at once; leave "
                      "`threads` at 1 and set `concurrency`" % what)
    return interface, app


def spoken(app, what, wanted):
    if plainly_takes(app, 2):
        return WSGI
    if is_plainly_asynchronous(app) and plainly_takes(app, 3):
        return ASGI
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


def code_of(app):
    """(code, function, whether it has a self) of what is called; code is None where that cannot be seen."""
    function = app if hasattr(app, "__code__") else getattr(type(app), "__call__", None)
    return getattr(function, "__code__", None), function, function is not app or hasattr(app, "__self__")


def is_plainly_asynchronous(app):
    code = code_of(app)[0]
    return code is not None and bool(code.co_flags & COROUTINE)


def plainly_takes(app, count):
    """Whether that is beyond doubt, as it is for nearly every app; for two, whether it is not asynchronous too."""
    code, function, bound = code_of(app)
    if code is None or code.co_kwonlyargcount or count == 2 and code.co_flags & (COROUTINE | ASYNC_GENERATOR):
        return False
    wanted = count + 1 if bound else count
    return code.co_argcount - len(function.__defaults__ or ()) <= wanted <= code.co_argcount


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



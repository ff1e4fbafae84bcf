# What an app speaks, WSGI or ASGI, and whether it does what its settings say. The second part of the source that an
# interpreter runs, between left_open.py and bootstrap.py. What leaves doubt is left to special_cases.py.

WSGI, ASGI = 0, 1  # wire::Interface
SPOKEN = ("WSGI", "ASGI")
COROUTINE, ASYNC_GENERATOR = 0x80, 0x200  # inspect.CO_COROUTINE, CO_ASYNC_GENERATOR


class Refused(Exception):
    """The app cannot be served; the text is for its author."""


def with_interface(app, what, settings):
    """(interface, app) for the gateway."""
    wanted = {"auto": None, "wsgi": WSGI, "asgi": ASGI}[settings["interface"]]
    interface = spoken(app, what, wanted)
    if wanted is not None and interface != wanted:
        raise Refused("%s is %s application, but its `interface` is %s; set it to %s, or leave it at auto"
                      % (what, special.an(SPOKEN[interface]), settings["interface"], SPOKEN[interface].lower()))
    if interface == ASGI and settings["threads"] > 1:
        raise Refused("%s is an ASGI application: one event loop to a process answers many requests at once; leave "
                      "`threads` at 1 and set `concurrency`" % what)
    return interface, app


def spoken(app, what, wanted):
    if plainly_takes(app, 2):
        return WSGI
    if is_plainly_asynchronous(app) and plainly_takes(app, 3):
        return ASGI
    return special.inspected(app, what, wanted)


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



# What an app's interpreter runs, behind left_open.py and app_interface.py: `python -c SOURCE SETTINGS SPECIAL_CASES`.
# It loads the gateway, imports the app, and becomes the zygote. Kept parsable by every Python since 2.7, so that one
# that is too old can still say so.
#
# SPECIAL_CASES is special_cases.py, which is compiled only where one of them comes up: that takes a millisecond.
#
# SETTINGS is one JSON object, every key required:
#   name         the app's, for messages and titles
#   parent       process id of the edge; when it is not our parent any more, we end
#   control      descriptor: our end of the control channel (appserver/wire.h)
#   gateway      descriptor: a memfd that holds edge_gateway.abi3.so; closed once loaded
#   module       dotted module, or "" when wsgi_file is given
#   wsgi_file    path of a Python file, or ""
#   callable     dotted name inside the module, "()" behind it calls it; "" looks for application, app, create_app()
#   interface    "wsgi", "asgi", or "auto" to see which it is
#   chdir        directory to run in, or "" to stay
#   python_path  list of directories, before all others in sys.path
#   site_files   list of the site's own files, which are no part of the app
#   preload      true: import once, here; false: each worker imports by itself
#   threads      Python threads of a worker
#   processes    workers of the app, for wsgi.multiprocess
#   generation   number of this import of the app, for titles
#   static       true: tell which folders of files the app has; static_folders.py is part of the source then
import sys

# `-c` puts "" first, and an os.py beside the app must not be ours.
sys.path[:] = [entry for entry in sys.path if entry]

import os

LOOKED_FOR = ("application", "app")
FACTORY = "create_app"
RARELY = (100000, 20, 100)  # thresholds of the garbage collector during the import


class SpecialCases(object):
    """The functions of special_cases.py, which see all of this source and are seen by it."""

    def __init__(self, source):
        self.source = source

    def __getattr__(self, name):
        if name not in globals():
            exec(compile(self.source, "<special cases>", "exec"), globals())
        return globals()[name]


special = SpecialCases(sys.argv[2])


def settings_of(text):
    """JSON of ASCII characters is Python but for three names; importing json would take 6 ms of every start."""
    settings = eval(text, {"__builtins__": {}, "true": True, "false": False, "null": None})
    if "\\ud" in text:  # characters that JSON writes as two surrogates
        import json

        settings = json.loads(text)
    return settings


def unsupported():
    """Why this interpreter cannot load the gateway, or nothing."""
    what = "%s is Python %s" % (sys.executable, sys.version.split()[0])
    if sys.version_info < (3, 9):
        return what + "; edge needs CPython 3.9 or later"
    if sys.implementation.name != "cpython":
        return what + " of %s; edge needs CPython" % sys.implementation.name
    if "t" in getattr(sys, "abiflags", ""):
        return what + ", a free-threaded build; edge needs one with the global interpreter lock"
    return None


def load_gateway(descriptor):
    import _frozen_importlib_external as machinery  # importlib.machinery, without 0.5 ms for the package around it

    origin = "/proc/self/fd/%d" % descriptor
    loader = machinery.ExtensionFileLoader("edge_gateway", origin)
    module = loader.create_module(type(sys.__spec__)("edge_gateway", loader, origin=origin))
    loader.exec_module(module)
    sys.modules["edge_gateway"] = module  # for `from edge_gateway import RequestTimeout`
    os.close(descriptor)
    return module


def prepare(settings):
    """Makes the process look to the app like `python wsgi_file` run in its folder. Returns the folders of its files."""
    home = os.path.abspath(settings["chdir"] or ".")  # links in it are kept, so that one that is turned shows
    standard = os.path.splitext(os.path.basename(settings["wsgi_file"]))[0]
    if standard in getattr(sys, "stdlib_module_names", ()):
        __import__(standard)  # the file shall not stand in the place of the module whose name it has
    if settings["chdir"]:
        try:
            os.chdir(settings["chdir"])
        except OSError as error:
            raise Refused("chdir: cannot enter %s: %s" % (settings["chdir"], error.strerror))
    first = [os.path.abspath(entry) for entry in settings["python_path"]] + [os.getcwd()]
    if settings["wsgi_file"]:
        first.append(os.path.dirname(os.path.abspath(settings["wsgi_file"])))
    sys.path[:] = list(dict.fromkeys(first + sys.path))
    sys.argv = [settings["wsgi_file"] or settings["module"]]
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(line_buffering=True)
    return [home] + first


def import_app(settings):
    """The app's module, whatever its import may raise told as Refused."""
    name = settings["module"]
    try:
        if settings["wsgi_file"]:
            name = settings["wsgi_file"]
            return special.import_file(os.path.abspath(name))
        __import__(name)
        return sys.modules[name]
    except BaseException as error:
        raised = sys.exc_info()
        trace = special.without_our_frames(raised[2])
        if trace is None and isinstance(error, ModuleNotFoundError) and (name + ".").startswith("%s." % error.name):
            raise Refused(special.no_such_module(name, error.name))
        if trace is None and isinstance(error, FileNotFoundError):
            raise Refused("there is no file %s" % name)
        by = " (imported by %s)" % sys.executable if isinstance(error, ImportError) else ""  # perhaps the wrong one
        raise Refused(special.traceback_of(raised[0], error, trace) +
                      "importing %s failed: %s%s" % (name, special.brief(error), by))


def find_app(module, settings):
    """(interface, callable) of an imported module."""
    app, what = look_for_app(module, settings["callable"])
    return with_interface(app, what, settings)


def look_for_app(module, wanted):
    """The app, whatever it is, and words for it."""
    if wanted:
        plain = getattr(module, wanted, None) if wanted.isidentifier() else None
        return special.named(module, wanted) if plain is None else (plain, "%s in %s" % (wanted, place(module)))
    present = [name for name in LOOKED_FOR if hasattr(module, name)]
    for name in present:
        if callable(getattr(module, name)):
            return getattr(module, name), "%s in %s" % (name, place(module))
    if hasattr(module, FACTORY):
        return special.made(module, FACTORY)
    if present:
        return special.named(module, present[0])
    raise Refused("%s has none of %s or %s()\n%s"
                  % (place(module), ", ".join(LOOKED_FOR), FACTORY, special.candidates(module)))


def place(module):
    path = getattr(module, "__file__", None)
    return "%s (%s)" % (module.__name__, path) if path else module.__name__


def main():
    settings = settings_of(sys.argv[1])
    reason = unsupported()
    if reason:
        special.end_with(settings, "%s: %s" % (settings["name"], reason))
    gateway = load_gateway(settings["gateway"])
    gateway.attach(settings["control"], settings["parent"], settings["name"], settings["generation"])

    def load():
        try:
            module = import_app(settings)
            found = find_app(module, settings)
            gateway.share(found[0], settings["threads"], settings["processes"])
            if settings["static"]:
                gateway.tell_static_folders(static_folders(found[1], module))
            return found
        except Refused:
            raise
        except BaseException as error:
            raised = sys.exc_info()
            raise Refused(special.traceback_of(raised[0], error, raised[2]) +
                          "looking for the app failed: " + special.brief(error))

    found, warnings = None, []
    try:
        gateway.remember(prepare(settings), settings["site_files"])
        if settings["preload"]:
            import gc

            before = open_descriptors()
            thresholds = gc.get_threshold()
            gc.set_threshold(*RARELY)  # what an import makes is there to stay
            found = load()
            if gc.get_threshold() == RARELY:
                gc.set_threshold(*thresholds)
            gc.collect()
            warnings = left_open(before)
            gc.freeze()
    except Refused as refused:
        special.end_with(settings, "%s: %s" % (settings["name"], refused))
    sys.exit(gateway.zygote(settings["threads"], settings["processes"], found, load, "\n".join(warnings)))


main()

# What an app's interpreter runs, behind left_open.py and app_interface.py: `python -c SOURCE SETTINGS`. It loads the gateway, imports the
# app, and becomes the zygote. Kept parsable by every Python since 2.7, so that one that is too old can still say so.
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

# `-c` puts "" first, and a struct.py beside the app must not be ours.
sys.path[:] = [entry for entry in sys.path if entry]

import os
import struct

IMPORT_FAILED = 17  # wire::ControlKind::kImportFailed
CONTROL_HEADER = struct.Struct("=IIIiiI")  # wire::ControlHeader
MAX_CONTROL = 32 * 1024  # wire::kMaxControl
LOOKED_FOR = ("application", "app")
FACTORY = "create_app"
RARELY = (100000, 20, 100)  # thresholds of the garbage collector during the import


def settings_of(text):
    """JSON of ASCII characters is Python but for three names; importing json would take 6 ms of every start."""
    settings = eval(text, {"__builtins__": {}, "true": True, "false": False, "null": None})
    if "\\ud" in text:  # characters that JSON writes as two surrogates
        import json

        settings = json.loads(text)
    return settings


def end_with(settings, text):
    """Tells the edge why the import failed and ends. At once: threads that the app left could block a normal end."""
    payload = shortened(text.encode("utf-8", "backslashreplace"), MAX_CONTROL - CONTROL_HEADER.size)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    try:
        os.write(settings["control"], CONTROL_HEADER.pack(IMPORT_FAILED, 0, 0, os.getpid(), 0, len(payload)) + payload)
    except OSError:
        os.write(2, payload)
    os._exit(1)


def shortened(text, limit):
    """The beginning and, above all, the end: there stands what went wrong."""
    if len(text) <= limit:
        return text
    begin = limit // 4
    mark = b"\n[... shortened ...]\n"
    return text[:begin] + mark + text[len(text) - (limit - begin - len(mark)):]


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
    from importlib import machinery

    origin = "/proc/self/fd/%d" % descriptor
    loader = machinery.ExtensionFileLoader("edge_gateway", origin)
    module = loader.create_module(machinery.ModuleSpec("edge_gateway", loader, origin=origin))
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
            return import_file(os.path.abspath(name))
        import importlib

        return importlib.import_module(name)
    except BaseException as error:
        raised = sys.exc_info()
        trace = without_our_frames(raised[2])
        if trace is None and isinstance(error, ModuleNotFoundError) and (name + ".").startswith("%s." % error.name):
            raise Refused(no_such_module(name, error.name))
        if trace is None and isinstance(error, FileNotFoundError):
            raise Refused("there is no file %s" % name)
        by = " (imported by %s)" % sys.executable if isinstance(error, ImportError) else ""  # perhaps the wrong one
        raise Refused(traceback_of(raised[0], error, trace) + "importing %s failed: %s%s" % (name, brief(error), by))


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
    ours = ("importlib", "importlib._bootstrap", "importlib._bootstrap_external")
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


def find_app(module, settings):
    """(interface, callable) of an imported module."""
    app, what = look_for_app(module, settings["callable"])
    return with_interface(app, what, settings)


def look_for_app(module, wanted):
    """The app, whatever it is, and words for it."""
    if wanted:
        return named(module, wanted)
    present = [name for name in LOOKED_FOR if hasattr(module, name)]
    for name in present:
        if callable(getattr(module, name)):
            return getattr(module, name), "%s in %s" % (name, place(module))
    if hasattr(module, FACTORY):
        return made(module, FACTORY)
    if present:
        return named(module, present[0])
    raise Refused("%s has none of %s or %s()\n%s" % (place(module), ", ".join(LOOKED_FOR), FACTORY, candidates(module)))


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


def place(module):
    path = getattr(module, "__file__", None)
    return "%s (%s)" % (module.__name__, path) if path else module.__name__


def candidates(module):
    names = [name for name in sorted(vars(module)) if not name.startswith("_") and callable(getattr(module, name))]
    own = [name for name in names if getattr(getattr(module, name), "__module__", None) == module.__name__]
    others = [name for name in names if name not in own]
    if not names:
        return "it holds nothing that can be called"
    more = "" if len(names) <= 20 else " and %d more" % (len(names) - 20)
    return "what it holds that can be called: " + ", ".join((own + others)[:20]) + more


def main():
    settings = settings_of(sys.argv[1])
    reason = unsupported()
    if reason:
        end_with(settings, "%s: %s" % (settings["name"], reason))
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
            raise Refused(traceback_of(raised[0], error, raised[2]) + "looking for the app failed: " + brief(error))

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
        end_with(settings, "%s: %s" % (settings["name"], refused))
    sys.exit(gateway.zygote(settings["threads"], settings["processes"], found, load, "\n".join(warnings)))


main()

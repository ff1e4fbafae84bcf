# Which folders of files an app has, for a route with `static: auto`. Stands before left_open.py in the source that an
# interpreter runs, when a route asks. Looks only at what the app has imported itself, and its errors break nothing.
# `special` is bootstrap.py's.
import os
import sys

MOST_FOLDERS_BYTES = 31 * 1024  # wire::kMaxControl, with room for the header
MOST_MARKS = 4 * 1024  # characters; beyond it no name is taken for a hashed one
MOST_WRAPPERS = 16
WRAPPED = ("app", "application", "wsgi_app", "wsgi_application", "asgi_app", "_app")  # as middleware calls what it wraps
FLASK_FILE = "<path:filename>"
HASHED = "hashed"


class StaticFolders:
    """What was found: a URL without a slash at its beginning is one below the app's mount."""

    def __init__(self):
        self.folders = []
        self.warnings = []
        self.missing = []  # what need not be there; told when nothing else is found

    def add(self, url, directory, marks="", required=None):
        """`required`: what to say, after the folder's path, when the folder is not there."""
        directory = os.path.abspath(os.fsdecode(directory))
        if os.path.isdir(directory):
            self.folders.append((url, directory, marks))
        elif required:
            self.warnings.append("there is no folder %s: %s" % (directory, required))
        else:
            self.missing.append(directory)

    def message(self):
        """The warnings, a line each, then URL, path and marks of each folder; each text ends with a NUL."""
        if not self.folders and not self.warnings:
            self.warnings.append("the app has no folder of files that edge could serve" + (
                "; there is no %s" % ", no ".join(self.missing) if self.missing else
                "; edge asks Django, Flask, Starlette and FastAPI"))
        texts = ["\n".join(self.warnings)[:MOST_FOLDERS_BYTES // 4]]
        texts += [text for folder in self.folders for text in folder]
        encoded = [encode(text).replace(b"\0", b"?") + b"\0" for text in texts]
        while sum(map(len, encoded)) > MOST_FOLDERS_BYTES:
            del encoded[-3:]
        return b"".join(encoded)


def encode(text):
    try:
        return os.fsencode(text)
    except UnicodeError:  # no path that is there, so whatever it is may be shown as it can
        return text.encode("utf-8", "backslashreplace")


METHOD = type(StaticFolders().message)


def static_folders(app, module):
    found = StaticFolders()
    for name, look in (("Django", django_folders), ("Flask", flask_folders), ("Starlette", starlette_folders)):
        try:
            look(app, module, found)
        except BaseException as error:
            found.warnings.append("the folders of %s cannot be found: %s" % (name, special.brief(error)))
    return found.message()


def class_of(module, name):
    """The class, if the app has imported its module; else one that nothing is of."""
    return getattr(sys.modules.get(module), name, None) or type("NotImported", (), {})


def beneath_wrappers(app, kinds):
    """The framework's own object that `app` is or wraps, found without running any code of theirs."""
    for _ in range(MOST_WRAPPERS):
        if isinstance(app, kinds):
            return app
        if isinstance(app, METHOD):
            app = app.__self__  # such as that of flask_app.wsgi_app
        else:
            held = getattr(app, "__dict__", {})
            app = next((held[name] for name in WRAPPED if name in held), None)
    return None


def only_one_in(module, kinds):
    """For wrappers that cannot be looked into."""
    candidates = {id(value): value for value in list(vars(module).values()) if isinstance(value, kinds)}
    return candidates.popitem()[1] if len(candidates) == 1 else None


def django_folders(app, module, found):
    settings = getattr(sys.modules.get("django.conf"), "settings", None)
    if settings is None or not settings.configured:
        return
    # settings.STATIC_URL would keep for good the script name that holds when it is first asked for: none, by now.
    values = settings._wrapped
    url = django_url(values, "STATIC_URL")
    if url is not None and "django.contrib.staticfiles" in values.INSTALLED_APPS:
        if values.STATIC_ROOT:
            found.add(url, values.STATIC_ROOT, marks_of(values),
                      "it is Django's STATIC_ROOT; run `manage.py collectstatic`, and reload the app")
        else:
            found.warnings.append("Django's STATIC_ROOT is not set; set it to a folder, run `manage.py collectstatic`, "
                                  "and reload the app")
    url = django_url(values, "MEDIA_URL")
    if url is not None and values.MEDIA_ROOT:
        found.add(url, values.MEDIA_ROOT, "", "it is Django's MEDIA_ROOT; make it, and reload the app")


def django_url(values, name):
    """As Django makes it; nothing when it is not set, or leads to another host."""
    url = getattr(values, name, None)
    if not url or str(url).startswith(("http://", "https://", "//")):
        return None
    url = str(url)
    forced = values.FORCE_SCRIPT_NAME
    return url if url.startswith("/") or forced is None else "%s/%s" % (str(forced).rstrip("/"), url)


def marks_of(values):
    """HASHED where collectstatic has put the hash of its content into each file's name, as a manifest lists them; and a
    line for each other file whose name looks like that."""
    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    backend = getattr(values, "STORAGES", {}).get("staticfiles", {}).get("BACKEND", plain)
    if backend == plain:
        backend = getattr(values, "STATICFILES_STORAGE", plain)
    module, _, name = backend.rpartition(".")
    storage = getattr(sys.modules.get(module), name, None)  # usually not imported yet
    if backend == plain or storage is not None and not hasattr(storage, "manifest_name"):
        return ""
    try:
        import json

        with open(os.path.join(values.STATIC_ROOT, getattr(storage, "manifest_name", "staticfiles.json")), "rb") as file:
            paths = json.load(file)["paths"]
        hashed = set(paths.values())
        marks = "\n".join([HASHED] + [name for name in paths if name not in hashed and looks_hashed(name)])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    return marks if len(marks) <= MOST_MARKS else ""


def looks_hashed(path):
    return any(len(part) == 12 and not part.strip("0123456789abcdef") for part in path.split("/")[-1].split(".")[1:][-2:])


def flask_folders(app, module, found):
    flask, blueprint = class_of("flask", "Flask"), class_of("flask", "Blueprint")
    site = beneath_wrappers(app, flask) or only_one_in(module, flask)
    if site is None:
        return
    senders = [getattr(kind, "send_static_file", None) for kind in (flask, blueprint)]
    for rule in list(site.url_map.iter_rules()):
        url, name = rule.rule[:-len(FLASK_FILE)], rule.endpoint
        owner = site if name == "static" else site.blueprints.get(name[:-len(".static")])
        ours = name == "static" or name.endswith(".static")
        if not ours or owner is None or not owner.has_static_folder or not rule.rule.endswith("/" + FLASK_FILE):
            continue
        if "<" in url or rule.host or rule.subdomain or type(owner).send_static_file not in senders:
            continue  # what Flask itself would not do with every request for these files
        found.add(url.lstrip("/"), owner.static_folder)


def starlette_folders(app, module, found):
    kinds = (class_of("starlette.applications", "Starlette"), class_of("starlette.routing", "Router"))
    site = beneath_wrappers(app, kinds) or only_one_in(module, kinds[0])
    if site is not None:
        mounted_folders(site.routes, "", found, MOST_WRAPPERS)


def mounted_folders(routes, prefix, found, deepest):
    mount, files = class_of("starlette.routing", "Mount"), class_of("starlette.staticfiles", "StaticFiles")
    for route in routes:
        if not isinstance(route, mount) or "{" in route.path or deepest == 0:
            continue
        path = (prefix + route.path).strip("/")
        inner = getattr(route, "app", None)
        if type(inner) is files:  # a class of the app's own may ask who it is that wants a file
            if inner.directory is not None:
                found.add(path + "/" if path else "", inner.directory)
        else:
            mounted_folders(getattr(inner, "routes", None) or (), prefix + route.path, found, deepest - 1)



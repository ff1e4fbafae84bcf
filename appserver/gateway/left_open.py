# What the import of an app left open: threads, sockets and database handles that workers must not share, or will miss.
# The first part of the source that an interpreter runs; bootstrap.py, which uses it, is the last.
import os
import sys


def open_descriptors():
    """Descriptor -> what it is, of this process."""
    found = {}
    for entry in os.listdir("/proc/self/fd"):
        try:
            found[int(entry)] = os.readlink("/proc/self/fd/" + entry)
        except OSError:
            pass
    return found


def left_open(before):
    """A line for each thing from the import that workers must not share, or will miss."""
    threading = sys.modules.get("threading")
    threads = threading.enumerate() if threading else []
    lines = ["thread %r was started at import: it does not run in the workers" % thread.name
             for thread in threads if thread is not threading.main_thread()]
    new = {fd: target for fd, target in open_descriptors().items() if before.get(fd) != target}
    sockets = {fd for fd, target in new.items() if target.startswith("socket:")}
    databases = [target for fd, target in new.items() if is_sqlite(fd, target)]
    lines += ["SQLite database %s was opened at import: workers must not share its handle" % path
              for path in sorted(set(databases))]
    described = special.describe_sockets(sockets) if sockets else []
    lines += ["%s was opened at import: every worker would share it" % text for text in described]
    return lines


def is_sqlite(fd, target):
    try:
        with open("/proc/self/fd/%d" % fd, "rb") as file:
            return target.startswith("/") and os.path.isfile(target) and file.read(15) == b"SQLite format 3"
    except OSError:
        return False



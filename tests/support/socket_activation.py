"""Starting edge as systemd does: with listening sockets from descriptor 3 on, and a socket that it reports to."""
import socket

from edge import PATIENCE, SYSTEM_PYTHON

# Only the process itself knows its id, so the last step before edge is this.
LAUNCHER = """
import fcntl, os, sys
count, *sockets = sys.argv[1].split(",")
kept = [fcntl.fcntl(int(one), fcntl.F_DUPFD_CLOEXEC, 100) for one in sockets]
for place, one in enumerate(kept, 3):
    os.dup2(one, place, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=count, LISTEN_FDNAMES="edge.socket")
os.execvp(sys.argv[2], sys.argv[2:])
"""


def activated(*sockets, count=None):
    """The options of the fixture `serve` by which edge is started with these sockets."""
    numbers = [str(one.fileno()) for one in sockets]
    told = str(len(sockets) if count is None else count)
    return {"launcher": (SYSTEM_PYTHON, "-c", LAUNCHER, ",".join([told, *numbers])),
            "descriptors": tuple(one.fileno() for one in sockets)}


def listening(path=None):
    """A listening socket: of a unix path, or of a port of the kernel's choice."""
    if path is None:
        return socket.create_server(("127.0.0.1", 0))
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen()
    return made


class ServiceManager:
    """What edge says to its service manager."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self._socket.settimeout(PATIENCE)

    def next(self):
        """The next message, as its lines."""
        return self._socket.recv(4096).decode().splitlines()

    def close(self):
        self._socket.close()

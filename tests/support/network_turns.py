"""A browser gives up what it loads when the machine's network changes (net::ERR_NETWORK_CHANGED): while one is shown a
page there are no cables of tests, in none of their processes."""
import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

LOCK = Path(tempfile.gettempdir()) / f"edge-tests-network-{os.getuid()}.lock"


def hold_for_cables():
    """An open file; until it is closed no browser is at work. Several may be held at once."""
    held = LOCK.open("w")
    fcntl.flock(held, fcntl.LOCK_SH)
    return held


@contextlib.contextmanager
def steady_network():
    with LOCK.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield

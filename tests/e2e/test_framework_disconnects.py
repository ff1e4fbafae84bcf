"""Clients that leave views and streams of Flask and Django: what the app sees, what is raised, and what is closed."""
import os

import pytest

from edge import wait_until
from framework_shops import Shop

LARGE = os.urandom(1 << 20) * 8                         # bytes; more than all buffers on the way to a client


@pytest.fixture(params=["flask", "django"])
def framework(request):
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture(params=[1, 2], ids=["one-thread", "two-threads"])
def shop(request, serve, framework):
    return Shop(serve, framework, request.param)


def leave(shop, method, path, *notes):
    """A client that asks, and goes when the app has noted that."""
    connection = shop.edge.connect()
    connection.ask(method, path)
    shop.wait_for(*notes)
    connection.tear()


def assert_well(shop, worker):
    """The worker goes on with nothing left of the request, and nobody takes what was for an error."""
    assert shop.told() == {"pid": worker, "left": []}
    assert " error " not in shop.edge.log.text() and "interrupted" not in shop.edge.log.text()


def test_cancel_on_disconnect_ends_the_view(shop, framework):
    worker = shop.told()["pid"]
    leave(shop, "GET", "/cancelled/stuck", "view begins")
    told = ["view begins", "view ClientDisconnected",
            ("teardown" if framework == "flask" else "middleware") + " ClientDisconnected"]
    shop.wait_for(told[-1])
    assert shop.notes() == told
    shop.wait_logged(499, "GET", "/cancelled/stuck")
    assert_well(shop, worker)


@pytest.mark.parametrize("method, path", [("GET", "/watch"), ("POST", "/cancelled/watch")])
def test_a_view_that_is_not_cancelled_sees_that_its_client_has_left(shop, framework, method, path):
    """Without the setting, or because the method is not safe."""
    worker = shop.told()["pid"]
    leave(shop, method, path, "view begins, gone: False")
    shop.wait_for("view sees that its client has left")
    shop.wait_logged(499, method, path)
    (shop.folder / "go on").touch()
    told = ["view begins, gone: False", "view sees that its client has left", "view ends",
            "teardown NoneType" if framework == "flask" else f"request_finished {path}"]
    shop.wait_for(told[-1])
    assert shop.notes() == told
    assert_well(shop, worker)


def wait_closed(shop, framework, path):
    """What the frameworks do at the end of a streamed answer."""
    shop.wait_for(f"generator of ada at {path} left",
                  "response closed", *([f"request_finished {path}"] if framework == "django" else []))
    if framework == "flask":
        assert [note for note in shop.notes() if note.startswith("teardown ")], "the kept context has ended"


def test_a_stream_is_closed_when_its_client_leaves(shop, framework):
    """The worker waits to send, because the client does not read."""
    worker = shop.told()["pid"]
    with shop.edge.connect() as connection:
        connection.ask("GET", "/stream?who=ada")
        assert connection.head().status == 200 and connection.chunk()[:1] == b"x"
        assert shop.notes() == []
    wait_closed(shop, framework, "/stream")
    shop.wait_logged(200, "GET", "/stream")
    assert_well(shop, worker)


def test_cancel_on_disconnect_ends_a_generator_that_waits(shop, framework):
    worker = shop.told()["pid"]
    with shop.edge.connect() as connection:
        connection.ask("GET", "/cancelled/hanging?who=ada")
        assert connection.head().status == 200 and connection.chunk() == b"first"
        shop.wait_for("view begins")
    wait_closed(shop, framework, "/cancelled/hanging")
    assert "view ClientDisconnected" in shop.notes()
    assert_well(shop, worker)


def test_a_generator_that_is_not_cancelled_is_closed_at_its_next_piece(shop, framework):
    worker = shop.told()["pid"]
    with shop.edge.connect() as connection:
        connection.ask("GET", "/waiting?who=ada")
        assert connection.head().status == 200 and connection.chunk() == b"first"
        shop.wait_for("view begins, gone: False")
    shop.wait_for("view sees that its client has left")
    assert "response closed" not in shop.notes()
    (shop.folder / "go on").touch()
    wait_closed(shop, framework, "/waiting")
    assert "view ends" in shop.notes() and "generator goes on" not in shop.notes()
    assert_well(shop, worker)


@pytest.fixture
def files(serve):
    pytest.importorskip("django")
    return Shop(serve, "django", files={"large": LARGE})


def test_a_file_of_django_is_closed_before_a_slow_client_has_it(files):
    worker = files.told()["pid"]
    with files.edge.connect(receive_buffer=4096) as slow:
        slow.ask("GET", "/file")
        assert slow.head().status == 200
        files.wait_for("response closed", "request_finished /file")
        assert files.told()["pid"] == worker, "the only worker is free"
        assert slow.exactly(len(LARGE)) == LARGE
        slow.ask("GET", "/file")
        assert slow.head().status == 200
    wait_until(lambda: [line[2] for line in files.access()].count("/file") == 2, "the one that was left is logged too")
    assert_well(files, worker)


def test_a_file_in_memory_of_django_is_closed_when_its_client_leaves(files):
    worker = files.told()["pid"]
    with files.edge.connect(receive_buffer=4096) as slow:
        slow.ask("GET", "/memory")
        assert slow.head().status == 200 and slow.exactly(1000) == LARGE[:1000]
        assert files.notes() == []
    files.wait_for("response closed", "request_finished /memory")
    files.wait_logged(200, "GET", "/memory")
    assert_well(files, worker)

"""Two clients leave one after the other, while the worker is at the request of the first and has that of the second:
the app is told of the first."""
import pytest

from edge import wait_until

SITE = """\
    edge: {threads: 1}
    apps:
      app: {module: app, processes: 1, request_timeout: 1h}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /cancelled/, app: app, cancel_on_disconnect: true}
          - {path: /, app: app}
"""
APP = '''\
    """/brief takes so little that the next request is handed ahead; the others last until they are told."""
    import os
    import time


    def note(text):
        with open("notes", "a") as notes:
            notes.write(text + "\\n")


    def wait(gone):
        while not gone() and not os.path.exists("go on"):
            time.sleep(0.01)


    def application(environ, start_response):
        path = environ["PATH_INFO"].split("/")[-1]
        if path == "brief":
            time.sleep(0.002)
        else:
            try:
                note("begins")
                if path == "watch":
                    time.sleep(0.1)                     # it looks when both have left
                wait(environ["edge.disconnected"] if path == "watch" else lambda: False)
            finally:
                note("ends")
        start_response("200 OK", [])
        return []
'''


@pytest.mark.parametrize("path", ["/watch", "/cancelled/hang"])
def test_the_app_is_told_that_its_client_has_left_although_the_next_one_leaves_too(serve, path):
    edge = serve(SITE, {"app.py": APP})
    notes = edge.folder / "notes"
    for number in range(20):
        with edge.connect() as connection:
            for _ in range(50):
                assert connection.request("GET", "/brief").status == 200
        with edge.connect() as first, edge.connect() as second:
            first.ask("GET", path)
            second.ask("GET", "/cancelled/brief")
            wait_until(lambda: notes.exists() and notes.read_text().count("begins") == number + 1, "the app is at it")
            first.close()
        try:
            wait_until(lambda: notes.read_text().count("ends") == number + 1, "the app is told")
        except AssertionError:
            (edge.folder / "go on").touch()
            raise

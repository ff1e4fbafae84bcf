"""What workers share: the memory (PSS) of a Django app with 8 workers against that with one, its zygote included, when
every worker has answered. Prints both and their ratio.

    EDGE_BIN=build/release/edge python3 tests/bench/worker_memory_bench.py
"""
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from edge import Edge, write_files  # noqa: E402 (found by the line above)

WORKERS = 8
MOST = 1.6
PAGES = 200
SITE = """\
    log: {access: off}
    apps:
      app: {module: app, processes: %d}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /
            app: app
"""
APP = '''\
    """A Django site that answers JSON; /held takes a while, so that each of the workers gets one. Nothing is imported by a
    view: what an app imports only in its workers is shared by nobody."""
    import os
    import time

    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import path

    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="of the benchmark",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware", "django.middleware.security.SecurityMiddleware"])


    def page(request):
        return JsonResponse({"numbers": [{"number": number} for number in range(20)]})


    def held(request):
        time.sleep(0.2)
        return JsonResponse({"pid": os.getpid()})


    urlpatterns = [path("", page), path("held", held)]
    application = get_wsgi_application()
'''


def warm(edge, workers):
    """Until every worker has answered."""
    pids = set()
    while len(pids) < workers:
        connections = [edge.connect() for _ in range(workers)]
        for connection in connections:
            connection.ask("GET", "/held")
        pids |= {connection.answer().text for connection in connections}
        for connection in connections:
            connection.close()
    with edge.connect() as connection:
        for _ in range(PAGES):
            assert connection.request("GET", "/").status == 200


def memory(workers):
    """In MiB."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(folder, {"site.yaml": SITE % workers, "app.py": APP})
        edge = Edge(folder, ["serve", "site.yaml"]).wait_ready()
        try:
            warm(edge, workers)
            rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in edge.family()]
            assert len(rollups) == workers + 1          # and the zygote
            return sum(int(re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)[1]) for text in rollups) / 1024
        finally:
            edge.stop()
            edge.end()


def main():
    one, many = memory(1), memory(WORKERS)
    print(f"1 worker {one:.1f} MiB, {WORKERS} workers {many:.1f} MiB: {many / one:.2f} times (at most {MOST:g})")
    return many > MOST * one


if __name__ == "__main__":
    sys.exit(main())

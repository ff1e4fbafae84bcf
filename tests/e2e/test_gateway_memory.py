"""The memory of workers: what a worker makes lies apart from what it shares with the zygote."""
import json

import pytest

from gateway_harness import all_interpreters, serve_app    # noqa: F401 (fixtures)
from sanitizer import SANITIZED

INTERPRETERS = all_interpreters()

# At import every other one of many small objects of each size goes, so that there is a hole beside each that stays.
# /pages tells of how many new objects a worker makes, and how many of them lie in a page with one that stayed.
HOLES = """
    import json
    SIZES = range(40, 500, 60)
    made = {size: [bytes(size) for _ in range(COUNT)] for size in SIZES}
    stayed = {size: made.pop(size)[::2] for size in SIZES}

    def pages_of(objects):
        return [id(one) // 4096 for one in objects]

    def application(environ, start_response):
        shared = {page for objects in stayed.values() for page in pages_of(objects)}
        new = [bytes(size) for size in SIZES for _ in range(COUNT // 4)]
        start_response("200 OK", [])
        return [json.dumps([len(new), sum(page in shared for page in pages_of(new))]).encode()]
"""


def holes(count):
    return HOLES.replace("COUNT", str(count))


@pytest.mark.parametrize("version", INTERPRETERS)
@pytest.mark.parametrize("count", [400, 8000])
def test_a_worker_makes_nothing_in_the_pages_of_what_was_imported(serve_app, version, count):
    made, beside_imported = json.loads(serve_app(holes(count), python=INTERPRETERS[version],
                                                 environment={"PYTHONMALLOC": ""}).ask().body)
    assert made == 8 * (count // 4)
    assert beside_imported < made / 20          # all of them without the change; a few come from what a request frees


def test_another_allocator_is_left_as_it_is(serve_app):
    made, beside_imported = json.loads(serve_app(holes(400), environment={"PYTHONMALLOC": "debug"}).ask().body)
    assert made == 800 and beside_imported > made / 2


@pytest.mark.skipif(bool(SANITIZED), reason="the sanitizer's malloc() puts nothing where something was")
@pytest.mark.parametrize("sizes, allocator", [("range(600, 3000, 300)", ""), ("range(40, 500, 60)", "malloc")],
                         ids=["large objects", "all objects"])
def test_so_it_is_with_what_comes_from_the_heap_of_the_c_library(serve_app, sizes, allocator):
    app = holes(400).replace("range(40, 500, 60)", sizes)
    made, beside_imported = json.loads(serve_app(app, environment={"PYTHONMALLOC": allocator}).ask().body)
    assert made == 800
    assert beside_imported < made / 10          # most of them without the change


def test_what_every_request_is_made_with_is_made_in_the_zygote(serve_app):
    app = serve_app("""
        import gc
        def application(environ, start_response):
            types = [type(environ[name]) for name in ("wsgi.input", "wsgi.errors", "edge.disconnected")]
            types += [environ["wsgi.file_wrapper"], type(start_response)]
            start_response("200 OK", [])
            own = gc.get_objects()              # without what was frozen before the fork
            return [repr([one.__name__ for one in types if any(one is other for other in own)]).encode()]
    """)
    assert app.ask().body == b"[]"

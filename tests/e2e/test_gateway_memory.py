"""The memory of workers: what they share with the zygote."""
from gateway_harness import serve_app    # noqa: F401 (fixtures)


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

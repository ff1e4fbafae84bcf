"""Where the gateway is built with AddressSanitizer, the sanitizer is at work in the worker."""
from pathlib import Path

import pytest

from gateway_harness import serve_app    # noqa: F401 (fixtures)
from sanitizer import BUILD

GATEWAY = BUILD / "edge_gateway.abi3.so"
APP = """
    import os
    def application(environ, start_response):
        start_response("200 OK", [])
        return [str(os.getpid()).encode()]
"""


@pytest.mark.skipif(BUILD.name != "gateway-asan", reason="this build's gateway has no sanitizer")
def test_a_worker_has_the_sanitizer(serve_app):    # noqa: F811 (a fixture)
    assert b"__asan_report_load" in GATEWAY.read_bytes()
    pid = int(serve_app(APP).ask().body)
    assert "libclang_rt.asan" in Path(f"/proc/{pid}/maps").read_text()

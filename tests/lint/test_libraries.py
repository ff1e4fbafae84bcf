"""One library, one place: which files may include the headers of which library."""
import re

import pytest

from source_tree import ROOMS, Source, cpp_sources, includes

PLACE_OF = [                                            # what the header is called, where it may stand
    (r"uv\.h|uv/.*", r"core/net/.*"),
    (r"llhttp\.h", r"core/http/h1_[^/]*"),
    (r"pcre2.*", r"core/http/pattern\.cpp"),
    (r"crypt\.h", r"core/access/password_hash\.cpp"),
    (r"yaml-cpp/.*", r"config/.*"),
    (r"Python\.h", r"appserver/gateway/.*"),
    (r"nlohmann/.*", r"(cmd|tests)/.*|appserver/zygote\.cpp"),
    (r"CLI/.*|CLI11\.hpp", r"cmd/.*"),
    (r"nghttp2/.*", r"core/http/h2_[^/]*|tests/.*"),
    (r"openssl/.*", r"core/net/tls[^/]*|core/http/websocket_key\.cpp|tests/.*"),
    (r"zlib\.h", r"core/filters/compressor_gzip\.cpp|tests/.*"),
    (r"brotli/.*", r"core/filters/compressor_brotli\.cpp|tests/.*"),
    (r"zstd\.h", r"core/filters/compressor_zstd\.cpp|tests/.*"),
    (r"doctest/.*|benchmark/.*", r"tests/.*"),
    (r"regex", r"tests/.*"),                            # unbounded effort
    (r"map", r"(?!core/).*"),                           # core is the hot path
]


def violations(source):
    found = []
    for offset, _, header in includes(source):
        for library, place in PLACE_OF:
            if re.fullmatch(library, header) and not re.fullmatch(place, source.path):
                found.append(f"{source.at(offset)}: <{header}> belongs in {place}")
    return found


def test_every_library_stays_in_its_place():
    assert [v for source in cpp_sources(*ROOMS, "tests") for v in violations(source)] == []


@pytest.mark.parametrize("path, header", [
    ("core/http/pump.cpp", "uv.h"),
    ("core/http/pump.cpp", "llhttp.h"),
    ("core/http/router.cpp", "pcre2.h"),
    ("core/access/basic_auth.cpp", "crypt.h"),
    ("cmd/serve.cpp", "yaml-cpp/yaml.h"),
    ("appserver/app_pool.cpp", "Python.h"),
    ("config/load.cpp", "CLI/CLI.hpp"),
    ("core/log.cpp", "nlohmann/json.hpp"),
    ("core/http/h1_parser.cpp", "nghttp2/nghttp2.h"),
    ("static/static_handler.cpp", "openssl/ssl.h"),
    ("core/filters/compression.cpp", "zlib.h"),
    ("core/filters/compressor_gzip.cpp", "brotli/encode.h"),
    ("static/static_handler.cpp", "zstd.h"),
    ("core/http/router.cpp", "map"),
])
def test_a_library_out_of_place_is_found(path, header):
    assert violations(Source(path, f"// A file.\n#include <{header}>\n"))


def test_a_library_in_its_place_passes():
    assert violations(Source("core/net/loop.h", "// A loop.\n#include <uv.h>\n")) == []

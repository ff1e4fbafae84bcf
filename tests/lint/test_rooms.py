"""Who may include whom: the table of rooms, and that a forbidden include does not even build."""
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from source_tree import ROOMS, ROOT, Source, cpp_sources, includes

CONFIG_DATA = ("config/snapshot.h",)
MAY_INCLUDE = {                       # a room's own folder always; a name with "/" is that one header and no other
    "core": (),
    "config": ("core",),
    "static": ("core", *CONFIG_DATA),
    "proxy": ("core", *CONFIG_DATA),
    "appserver": ("core", *CONFIG_DATA),
    "cmd": ROOMS,
    "tests": (*ROOMS, "tests"),
}
GATEWAY = "appserver/gateway/"
GATEWAY_MAY_INCLUDE = ("appserver/wire.h", "appserver/request_ring_reader.h", "appserver/answer_ring_writer.h",
                       "core/uwsgi/packet.h", "core/file_tree.h")


def allowed(path, header):
    if path.startswith(GATEWAY):
        return header.startswith(GATEWAY) or header in GATEWAY_MAY_INCLUDE
    room = path.split("/")[0]
    return any(header == entry or header.startswith(entry + "/") for entry in (room, *MAY_INCLUDE[room]))


def violations(source):
    found = []
    for offset, quoted, header in includes(source):
        if quoted and ("/" not in header or header.startswith(".")) and source.room != "tests":
            found.append(f'{source.at(offset)}: "{header}" is not written from the root as "room/file.h"')
        elif header.split("/")[0] in ROOMS and not quoted:
            found.append(f"{source.at(offset)}: <{header}> is ours: write it in quotes")
        elif header.split("/")[0] in ROOMS and not allowed(source.path, header):
            found.append(f'{source.at(offset)}: {source.room} may not include "{header}"')
    return found


def test_every_include_keeps_to_the_table():
    assert [v for source in cpp_sources(*MAY_INCLUDE) for v in violations(source)] == []


@pytest.mark.parametrize("path, line", [
    ("core/a.h", '#include "config/snapshot.h"'),
    ("static/a.cpp", '#include "proxy/b.h"'),
    ("static/a.cpp", '#include "config/load.h"'),
    ("proxy/a.cpp", '#include "appserver/wire.h"'),
    ("appserver/a.cpp", '#include "cmd/serve.h"'),
    ("appserver/gateway/a.cpp", '#include "core/result.h"'),
    ("core/http/a.cpp", '#include "../result.h"'),
    ("core/http/a.cpp", '#include "date.h"'),
    ("core/http/a.cpp", "#include <core/result.h>"),
])
def test_a_forbidden_include_is_found(path, line):
    assert violations(Source(path, f"// A file.\n{line}\n"))


@pytest.mark.parametrize("path, line", [
    ("static/a.cpp", '#include "config/snapshot.h"'),
    ("appserver/gateway/a.cpp", '#include "appserver/wire.h"'),
    ("cmd/a.cpp", '#include "proxy/upstream.h"'),
    ("core/a.cpp", "#include <string>"),
])
def test_an_allowed_include_passes(path, line):
    assert violations(Source(path, f"// A file.\n{line}\n")) == []


def compile_command(room):
    """The compiler's arguments for some source of a room, without its input and output."""
    build = ROOT / os.environ.get("EDGE_BUILD", "build/release")
    database = build / "compile_commands.json"
    assert database.exists(), f"{database} is missing: configure that build folder, or name another by EDGE_BUILD"
    for entry in json.loads(database.read_text()):
        if Path(entry["file"]).is_relative_to(ROOT / room) and entry["file"].endswith(".cpp"):
            words = shlex.split(entry["command"])
            start = next(i for i, word in enumerate(words) if re.search(r"(clang|g)\+\+", word))
            kept, skip = [], False
            for word in words[start:]:
                skip_this, skip = skip, word in ("-o", "-c", "-MF", "-MT")
                if not skip_this and not skip and word not in ("-MD", entry["file"]):
                    kept.append(word)
            return kept
    return None


@pytest.mark.parametrize("room", ["core", "config", "static", "appserver"])
def test_a_forbidden_include_does_not_build(room, tmp_path):
    forbidden = {"core": "config/snapshot.h", "config": "appserver/wire.h", "static": "appserver/wire.h",
                 "appserver": "cmd/check.h"}[room]
    snippet = tmp_path / "snippet.cpp"
    command = compile_command(room)
    assert command, f"no source of {room} is in the build"

    def compiled(include):
        snippet.write_text(f'#include "{include}"\n')
        return subprocess.run([*command, "-fsyntax-only", str(snippet)], capture_output=True, text=True, timeout=60)

    assert compiled("core/result.h").returncode == 0
    refused = compiled(forbidden)
    assert refused.returncode != 0 and "file not found" in refused.stderr

"""What every file keeps: a first line that says what it is, a bounded length, nothing left undone, nothing of the
machine that it was written on."""
import re

import pytest

from source_tree import Source, every_source

MOST_LINES = 400
OPENINGS = {                                            # how a file of that kind begins
    ".cpp": "// ", ".h": "// ", ".c": "// ", ".S": "// ", ".py": '"""', ".cmake": "# ", ".yaml": "# ", ".ini": "# ",
    "CMakeLists.txt": "# ", "run": "# ", "setup": "# ", "demo": "# ", "test": "# ", ".html": None, ".json": None,
    ".md": "# ",
}
LEFT_UNDONE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE = re.compile(r"(?<![\w.$}*~])/(?:ho" r"me|ro" r"ot|Us" r"ers|wo" r"rk)/[\w.]")


def says_what_it_is(source):
    opening = OPENINGS.get(source.name, OPENINGS.get(source.suffix))
    lines = source.lines
    if opening is None or not source.text.strip():
        return True
    first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
    if source.suffix == ".py" and first.startswith("# "):
        return True
    return first.startswith(opening) and len(first) > len(opening) + 8


def first_line_violations(source):
    return [] if says_what_it_is(source) else [f"{source.path}:1: the first line does not say what the file is"]


def length_violations(source):
    if source.suffix not in {".cpp", ".h", ".c", ".py"} or len(source.lines) <= MOST_LINES:
        return []
    return [f"{source.path}: {len(source.lines)} lines; a file is one idea of at most {MOST_LINES}"]


def pattern_violations(source, pattern, what):
    return [f"{source.at(m.start())}: {what}: {m[0]}" for m in pattern.finditer(source.text)]


RULES = {
    "first line": first_line_violations,
    "length": length_violations,
    "left undone": lambda source: pattern_violations(source, LEFT_UNDONE, "left undone"),
    "machine": lambda source: pattern_violations(source, MACHINE, "a path of one machine"),
}


@pytest.mark.parametrize("rule", RULES)
def test_every_file_keeps_the_rule(rule):
    assert [v for source in every_source() for v in RULES[rule](source)] == []


@pytest.mark.parametrize("rule, source", [
    ("first line", Source("core/a.h", "#pragma once\n")),
    ("first line", Source("tests/e2e/test_a.py", "import os\n")),
    ("first line", Source("deploy/demo", "#!/usr/bin/env bash\nset -e\n")),
    ("first line", Source("core/CMakeLists.txt", "edge_room(core)\n")),
    ("length", Source("core/a.cpp", "// A file that is long.\n" * (MOST_LINES + 1))),
    ("left undone", Source("core/a.cpp", "// TO" "DO: the rest\n")),
    ("left undone", Source("README.md", "FIX" "ME\n")),
    ("machine", Source("README.md", "see /ho" "me/somebody/edge\n")),
    ("machine", Source("tests/e2e/test_a.py", 'EDGE = "/wo' 'rk/main/build/edge"\n')),
])
def test_a_breach_is_found(rule, source):
    assert RULES[rule](source)


@pytest.mark.parametrize("source", [
    Source("core/a.h", "// A file that says what it is.\n#pragma once\n"),
    Source("deploy/demo", "#!/usr/bin/env bash\n# Builds edge and serves the hello example.\n"),
    Source("README.md", "# edge: $HOME/work/site and ~/root/x and https://example.com/home/page\n"),
])
def test_a_good_file_passes(source):
    assert [v for rule in RULES.values() for v in rule(source)] == []

"""Every test file is found by its name: one that no runner would pick up is a test that never fails."""
import re

import pytest

from source_tree import ROOT

NAMES = {                                               # folder -> what a file in it may be called
    "unit": r".*_test\.cpp|main\.cpp|.*\.h",
    "fuzz": r".*_fuzz\.cpp|replay\.cpp|corpus|.*\.dict",
    "bench": r".*_bench\.(cpp|py)|(static|app)\.yaml",
    "e2e": r"test_.*\.py|conftest\.py",
    "lint": r"test_.*\.py",
    "golden": r".*\.golden",
    "support": r".*\.(py|h|cpp)|apps",
}


def strays(folder, names):
    return [f"tests/{folder}/{name}" for name in names if not re.fullmatch(NAMES[folder] + r"|__pycache__", name)]


def test_there_are_no_other_folders():
    folders = {p.name for p in (ROOT / "tests").iterdir() if p.is_dir()}
    assert folders - set(NAMES) - {"__pycache__", ".pytest_cache"} == set()


@pytest.mark.parametrize("folder", NAMES)
def test_no_file_is_a_stray(folder):
    assert strays(folder, sorted(p.name for p in (ROOT / "tests" / folder).glob("*"))) == []


def test_every_corpus_has_its_target():
    fuzz = ROOT / "tests" / "fuzz"
    assert [p.name for p in (fuzz / "corpus").glob("*") if not (fuzz / f"{p.name}.cpp").exists()] == []


@pytest.mark.parametrize("folder, name", [
    ("unit", "router.cpp"), ("e2e", "http1_test.py"), ("fuzz", "path.cpp"), ("golden", "a.yaml"), ("lint", "rooms.py"),
])
def test_a_stray_is_found(folder, name):
    assert strays(folder, [name])

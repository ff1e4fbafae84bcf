"""The files of this repository, as the lint rules see them."""
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "config", "static", "proxy", "appserver", "cmd")
NOT_OURS = {".git", "build", "__pycache__", ".pytest_cache", ".cache", "venv", ".venv", "LICENSE"}
CPP = {".cpp", ".h"}


@dataclass(frozen=True)
class Source:
    """A text file: where it is, relative to the root, and what it holds. Rules take it, so that self-tests can
    invent one."""

    path: str
    text: str

    @property
    def suffix(self):
        return Path(self.path).suffix

    @property
    def name(self):
        return Path(self.path).name

    @property
    def room(self):
        return self.path.split("/")[0]

    @property
    def lines(self):
        return self.text.splitlines()

    def at(self, offset):
        """`path:line` of an offset in the text, the way a compiler names it."""
        return f"{self.path}:{self.text.count(chr(10), 0, offset) + 1}"


@cache
def every_source():
    """Every text file that belongs to the repository, fuzz corpora and golden files aside."""
    sources = []
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT)
        if not path.is_file() or path.is_symlink() or NOT_OURS & set(inside.parts):
            continue
        if inside.parts[:3] == ("tests", "fuzz", "corpus"):
            continue
        try:
            sources.append(Source(str(inside), path.read_text()))
        except UnicodeDecodeError:
            continue
    return sources


def cpp_sources(*folders):
    return [s for s in every_source() if s.suffix in CPP and (not folders or s.path.split("/")[0] in folders)]


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(source):
    """(offset, quoted?, name) of every #include."""
    return [(m.start(), m[1] == '"', m[2]) for m in INCLUDE.finditer(source.text)]


BLANKED = re.compile(
    r'''//[^\n]*|/\*.*?\*/|R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"|"(?:\\.|[^"\\\n])*"'''
    r"""|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])*'""", re.DOTALL)


def code_only(text):
    """The same text with comments, strings and characters blanked; every offset and line stays where it was."""
    return BLANKED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def closing(text, opening):
    """The offset of the bracket that closes the one at `opening`, or the end of the text."""
    pairs = {"(": ")", "[": "]", "{": "}"}
    depth = 0
    for offset in range(opening, len(text)):
        if text[offset] in pairs:
            depth += 1
        elif text[offset] in pairs.values():
            depth -= 1
            if depth == 0:
                return offset
    return len(text)

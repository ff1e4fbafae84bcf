"""What the documents show works: every site file of the README is accepted, every file that they link is there."""
import re

import pytest

from edge import run, write_files
from source_tree import ROOT

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md",
             *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "deploy" / "examples").glob("*/README.md"))]
AROUND = {"hello.py": "def application(environ, start_response): ...\n", "static/.keep": "", "ui/.keep": "",
          "pub/.keep": "", "shop/wsgi.py": "", "venv/pyvenv.cfg": "home = /usr/bin\n"}


def blocks(document, language):
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(2))
def test_the_readme_s_site_files_are_accepted(tmp_path, number):
    write_files(tmp_path, AROUND)
    (tmp_path / "venv" / "bin").mkdir()
    (tmp_path / "venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    (tmp_path / "site.yaml").write_text(blocks("README.md", "yaml")[number])
    done = run("check", "site.yaml", folder=tmp_path)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "ok", "")


def test_the_smallest_site_serves(serve, tmp_path):
    write_files(tmp_path, {"hello.py": blocks("README.md", "python")[0], "static/a.txt": "a text\n"})
    edge = serve('apps: {hello: {module: "hello:application"}}\nsites: [{listen: ["127.0.0.1:0"], routes: ['
                 "{path: /, app: hello}, {path: /static/, static: {directory: ./static}}]}]\n")
    assert edge.get("/").text == "Hello\n"
    assert edge.get("/static/a.txt").text == "a text\n"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_linked_file_is_there(document):
    folder = (ROOT / document).parent
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (ROOT / document).read_text())
    assert [link for link in links if not (folder / link).exists()] == []

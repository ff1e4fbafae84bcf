"""What people change in Django and Flask projects, and that a reload shows it."""
import re
import shutil
import signal

import pytest

from test_examples import LISTEN, browser, copied, form, python, token_in


def reload(edge, pattern="info reloaded$"):
    begin = len(edge.log.all())
    edge.signal(signal.SIGHUP)
    edge.log.wait_for(pattern, after=begin)
    return "\n".join(edge.log.all()[begin:])


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    pytest.importorskip("django")
    folder = copied("django", tmp_path_factory.mktemp("migrated"))
    python(folder, "manage.py", "migrate")
    python(folder, "manage.py", "collectstatic", "--noinput")
    return folder


@pytest.fixture
def guestbook(serve, tmp_path, migrated):
    return serve(None, folder=shutil.copytree(migrated, tmp_path / "django"), environment=LISTEN)


def test_django_template_settings_and_urls(guestbook):
    edge, folder = guestbook, guestbook.folder
    # With a second process, that one may be the next to answer, and it reads the template only then.
    replace(folder / "site.yaml", "processes: 2", "processes: 1")
    reload(edge)
    page = edge.browse("/")[1]
    heading = re.search(r"<h1>(.*?)</h1>", page)[1]
    template = folder / "notes" / "templates" / "notes" / "guestbook.html"
    replace(template, f"<h1>{heading}</h1>", "<h1>Another heading</h1>")
    assert f"<h1>{heading}</h1>" in edge.browse("/")[1], "without DEBUG, Django keeps its templates"
    assert f"reloading: {template} changed" in reload(edge)
    assert "<h1>Another heading</h1>" in edge.browse("/")[1]

    assert 'lang="en' in edge.browse("/admin/login/")[1]
    replace(folder / "guestbook" / "settings.py", 'LANGUAGE_CODE = "en"', 'LANGUAGE_CODE = "de-at"')
    assert f"reloading: {folder}/guestbook/settings.py changed" in reload(edge)
    assert 'lang="de-at' in edge.browse("/admin/login/")[1]


def test_django_that_writes_its_database_is_unchanged(guestbook):
    edge, folder = guestbook, guestbook.folder
    visitor = browser()
    page = edge.browse("/", opener=visitor)[1]
    edge.browse("/", form(author="Bob", text="Nice", csrfmiddlewaretoken=token_in(page)), opener=visitor)
    replace(folder / "site.yaml", "apps:\n", "http: {max_uri: 4k}\napps:\n")
    text = reload(edge)
    assert "[guestbook] reloading" not in text and "info http: applied" in text


def test_a_django_setting_that_is_wrong_keeps_the_site(guestbook):
    edge, folder = guestbook, guestbook.folder
    replace(folder / "guestbook" / "settings.py", '    "notes",\n', '    "notes",\n    "nowhere",\n')
    text = reload(edge, "error the reload failed")
    assert "No module named 'nowhere'" in text and "generation 1 goes on" in text
    assert edge.browse("/")[0] == 200


def test_flask_view_and_template(serve, tmp_path):
    pytest.importorskip("flask")
    folder = copied("flask", tmp_path)
    edge = serve(None, folder=folder, environment=LISTEN)
    assert "banana: 0.25" in edge.browse("/")[1]
    replace(folder / "app.py", '"banana": 0.25', '"banana": 0.99')
    replace(folder / "templates" / "index.html", "<h1>", "<h1>New: ")
    assert re.search(rf"reloading: {folder}/\S+ changed", reload(edge))
    page = edge.browse("/")[1]
    assert "banana: 0.99" in page and "<h1>New: " in page


def test_a_virtual_environment_whose_package_is_upgraded(serve, tmp_path):
    python(tmp_path, "-m", "venv", "--without-pip", "venv")
    packages, = (tmp_path / "venv" / "lib").glob("python3.*/site-packages")
    (packages / "library.py").write_text("VERSION = b'1'\n")
    edge = serve('apps: {web: {module: web}}\nsites: [{listen: ["127.0.0.1:0"], routes: [{path: /, app: web}]}]\n', {"web.py": (
        "import library\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [library.VERSION]\n")})
    assert edge.get("/").text == "1"
    (packages / "library.py").write_text("VERSION = b'22'\n")
    assert f"reloading: {packages}/library.py changed" in reload(edge)
    assert edge.get("/").text == "22"

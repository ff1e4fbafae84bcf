"""What cannot start: one clear error each, and an exit code that tells the kind."""
import os
import re
import socket
import subprocess

import pytest

from edge import BINARY, run, write_files

EXIT_FAILED, EXIT_CONFIGURATION, EXIT_LISTEN, EXIT_APP = 1, 2, 3, 4
GOOD = 'sites: [{listen: ["127.0.0.1:0"], routes: [{path: /, return: {status: 200, body: ok}}]}]\n'
WITH_APP = 'apps: {shop: {module: app}}\nsites: [{listen: ["127.0.0.1:0"], routes: [{path: /, app: shop}]}]\n'


def started(folder, site, files=None, command="serve", launcher=(), environment=None):
    write_files(folder, {"site.yaml": site, **(files or {})})
    return run(command, "site.yaml", folder=folder, launcher=launcher, environment=environment)


def error_lines(done):
    return [line for line in done.stderr.splitlines() if line.strip()]


def test_a_good_file_is_ok(tmp_path):
    done = started(tmp_path, GOOD, command="check")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "ok", "")


def test_a_check_leaves_nothing_behind_and_disturbs_nobody(tmp_path):
    """It builds what a start builds, but opens no socket and no log, and starts no app."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site = WITH_APP.replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}")
        site += "log: {access: {path: access.log}, error: error.log}\nedge: {pid_file: edge.pid, control: control.sock}\n"
        done = started(tmp_path, site, {"app.py": "raise SystemExit\n"}, command="check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    assert sorted(os.listdir(tmp_path)) == ["app.py", "site.yaml"]


CONFIGURATION = {
    "a missing file": (None, r"site\.yaml.*(no such file|does not exist|not found)"),
    "an empty file": ("", r"site\.yaml"),
    "YAML that cannot be parsed": ("sites: [{listen: [\n", r"site\.yaml:\d+:\d+: "),
    "a tab for indentation": ("sites:\n\t- routes: []\n", r"site\.yaml:2:\d+: "),
    "two documents": (GOOD + "---\n" + GOOD, r"site\.yaml:\d+:\d+: "),
    "an unknown key": ("http: {max_urii: 1k}\n" + GOOD, r"site\.yaml:1:8: http\.max_urii: .*did you mean `max_uri`"),
    "a key given twice": ("http: {max_uri: 1k}\nhttp: {max_uri: 2k}\n" + GOOD, r"site\.yaml:2:\d+: .*http"),
    "a wrong type": ("edge: {threads: many}\n" + GOOD, r"site\.yaml:1:17: edge\.threads: "),
    "a value out of range": ("http: {max_uri: 0}\n" + GOOD, r"site\.yaml:1:17: http\.max_uri: "),
    "an app that is not there": (WITH_APP.replace("app: shop", "app: shpo"), r"site\.yaml:2:\d+: .*shpo.*did you mean `?shop"),
    "an unset variable": (GOOD.replace("ok}", '"${NOT_SET_ANYWHERE}"}'), r"site\.yaml:1:\d+: .*NOT_SET_ANYWHERE"),
    "an unknown $variable": (GOOD.replace("ok}", '"$hots"}'), r"site\.yaml:1:\d+: .*hots.*\$?host"),
    "a pattern that does not compile": (GOOD.replace("path: /", 'path: "~ ["'), r"site\.yaml:1:\d+: "),
    "something that is not built yet": ("lists: {blocked: {url: \"https://example.com\"}}\n" + GOOD,
                                        r"site\.yaml:1:\d+: .*not built yet"),
    "a folder that is not there": (GOOD.replace("return: {status: 200, body: ok}", "static: {directory: ./gone}"),
                                   r"site\.yaml:1:\d+: .*gone"),
}


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("case", CONFIGURATION)
def test_a_file_that_is_wrong(tmp_path, command, case):
    site, expected = CONFIGURATION[case]
    if site is None:
        done = run(command, "site.yaml", folder=tmp_path)
    else:
        done = started(tmp_path, site, command=command)
    assert done.returncode == EXIT_CONFIGURATION
    assert done.stdout == ""
    assert re.search(expected, done.stderr, re.IGNORECASE), done.stderr
    assert len(error_lines(done)) == 1, "one thing is wrong, so one line says so"


def test_every_error_is_told_in_one_go(tmp_path):
    done = started(tmp_path, "edge: {threads: many}\nhttp: {max_url: 1k}\n" + GOOD + "apps: 3\n", command="check")
    assert [line.split(":")[:2] for line in error_lines(done)] == [["site.yaml", n] for n in ("1", "2", "4")]


def test_an_unreadable_file(tmp_path):
    write_files(tmp_path, {"site.yaml": GOOD})
    (tmp_path / "site.yaml").chmod(0)
    as_anyone = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    done = run("serve", "site.yaml", folder=tmp_path, launcher=as_anyone)
    assert done.returncode == EXIT_CONFIGURATION
    assert re.search(r"site\.yaml.*permission denied", done.stderr, re.IGNORECASE), done.stderr
    assert len(error_lines(done)) == 1


def test_a_folder_for_a_file(tmp_path):
    (tmp_path / "site.yaml").mkdir()
    done = run("check", "site.yaml", folder=tmp_path)
    assert done.returncode == EXIT_CONFIGURATION
    assert re.search(r"site\.yaml.*director", done.stderr), done.stderr


def test_no_file_given_and_none_there(tmp_path):
    done = run("serve", folder=tmp_path)
    assert done.returncode == EXIT_CONFIGURATION
    assert "site.yaml" in done.stderr and "edge.yaml" in done.stderr


@pytest.mark.parametrize("arguments", [["sevre"], ["serve", "--no-such-option"], ["serve", "a.yaml", "b.yaml"], []])
def test_a_wrong_command_line(tmp_path, arguments):
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == EXIT_CONFIGURATION
    assert done.stderr or done.stdout


def test_a_port_in_use_names_the_process(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = started(tmp_path, GOOD.replace(":0", f":{port}"))
    assert done.returncode == EXIT_LISTEN
    assert re.search(rf"site\.yaml:1:\d+: .*127\.0\.0\.1:{port}.*in use.*\b{os.getpid()}\b", done.stderr), done.stderr


@pytest.mark.parametrize("threads", [1, 2])
def test_a_port_of_another_edge_is_in_use(serve, tmp_path, threads):
    """Several loops share a port among them; another edge must not slip in beside them."""
    first = serve(f"edge: {{threads: {threads}}}\n" + GOOD)
    (tmp_path / "other").mkdir()
    done = started(tmp_path / "other", f"edge: {{threads: {threads}}}\n" + GOOD.replace(":0", f":{first.port}"))
    assert done.returncode == EXIT_LISTEN
    assert re.search(rf"in use.*edge.*\b{first.pid}\b|in use.*\b{first.pid}\b.*edge", done.stderr), done.stderr


def test_an_address_that_is_not_of_this_machine(tmp_path):
    done = started(tmp_path, GOOD.replace("127.0.0.1:0", "192.0.2.1:0"))
    assert done.returncode == EXIT_LISTEN
    assert re.search(r"site\.yaml:1:\d+: .*192\.0\.2\.1", done.stderr), done.stderr


BROKEN_APPS = {
    "an import that fails": ("import a_module_that_nobody_has\n",
                             [r'File ".*app\.py", line 1', r"ModuleNotFoundError: .*a_module_that_nobody_has"]),
    "an exception at import": ("def boom():\n    raise ValueError('broken on purpose')\n\n\nboom()\n",
                               [r'File ".*app\.py", line 2, in boom', "ValueError: broken on purpose"]),
    "a syntax error": ("def application(:\n", [r'File ".*app\.py", line 1', "SyntaxError"]),
    "an import that exits": ("raise SystemExit(3)\n", ["SystemExit"]),
    "an import that kills its process": ("import os\nos._exit(7)\n", ["shop"]),
    "nothing that could serve": ("hello = 1\n", ["application", "app", "create_app"]),
    "no such module": (None, ["[Nn]o module named .?app"]),
}


@pytest.mark.parametrize("preload", ["true", "false"])
@pytest.mark.parametrize("case", BROKEN_APPS)
def test_an_app_that_cannot_be_imported(tmp_path, case, preload):
    source, expected = BROKEN_APPS[case]
    done = started(tmp_path, WITH_APP.replace("module: app", f"module: app, preload: {preload}, start_timeout: 5s"),
                   {"app.py": source} if source else {})
    assert done.returncode == EXIT_APP
    for pattern in expected:
        assert re.search(pattern, done.stderr), done.stderr
    last = [line for line in error_lines(done) if "shop" in line]
    assert last and re.search(r" error .*shop", "\n".join(last)), done.stderr


def test_an_import_that_takes_too_long(tmp_path):
    site = WITH_APP.replace("module: app", "module: app, start_timeout: 500ms")
    done = started(tmp_path, site, {"app.py": "import threading\nthreading.Event().wait()\n"})
    assert done.returncode == EXIT_APP
    assert re.search("shop.*start_timeout|start_timeout.*shop", done.stderr), done.stderr


def test_version_and_help(tmp_path):
    assert re.search(r"\d+\.\d+\.\d+", run("--version", folder=tmp_path).stdout)
    shown = run("--help", folder=tmp_path).stdout
    assert "serve" in shown and "check" in shown


def test_the_binary_needs_no_library_of_its_own():
    """One file to copy: everything it links comes from packages of the system, nothing from the build folder."""
    linked = subprocess.run(["ldd", str(BINARY)], capture_output=True, text=True, timeout=30).stdout
    assert "not found" not in linked and str(BINARY.parent) not in linked
    assert "libpython" not in linked

"""Basic authentication: who passes and who does not, what apps and logs learn, and files that change while edge runs."""
import base64
import shutil
import subprocess

import pytest

from edge import run, wait_until

SITE = """\
    log: {access: {path: access.log, format: "$remote_user $status $request_uri"}}
    apps: {app: {module: app, processes: 1}}
    sites:
      - listen: [{address: "127.0.0.1:0", http2: true}]
        basic_auth: {realm: staff, users_file: users}
        error_pages: {401: /errors/401.html}
        routes:
          - {path: /, app: app}
          - {path: /open/, app: app, basic_auth: ~}
          - {path: /errors/, static: {directory: errors}}
          - {path: /tried/, static: {directory: errors, try: [$uri, /]}, basic_auth: off}
          - {path: /others/, return: {body: "others\\n"}, basic_auth: {realm: others, users_file: others}}
"""
APP = '''\
    """Answers with what it learns of the user."""


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        names = ("REMOTE_USER", "AUTH_TYPE", "HTTP_AUTHORIZATION", "HTTP_REMOTE_USER")
        return [" ".join(environ.get(name, "-") for name in names).encode()]
'''


def hashed(password, kind="-6"):
    return subprocess.run(["openssl", "passwd", kind, "-salt", "saltsalt", password], capture_output=True, check=True,
                          timeout=30).stdout.decode().strip()


def claim(name, password):
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def lines(**users):
    return "".join(f"{name}:{hash}\n" for name, hash in users.items())


@pytest.fixture(scope="module")
def files():
    return {"app.py": APP, "errors/401.html": "who are you?\n",
            "users": lines(ada=hashed("secret"), bob=hashed("bobs", "-5"), **{"zoë": hashed("ünï")}),
            "others": lines(eve=hashed("eves", "-5"))}


@pytest.fixture(scope="module")
def edge(serve_module, files):
    return serve_module(SITE, files)


def test_without_a_password_there_is_a_challenge_with_the_error_page(edge):
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        answer = edge.get("/x", method=method)
        assert (answer.status, answer.get("WWW-Authenticate")) == (401, 'Basic realm="staff", charset="UTF-8"')
    assert edge.get("/x").text == "who are you?\n"
    assert edge.get("/others/").get("WWW-Authenticate") == 'Basic realm="others", charset="UTF-8"'


def test_the_same_over_http2(edge):
    def curl(*arguments):
        return subprocess.run(["curl", "-si", "--http2-prior-knowledge", *arguments, edge.url("/x")], check=True,
                              capture_output=True, timeout=30).stdout.decode()

    refused = curl()
    assert refused.startswith("HTTP/2 401") and refused.endswith("who are you?\n")
    assert 'www-authenticate: Basic realm="staff", charset="UTF-8"' in refused
    assert curl("-u", "ada:secret").rpartition("\n")[2].startswith("ada Basic")


def test_the_app_learns_who_passed(edge):
    answer = edge.get("/x", headers=[claim("ada", "secret")])
    assert answer.text == f"ada Basic {claim('ada', 'secret').partition(' ')[2]} -"
    assert edge.get("/x", headers=[claim("bob", "bobs")]).text.startswith("bob Basic")
    assert edge.get("/x", headers=[claim("zoë", "ünï")]).status == 200


@pytest.mark.parametrize("headers", [
    [claim("ada", "Secret")], [claim("ada", "")], [claim("Ada", "secret")], [claim("eve", "eves")], [claim("", "secret")],
    [claim("ada", "secret\0x")], ["Authorization: Basic !"], ["Authorization: Bearer abc"],
    [claim("ada", "secret"), claim("ada", "secret")], [claim("ada", "s" * 600)], ["Remote-User: ada"],
], ids=str)
def test_nobody_else_passes(edge, headers):
    assert edge.get("/x", headers=headers).status == 401


def test_a_route_may_ask_nobody_or_others(edge):
    assert edge.get("/open/x", headers=["Remote-User: ada"]).text == "- - - ada"
    assert edge.get("/open/x", headers=[claim("ada", "wrong")]).text.startswith("- - Basic")
    assert edge.get("/others/", headers=[claim("eve", "eves")]).text == "others\n"
    assert edge.get("/others/", headers=[claim("ada", "secret")]).status == 401


def test_where_try_leads_to_is_guarded_too(edge):
    assert edge.get("/tried/401.html").status == 200
    assert edge.get("/tried/none").status == 401
    assert edge.get("/tried/none", headers=[claim("ada", "secret")]).text.startswith("ada Basic")


def test_a_body_that_was_refused_does_not_spoil_the_connection(edge):
    with edge.connect() as connection:
        assert connection.request("POST", "/x", body=b"b" * 5000).status == 401
        assert connection.request("POST", "/x", body=b"b" * 5000, headers=[claim("ada", "secret")]).status == 200


def test_the_access_log_names_the_user(serve, files, tmp_path):
    edge = serve(SITE, files)
    edge.get("/mine", headers=[claim("ada", "secret")])
    edge.get("/his", headers=[claim("bob", "wrong")])
    edge.stop()
    logged = (tmp_path / "access.log").read_text().splitlines()  # of two loops, in any order
    assert sorted(logged) == ["ada 200 /mine", "bob 401 /his"]
    assert "secret" not in edge.log.text() and "wrong" not in edge.log.text().replace("password is wrong", "")


@pytest.mark.skipif(not shutil.which("htpasswd"), reason="htpasswd is not installed")
def test_what_htpasswd_writes_is_understood(serve, files, tmp_path):
    subprocess.run(["htpasswd", "-B", "-b", "-c", "-C", "5", tmp_path / "made", "dan", "dans"], check=True,
                   capture_output=True, timeout=30)
    edge = serve(SITE, {**files, "users": (tmp_path / "made").read_text()})
    assert edge.get("/x", headers=[claim("dan", "dans")]).text.startswith("dan Basic")


def test_a_changed_file_counts_within_seconds_and_a_bad_one_does_not(serve, files, tmp_path):
    edge = serve(SITE, files)
    users = tmp_path / "users"
    ada, carl = [claim("ada", "secret")], [claim("carl", "carls")]
    assert edge.get("/x", headers=ada).status == 200
    users.write_text(lines(carl=hashed("carls")))
    edge.log.wait_for("basic_auth: .*users was read again: 1 users")
    assert edge.get("/x", headers=carl).status == 200
    assert edge.get("/x", headers=ada).status == 401, "what was remembered of the file before counts no more"
    users.write_text(lines(carl=hashed("carls"), ada="secret"))
    edge.log.wait_for(r"error basic_auth: .*users:2: a password must not stand here.*what it held before goes on")
    assert edge.get("/x", headers=carl).status == 200
    reloaded = run("reload", folder=tmp_path)
    assert reloaded.returncode != 0 and "users:2" in reloaded.stderr + edge.log.text()
    users.unlink()
    edge.log.wait_for("basic_auth: .*users cannot be read: No such file.*what it held before goes on")
    assert edge.get("/x", headers=carl).status == 200
    users.write_text(lines(ada=hashed("secret")))
    wait_until(lambda: edge.get("/x", headers=ada).status == 200, "the file that came back counts")


def test_a_reload_takes_authentication_away_and_brings_it_back(serve, files, tmp_path):
    edge = serve(SITE, files)
    site = (tmp_path / "site.yaml").read_text()
    (tmp_path / "site.yaml").write_text(site.replace("basic_auth: {realm: staff, users_file: users}", ""))
    assert run("reload", folder=tmp_path).returncode == 0
    assert edge.get("/x").text.startswith("- -")
    (tmp_path / "site.yaml").write_text(site)
    assert run("reload", folder=tmp_path).returncode == 0
    assert edge.get("/x").status == 401
    assert edge.get("/x", headers=[claim("ada", "secret")]).status == 200


@pytest.mark.parametrize("line, why", [
    ("ada:secret", "users:2:1: .*a password must not stand here as it is"),
    ("ada:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0", "users:2:1: .*MD5 hashes are too easily guessed"),
    ("ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "users:2:1: .*SHA-1 hashes are too easily guessed"),
    ("ada:M5D2ih4JCTWnE", "users:2:1: .*DES hashes are too easily guessed"),
])
def test_a_weak_hash_stops_the_start_with_its_line(serve, files, line, why):
    edge = serve(SITE, {**files, "users": f"# users\n{line}\n"}, ready=False)
    edge.log.wait_for(why)
    assert edge.process.wait(30) == 2

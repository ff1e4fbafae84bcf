"""A server of an upstream decides who passes: what it is asked, what its answers do, and that nothing passes without."""
import base64
import json
import signal
import subprocess
import threading

import pytest

from edge import PATIENCE, wait_until
from origin import Hangup
from php_fpm import PhpFpm

SITE = """\
    edge: {{threads: 1}}
    log: {{access: {{path: access.log, format: "$remote_user $status $request_uri"}}}}
    apps: {{wsgi: {{module: web, processes: 1}}, asgi: {{module: events, processes: 1}}}}
    upstreams:
      auth: {{servers: ["{auth}"], eject: {{failures: 0}}}}
      back: {{servers: ["{back}"]}}
      gone: {{servers: ["http://unix:/nowhere/gone.sock"]}}
    sites:
      - listen: [{{address: "127.0.0.1:0", http2: true}}]
        auth_request: {{to: auth, uri: "{uri}", headers: [X-User, X-Groups], user: X-User, timeout: {timeout}}}
        error_pages: {{403: /errors/403.html, 404: /back/page, 429: /back/page}}
        rules: [{{match: {{path: /denied}}, action: deny, status: 418}},
                {{match: {{path: /forged}}, action: deny, status: 429}}]
        routes:
          - {{path: /, app: wsgi}}
          - {{path: /asgi, app: asgi}}
          - {{path: /back/, proxy: back}}
          - {{path: /errors/, return: {{body: "not for you"}}}}
          - {{path: /open/, app: wsgi, auth_request: off}}
          - {{path: /gone/, app: wsgi, auth_request: gone}}
          - {{path: /missing/, return: {{status: 404}}}}
          - {{path: /tried/, static: {{directory: ., try: [$uri, /there]}}, auth_request: off}}
          - {{path: /named/open, static: {{directory: ., try: [$uri, /open/there]}}}}
          - {{path: /named/asks, static: {{directory: ., try: [$uri, /there]}}}}
          - path: /staff/
            static: {{directory: ., try: [$uri, /open/there]}}
            auth_request: off
            basic_auth: {{realm: staff, users_file: users}}
          - {{path: /password/, app: wsgi, basic_auth: {{realm: staff, users_file: users}}}}
          - {{path: /bearer/, app: wsgi, auth_request: {{to: auth, headers: Authorization}}}}
"""
FILES = {
    "web.py": '''\
        """Answers with what it learns of the user, and with its body's length."""
        import json


        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "application/json")])
            shown = ("REMOTE_USER", "AUTH_TYPE", "HTTP_X_USER", "HTTP_X_GROUPS", "HTTP_AUTHORIZATION")
            told = {name: environ[name] for name in shown if name in environ}
            told["length"] = len(environ["wsgi.input"].read())
            return [json.dumps(told).encode()]
        ''',
    "events.py": '''\
        """The same for ASGI."""
        import json


        async def application(scope, receive, send):
            told = {"user": scope["extensions"].get("edge.user"),
                    "headers": [[name.decode(), value.decode()] for name, value in scope["headers"] if b"x-" in name]}
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": json.dumps(told).encode()})
        ''',
    "users": "ada:$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA\n",
}
FORGED = ["X-User: root", "x-user: toor", "X_User: root", "X-Groups: wheel", "x_groups: wheel"]


def answering(status, *fields, body=b""):
    head = "\r\n".join([f"HTTP/1.1 {status} Said", *fields, f"Content-Length: {len(body)}", "", ""])
    return lambda seen, client: head.encode() + body


GRANTS = answering(200, "X-User: ada", "X-Other: 1")


@pytest.fixture
def guarded(serve, origins):
    """Edge, the server that decides, and the one behind."""
    def make(answer=GRANTS, timeout="5s", uri="/check?for=staff"):
        auth, back = origins(answer), origins(answering(200, body=b"back"))
        return serve(SITE.format(auth=auth.url, back=back.url, timeout=timeout, uri=uri), FILES), auth, back
    return make


def test_the_question_is_a_get_that_tells_of_the_request(guarded):
    edge, auth, _ = guarded()
    answer = edge.get("/a%20b?x=1", method="POST", body=b"secret", host="shop.example:81", headers=[
        "Cookie: session=1", "Content-Type: text/plain", "Content-Language: de", "If-None-Match: *", "Range: bytes=0-1",
        "X-Original-URL: http://evil/", "X-Original-URI: /open/", "X-Forwarded-Uri: /open/", "X-Forwarded-Method: GET",
        "X-Original-Method: GET", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Host: evil", "TE: trailers"])
    assert answer.status == 200 and json.loads(answer.text)["length"] == 6
    [seen] = auth.seen
    assert seen.line == "GET /check?for=staff HTTP/1.1" and seen.body == b""
    assert seen.get("Cookie") == "session=1" and seen.get("Host") == "shop.example:81"
    assert seen.get("X-Forwarded-Method") == seen.get("X-Original-Method") == "POST"
    assert seen.get("X-Forwarded-Uri") == seen.get("X-Original-URI") == "/a%20b?x=1"
    assert seen.get("X-Original-URL") == "http://shop.example:81/a%20b?x=1"
    assert seen.get("X-Forwarded-For") == "127.0.0.1" and seen.get("X-Forwarded-Host") == "shop.example:81"
    assert seen.get("X-Forwarded-Proto") == "http"
    left_out = "Content-Type", "Content-Length", "Content-Language", "If-None-Match", "Range", "TE", "Transfer-Encoding"
    assert not any(seen.all(name) for name in left_out)


@pytest.mark.parametrize("target, told", [("/open/../x", "/x"), ("//x", "/x"), ("http://localhost/x?y", "/x?y"),
                                          ("/a%2fb", "/a%2fb")])
def test_the_path_is_told_as_edge_has_understood_it(guarded, target, told):
    edge, auth, _ = guarded()
    assert edge.get(target).status == 200
    assert auth.seen[0].get("X-Forwarded-Uri") == told


def test_apps_and_servers_learn_what_the_answer_says_and_nothing_that_a_client_claims(guarded, tmp_path):
    edge, _, back = guarded()
    forged = [*FORGED, "Connection: X-User, x_groups, keep-alive"]
    assert json.loads(edge.get("/", headers=forged).text) == {
        "REMOTE_USER": "ada", "AUTH_TYPE": "auth_request", "HTTP_X_USER": "ada", "length": 0}
    assert json.loads(edge.get("/asgi", headers=forged).text) == {
        "user": {"name": "ada", "type": "auth_request"}, "headers": [["x-user", "ada"]]}
    assert edge.get("/back/", headers=forged).text == "back"
    assert back.seen[0].get("X-User") == "ada"
    assert not {"x-groups", "x_groups", "x_user", "x-other"} & {name.lower() for name, _ in back.seen[0].fields}
    edge.stop()
    assert (tmp_path / "access.log").read_text().splitlines() == ["ada 200 /", "ada 200 /asgi", "ada 200 /back/"]


def test_an_answer_that_names_nobody_leaves_nobody(guarded):
    edge, _, back = guarded(answering(204))
    assert json.loads(edge.get("/", headers=FORGED).text) == {"length": 0}
    assert json.loads(edge.get("/asgi", headers=FORGED).text) == {"user": None, "headers": []}
    edge.get("/back/", headers=FORGED)
    assert back.seen[0].get("X-User") is None


def test_a_header_that_comes_twice_comes_twice(guarded):
    edge, _, back = guarded(answering(200, "X-Groups: a", "x-groups: b"))
    edge.get("/back/")
    assert back.seen[0].all("X-Groups") == ["a", "b"]


def test_the_clients_credentials_are_asked_about_and_replaced(guarded):
    edge, auth, _ = guarded(answering(200, "Authorization: Bearer inner"))
    answer = edge.get("/bearer/", headers=["Authorization: Bearer outer"])
    assert auth.seen[0].line == "GET / HTTP/1.1" and auth.seen[0].get("Authorization") == "Bearer outer"
    assert json.loads(answer.text)["HTTP_AUTHORIZATION"] == "Bearer inner"


@pytest.mark.parametrize("status, field", [(401, 'WWW-Authenticate: Bearer realm="x"'), (403, "X-Why: none"), *(
    (status, "Location: https://login.example/?to=x") for status in (301, 302, 303, 307, 308))])
def test_refusals_and_redirects_are_the_clients_answer(guarded, status, field):
    edge, auth, back = guarded(answering(status, field, "Set-Cookie: a=1", "Set-Cookie: b=2", "Cache-Control: no-store",
                                         "X-Internal: 1", body=b"internal"))
    for method in ("GET", "HEAD", "POST"):
        with edge.connect() as connection:
            answer = connection.request(method, "/back/", body=b"b" * 5000 if method == "POST" else None)
            assert answer.status == status and b"internal" not in answer.body
            assert answer.get("X-Internal") is None
            if status != 403:                           # which has a page of its own
                name, _, value = field.partition(": ")
                assert answer.get(name) == value and answer.all("Set-Cookie") == ["a=1", "b=2"]
                assert answer.get("Cache-Control") == "no-store"
            elif method != "HEAD":
                assert answer.text == "not for you"
            assert connection.request("GET", "/open/").status == 200
    assert not back.seen and len(auth.seen) == 3


def closes(seen, client):
    raise Hangup


@pytest.mark.parametrize("answer, why", [
    (answering(404), "status 404 is neither 2xx, 401, 403 nor a redirect"), (answering(500), "status 500"),
    (answering(302), "status 302"), (answering(304), "status 304"), (answering(407), "status 407"),
    (lambda seen, client: b"nonsense\r\n\r\n", ""), (closes, ""),
], ids=["404", "500", "302 to nowhere", "304", "407", "nonsense", "hangup"])
def test_whatever_else_comes_of_it_nobody_passes(guarded, answer, why):
    edge, _, back = guarded(answer)
    assert edge.get("/back/").status == 500
    log = edge.log.wait_for(r"error request \w{32}: GET /back/: auth_request: upstream auth: (.*); answered 500")
    assert why in log[1] and not back.seen
    assert edge.get("/open/").status == 200


def test_without_a_server_nobody_passes(guarded):
    edge, _, _ = guarded()
    assert edge.get("/gone/").status == 500
    edge.log.wait_for(r"auth_request: upstream gone: server unix:/nowhere/gone.sock: .+; answered 500")


def test_time_is_bounded(guarded):
    edge, auth, back = guarded(lambda seen, client: None, timeout="100ms")
    assert edge.get("/back/").status == 500
    edge.log.wait_for(rf"upstream auth: server 127.0.0.1:{auth.port}: no answer within 100 ms; answered 500")
    assert not back.seen


def test_a_client_that_leaves_ends_the_question(guarded, tmp_path):
    ended = threading.Event()

    def waits(seen, client):
        try:
            assert client.recv(1) == b""
        finally:
            ended.set()

    edge, auth, back = guarded(waits)
    with edge.connect() as client:
        client.ask("GET", "/back/")
        wait_until(lambda: auth.seen, "the server is asked")
    assert ended.wait(PATIENCE)
    edge.stop()
    assert not back.seen and (tmp_path / "access.log").read_text().split() == ["-", "499", "/back/"]
    assert "answered 500" not in edge.log.text()


@pytest.mark.parametrize("body, connections", [(b"", 1), (b"b" * 60_000, 1), (b"b" * 200_000, 3)], ids=["none", "some", "much"])
def test_content_is_read_as_far_as_that_is_cheap(guarded, body, connections):
    edge, auth, _ = guarded(answering(200, body=body))
    for _ in range(3):
        assert edge.get("/").status == 200
    assert len(auth.seen) == 3 and auth.connections == connections


def test_content_without_end_holds_nobody_for_longer_than_the_time(guarded):
    def never_ends(seen, client):
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")

    edge, _, _ = guarded(never_ends, timeout="1s")
    assert edge.get("/").status == 200


def test_rules_and_passwords_come_first(guarded):
    edge, auth, _ = guarded()
    assert edge.get("/denied").status == 418
    assert edge.get("/password/").status == 401
    assert not auth.seen


def test_an_error_page_believes_no_client_either(guarded):
    """It is made for who was refused, and asks nobody."""
    edge, auth, back = guarded()
    assert edge.get("/forged", headers=FORGED).status == 429
    [seen] = back.seen
    assert seen.target == "/back/page" and not auth.seen
    assert [value for name in ("X-User", "X_User", "X-Groups") for value in seen.all(name)] == []
    assert edge.get("/missing/", headers=FORGED).status == 404
    assert (back.seen[1].all("X-User"), back.seen[1].all("X-Groups")) == (["ada"], [])


def test_where_try_leads_to_is_guarded(guarded):
    edge, auth, _ = guarded(answering(401))
    assert edge.get("/tried/users").status == 200 and not auth.seen
    assert edge.get("/tried/none").status == 401 and auth.seen[-1].get("X-Forwarded-Uri") == "/there"


def test_the_user_goes_where_try_leads_to_unless_that_route_asks_again(guarded, tmp_path):
    def knows_nobody_there(seen, client):
        return (answering(204) if seen.get("X-Forwarded-Uri") == "/there" else GRANTS)(seen, client)
    password = "Authorization: Basic " + base64.b64encode(b"ada:secret").decode()
    edge, auth, _ = guarded(knows_nobody_there)
    assert json.loads(edge.get("/staff/", headers=[password]).text).items() >= {
        "REMOTE_USER": "ada", "AUTH_TYPE": "Basic"}.items() and not auth.seen
    assert json.loads(edge.get("/named/open").text) == {
        "REMOTE_USER": "ada", "AUTH_TYPE": "auth_request", "HTTP_X_USER": "ada", "length": 0}
    assert json.loads(edge.get("/named/asks").text) == {"length": 0} and len(auth.seen) == 3
    edge.stop()
    assert (tmp_path / "access.log").read_text().splitlines() == [
        "ada 200 /staff/", "ada 200 /named/open", "- 200 /named/asks"]


def test_http2(guarded):
    edge, auth, _ = guarded()
    told = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-H", "X-User: root", "-d", "form", edge.url("/x")],
                          check=True, capture_output=True, timeout=PATIENCE).stdout
    assert json.loads(told) == {"REMOTE_USER": "ada", "AUTH_TYPE": "auth_request", "HTTP_X_USER": "ada", "length": 4}
    assert auth.seen[0].line == "GET /check?for=staff HTTP/1.1" and auth.seen[0].get("X-Forwarded-Method") == "POST"


def test_a_reload_asks_elsewhere(guarded, origins, tmp_path):
    edge, auth, back = guarded(answering(403))
    assert edge.get("/x").status == 403
    other = origins(GRANTS)
    (tmp_path / "site.yaml").write_text(SITE.format(auth=other.url, back=back.url, timeout="5s", uri="/other"))
    begin = len(edge.log.all())
    edge.signal(signal.SIGHUP)
    edge.log.wait_for("info reloaded$", after=begin)
    assert edge.get("/x").status == 200
    assert len(auth.seen) == 1 and other.seen[0].target == "/other"


FLASK_SITE = """\
    apps:
      web: {{module: web, processes: 1}}
      check: {{module: check, processes: 1, socket: ./check.uwsgi}}
    upstreams: {{check: {{servers: ["{server}"]}}}}
    sites:
      - listen: ["127.0.0.1:0"]
        auth_request: {{to: check, uri: /check, headers: X-User, user: X-User}}
        routes: [{{path: /, app: web}}]
      - listen: ["unix:check.http"]
        routes: [{{path: /, app: check}}]
"""
FLASK_CHECK = '''\
    """Lets those pass who have logged in, and sends the others there."""
    import flask

    application = flask.Flask(__name__)


    @application.route("/check")
    def check():
        user = flask.request.cookies.get("user")
        if user is None:
            answer = flask.redirect("/login?next=" + flask.request.headers["X-Forwarded-Uri"])
            answer.set_cookie("seen", "1")
            return answer
        if user == "eve":
            flask.abort(403)
        return "passes", {"X-User": user}
'''


@pytest.mark.parametrize("scheme, path", [("uwsgi", "check.uwsgi"), ("http", "check.http")])
def test_a_flask_application_decides(serve, tmp_path, scheme, path):
    pytest.importorskip("flask")
    site = FLASK_SITE.format(server=f"{scheme}://unix:{tmp_path / path}")
    edge = serve(site, {"web.py": FILES["web.py"], "check.py": FLASK_CHECK})
    answer = edge.get("/page?a=1", headers=["X-User: root"])
    assert (answer.status, answer.get("Location")) == (302, "/login?next=/page?a=1")
    assert answer.get("Set-Cookie").startswith("seen=1")
    assert edge.get("/page", headers=["Cookie: user=eve"]).status == 403
    answer = edge.get("/page", method="POST", body=b"b" * 100_000, headers=["Cookie: user=ada", "X-User: root"])
    assert json.loads(answer.text) == {"REMOTE_USER": "ada", "AUTH_TYPE": "auth_request", "HTTP_X_USER": "ada",
                                       "length": 100_000}


PHP_SITE = """\
    apps: {{web: {{module: web, processes: 1}}}}
    upstreams: {{check: {{servers: ["{server}"], fastcgi: {{root: {root}}}}}}}
    sites:
      - listen: ["127.0.0.1:0"]
        auth_request: {{to: check, uri: "/check.php?for=staff", headers: X-User, user: X-User}}
        routes: [{{path: /, app: web}}]
"""
PHP_CHECK = """\
    <?php
    $asked = [$_SERVER["REQUEST_METHOD"], $_GET["for"], $_SERVER["HTTP_X_FORWARDED_METHOD"], $_SERVER["HTTP_X_FORWARDED_URI"]];
    error_log("asked: " . implode(" ", $asked) . " with " . strlen(file_get_contents("php://input")) . " bytes");
    if (($_COOKIE["user"] ?? "") === "eve") exec("kill -9 " . getmypid());
    if (isset($_COOKIE["user"])) {
        header("X-User: " . $_COOKIE["user"]);
    } else {
        http_response_code(401);
        header('WWW-Authenticate: Bearer realm="php"');
    }
    echo "not for the client";
    """


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_a_php_script_decides(serve, tmp_path, tcp):
    fpm = PhpFpm(tmp_path / "fpm", tcp)
    try:
        site = PHP_SITE.format(server=fpm.url, root=tmp_path / "public")
        edge = serve(site, {"web.py": FILES["web.py"], "public/check.php": PHP_CHECK})
        refused = edge.get("/page", headers=["X-User: root"])
        assert (refused.status, refused.get("WWW-Authenticate")) == (401, 'Bearer realm="php"')
        assert "not for the client" not in refused.text
        answer = edge.get("/page?a=1", method="POST", body=b"b" * 100_000, headers=["Cookie: user=ada", "X-User: root"])
        assert json.loads(answer.text) == {"REMOTE_USER": "ada", "AUTH_TYPE": "auth_request", "HTTP_X_USER": "ada",
                                           "length": 100_000}
        assert "asked: GET staff POST /page?a=1 with 0 bytes" in fpm.log("php.log")
        assert edge.get("/page", headers=["Cookie: user=eve"]).status == 500
        edge.log.wait_for("auth_request: upstream check: server .*(reset by peer|closed the connection).*; answered 500")
    finally:
        fpm.end()

"""Rules: requests that are denied, logged or tagged, by their head and by their body, and the rules that come with edge."""
import pytest

from edge import run

SITE = """\
    log: {access: {path: access.log, format: "$status $rule_tag $request_uri"}}
    http:
      rules:
        - {name: no/backups, match: {path: ~* \\.(bak|old)$}, status: 404}
    apps: {app: {module: app, processes: 1}}
    sites:
      - listen: [{address: "127.0.0.1:0", http2: true}]
        error_pages: {403: /page}
        routes:
          - {path: /, app: app}
          - path: = /page
            return: {body: "keep out\\n"}
          - path: /api/
            app: app
            rules_body: 8k
            rules:
              - {name: api/tools, match: {headers: {User-Agent: "(?i)sqlmap"}}}
              - {name: api/methods, match: {method: [DELETE]}, status: 405}
              - {name: api/dry, match: {query: union.select}, dry_run: true}
              - {name: api/suspicious, match: {query: "[<>]"}, action: tag, tag: angle}
              - {name: api/noted, match: {path: = /api/noted}, action: log}
              - {name: api/injection, match: {method: POST, body: "drop table"}}
          - path: /probed/
            app: app
            protect: [probes]
"""
APP = '''\
    """Answers with the tag and the length of what it was sent."""


    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        body = environ["wsgi.input"].read()
        return [f"{environ.get('HTTP_X_EDGE_RULE', '-')} {len(body)} {hash(body) == hash(b'x' * len(body))}".encode()]
'''
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def edge(serve_module):
    return serve_module(SITE, {"app.py": APP})


def test_a_denial_has_its_status_and_its_error_page(edge):
    assert edge.get("/site.BAK").status == 404
    assert edge.get("/site.bak2").status == 200
    answer = edge.get("/api/x", headers=["User-Agent: SqlMap/1.0"])
    assert (answer.status, answer.text) == (403, "keep out\n")
    assert edge.get("/api/x", method="DELETE").status == 405
    assert edge.log.wait_for("warn request [0-9a-f]{32}: rule api/tools denied GET /api/x from 127.0.0.1")


def test_rules_of_a_route_take_the_place_of_those_around(edge):
    assert edge.get("/api/site.bak").status == 200


def test_a_dry_run_and_a_log_rule_only_say_so(edge):
    assert edge.get("/api/x?q=union%20select").status == 200
    edge.log.wait_for("rule api/dry would have denied GET")
    assert edge.get("/api/noted").status == 200
    edge.log.wait_for("rule api/noted matched GET /api/noted")


def test_a_tag_reaches_the_app_and_cannot_be_sent(edge):
    assert edge.get("/api/x?q=%3Cb%3E", headers=["X-Edge-Rule: forged"]).text.startswith("angle ")
    for path in ("/api/x", "/elsewhere"):
        assert edge.get(path, headers=["X-Edge-Rule: forged", "x-edge-rule: again"]).text.startswith("- "), path


def test_a_tag_stands_in_the_access_log(serve, tmp_path):
    edge = serve(SITE, {"app.py": APP})
    edge.get("/api/x?q=<")
    edge.get("/api/x")
    edge.stop()
    logged = (tmp_path / "access.log").read_text().splitlines()  # of two loops, in any order
    assert sorted(logged) == ["200 - /api/x", "200 angle /api/x?q=<"]


@pytest.mark.parametrize("fields, body, status", [
    ([FORM], b"q=1;drop+table+users", 403), ([FORM], b"q=1;drop%20table+users", 403),
    (["Content-Type: application/json"], b'{"q": "drop table users"}', 403),
    ([], b"x" * 5000 + b"drop table", 403), ([], b"x" * 8192 + b"drop table", 200),
    (["Content-Type: image/png"], b"drop table", 200), ([FORM], b"q=drop-table", 200),
])
def test_bodies_are_looked_at(edge, fields, body, status):
    with edge.connect() as connection:
        assert connection.request("POST", "/api/x", headers=fields, body=body).status == status
        assert connection.request("GET", "/api/x").status == 200, "the connection goes on"


@pytest.mark.parametrize("size", [1, 4096, 8191, 8192, 8193, 65536, 1_000_000])
def test_a_body_that_passes_reaches_the_app_whole(edge, size):
    assert edge.get("/api/x", method="POST", body=b"x" * size).text == f"- {size} True"


def test_a_client_that_waits_for_100_is_told_to_go_on(edge):
    with edge.connect() as connection:
        connection.send(b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert connection.head().status == 100
        assert connection.send(b"xxxxx").answer("POST").text == "- 5 True"


@pytest.mark.parametrize("path, status", [
    ("/probed/.git/config", 403), ("/probed/.env", 403), ("/probed/wp-login.php", 403), ("/probed/x?f=../../etc/passwd", 403),
    ("/probed/x?f=a%00.png", 403), ("/probed/x?" + "q" * 2049, 403), ("/probed/..%252f..%252fetc", 403),
    ("/probed/.well-known/security.txt", 200), ("/probed/x?f=a..b", 200), ("/wp-login.php", 200), ("/.env", 200),
])
def test_probes_are_denied_where_it_is_asked_for(edge, path, status):
    assert edge.get(path).status == status


def test_a_site_with_php_is_asked_for_it(serve):
    edge = serve("""\
        log: {access: off}
        sites:
          - listen: ["127.0.0.1:0"]
            protect: [probes]
            routes:
              - {path: /, return: {body: all}}
              - {path: '~ \\.php$', return: {body: php}}
    """, {})
    assert edge.get("/wp-login.php").text == "php"
    assert edge.get("/.git/HEAD").status == 403


def test_a_reload_brings_and_takes_rules(serve, tmp_path):
    site = """\
        log: {{access: off}}
        sites:
          - listen: ["127.0.0.1:0"]
            {rules}
            routes: [{{path: /, return: {{}}}}]
    """
    edge = serve(site.format(rules=""), {})
    assert edge.get("/?bad").status == 200
    rules = "rules: [{match: {query: bad}}]"
    text = (tmp_path / "site.yaml").read_text()
    listen = '  - listen: ["127.0.0.1:0"]\n'
    assert listen in text
    (tmp_path / "site.yaml").write_text(text.replace(listen, listen + "    " + rules + "\n"))
    assert run("reload", folder=tmp_path).returncode == 0
    assert edge.get("/?bad").status == 403
    edge.log.wait_for(r"rule sites\[0\].rules\[0\] denied GET")
    (tmp_path / "site.yaml").write_text(text)
    assert run("reload", folder=tmp_path).returncode == 0
    assert edge.get("/?bad").status == 200

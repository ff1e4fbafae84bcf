"""The access log in its formats, the error log, reopening, and the request id that joins them."""
import json
import re
import signal

import pytest

from edge import wait_until

APP = '''\
    """Writes to the error log in the ways that an app has."""
    import sys


    def application(environ, start_response):
        if environ["PATH_INFO"] == "/broken":
            raise ValueError("broken on purpose")
        environ["wsgi.errors"].write("noted\\n")
        print("printed", file=sys.stderr, flush=True)
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-App", "yes")])
        return [environ["REQUEST_ID"].encode()]
'''


def site(access):
    return f"""\
    edge: {{threads: 1}}
    log:
      access: {access}
    apps:
      app: {{module: app, processes: 1}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - path: /app/
            app: app
          - path: /broken
            app: app
          - path: = /silent
            return: {{status: 200, body: silent}}
            access_log: false
          - path: /
            return: {{status: 200, body: "ok\\n", type: text/plain}}
"""


def lines_of(edge, name="access.log"):
    """What the access log holds once edge has stopped, which writes out everything."""
    edge.stop()
    return (edge.folder / name).read_text().splitlines()


def test_combined_is_what_log_readers_know(serve):
    edge = serve(site("{path: access.log, format: combined}"), {"app.py": APP})
    edge.get("/a?b=c", headers=['Referer: http://example.com/"x"', "User-Agent: test\\agent"])
    edge.get("/missing", method="HEAD")
    lines = lines_of(edge)
    assert len(lines) == 2
    time = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(rf'127\.0\.0\.1 - - {time} "GET /a\?b=c HTTP/1\.1" 200 3 '
                        r'"http://example\.com/\\x22x\\x22" "test\\x5Cagent"', lines[0]), lines[0]
    assert re.fullmatch(rf'127\.0\.0\.1 - - {time} "HEAD /missing HTTP/1\.1" 200 0 "-" "-"', lines[1]), lines[1]


def test_json_is_json_whatever_comes(serve):
    edge = serve(site("{path: access.log, format: json}"), {"app.py": APP})
    with edge.connect() as connection:
        connection.send(b'GET /a"b\\c HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\xfe"\\\r\n\r\n')
        connection.answer()
        connection.request("GET", "/app/x")
    first, second = map(json.loads, lines_of(edge))
    assert first["status"] == 200 and first["method"] == "GET" and first["remote_addr"] == "127.0.0.1"
    assert '"' in first["user_agent"] and "\\" in first["user_agent"]
    assert first["request_id"] != second["request_id"]


def test_a_pattern_takes_nginx_variables(serve):
    pattern = "$remote_addr|$request_method|$uri|$args|$status|$body_bytes_sent|$http_x_name|$sent_http_x_app|" \
              "$request_id|$host|$server_protocol|$upstream_addr|$request_time"
    edge = serve(site(f'{{path: access.log, format: "{pattern}"}}'), {"app.py": APP})
    answer = edge.get("/app/%61b?x=1", headers=["X-Name: value"], host="Example.COM:80")
    fields = lines_of(edge)[0].split("|")
    assert fields[:8] == ["127.0.0.1", "GET", "/app/ab", "x=1", "200", "32", "value", "yes"]
    assert fields[8] == answer.text and fields[9] == "example.com" and fields[10] == "HTTP/1.1"
    assert fields[11] == "app" and re.fullmatch(r"\d+\.\d{3}", fields[12])


def test_a_line_cannot_be_forged(serve):
    edge = serve(site('{path: access.log, format: "$uri $http_x_name"}'), {"app.py": APP})
    edge.get("/a%0a127.0.0.1%20forged")
    assert len(lines_of(edge)) == 1


def test_what_the_access_log_leaves_out(serve):
    edge = serve(site("{path: access.log, format: $uri}"), {"app.py": APP})
    edge.get("/silent")
    edge.get("/said")
    assert lines_of(edge) == ["/said"]


def test_access_off(serve):
    edge = serve(site("off"), {"app.py": APP})
    edge.get("/")
    edge.stop()
    assert edge.out.text() == ""


def test_the_access_log_goes_to_stdout_when_nothing_is_said(serve):
    edge = serve(site("{path: stdout, format: combined}"), {"app.py": APP})
    edge.get("/here")
    edge.stop()
    assert '"GET /here HTTP/1.1" 200' in edge.out.text()


def test_a_bad_request_has_its_line(serve):
    edge = serve(site('{path: access.log, format: "$status [$request]"}'), {"app.py": APP})
    with edge.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.answer().status == 400
    with edge.connect() as connection:
        connection.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert connection.answer().status == 400
    lines = lines_of(edge)
    assert len(lines) == 2 and all(line.startswith("400 [") for line in lines), lines


def test_a_client_that_has_gone_has_its_line(serve, gate):
    app = '''\
        """Waits at the gate."""
        import os


        def application(environ, start_response):
            open(os.environ["ARRIVED"], "w").close()
            open(os.environ["GO_ON"]).close()
            start_response("200 OK", [])
            return [b"too late"]
    '''
    edge = serve(site('{path: access.log, format: "$status $uri"}'), {"app.py": app}, environment=gate.environment)
    connection = edge.connect()
    connection.ask("GET", "/app/x")
    gate.wait_arrived()
    before = edge.descriptors()
    connection.tear()
    wait_until(lambda: edge.descriptors() < before, "edge has seen that the client has gone")
    gate.open()
    assert lines_of(edge) == ["499 /app/x"]


def test_one_request_id_in_both_logs_the_app_and_its_errors(serve):
    edge = serve(site('{path: access.log, format: "$request_id $uri"}'), {"app.py": APP})
    request_id = edge.get("/app/x").text
    assert re.fullmatch(r"[0-9a-f]{32}", request_id)
    edge.log.wait_for(rf"{request_id}.*noted")
    edge.log.wait_for(r"\[app\] .*printed")
    assert edge.get("/broken").status == 500
    edge.log.wait_for("ValueError: broken on purpose")
    access = dict(reversed(line.split()) for line in lines_of(edge))
    assert access["/app/x"] == request_id
    log = edge.log.all()
    traceback = next(i for i, line in enumerate(log) if "Traceback" in line)
    entry = next(line for line in reversed(log[:traceback + 1]) if not line.startswith("  | "))
    assert access["/broken"] in entry, "the traceback stands below a line with the request's id"


def test_a_request_id_from_outside_is_not_believed(serve):
    edge = serve(site("off"), {"app.py": APP})
    assert edge.get("/app/x", headers=["X-Request-ID: " + "a" * 32]).text != "a" * 32


def test_sigusr1_opens_the_files_again(serve):
    edge = serve("    log: {error: error.log, access: {path: access.log, format: $uri}}\n"
                 + site("off").partition("off\n")[2], {"app.py": APP}, ready=False)
    folder = edge.folder
    wait_until(lambda: "ready" in read(folder / "error.log"), "edge is ready")
    port = int(re.search(r"listening on http://127\.0\.0\.1:(\d+)", read(folder / "error.log"))[1])
    with edge.connect(port) as connection:
        connection.request("GET", "/before")
        for name in ("error", "access"):
            (folder / f"{name}.log").rename(folder / f"{name}.log.1")
        edge.signal(signal.SIGUSR1)
        wait_until(lambda: all((folder / f"{name}.log").exists() for name in ("error", "access")), "both are new")
        wait_until(lambda: "reopened" in read(folder / "error.log"), "the signal was acted upon")
        connection.request("GET", "/after")
    lines = read(folder / "access.log.1").splitlines() + lines_of(edge)     # /before may have waited in a buffer
    assert lines == ["/before", "/after"] and "/after" in read(folder / "access.log")
    assert "stopp" in read(folder / "error.log") and "ready" in read(folder / "error.log.1")


def read(path):
    return path.read_text() if path.exists() else ""


def test_a_log_that_cannot_be_opened_is_one_clear_error(serve):
    edge = serve(site("{path: no-such-folder/access.log, format: combined}"), {"app.py": APP}, ready=False)
    assert edge.wait() != 0
    assert re.search(r"no-such-folder/access\.log.*[Nn]o such file", edge.log.text()), edge.log.text()


@pytest.mark.parametrize("level, shown", [("info", True), ("error", False)])
def test_the_level_holds(serve, level, shown):
    edge = serve(f"    log: {{level: {level}, access: off}}\n" + site("off").partition("off\n")[2], {"app.py": APP},
                 ready=False)
    wait_until(edge.family, "the app is started, and with it the edge")
    edge.stop()
    assert (" info " in edge.log.text()) == shown

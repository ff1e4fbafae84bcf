"""Whom a site or a route serves, by the client's address: before a byte is read, behind proxies, and as lists change."""
import concurrent.futures
import contextlib
import ipaddress
import os
import random
import re
import time

import pytest

from edge import PATIENCE, run, wait_until, write_files
from http2_client import Http2, request

DENIED, OTHER, OFFICE = "127.0.0.5", "127.0.0.6", "127.0.0.7"

SITE = """\
    edge: {{threads: {threads}, control: control.sock, trusted_proxies: [127.0.0.9]}}
    log: {{access: {{path: stdout, format: "log $remote_addr $uri $status"}}}}
    lists: {{blocked: {{addresses: [192.0.2.0/24], file: blocked.txt}}}}
    sites:
      - listen: [{{address: "127.0.0.1:0", {listen}}}]
        deny: ["@blocked", 127.0.0.5]
        {more}
        routes:
          - path: /
            return: {{body: served}}
"""
ROUTES = """\
    edge: {trusted_proxies: [127.0.0.9]}
    log: {access: {path: stdout, format: "log $remote_addr $uri $status"}}
    http: {allow: [127.0.0.0/8], deny: [127.0.0.5]}
    sites:
      - listen: [{address: "127.0.0.1:0", http2: true}]
        error_pages: {403: /denied}
        routes:
          - path: /
            return: {body: served}
          - path: /intern/
            allow: [127.0.0.7]
            deny_with: 403
            return: {body: intern}
          - path: /quiet/
            deny: all
            allow: [127.0.0.7]
            return: {body: quiet}
          - path: /open/
            allow: []
            deny: []
            return: {body: open}
          - path: = /denied
            internal: true
            return: {body: "not for you"}
"""


BESIDE_AN_APP = """\
    edge: {threads: 2, control: control.sock}
    log: {access: off}
    lists: {blocked: {file: blocked.txt}}
    apps: {app: {module: app, processes: 1}}
    sites:
      - listen: ["127.0.0.1:0"]
        deny: ["@blocked"]
        routes: [{path: /, app: app}]
"""
APP = """\
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"app"]
"""
WAITS = """\
    import os
    open(os.environ["ARRIVED"], "w").close()
    open(os.environ["GO_ON"]).close()
"""


def start(serve, blocked="", listen="http2: true", more="", threads=2):
    return serve(SITE.format(listen=listen, more=more, threads=threads), {"blocked.txt": blocked})


def is_turned_away(edge, source):
    """Whether the connection ends before a byte of it is read."""
    try:
        with edge.connect(source=source) as connection:
            return connection.is_closed()
    except ConnectionResetError:
        return True


def is_served(edge, source):
    """The same asked without waiting for an end that may not come."""
    with contextlib.suppress(ConnectionError), edge.connect(source=source) as connection:
        return connection.ask("GET", "/").more()
    return False


def get(edge, path, source, headers=()):
    with edge.connect(source=source) as connection:
        return connection.request("GET", path, headers=headers)


def closed_after(edge, path, source, headers=()):
    with edge.connect(source=source) as connection:
        return connection.ask("GET", path, headers=headers).is_closed()


def test_who_is_denied_everywhere_is_closed_before_a_byte_is_read(serve):
    edge = start(serve)
    assert is_turned_away(edge, DENIED)
    edge.log.wait_for(r"info a connection is closed unread: 127\.0\.0\.5 is denied$")
    assert get(edge, "/", OTHER).text == "served"
    edge.out.wait_for(r"^log 127\.0\.0\.6 / 200$")
    assert "127.0.0.5" not in edge.out.text(), "nothing was asked, so nothing is in the access log"
    status = run("status", "--json", folder=edge.folder).stdout
    assert '"closed_unread": 1' in status and '"refused_requests": 0' in status


def test_an_answer_is_given_where_it_is_asked_for(serve):
    edge = start(serve, more="deny_with: 403")
    with edge.connect(source=DENIED) as connection:
        assert connection.request("GET", "/").status == 403
        assert connection.request("GET", "/").status == 403, "the connection may go on"
        assert connection.request("POST", "/", body=b"x").status == 403
        assert connection.is_closed(), "what was sent is not read"
    edge.out.wait_for(r"^log 127\.0\.0\.5 / 403$")
    edge.log.wait_for(r"info a request for localhost is not served: 127\.0\.0\.5 is denied")


def test_routes_have_their_own_rules(serve):
    edge = serve(ROUTES)
    assert get(edge, "/", OTHER).text == "served"
    assert closed_after(edge, "/", DENIED)
    edge.out.wait_for(r"^log 127\.0\.0\.5 / 444$")
    assert get(edge, "/open/", DENIED).text == "open"
    assert get(edge, "/open/", "127.0.0.9", ["X-Forwarded-For: 198.51.100.1"]).text == "open"
    refused = get(edge, "/intern/", OTHER)
    assert (refused.status, refused.text) == (403, "not for you")
    assert get(edge, "/intern/", OFFICE).text == "intern"
    assert closed_after(edge, "/quiet/", OTHER)
    assert get(edge, "/quiet/", OFFICE).text == "quiet"


def test_over_http2_the_stream_ends(serve):
    edge = serve(ROUTES)
    with Http2(edge.port) as client:
        client.send(request(1, "/quiet/"))
        assert client.until(lambda frame: frame.kind == 3).stream == 1
        client.send(request(3, "/intern/"))
        assert client.answer(3)[0] == 403
        client.send(request(5, "/open/"))
        assert client.answer(5)[0] == 200


@pytest.mark.parametrize("field", ["X-Forwarded-For: {}", "Forwarded: for=\"{}\""])
def test_behind_a_trusted_proxy_it_is_the_client_that_counts(serve, field):
    edge = start(serve)
    with edge.connect(source="127.0.0.9") as proxy:
        for client, status in [("192.0.2.7", 403), ("198.51.100.7", 200), ("127.0.0.5", 403), ("192.0.3.7", 200)]:
            assert proxy.request("GET", "/", headers=[field.format(client)]).status == status, client
    with edge.connect(source=OTHER) as stranger:
        assert stranger.request("GET", "/", headers=[field.format("192.0.2.7")]).status == 200
    with edge.connect(source=OTHER) as stranger:
        assert stranger.request("GET", "/", headers=[field.format("192.0.2.7")]).status == 200


def test_behind_the_proxy_protocol_nothing_is_read_of_who_is_denied(serve):
    edge = start(serve, listen="proxy_protocol: true")

    def ask(client):
        connection = edge.connect(source="127.0.0.9")
        return connection.send(f"PROXY TCP4 {client} 192.0.2.9 4711 80\r\n".encode())

    with ask("192.0.2.7") as connection:
        assert connection.is_closed()
    with ask("198.51.100.7") as connection:
        assert connection.request("GET", "/").text == "served"
    edge.log.wait_for(r"a connection is closed unread: 192\.0\.2\.7 is denied$")


def replace(path, text):
    """As tools write files: whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def test_a_list_is_read_again_when_it_changes(serve):
    edge = start(serve, "127.0.0.6\n")
    assert is_turned_away(edge, OTHER)
    assert get(edge, "/", OFFICE).text == "served"
    with edge.connect(source=OFFICE) as before:
        assert before.request("GET", "/").text == "served"
        replace(edge.folder / "blocked.txt", "# who was bad\n127.0.0.7 # the office\n")
        edge.log.wait_for(r"info lists: read again: blocked: 2 entries$")
        wait_until(lambda: not is_served(edge, OFFICE), "the list holds on every loop")
        assert before.ask("GET", "/").is_closed(), "who is connected is asked again"
    assert get(edge, "/", OTHER).text == "served"


def test_a_list_with_a_fault_is_not_taken_over(serve):
    edge = start(serve, "127.0.0.6\n")
    blocked = edge.folder / "blocked.txt"
    replace(blocked, "10.0.0.0/8\n   127.0.0.300\n")
    edge.log.wait_for(rf'error {re.escape(str(blocked))}:2:4: "127\.0\.0\.300" is no address or network.*; '
                      "the lists that were read before stay in force")
    assert is_turned_away(edge, OTHER)
    blocked.unlink()
    edge.log.wait_for(r"error site\.yaml:3:\d+: lists\.blocked\.file: .*: No such file or directory.* stay in force")
    assert is_turned_away(edge, OTHER)
    replace(blocked, "")
    edge.log.wait_for("lists: read again")
    wait_until(lambda: not is_served_no_more(edge, OTHER), "the list is empty")


def is_served_no_more(edge, source):
    with contextlib.suppress(ConnectionError, AssertionError):
        return get(edge, "/", source).text != "served"
    return True


@pytest.mark.parametrize("command", ["serve", "check"])
def test_edge_does_not_begin_with_a_list_that_has_a_fault(tmp_path, command):
    (tmp_path / "site.yaml").write_text(SITE.format(listen="", more="", threads=1))
    (tmp_path / "blocked.txt").write_text("::1\n10.0.0.1/8\n")
    done = run(command, "site.yaml", folder=tmp_path)
    assert done.returncode != 0
    assert f"{tmp_path}/blocked.txt:2:1: \"10.0.0.1/8\" has bits set behind its prefix" in done.stderr
    (tmp_path / "blocked.txt").unlink()
    done = run(command, "site.yaml", folder=tmp_path)
    assert done.returncode != 0 and "lists.blocked.file" in done.stderr and "No such file" in done.stderr


def test_a_list_that_changes_while_a_reload_is_under_way_counts(serve, gate):
    edge = serve(BESIDE_AN_APP, {"blocked.txt": "", "app.py": APP}, environment=gate.environment)
    assert is_served(edge, OFFICE)
    write_files(edge.folder, {"app.py": WAITS + APP})
    with concurrent.futures.ThreadPoolExecutor() as threads:
        reloading = threads.submit(run, "reload", folder=edge.folder)
        gate.wait_arrived()                             # the lists of the reload were read before
        (edge.folder / "blocked.txt").write_text("127.0.0.7\n")
        edge.log.wait_for("lists: read again: blocked: 1 entries")
        gate.open()
        assert reloading.result().returncode == 0
    wait_until(lambda: not is_served(edge, OFFICE), "the list as it is counts")


def test_a_reload_takes_over_other_rules_and_refuses_a_fault(serve):
    edge = start(serve)
    site = edge.folder / "site.yaml"
    text = site.read_text()
    site.write_text(text.replace("127.0.0.5", "127.0.0.6"))
    assert run("reload", folder=edge.folder).returncode == 0
    assert is_turned_away(edge, OTHER)
    assert get(edge, "/", DENIED).text == "served"
    site.write_text(text.replace("blocked.txt", "other.txt"))
    (edge.folder / "other.txt").write_text("nonsense\n")
    done = run("reload", folder=edge.folder)
    assert done.returncode == 2 and "other.txt:1:1: \"nonsense\" is no address" in done.stderr
    assert is_turned_away(edge, OTHER), "nothing was changed"
    (edge.folder / "other.txt").write_text("127.0.0.6\n")
    assert run("reload", folder=edge.folder).returncode == 0
    assert is_turned_away(edge, OTHER) and is_turned_away(edge, DENIED)
    (edge.folder / "other.txt").write_text("127.0.0.7\n")
    edge.log.wait_for("lists: read again")
    wait_until(lambda: not is_served(edge, OFFICE), "the new file is watched")


def test_a_list_of_a_million_changes_while_requests_are_served(serve):
    """Reading takes a good part of a second of one processor: who is asked on the same loop answers meanwhile."""
    rng = random.Random(1)
    many = "".join(f"{n >> 24}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}\n"
                   for n in (rng.getrandbits(31) | 1 << 31 for _ in range(1_000_000)))
    edge = start(serve, many, more="keepalive_requests: 4000000000", threads=1)
    with edge.connect(source="127.0.0.8") as connection:
        for line in ("127.0.0.6\n", "127.0.0.7\n"):
            after = len(edge.log.all())
            replace(edge.folder / "blocked.txt", many + line)
            answers, slowest, before, worked = 0, 0, time.monotonic(), edge.processor_time()
            while not any("lists: read again" in entry for entry in edge.log.all()[after:]):
                began = time.monotonic()
                assert connection.request("GET", "/").text == "served"
                slowest = max(slowest, time.monotonic() - began)
                answers += 1
            took, worked = time.monotonic() - before, edge.processor_time() - worked
            print(f"{answers} answers in {took:.2f} s, {worked:.2f} s of work; the slowest took {slowest:.3f} s")
            assert answers > 100 and slowest < PATIENCE / 10, "nobody waits for the list"
        wait_until(lambda: not is_served(edge, OFFICE), "the last list holds")
    assert get(edge, "/", OTHER).text == "served"

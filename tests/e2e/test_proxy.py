"""Requests that edge passes to servers behind it: what they are sent, and what the client gets."""
import socket
import threading

import pytest

from edge import PATIENCE, run, wait_until
from origin import OK, Hangup

SITE = """\
    edge: {{threads: 1, trusted_proxies: {trusted}}}
    log: {{access: {{path: access.log, format: '$request $status [$upstream_addr] [$upstream_status]'}}}}
    upstreams:
      api: {{servers: [{servers}], {more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{routes}]
"""


@pytest.fixture
def proxied(serve, origins):
    """Serves `routes` with one origin that answers by `answer`; gives edge and the origin."""
    def make(answer=lambda seen, client: OK, routes="{path: /, proxy: api}", more="", trusted="[]", count=1, files=None):
        servers = [origins(answer) for _ in range(count)]
        site = SITE.format(servers=", ".join(server.url for server in servers), routes=routes, more=more, trusted=trusted)
        return serve(site, files), *servers
    return make


def test_a_request_is_rebuilt(proxied):
    edge, origin = proxied()
    answer = edge.get("/a/b%20c?x=1&y", headers=["X-A: 1", "X-A: 2", "Accept: */*"], host="shop.example:81")
    assert (answer.status, answer.body) == (200, b"ok")
    [seen] = origin.seen
    assert seen.line == "GET /a/b%20c?x=1&y HTTP/1.1"
    assert seen.all("X-A") == ["1", "2"] and seen.get("Accept") == "*/*"
    assert seen.get("Host") == seen.get("X-Forwarded-Host") == "shop.example:81"
    assert seen.get("X-Forwarded-For") == "127.0.0.1" and seen.get("X-Forwarded-Proto") == "http"
    assert seen.get("X-Forwarded-Port") == str(edge.port)
    assert seen.get("Forwarded") == 'for=127.0.0.1;proto=http;host="shop.example:81"'
    assert seen.get("Via") == "1.1 edge"
    assert seen.get("Content-Length") is None and seen.get("Transfer-Encoding") is None


@pytest.mark.parametrize("name, value", [
    ["Connection", "X-Secret, keep-alive"], ["X-Secret", "1"], ["Keep-Alive", "timeout=5"], ["Proxy-Connection", "x"],
    ["TE", "trailers"], ["Trailer", "X-T"], ["X_Forwarded_For", "10.0.0.1"], ["Proxy", "http://evil.example"],
    ["HTTP2-Settings", "AAMAAABk"]])
def test_fields_of_the_connection_stay_behind(proxied, name, value):
    edge, origin = proxied()
    headers = ["Connection: X-Secret, close"] if name == "X-Secret" else []
    assert edge.get("/", headers=[*headers, f"{name}: {value}"]).status == 200
    assert value not in origin.seen[0].all(name)


def test_who_is_not_trusted_cannot_forge_where_it_came_from(proxied):
    forged = ["X-Forwarded-For: 10.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: bank.example",
              "X-Forwarded-Port: 443", "Forwarded: for=10.1.1.1;proto=https"]
    edge, origin = proxied()
    edge.get("/", headers=forged)
    [seen] = origin.seen
    assert seen.get("X-Forwarded-For") == "127.0.0.1" and seen.get("X-Forwarded-Proto") == "http"
    assert seen.get("X-Forwarded-Host") == "localhost" and seen.get("X-Forwarded-Port") == str(edge.port)
    assert "10.1.1.1" not in seen.get("Forwarded")


def test_what_trusted_proxies_tell_is_passed_on(proxied):
    edge, origin = proxied(trusted="[127.0.0.1]")
    edge.get("/", headers=["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "Via: 1.0 front"])
    edge.get("/", headers=['Forwarded: for="[2001:db8::1]";proto=https'])
    usual, standard = origin.seen
    assert usual.get("X-Forwarded-For") == "203.0.113.7, 127.0.0.1" and usual.get("X-Forwarded-Proto") == "https"
    assert usual.get("Forwarded").startswith("for=203.0.113.7, for=127.0.0.1;proto=https")
    assert usual.get("Via") == "1.0 front, 1.1 edge"
    assert standard.get("X-Forwarded-For") == "2001:db8::1, 127.0.0.1"
    assert standard.get("Forwarded").startswith('for="[2001:db8::1]";proto=https, for=127.0.0.1')


@pytest.mark.parametrize("route, asked, sent", [
    ("{path: /api/, proxy: api}", "/api/users?a=b", "/api/users?a=b"),
    ("{path: /api/, proxy: {to: api, strip_prefix: true}}", "/api/users?a=b", "/users?a=b"),
    ("{path: /api/, proxy: {to: api, strip_prefix: true}}", "/api/", "/"),
    ("{path: /api/, proxy: {to: api, replace_prefix: /v2/}}", "/api/users", "/v2/users"),
    ("{path: /api, proxy: {to: api, replace_prefix: /v2}}", "/api/users", "/v2/users"),
    ("{mount: /api, proxy: {to: api, strip_prefix: true}}", "/api", "/"),
    ("{mount: /api, proxy: {to: api, strip_prefix: true}}", "/api/users", "/users"),
    ("{path: /api/, proxy: {to: api, strip_prefix: true}}", "/%61pi/a%2Fb%20c", "/a%2Fb%20c"),
    ("{path: /, proxy: api}", "/scope%2Fname", "/scope%2Fname"),
    ("{path: /, proxy: api}", "/a//b", "/a/b"),
    ("{path: /, proxy: api}", "/a/%2e%2e/b%20c", "/b%20c"),
    ("{path: /, proxy: api}", "/a/./b?../c", "/a/b?../c"),
    ('{path: "~ ^/x", proxy: api}', "/xyz?q", "/xyz?q"),
])
def test_paths(proxied, route, asked, sent):
    edge, origin = proxied(routes=route)
    assert edge.get(asked).status == 200
    assert origin.seen[0].target == sent


def test_host_and_headers_of_the_route(proxied):
    edge, origin = proxied(routes="{path: /, proxy: {to: api, host: inner.example, headers: "
                                  "{X-Tenant: $host, Cookie: ~, Accept: text/plain}}}")
    edge.get("/", headers=["Cookie: a=b", "Accept: */*", "X-Tenant: forged"], host="shop.example")
    [seen] = origin.seen
    assert seen.get("Host") == "inner.example" and seen.get("X-Forwarded-Host") == "shop.example"
    assert seen.get("X-Tenant") == "shop.example" and seen.get("Cookie") is None and seen.get("Accept") == "text/plain"


def test_places_in_answers_are_turned_back(proxied):
    def answer(seen, client):
        place = seen.get("X-Place") or ""
        return (f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nSet-Cookie: a=b; Path=/v2/x; HttpOnly\r\n"
                "Content-Length: 0\r\n\r\n").encode()
    edge, origin = proxied(answer, routes="{path: /api/, proxy: {to: api, replace_prefix: /v2/, host: inner.example}}")
    for place, told in [["/v2/next?a", "/api/next?a"], ["http://inner.example/v2/next", "http://localhost/api/next"],
                        [origin.url + "/v2/", "http://localhost/api/"], ["/other", "/other"],
                        ["https://elsewhere.example/v2/", "https://elsewhere.example/v2/"], ["next", "next"]]:
        got = edge.get("/api/x", headers=[f"X-Place: {place}"], host="localhost")
        assert got.get("Location") == told
        assert got.get("Set-Cookie") == "a=b; Path=/api/x; HttpOnly"


@pytest.mark.parametrize("cookie, told", [("__Host-s=1; Path=/; Secure", None), ("__HOST-s=1; path=/; Secure", None),
                                          ("__Secure-s=1; Path=/; Secure", "__Secure-s=1; Path=/api/; Secure"),
                                          ("__Hosts=1; Path=/", "__Hosts=1; Path=/api/")])
def test_a_cookie_of_the_whole_host_keeps_its_path(proxied, cookie, told):
    """With another path than / browsers would drop it."""
    edge, _ = proxied(lambda seen, client: f"HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\nContent-Length: 0\r\n\r\n"
                      .encode(), routes="{path: /api/, proxy: {to: api, strip_prefix: true}}")
    assert edge.get("/api/x").get("Set-Cookie") == (told or cookie)


def test_a_server_may_say_102_for_hours(proxied):
    answer = b"HTTP/1.1 102 Processing\r\n\r\n" * 900 + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"
    edge, _ = proxied(lambda seen, client: answer)
    with edge.connect() as client:
        client.ask("GET", "/")
        assert [client.head().status for _ in range(901)] == [102] * 900 + [200]


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
@pytest.mark.parametrize("buffered", ["true", "false"])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_arrive_whole(proxied, size, buffered, chunked):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    edge, origin = proxied(lambda seen, client: b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(seen.body) + seen.body,
                           routes=f"{{path: /, proxy: {{to: api, buffer_request: {buffered}}}}}")
    with edge.connect() as client:
        if chunked:
            client.send(b"POST /up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            for at in range(0, size, 50_000):
                piece = body[at:at + 50_000]
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            client.send(b"0\r\n\r\n")
        else:
            client.send(b"POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size + body)
        assert client.answer().body == body
    assert origin.seen[0].body == body


def test_connections_are_kept(proxied):
    edge, origin = proxied()
    for _ in range(5):
        assert edge.get("/").status == 200
    assert origin.connections == 1


@pytest.mark.parametrize("answer, status, body", [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, b"abc"),
    (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    (b"HTTP/1.1 404 Nothing Here\r\nContent-Length: 4\r\n\r\nnope", 404, b"nope"),
    (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
])
def test_answers(proxied, answer, status, body):
    def ends(seen, client):
        client.sendall(answer)
        raise Hangup
    edge, _ = proxied(ends)
    got = edge.get("/")
    assert (got.status, got.body) == (status, body)


@pytest.mark.parametrize("answer", [
    b"", b"HTTP/1.1 200 OK\r\n", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n X: folded\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n",
])
def test_what_is_no_answer_is_502_with_its_reason(proxied, answer):
    def breaks(seen, client):
        client.sendall(answer)
        raise Hangup
    edge, origin = proxied(breaks)
    assert edge.get("/").status == 502
    edge.log.wait_for(rf"error request [0-9a-f]{{32}}: GET /: upstream api, server 127\.0\.0\.1:{origin.port}: \w+")


def test_an_answer_that_breaks_off_tears_the_connection(proxied):
    def breaks(seen, client):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
        raise Hangup
    edge, _ = proxied(breaks)
    with edge.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with pytest.raises((AssertionError, ConnectionError, EOFError)):
            client.answer()


def test_times_out(proxied):
    release = threading.Event()

    def waits(seen, client):
        release.wait(PATIENCE)
        return OK
    edge, _ = proxied(waits, more="read_timeout: 200ms, retries: 0")
    assert edge.get("/").status == 504
    release.set()
    edge.log.wait_for(r"upstream api, .*(timed|within|200 ms)")


def test_nobody_is_there(serve):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))                    # bound, and nobody listens
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        edge = serve(SITE.format(servers=url, routes="{path: /, proxy: api}", more="", trusted="[]"))
        assert edge.get("/").status == 502
        edge.log.wait_for("refused")


def test_another_server_is_asked_when_nothing_came(serve, origins):
    def hangs_up(seen, client):
        raise Hangup
    bad, good = origins(hangs_up), origins()
    edge = serve(SITE.format(servers=f"{bad.url}, {good.url}", routes="{path: /, proxy: api}", more="eject: {failures: 0}",
                             trusted="[]"))
    assert [edge.get("/").status for _ in range(6)] == [200] * 6
    assert bad.seen and len(good.seen) == 6
    edge.log.wait_for("another server is asked")
    line = f"[127.0.0.1:{bad.port}, 127.0.0.1:{good.port}] [200]"
    wait_until(lambda: line in (edge.folder / "access.log").read_text(), "the log names both")


def test_a_post_is_never_sent_twice(serve, origins):
    def hangs_up(seen, client):
        raise Hangup
    servers = [origins(hangs_up), origins(hangs_up)]
    edge = serve(SITE.format(servers=", ".join(s.url for s in servers), routes="{path: /, proxy: api}",
                             more="eject: {failures: 0}", trusted="[]"))
    for n in range(6):
        assert edge.get("/", method="POST", body=b"order %d" % n).status == 502
    bodies = [seen.body for server in servers for seen in server.seen]
    assert sorted(bodies) == sorted({b"order %d" % n for n in range(6)})


def test_a_post_goes_elsewhere_when_nobody_could_have_got_it(serve, origins):
    good = origins()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{taken.getsockname()[1]}"
        edge = serve(SITE.format(servers=f"{refusing}, {good.url}", routes="{path: /, proxy: api}", more="", trusted="[]"))
        assert [edge.get("/", method="POST", body=b"x").status for _ in range(4)] == [200] * 4
    assert len(good.seen) == 4


def test_max_connections_hold_and_others_wait_their_turn(serve, origins):
    most, now, lock = [0], [0], threading.Lock()

    def counts(seen, client):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        release.wait(PATIENCE)
        with lock:
            now[0] -= 1
        return OK
    release, origin = threading.Event(), origins(counts)
    edge = serve(SITE.format(servers=f"{{url: {origin.url}, max_connections: 2}}", routes="{path: /, proxy: api}",
                             more="", trusted="[]"))
    statuses = []
    clients = [threading.Thread(target=lambda: statuses.append(edge.get("/").status)) for _ in range(8)]
    for client in clients:
        client.start()
    wait_until(lambda: now[0] == 2, "two are at the server")
    release.set()
    for client in clients:
        client.join(PATIENCE)
    assert statuses == [200] * 8 and most[0] == 2


def test_who_waits_too_long_for_a_server_gets_503(serve, origins):
    release = threading.Event()
    origin = origins(lambda seen, client: release.wait(PATIENCE) and OK)
    edge = serve(SITE.format(servers=f"{{url: {origin.url}, max_connections: 1}}", routes="{path: /, proxy: api}",
                             more="queue_timeout: 100ms, queue: 1", trusted="[]"))
    first = threading.Thread(target=edge.get)
    first.start()
    wait_until(lambda: origin.seen, "one is at the server")
    refused = edge.get("/")
    assert refused.status == 503 and refused.get("Retry-After")
    release.set()
    first.join(PATIENCE)


def test_a_large_answer_for_a_slow_client_frees_the_server(serve, origins):
    """The only place at the server is another's while the client has read next to nothing."""
    body = b"y" * 900_000
    origin = origins(lambda seen, client: OK if seen.target == "/next" else
                     b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    edge = serve(SITE.format(servers=f"{{url: {origin.url}, max_connections: 1}}", routes="{path: /, proxy: api}",
                             more="", trusted="[]"))
    with edge.connect(receive_buffer=4096) as slow:
        slow.send(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: origin.seen, "the request has come")
        assert edge.get("/next").status == 200
        assert slow.answer().body == body


def test_a_client_stays_with_its_server(serve, origins):
    first, second = origins(), origins()
    edge = serve(SITE.format(servers=f"{first.url}, {second.url}", routes="{path: /, proxy: api}",
                             more="sticky: {cookie: srv, for: 1h}", trusted="[]"))
    cookie = edge.get("/").get("Set-Cookie")
    assert cookie.startswith("srv=") and "HttpOnly" in cookie and "127.0.0.1" not in cookie
    mine = first if first.seen else second
    for _ in range(5):
        assert edge.get("/", headers=[f"Cookie: {cookie.split(';')[0]}"]).get("Set-Cookie") is None
    assert len(mine.seen) == 6
    assert edge.get("/", headers=["Cookie: srv=0123456789abcdef"]).get("Set-Cookie")


def test_edges_with_the_same_key_understand_each_others_cookies(serve, origins, tmp_path):
    first, second = origins(), origins()

    def started(name, key):
        site = SITE.format(servers=f"{first.url}, {second.url}", routes="{path: /, proxy: api}", trusted="[]",
                           more=f"sticky: {{cookie: srv{key}}}")
        return serve(site, folder=tmp_path / name), site

    one, _ = started("one", ", key: of both")
    other, site = started("other", ", key: of both")
    stranger, _ = started("stranger", ", key: of another")
    cookie = "Cookie: " + one.get("/").get("Set-Cookie").split(";")[0]
    mine = first if first.seen else second
    for _ in range(4):
        assert other.get("/", headers=[cookie]).get("Set-Cookie") is None
    (tmp_path / "other" / "site.yaml").write_text(site.replace("path: /,", "path: /p, proxy: api}, {path: /,"))
    assert run("reload", folder=tmp_path / "other").returncode == 0
    for _ in range(4):
        assert other.get("/", headers=[cookie]).get("Set-Cookie") is None
    assert len(mine.seen) == 9, "all went to the same server"
    assert stranger.get("/", headers=[cookie]).get("Set-Cookie"), "it has another key"


def test_names_are_looked_up(serve, origins):
    origin = origins()
    edge = serve(SITE.format(servers=f"http://localhost:{origin.port}", routes="{path: /, proxy: api}",
                             more="eject: {failures: 1}", trusted="[]"))
    assert edge.get("/").status == 200


def test_a_name_that_nobody_knows_does_not_keep_edge_from_serving(serve):
    edge = serve(SITE.format(servers="http://no.such.host.invalid", routes="{path: /, proxy: api}", more="", trusted="[]"))
    assert edge.get("/").status == 502
    edge.log.wait_for("no.such.host.invalid")


def test_health_checks_keep_requests_away(serve, origins):
    sick = origins(lambda seen, client: b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")
    well = origins()
    edge = serve(SITE.format(servers=f"{sick.url}, {well.url}", routes="{path: /, proxy: api}", trusted="[]",
                             more="health: {path: /healthz, interval: 100ms, fall: 1}"))
    edge.log.wait_for(rf"127\.0\.0\.1:{sick.port}.*")
    wait_until(lambda: [edge.get("/").status for _ in range(4)] == [200] * 4, "only the healthy one is asked")
    assert sick.seen[0].target == "/healthz"


@pytest.mark.parametrize("more, host", [("", None), (", host: 'shop.example:8443'", "shop.example:8443")])
def test_health_checks_ask_for_a_host(proxied, more, host):
    """An application of Django's answers 400 for a host that is not among its ALLOWED_HOSTS."""
    edge, origin = proxied(more=f"health: {{path: /healthz, interval: 100ms{more}}}")
    wait_until(lambda: origin.seen, "the server is asked")
    assert origin.seen[0].get("Host") == (host or f"127.0.0.1:{origin.port}")


def test_a_reload_keeps_connections_to_servers(proxied):
    edge, origin = proxied()
    assert edge.get("/").status == 200
    site = (edge.folder / "site.yaml").read_text()
    (edge.folder / "site.yaml").write_text(site.replace("path: /,", "path: /new/,"))
    edge.signal(1)
    wait_until(lambda: edge.get("/").status == 404, "the new routes hold")
    assert edge.get("/new/").status == 200 and origin.connections == 1

"""What a proxy owes to both sides: hosts, hops, orders between servers, the paths of mounts and of cookies."""
import pytest

from origin import OK, Origin

SITE = """\
    edge: {{threads: 1}}
    upstreams: {{api: {{servers: ["{server}"]}}}}
    sites:
      - listen: ["127.0.0.1:0"]
        routes: [{route}]
"""


@pytest.fixture
def proxied(serve):
    servers = []

    def start(answer=lambda seen, client: OK, route="{path: /, proxy: api}"):
        servers.append(Origin(answer))
        return serve(SITE.format(server=servers[-1].url, route=route)), servers[-1]
    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("asked, told", [("shop.example:81", "shop.example:81"), ("[::1]:80", "[::1]:80"), ("a b@c/", None),
                                         ("a/b", None), ("a:b", None), ("", None)])
def test_a_host_that_variables_make_is_one_or_the_servers(proxied, asked, told):
    edge, server = proxied(route="{path: /, proxy: {to: api, host: $http_x_host}}")
    assert edge.get("/", headers=[f"X-Host: {asked}"]).status == 200
    assert server.seen[0].get("Host") == (told or server.url.removeprefix("http://"))


@pytest.mark.parametrize("route, asked, sent", [
    ("{mount: /api, proxy: api}", "/api", "/"),
    ("{mount: /api, proxy: api}", "/api/users?a", "/users?a"),
    ("{mount: /api, proxy: {to: api}}", "/api/users", "/users"),
    ("{mount: /api, proxy: {to: api, strip_prefix: false}}", "/api/users", "/api/users"),
    ("{mount: /api, proxy: {to: api, replace_prefix: /v2}}", "/api/users", "/v2/users")])
def test_a_mount_is_taken_off(proxied, route, asked, sent):
    edge, server = proxied(route=route)
    assert edge.get(asked).status == 200
    assert server.seen[0].target == sent


@pytest.mark.parametrize("method, value, sent", [
    ("OPTIONS", "5", "4"), ("TRACE", "1", "0"), ("OPTIONS", "x", "x"), ("OPTIONS", "-1", "-1"), ("GET", "0", "0"),
    ("OPTIONS", "99999999999999999999999", "99999999999999999999999")])
def test_hops_are_counted(proxied, method, value, sent):
    edge, server = proxied()
    assert edge.get("/", method=method, headers=[f"Max-Forwards: {value}"]).status == 200
    assert server.seen[0].get("Max-Forwards") == sent


@pytest.mark.parametrize("method, status", [("OPTIONS", 204), ("TRACE", 501)])
def test_the_last_hop_answers_itself(proxied, method, status):
    edge, server = proxied()
    answer = edge.get("/", method=method, headers=["Max-Forwards: 0", "Cookie: secret"])
    assert answer.status == status and b"secret" not in answer.body
    assert not server.seen


def test_orders_between_servers_do_not_reach_the_client(proxied):
    head = b"HTTP/1.1 200 OK\r\nX-Accel-Expires: 30\r\nx-accel-limit-rate: 1\r\nX-Accel-Charset: a\r\nX-Accel: kept\r\n"
    trailers = b"X-Accel-Redirect: /inner\r\nX-Sendfile: /inner\r\nX-Sum: 5\r\n"
    edge, _ = proxied(lambda seen, client: head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + trailers + b"\r\n")
    with edge.connect() as client:
        client.ask("GET", "/", headers=["TE: trailers", "Connection: TE, close"])
        answer = client.head()
        assert answer.status == 200 and answer.get("X-Accel") == "kept"
        assert not any(answer.get(f"X-Accel-{name}") for name in ("Expires", "Limit-Rate", "Charset"))
        tail = client.rest()
        assert b"X-Sum: 5" in tail and b"inner" not in tail


@pytest.mark.parametrize("cookie, told", [
    ("a=b; Path=/; Path=/v2", "a=b; Path=/; Path=/api/v2"), ("a=b; path=/v2; Secure", "a=b; Path=/api/v2; Secure"),
    ("a=b; Path=/x; Secure; Path=nothing", "a=b; Path=/x; Secure; Path=nothing"), ('a=b; Path="/v2"', 'a=b; Path="/v2"'),
    ("a=b;Path", "a=b;Path")])
def test_of_several_paths_of_a_cookie_the_last_is_turned_back(proxied, cookie, told):
    answer = f"HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\nContent-Length: 0\r\n\r\n".encode()
    edge, _ = proxied(lambda seen, client: answer, route="{path: /api/, proxy: {to: api, strip_prefix: true}}")
    assert edge.get("/api/x").get("Set-Cookie") == told

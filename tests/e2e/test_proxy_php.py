"""PHP behind edge: a real PHP-FPM on a unix socket and on TCP, with scripts that do what scripts do."""
import hashlib
import json
import threading

import pytest

from edge import PATIENCE, wait_until
from php_fpm import PhpFpm

SITE = """\
    edge: {{threads: 2}}
    upstreams:
      php: {{servers: ["{url}"], fastcgi: {{root: {root}}}, eject: {{failures: 0}}{more}}}
    sites:
      - listen: ["127.0.0.1:0"]
        client_max_body_size: 8M
        routes:
          - {{path: '~ \\.php(/|$)', proxy: php}}
          - {{path: /prefix/, proxy: {{to: php, replace_prefix: /index.php/}}}}
          - path: /
            static: {{directory: ./public, try: [$uri, "/index.php?$args"]}}
"""
TELL = """\
<?php
$told = ["input" => file_get_contents("php://input"), "get" => $_GET, "post" => $_POST, "server" => $_SERVER];
header("Content-Type: application/json");
echo json_encode($told);
"""
SCRIPTS = {
    "public/index.php": TELL,
    "public/tell.php": TELL,
    "public/style.css": "a {}\n",
    "public/upload.php": """\
        <?php
        $file = $_FILES["photo"];
        header("X-Error: " . $file["error"]);
        echo $file["name"], " ", $_POST["title"], " ", md5_file($file["tmp_name"]), " ", filesize($file["tmp_name"]);
        """,
    "public/large.php": "<?php for ($i = 0; $i < 3000; $i++) echo str_repeat(chr(97 + $i % 26), 1000);",
    "public/headers.php": """\
        <?php
        http_response_code(201);
        header("X-One: 1");
        header("X-Many: a", false);
        header("X-Many: b", false);
        setcookie("seen", "yes", ["path" => "/", "httponly" => true]);
        """,
    "public/moved.php": '<?php header("Location: /elsewhere.php?a=b");',
    "public/exits.php": '<?php echo "so far"; exit(3);',
    "public/fatal.php": "<?php nobody_has_defined_this();",
    "public/late_fatal.php": '<?php echo str_repeat("x", 100000); flush(); nobody_has_defined_this();',
    "public/dies.php": "<?php exec('kill -9 ' . getmypid());",
    "public/slow.php": "<?php sleep(20);",
    "public/pid.php": "<?php echo getmypid();",
    "public/broken.php": "<?php this is not php",
}


@pytest.fixture(params=["unix", "tcp"])
def php(request, serve, tmp_path):
    """Starts edge before a PHP-FPM; `php(more="…")` gives edge."""
    fpm = PhpFpm(tmp_path / "fpm", tcp=request.param == "tcp")

    def start(more="", files=None):
        site = SITE.format(url=fpm.url, root=tmp_path / "public", more=more)
        return serve(site, {**SCRIPTS, **(files or {})})

    start.fpm, start.root = fpm, tmp_path / "public"
    yield start
    fpm.end()


def told(answer):
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def test_what_a_script_is_told(php):
    edge = php()
    answer = told(edge.get("/tell.php/a/b%20c?x=1&y[]=2", headers=["X-Own: 3", "Proxy: http://evil.example"],
                           host="shop.example"))
    server = answer["server"]
    assert answer["get"] == {"x": "1", "y": ["2"]}
    for name, value in {
        "SCRIPT_FILENAME": f"{php.root}/tell.php", "DOCUMENT_ROOT": str(php.root), "SCRIPT_NAME": "/tell.php",
        "PATH_INFO": "/a/b c", "PHP_SELF": "/tell.php/a/b c", "REQUEST_URI": "/tell.php/a/b%20c?x=1&y[]=2",
        "QUERY_STRING": "x=1&y[]=2", "REQUEST_METHOD": "GET", "SERVER_NAME": "shop.example", "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_PORT": str(edge.port), "REMOTE_ADDR": "127.0.0.1", "REQUEST_SCHEME": "http", "HTTP_HOST": "shop.example",
        "HTTP_X_OWN": "3", "HTTP_X_FORWARDED_FOR": "127.0.0.1",
    }.items():
        assert server[name] == value, name
    assert "HTTP_PROXY" not in server and "HTTPS" not in server


def test_a_front_controller_by_try(php):
    edge = php()
    server = told(edge.get("/2026/caf%C3%A9?page=2"))["server"]
    assert server["SCRIPT_NAME"] == "/index.php" and server["SCRIPT_FILENAME"] == f"{php.root}/index.php"
    assert server["REQUEST_URI"] == "/2026/caf%C3%A9?page=2" and server["QUERY_STRING"] == "page=2"
    assert edge.get("/style.css").body == b"a {}\n"
    posted = told(edge.get("/save", method="POST", body=b"a=1&b=%C3%A9",
                           headers=["Content-Type: application/x-www-form-urlencoded"]))
    assert posted["post"] == {"a": "1", "b": "é"} and posted["server"]["REQUEST_METHOD"] == "POST"


def test_a_front_controller_by_prefix(php):
    server = told(php().get("/prefix/a/b?c"))["server"]
    assert server["PATH_INFO"] == "/a/b" and server["SCRIPT_FILENAME"] == f"{php.root}/index.php"


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies(php, chunked):
    body = bytes(range(32, 127)) * 1000
    edge = php()
    with edge.connect() as client:
        head = b"POST /tell.php HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
        if chunked:
            client.send(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            client.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = told(client.answer())
    assert answer["input"].encode() == body and answer["server"]["CONTENT_LENGTH"] == str(len(body))


def test_an_upload(php):
    photo = bytes(range(256)) * 8192                    # 2 MiB
    parts = [b'--cut\r\nContent-Disposition: form-data; name="title"\r\n\r\nSea\r\n',
             b'--cut\r\nContent-Disposition: form-data; name="photo"; filename="sea.jpg"\r\n'
             b"Content-Type: image/jpeg\r\n\r\n", photo, b"\r\n--cut--\r\n"]
    answer = php().get("/upload.php", method="POST", body=b"".join(parts),
                       headers=["Content-Type: multipart/form-data; boundary=cut"])
    assert answer.get("X-Error") == "0"
    assert answer.body == b"sea.jpg Sea %s %d" % (hashlib.md5(photo).hexdigest().encode(), len(photo))


def test_answers(php):
    edge = php()
    assert edge.get("/large.php").body == b"".join(b"%c" % (97 + i % 26) * 1000 for i in range(3000))
    answer = edge.get("/headers.php")
    assert answer.status == 201 and answer.get("X-One") == "1"
    assert answer.all("X-Many") == ["a", "b"] and "seen=yes" in answer.get("Set-Cookie")
    moved = edge.get("/moved.php")
    assert moved.status == 302 and moved.get("Location") == "/elsewhere.php?a=b"
    head = edge.get("/headers.php", method="HEAD")
    assert head.status == 201 and head.body == b""
    ended = edge.get("/exits.php")
    assert (ended.status, ended.body) == (200, b"so far")


def test_errors_of_scripts(php):
    edge = php()
    assert edge.get("/fatal.php").status == 500
    assert edge.get("/broken.php").status == 500
    assert "nobody_has_defined_this" in php.fpm.log("php.log")
    late = edge.get("/late_fatal.php")                  # its head was sent before
    assert late.status == 200 and late.body.startswith(b"x" * 100_000)
    assert edge.get("/tell.php").status == 200


def test_a_script_that_is_missing_is_explained_in_the_log(php):
    edge = php()
    missing = edge.get("/missing.php")
    assert (missing.status, missing.body) == (404, b"File not found.\n")
    edge.log.wait_for("Primary script unknown")


def test_a_child_that_is_killed_is_502_and_the_next_one_serves(php):
    edge = php()
    assert edge.get("/dies.php", method="POST", body=b"x").status == 502
    edge.log.wait_for(r"error request [0-9a-f]{32}: POST /dies\.php: upstream php, server ")
    wait_until(lambda: "exited on signal 9" in php.fpm.log(), "php-fpm has seen it")
    assert [edge.get("/tell.php").status for _ in range(4)] == [200] * 4


def test_a_slow_script_is_504(php):
    edge = php(more=", read_timeout: 1s, retries: 0")
    assert edge.get("/slow.php").status == 504
    assert edge.get("/tell.php").status == 200


def test_kept_connections_starve_nobody(php):
    """Two loops and two children: were connections kept by default, the first two would hold both children."""
    edge = php()
    answers = []
    clients = [threading.Thread(target=lambda: answers.extend(edge.get("/tell.php").status for _ in range(5)))
               for _ in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(PATIENCE)
    assert answers == [200] * 40


def test_connections_are_kept_when_that_is_asked_for(php):
    edge = php(more=", keepalive: 1")
    with edge.connect() as client:
        pids = {client.request("GET", "/pid.php").body for _ in range(6)}
    assert len(pids) == 1

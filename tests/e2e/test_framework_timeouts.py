"""Views of Flask and Django that run longer than request_timeout, by the frameworks' own idioms."""
import json
import sqlite3

import pytest

from edge import wait_until
from framework_shops import Shop

# What the frameworks' own places for an end note, and that none of those for an Exception does.
TOLD = {"flask": ["view begins", "view RequestTimeout", "teardown RequestTimeout"],
        "django": ["view begins", "view RequestTimeout", "middleware RequestTimeout"]}


@pytest.fixture(params=TOLD)
def framework(request):
    pytest.importorskip(request.param)
    return request.param


def write_at_once(shop):
    """Whether another process may write the database of the shop now: no transaction is left open."""
    with sqlite3.connect(shop.folder / "shop.db", timeout=0) as database:
        database.execute("insert into sale values ('by hand')")
    database.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_view_that_hangs(serve, framework, threads):
    shop = Shop(serve, framework, threads, "2s")
    log, before = shop.edge.log, shop.told()["pid"]
    assert shop.edge.get("/stuck").status == 504
    request = shop.wait_logged(504, "GET", "/stuck")
    log.wait_for(rf"error \[shop\] worker 0 \(pid {before}\): request {request} \(GET /stuck\) ran longer than "
                 r"request_timeout \(2000 ms\)$")
    thread = log.wait_for(rf"error \[shop\] request {request}: worker 0 \(pid {before}\) thread (\S+): "
                          r"stacks of its threads:$")[1]
    for function, mark in [("stuck", "# the view"), ("hang", "# as long as it is let")]:
        log.wait_for(rf'^  \| {thread} \(answers this request\): File "{shop.folder}/shop\.py", '
                     rf'line {shop.line(mark)} in {function}$')
    shop.wait_for(TOLD[framework][-1])
    assert shop.notes() == TOLD[framework], "what is for an Exception is not told"
    log.wait_for(rf"\[shop\] request {request}: interrupted: it ran longer than request_timeout$")
    assert shop.told() == {"pid": before, "left": []}, "the worker goes on, and nothing is left of the request"
    if framework == "django":
        write_at_once(shop)
        assert shop.told() == {"pid": before, "left": ["by hand"]}
    assert "killed" not in log.text() and "the application raised" not in log.text()


def test_a_view_that_swallows_the_exception_costs_its_worker(serve, framework):
    shop = Shop(serve, framework, request_timeout="2s")
    before = shop.told()["pid"]
    assert shop.edge.get("/swallow").status == 504
    request = shop.wait_logged(504, "GET", "/swallow")
    shop.edge.log.wait_for(rf"error \[shop\] request {request}: worker 0 \(pid {before}\) was still at it 1000 ms "
                           r"after edge_gateway\.RequestTimeout$")
    shop.wait_for("view swallows RequestTimeout")
    told = shop.told()
    assert told["pid"] != before and told["left"] == [], "another worker answers, and what was written is undone"
    if framework == "django":
        write_at_once(shop)


def test_a_view_that_recovers_answers_nobody_else(serve, framework):
    shop = Shop(serve, framework, request_timeout="2s")
    before = shop.told()["pid"]
    with shop.edge.connect() as connection:
        assert connection.request("GET", "/recover").status == 504
        answer = connection.request("GET", "/")
        assert answer.status == 200 and json.loads(answer.body) == {"pid": before, "left": []}
    assert "view recovers" in shop.notes()
    wait_until(lambda: len(shop.access()) == 3, "each request is logged")
    assert [line[0] for line in shop.access()] == ["200", "504", "200"]
    assert "was still at it" not in shop.edge.log.text() and "killed" not in shop.edge.log.text()

"""ASGI requests that run too long: where their threads are, and tasks that do not end although they were cancelled."""
import json

from edge import run, wait_until

SITE = """\
    edge: {control: control.sock}
    apps:
      shop: {module: app, processes: 1, request_timeout: 500ms}
    sites:
      - listen: ["127.0.0.1:0"]
        routes:
          - {path: /, app: shop}
"""
APP = '''\
    """What keeps a task from its end."""
    import asyncio
    import os
    import time


    def in_a_thread():
        while not os.path.exists("go-on"):
            time.sleep(0.01)


    async def thread():
        await asyncio.get_running_loop().run_in_executor(None, in_a_thread)


    async def stubborn():
        while not os.path.exists("go-on"):
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                with open("cancelled", "a") as file:
                    file.write("x")


    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError
        view = globals().get(scope["path"][1:])
        if view:
            await view()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % os.getpid()})
'''


def start(serve):
    return serve(SITE, {"app.py": APP})


def pid_of(edge):
    return int(edge.get("/").body)


def test_the_stacks_show_what_a_task_waits_for_in_another_thread(serve):
    edge = start(serve)
    before = pid_of(edge)
    assert edge.get("/thread").status == 504
    edge.log.wait_for(rf"\[shop\] request \w+: worker 0 \(pid {before}\) thread MainThread: stacks of its threads:$")
    edge.log.wait_for(r"^  \| MainThread \(runs the event loop\): File ")
    edge.log.wait_for(r'^  \| thread 0x\w+: File ".*app\.py", line \d+ in in_a_thread$')
    (edge.folder / "go-on").touch()
    assert pid_of(edge) == before


def test_a_worker_whose_task_ignores_its_cancellation_is_replaced(serve):
    edge = start(serve)
    before = pid_of(edge)
    assert edge.get("/stubborn").status == 504
    wait_until((edge.folder / "cancelled").exists, "its task was cancelled")
    found = edge.log.wait_for(rf"\[shop\] worker 0 \(pid {before}\): request (\w+) .*\(GET /stubborn\), whose client has "
                              r"gone goes on 500 ms after its task was cancelled$")
    edge.log.wait_for(rf"\[shop\] worker 0 \(pid {before}\) does not get rid of request {found[1]} and is replaced; "
                      "its other requests finish first$")
    wait_until(lambda: pid_of(edge) != before, "another worker answers")
    (edge.folder / "go-on").touch()
    wait_until(lambda: before not in pids(edge), "the old one has left by itself")
    assert "it is killed" not in edge.log.text()


def pids(edge):
    status = json.loads(run("status", "--json", "site.yaml", folder=edge.folder).stdout)
    return {worker["pid"] for generation in status["apps"][0]["generations"] for worker in generation["workers"]}

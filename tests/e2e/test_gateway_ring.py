"""A worker thread's ends of its rings, for requests and for answers: driven byte by byte."""
import os
import struct

import pytest

from edge import wait_until
from gateway_harness import binary, place_of, serve_app    # noqa: F401 (fixtures)
from gateway_wire import (BELL, FRAME, HEAD, LAST, REQUEST, RING, answer_ring_place, packet, parse_head, ring_place)

OPEN, WAITING, REQUESTS_HEAD, REQUESTS_TAIL, RECORDS = 0, 8, 72, 128, 192
ANSWERS_HEAD, ANSWERS_TAIL = 64, 128
REQUEST_RECORD, IN_SOCKET, PASS_OVER = 0, 1, 2
ECHO = """
import os, time
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    while environ["PATH_INFO"] == "/until" and not os.path.exists(body):
        time.sleep(0.005)
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode(), b" ", body]
"""


class Ring:
    """The edge's end."""

    def __init__(self, worker, thread=0):
        self.memory, self.mailbox = worker.slots, worker.threads[thread].mailbox
        self.begin, self.tail = ring_place(worker.app.threads, thread), 0

    def word(self, place):
        return struct.unpack_from("=Q", self.memory, self.begin + place)[0]

    def set(self, place, value):
        struct.pack_into("=Q", self.memory, self.begin + place, value)

    def write(self, kind, content=b"", size=None):
        record = struct.pack("=II", 8 + len(content) if size is None else size, kind) + content
        place = self.begin + RECORDS + self.tail % (32 * 1024)
        self.memory[place:place + len(record)] = record
        self.tail += -(-len(record) // 8) * 8

    def publish(self):
        self.set(REQUESTS_TAIL, self.tail)

    def request(self, sequence, path, body=b""):
        self.write(REQUEST_RECORD, request(sequence, path, body))

    def ring(self):
        wait_until(lambda: self.word(WAITING) == 1, "the thread sleeps")
        self.set(WAITING, 0)
        self.publish()
        self.mailbox.send(REQUEST.pack(0, 0, BELL, 0, 0, 0))


class AnswerRing:
    """The end of the edge's first loop."""

    def __init__(self, worker):
        self.memory, self.begin, self.head = worker.slots, answer_ring_place(worker.app.threads), 0
        self.channel = worker.threads[0].answers[0]
        self.set(OPEN, 1)
        self.wait()

    def set(self, place, value):
        struct.pack_into("=Q", self.memory, self.begin + place, value)

    def wait(self):
        self.set(WAITING, 1)

    def tail(self):
        return struct.unpack_from("=Q", self.memory, self.begin + ANSWERS_TAIL)[0]

    def heard(self):
        """The worker has told of something, in the channel."""
        return FRAME.unpack(self.channel.recv(FRAME.size)) == (0, 0, 0, 0, RING, 0)

    def read(self):
        """The next answer: its sequence and body."""
        wait_until(lambda: self.tail() != self.head, "there is one")
        place = self.begin + RECORDS + self.head % (32 * 1024)
        size, kind = struct.unpack_from("=II", self.memory, place)
        self.head += -(-size // 8) * 8
        self.set(ANSWERS_HEAD, self.head)
        if kind == PASS_OVER:
            return self.read()
        frame = self.memory[place + 8:place + size]
        sequence, payload, head, status, flags, _ = FRAME.unpack_from(frame)
        assert kind == 0 and status == 200 and flags == HEAD | LAST and len(frame) == FRAME.size + payload
        assert parse_head(frame[FRAME.size:FRAME.size + head])
        return sequence, frame[FRAME.size + head:]


def request(sequence, path, body=b""):
    variables = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "CONTENT_LENGTH": str(len(body))}
    return REQUEST.pack(sequence, 0, 0, len(body), place_of(sequence), 0) + packet(variables) + body


def answers(worker, *sequences):
    return [worker.threads[0].answer(sequence, 0).body for sequence in sequences]


@pytest.fixture
def worker(serve_app):
    app = serve_app(ECHO)
    yield app.workers[0]


def test_one_bell_is_enough_for_all_that_lies_there(worker):
    ring = Ring(worker)
    assert ring.word(OPEN) == 1
    ring.request(1, "/one", b"body")
    ring.request(2, "/two")
    ring.ring()
    assert answers(worker, 1, 2) == [b"/one body", b"/two "]
    assert worker.taken() == 2 and ring.word(REQUESTS_HEAD) == ring.tail


def test_what_lies_in_the_socket_has_its_turn(worker, tmp_path):
    ring, go_on = Ring(worker), os.fsencode(tmp_path / "go-on")
    ring.request(1, "/until", go_on)
    ring.ring()
    wait_until(lambda: worker.running() == 1, "it is at the first")
    ring.request(2, "/two")
    ring.write(IN_SOCKET)
    ring.request(4, "/four")
    worker.threads[0].send(3, {}, raw=request(3, "/three"))
    ring.publish()
    (tmp_path / "go-on").touch()
    assert answers(worker, 1, 2, 3, 4) == [b"/until " + go_on, b"/two ", b"/three ", b"/four "]


def test_a_record_of_what_the_sleeping_thread_got_from_the_socket_is_passed_over(worker):
    ring = Ring(worker)
    wait_until(lambda: ring.word(WAITING) == 1, "the thread sleeps")
    worker.threads[0].send(1, {}, raw=request(1, "/one"))
    assert answers(worker, 1) == [b"/one "]
    ring.write(IN_SOCKET)
    ring.request(2, "/two")
    ring.ring()
    assert answers(worker, 2) == [b"/two "]


def test_records_go_round_the_end(worker):
    ring = Ring(worker)
    for sequence in range(1, 60):
        left = 32 * 1024 - ring.tail % (32 * 1024)
        if left < 2000:
            ring.write(PASS_OVER, size=left)
            ring.tail += left - 8
        ring.request(sequence, "/", b"x" * 1500)
        ring.ring()
        assert answers(worker, sequence) == [b"/ " + b"x" * 1500]


def test_a_thread_that_is_told_to_quit_answers_what_lies_there_first(serve_app):
    app = serve_app(ECHO)
    worker = app.workers[0]
    ring = Ring(worker)
    wait_until(lambda: ring.word(WAITING) == 1, "the thread sleeps")
    ring.request(1, "/one")
    ring.publish()                                            # the bell is still under way
    worker.threads[0].quit()
    assert answers(worker, 1) == [b"/one "]
    assert worker.wait_exit() == 0
    app.workers.clear()


@pytest.mark.parametrize("record", [dict(kind=3), dict(kind=0, size=4), dict(kind=0, size=40000),
                                    dict(kind=0, content=b"short")])
def test_a_record_that_makes_no_sense_ends_the_worker_with_a_log_line(serve_app, record):
    app = serve_app(ECHO)
    worker = app.workers[0]
    ring = Ring(worker)
    ring.write(**record)
    ring.ring()
    assert app.log("a worker was sent a re")[1].endswith("makes no sense\n")
    assert os.waitstatus_to_exitcode(worker.wait_exit()) == 76
    app.workers.clear()


def test_threads_of_asgi_apps_leave_the_ring_alone(serve_app):
    app = serve_app("""
        async def application(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"async"})
    """)
    assert Ring(app.workers[0]).word(OPEN) == 0


def test_small_answers_come_through_the_ring_and_are_announced_once(worker):
    ring = AnswerRing(worker)
    for sequence in (1, 2):
        worker.threads[0].send(sequence, {}, raw=request(sequence, "/"))
    assert [ring.read(), ring.read()] == [(1, b"/ "), (2, b"/ ")]
    assert ring.heard()
    ring.wait()
    worker.threads[0].send(3, {}, raw=request(3, "/"))
    assert ring.heard() and ring.read() == (3, b"/ ")


def test_large_answers_and_those_for_which_there_is_no_room_come_through_the_channel(worker):
    ring = AnswerRing(worker)
    large = b"x" * 9000
    worker.threads[0].send(1, {}, raw=request(1, "/", large))
    assert answers(worker, 1) == [b"/ " + large]
    for sequence in range(2, 12):
        worker.threads[0].send(sequence, {}, raw=request(sequence, "/", b"x" * 6000))
    assert ring.heard()
    assert answers(worker, *range(7, 12)) == [b"/ " + b"x" * 6000] * 5      # five fill 32 KiB
    assert [ring.read()[0] for _ in range(5)] == [2, 3, 4, 5, 6]
    assert ring.tail() == ring.head


def test_answers_go_round_the_end(worker):
    ring = AnswerRing(worker)
    for sequence in range(1, 200):
        worker.threads[0].send(sequence, {}, raw=request(sequence, "/", b"x" * (sequence * 37 % 3000)))
        assert ring.read() == (sequence, b"/ " + b"x" * (sequence * 37 % 3000))


def test_a_thread_ends_when_nobody_is_there_to_be_told(serve_app):
    app = serve_app(ECHO)
    worker = app.workers[0]
    AnswerRing(worker)
    worker.threads[0].answers[0].close()
    worker.threads[0].send(1, {}, raw=request(1, "/"))
    assert worker.wait_exit() == 0
    app.workers.clear()

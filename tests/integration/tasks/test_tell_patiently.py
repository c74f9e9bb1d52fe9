"""``platform.tell`` against a platform that is silent, slow, endless or forgetful."""

import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

from tests.fixtures.platform import Platform, reply
from tests.integration.tasks.conftest import Desk, delivery


def test_a_silent_platform_is_waited_for_once_a_run(
    telling: Desk, platform: Platform
) -> None:
    # Of a run's half of the limit a row may take 0.4: on a busy machine the rest must
    # be long enough for the other two.
    limits = {"soft_limit_seconds": 14, "hard_limit_seconds": 15, "lease_seconds": 16}
    telling.config = telling.config.model_copy(update=limits)
    rows = [delivery(telling) for _ in range(3)]

    def say_nothing(request: BaseHTTPRequestHandler) -> None:
        platform.over.wait(60)

    platform.answer = say_nothing
    assert telling.work().put_off == 3
    assert len(platform.hooks) == 1
    assert {telling.row(row).state for row in rows} == {"pending"}


def trickle(request: BaseHTTPRequestHandler) -> None:
    """Answer so slowly that no time-out of the socket ever fires."""
    request.close_connection = True
    # Until the other side has had enough.
    with suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
            request.wfile.write(bytes([byte]))
            time.sleep(0.05)


def test_a_platform_that_trickles_is_too_late(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)
    platform.answer = trickle
    telling.work()
    said = telling.row(row_id).last_error
    # Where the time is over between two bytes, and where it is over within one wait.
    assert said in {
        f"UnreachableError: no answer: {error}"
        for error in ("TimeoutError", "ReadTimeout")
    }


def flood(request: BaseHTTPRequestHandler) -> None:
    """Answer yes with a body without end."""
    request.send_response(200)
    request.end_headers()
    for _ in range(2000):
        request.wfile.write(b"x" * 65536)


def test_of_an_endless_answer_only_the_status_counts(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        try:
            flood(request)
        except OSError:
            platform.over.set()

    platform.answer = answer
    assert telling.work().sentence() == "1 sent"
    assert telling.row(row_id).state == "sent"
    assert platform.over.wait(60), "the rest was read"


def test_a_lost_answer_is_told_again_with_the_same_id(
    telling: Desk, platform: Platform
) -> None:
    row_id = delivery(telling)

    def lose(request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True

    platform.answer = lose
    assert telling.work().put_off == 1
    assert "no answer: RemoteProtocolError" in telling.row(row_id).last_error
    platform.answer = lambda request: reply(request, 204)
    telling.work_when_due()
    assert len({hook.headers["webhook-id"] for hook in platform.hooks}) == 1
    assert telling.row(row_id).state == "sent"

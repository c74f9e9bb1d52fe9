"""What is sent to the Cloud API, and what each of its answers means."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from models.notices import NoticeKind
from tests.fixtures.cloud_api import NUMBER_ID, TOKEN, Answer, CloudApi, fail, say
from tests.integration.worker.channels.whatsapp_side import (
    NUMBER,
    channel_to,
    message,
)
from worker.channels.contract import Message, Recipient
from worker.channels.deadline import Deadline
from worker.channels.errors import AddressRefusedError, RefusesUsError
from worker.channels.letter import Words
from worker.errors import PaddlewheelError, PermanentError, TransientError
from worker.lifecycle import Ending


def nothing() -> None:
    """Begin."""


def send(api: CloudApi, *messages: Message) -> list[Ending | PaddlewheelError]:
    """Deliver messages in one run."""
    came: list[Ending | PaddlewheelError] = []
    with channel_to(api.url) as channel:
        for one in messages or (message(1),):
            try:
                came.append(channel.deliver(one, Deadline(60), nothing))
            except PaddlewheelError as error:
                came.append(error)
    return came


def in_language(locale: str) -> Message:
    to = Recipient("Grace", NUMBER, locale)
    words = Words("Your access has ended", "", "", "It was refunded.")
    facts = {"shop": "The\tshop", "course": "Python    Basics\n"}
    return Message(NoticeKind.ENDED, "ended:1:2:whatsapp", "<1@x>", to, words, facts)


def test_the_approved_template_is_asked_for(cloud_api: CloudApi) -> None:
    assert send(cloud_api, in_language("en")) == [Ending("sent")]
    [(path, headers, body)] = cloud_api.asked
    assert path == f"/v23.0/{NUMBER_ID}/messages"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    texts = [
        "The shop",
        "Python Basics",
        "Your access has ended. It was refunded.",
    ]
    assert body == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": NUMBER,
        "type": "template",
        "template": {
            "name": "course_access",
            "language": {"code": "en"},
            "components": [
                {
                    "type": "body",
                    "parameters": [{"type": "text", "text": one} for one in texts],
                }
            ],
        },
        "biz_opaque_callback_data": "ended:1:2:whatsapp",
    }


@pytest.mark.parametrize(
    ("locale", "approved", "asked"),
    [
        ("pt-BR", {"pt_BR"}, ["pt_BR"]),
        ("de-AT", {"de"}, ["de_AT", "de"]),
        ("fr", {"en_US"}, ["fr", "en_US"]),
        ("", {"en_US"}, ["en_US"]),
        ("en\nX", {"en_US"}, ["en_US"]),
    ],
)
def test_the_nearest_approved_language_is_used(
    cloud_api: CloudApi, locale: str, approved: set[str], asked: list[str]
) -> None:
    cloud_api.languages = approved
    began: list[int] = []
    with channel_to(cloud_api.url) as channel:
        one = in_language(locale)
        for _ in range(2):
            ending = channel.deliver(one, Deadline(60), lambda: began.append(1))
            assert ending == Ending("sent")
    codes = [body["template"]["language"]["code"] for _, _, body in cloud_api.asked]
    # The second message knows what the first has learnt; each begins once.
    assert codes == [*asked, asked[-1]]
    assert began == [1, 1]


def test_no_template_in_any_language_is_about_us(cloud_api: CloudApi) -> None:
    cloud_api.languages = set()
    assert [type(one) for one in send(cloud_api, *[in_language("de")] * 2)] == [
        RefusesUsError
    ] * 2
    assert cloud_api.taken == []


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 131026, AddressRefusedError),
        (400, 131050, AddressRefusedError),
        *(
            (400, code, PermanentError)
            for code in (100, 131009, 131030, 131047, 131049)
        ),
        (400, 131051, PermanentError),
        (404, 132012, PermanentError),
        *((401, code, RefusesUsError) for code in (0, 190)),
        *((403, code, RefusesUsError) for code in (10, 200, 131005, 131031)),
        *((400, code, RefusesUsError) for code in (33, 131042, 133010)),
        *((404, code, RefusesUsError) for code in (132000, 132007, 132015)),
        *((429, code, TransientError) for code in (4, 80007, 130429, 131048, 131056)),
        *((500, code, TransientError) for code in (1, 2, 131000, 131016)),
        (503, 999_999, TransientError),
    ],
)
def test_a_code_is_sorted(
    cloud_api: CloudApi, status: int, code: int, kind: type[Exception]
) -> None:
    cloud_api.answer = lambda request: fail(request, status, code, retry_after="30")
    [error] = send(cloud_api)
    assert type(error) is kind
    assert str(error) == f"answered {status}, code {code}"
    if isinstance(error, TransientError):
        assert error.wait_at_least.total_seconds() == 30


def test_a_number_to_send_from_that_is_unknown_is_about_us(cloud_api: CloudApi) -> None:
    error = {"code": 100, "error_subcode": 33, "message": "Unsupported post request"}
    cloud_api.answer = lambda request: say(request, 400, {"error": error})
    [refused] = send(cloud_api)
    assert type(refused) is RefusesUsError


def raw(status: int, body: bytes) -> Answer:
    """Answer with something else."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        raw(200, b""),
        raw(200, b"<html>hello</html>"),
        raw(200, b"[" * 100_000),
        raw(502, b"<html>bad gateway</html>"),
        raw(504, b""),
        lambda request: say(request, 200, {"messages": []}),
        lambda request: say(request, 200, {"messages": [{"id": ""}]}),
        lambda request: say(request, 200, {"messages": [{"id": 7}]}),
        lambda request: say(request, 200, {"error": {"code": 131026}}),
    ],
    # Not the functions' addresses: the processes of one run must mean the same tests.
    ids=["empty", "html", "deep", "502", "504", "none", "no-id", "number", "error"],
)
def test_an_answer_that_says_nothing_is_a_doubt(
    cloud_api: CloudApi, answer: Callable[..., Any]
) -> None:
    cloud_api.answer = answer
    [ending] = send(cloud_api)
    assert isinstance(ending, Ending)
    assert ending.state == "doubtful"


@pytest.mark.parametrize(
    "number", ["4915199912345", "+4915199912345\n", "+0151999123", "+٤٩١٥١٩٩٩١٢٣"]
)
def test_what_is_no_number_is_not_asked_for(cloud_api: CloudApi, number: str) -> None:
    [error] = send(cloud_api, message(1, number))
    assert type(error) is PermanentError
    assert cloud_api.asked == []

"""The message by which a shop opens a checkout: it fits, and shows nobody who buys."""

import inspect

import pytest
from celery import Celery

from tasks.create import create
from tests.opening import send_as_told
from worker.signals import _fits

ASKED = {"prices": ["pri_a"], "learner_ref": 42, "reference": "order-17"}


def test_the_message_of_the_guide_fits_and_shows_its_arguments_to_nobody(
    sender: Celery, broker_url: str
) -> None:
    send_as_told(broker_url)

    with sender.connection_for_read() as connection:
        message = connection.SimpleQueue("fetch").get(timeout=5)
        message.ack()

    args, kwargs, _ = message.payload
    inspect.signature(create.run).bind(*args, **kwargs)
    assert message.headers["task"] == create.name
    assert [kwargs["learner_ref"], kwargs["reference"]] == ["user-42", "order-17"]
    unseen = str(message.headers) + str(message.properties)
    assert not [word for word in ("user-42", "order-17", "pri_") if word in unseen]


@pytest.mark.parametrize(
    ("option", "is_known"),
    [
        ("email", True),
        ("return_url", True),
        ("discount_code", True),
        ("retrun_url", False),
    ],
)
def test_an_option_of_another_name_is_no_argument_of_the_task(
    option: str,
    is_known: bool,  # noqa: FBT001 (what is claimed)
) -> None:
    # What does not fit becomes a dead letter: the message has no row to tell it.
    assert _fits(create, (), {**ASKED, option: "https://a.example/"}) is is_known

"""Addresses to which nothing is sent: however they are written, over one channel."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from models.notices import ChannelName
from worker.notices.suppressing import lift, suppress, suppressed

MAIL, WHATSAPP = ChannelName.MAIL, ChannelName.WHATSAPP
ADA = "ada@example.com"


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as open_one:
        yield open_one


@pytest.mark.parametrize("written", [ADA, " Ada@Example.COM ", "ADA@EXAMPLE.COM"])
def test_an_address_is_suppressed_however_it_is_written(
    connection: Connection, written: str
) -> None:
    suppress(connection, MAIL, "Ada@example.com", "RCPT: 550 5.1.1 gone", 7)
    assert suppressed(connection, MAIL, written) == "RCPT: 550 5.1.1 gone"
    assert suppressed(connection, MAIL, "other@example.com") is None


def test_a_composed_and_a_decomposed_letter_are_the_same(
    connection: Connection,
) -> None:
    suppress(connection, MAIL, "jose\u0301@example.com", "gone", None)
    assert suppressed(connection, MAIL, "jos\u00e9@example.com") == "gone"


def test_one_channel_says_nothing_of_another(connection: Connection) -> None:
    suppress(connection, WHATSAPP, "+4915112345", "left WhatsApp", None)
    assert suppressed(connection, MAIL, "+4915112345") is None
    assert suppressed(connection, WHATSAPP, "+4915112345") == "left WhatsApp"


def test_the_first_reason_stays(connection: Connection) -> None:
    suppress(connection, MAIL, ADA, "first", 7)
    suppress(connection, MAIL, "ADA@example.com", "second", 8)
    rows = connection.execute(
        text("SELECT address, reason, notification_id FROM suppressions")
    ).all()
    assert rows == [(ADA, "first", 7)]


def test_what_is_lifted_is_sent_to_again_and_may_be_suppressed_again(
    connection: Connection,
) -> None:
    suppress(connection, MAIL, ADA, "first", 7)
    assert lift(connection, MAIL, "Ada@Example.com")
    assert suppressed(connection, MAIL, ADA) is None
    assert not lift(connection, MAIL, ADA)
    suppress(connection, MAIL, ADA, "again", None)
    assert suppressed(connection, MAIL, ADA) == "again"

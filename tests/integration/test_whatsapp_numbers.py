"""Who is told over WhatsApp: who gave a number, of access, while it is given."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from models.notices import ChannelName
from tests.factories import add_offer, one, rows
from tests.notices import BUYER, JUST_NOW, purchase, refund, tell, turns
from worker.notices.addresses import TAKEN_BACK, address_of
from worker.notices.reading import Notice
from worker.settings import Settings, settings

ROWS = "SELECT key, channel FROM notifications ORDER BY id"
ENDS = "SELECT state, reason FROM notifications WHERE channel = 'whatsapp'"
WHATSAPP = ChannelName.WHATSAPP
NUMBER = "+4915199912345"
NO_NUMBERS = [
    *("4915199912345", "+0151999123", "+49 151 99912345", "+49151", f"{NUMBER}\n"),
    *("+1234567890123456", "+٤٩١٥١٩٩٩١٢٣", f" {NUMBER}", "", f"{NUMBER};drop"),
    *(15199912345, None, [NUMBER], {"number": NUMBER}, True),
]
_SAY = text("UPDATE transactions SET custom_data = CAST(:data AS jsonb)")
ON = {"whatsapp_token": "EAAtoken", "whatsapp_phone_number_id": "1"}


@pytest.fixture
def shop(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """A shop with WhatsApp that sells one course."""
    configured(**ON)
    add_offer(core, "pri_monthly", "python-basics")
    return core


def bought(number: object = NUMBER, **values: Any) -> Any:
    return purchase(custom_data={"whatsapp": number}, **values)


def over_whatsapp(engine: Engine) -> list[str]:
    """Let all messages have their turn, and return to which numbers they go."""
    notices = [found for found in turns(engine) if isinstance(found, Notice)]
    to = [one for one in notices if one.channel is WHATSAPP]
    return [one.recipient.address for one in to]


def test_who_gave_a_number_is_told_over_both(shop: Engine) -> None:
    tell(shop, BUYER, bought())
    enrollment = one(shop, "SELECT id FROM enrollments")
    assert rows(shop, ROWS) == [
        (f"welcome:{enrollment}", "mail"),
        (f"welcome:{enrollment}:whatsapp", "whatsapp"),
    ]
    assert over_whatsapp(shop) == [NUMBER]
    tell(shop, refund())
    assert rows(shop, ROWS)[2:] == [
        (f"ended:{enrollment}:2", "mail"),
        (f"ended:{enrollment}:2:whatsapp", "whatsapp"),
    ]
    assert over_whatsapp(shop) == [NUMBER]


def test_what_is_no_number_is_none(shop: Engine) -> None:
    tell(shop, BUYER, bought())
    learner = one(shop, "SELECT id FROM learners")
    with shop.begin() as connection:
        for number in NO_NUMBERS:
            connection.execute(_SAY, {"data": json.dumps({"whatsapp": number})})
            found = address_of(connection, WHATSAPP, (learner, ""), settings())
            assert found == TAKEN_BACK, number


def test_without_a_token_nobody_is_told_over_whatsapp(
    shop: Engine,
    configured: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WHATSAPP_TOKEN")
    configured()
    tell(shop, BUYER, bought())
    assert [channel for _, channel in rows(shop, ROWS)] == ["mail"]


@pytest.mark.parametrize(
    ("later", "told"), [("+33612345678", ["+33612345678"]), ("", [])]
)
def test_the_newest_purchase_that_names_a_number_decides(
    shop: Engine, later: str, told: list[str]
) -> None:
    tell(shop, BUYER, bought())
    tell(shop, bought(later, at=JUST_NOW / 2, id="txn_2"))
    # One says nothing of a number, and a renewal what its first purchase said.
    tell(shop, purchase(at=JUST_NOW / 4, id="txn_3", custom_data={"a": 1}))
    tell(shop, bought(at=JUST_NOW / 8, id="txn_4", origin="subscription_recurring"))
    assert over_whatsapp(shop) == told
    ends = [("sent", None)] if told else [("skipped", "no number any more")]
    assert rows(shop, ENDS) == ends


def test_a_token_that_is_gone_skips_what_waits(
    shop: Engine,
    configured: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tell(shop, BUYER, bought())
    monkeypatch.delenv("WHATSAPP_TOKEN")
    configured()
    assert over_whatsapp(shop) == []
    assert rows(shop, ENDS) == [("skipped", "WHATSAPP_TOKEN is not set")]


def test_a_number_that_comes_later_greets_nobody_for_what_they_have(
    shop: Engine,
) -> None:
    tell(shop, BUYER, purchase())
    turns(shop)
    tell(shop, bought(at=JUST_NOW / 2, id="txn_2"))
    assert [channel for _, channel in rows(shop, ROWS)] == ["mail"]

"""A sum stands in a message only where the provider has told it."""

import copy

import pytest
from sqlalchemy import Engine

from models.notices import NoticeKind
from tasks.remind import plan
from tests.notices import BUYER, JUST_NOW, past_due, purchase, tell, turns, unpaid
from tests.purchases import Body
from tests.subscriptions import item, subscription
from worker.notices.reading import Notice
from worker.notices.templates import render


def at_price(unit_price: Body | None) -> Body:
    """A trial that ends tomorrow, of a price that is in another currency, or untold."""
    bought = copy.deepcopy(item(status="trialing"))
    bought["price"]["unit_price"] = unit_price
    return subscription("trialing", at=-1, period=-29, items=[bought])


def text_of(engine: Engine, kind: NoticeKind) -> str:
    """Return the mail of a kind that goes out."""
    plan()
    [found] = [n for n in turns(engine) if isinstance(n, Notice) and n.kind is kind]
    words = render(kind, found.facts, "en", None)
    return f"{words.subject}\n{words.text}"


@pytest.mark.parametrize(
    "unit_price",
    [{"amount": "1900", "currency_code": "USD"}, None],
    ids=["dollars", "untold"],
)
def test_a_trial_ends_without_a_guess_at_the_sum(
    unit_price: Body | None, shop: Engine
) -> None:
    tell(shop, BUYER, at_price(unit_price))

    text = text_of(shop, NoticeKind.TRIAL_ENDING)

    assert "its first payment is taken" in text
    assert not {"EUR", "USD", "19.00", "0.00"} & set(text.split())


def test_a_failed_renewal_tells_what_was_asked_for(shop: Engine) -> None:
    charged = unpaid()
    charged["data"]["currency_code"] = "CHF"
    charged["data"]["details"]["totals"]["grand_total"] = "3451"
    tell(shop, BUYER, subscription(at=-0.5), past_due(), charged)

    assert "the payment of 34.51 CHF did" in text_of(shop, NoticeKind.RENEWAL_FAILED)


def test_a_failed_renewal_of_which_no_charge_is_known_tells_no_sum(
    shop: Engine,
) -> None:
    tell(shop, BUYER, subscription(at=-0.5), past_due())

    text = text_of(shop, NoticeKind.RENEWAL_FAILED)

    assert "but the payment did not go through" in text
    assert not {"EUR", "29.00", "0.00"} & set(text.split())


def test_what_has_no_title_is_named_in_the_templates_language(shop: Engine) -> None:
    free = purchase(at=JUST_NOW)
    bought = free["data"]["items"][0]["price"]
    bought |= {"id": "pri_unknown", "custom_data": None}
    free["data"]["details"]["line_items"][0]["price_id"] = "pri_unknown"
    tell(shop, BUYER, free)

    [order] = [n for n in turns(shop) if isinstance(n, Notice)]

    assert (order.kind, order.facts["course"]) == (NoticeKind.ORDER_CONFIRMATION, "")

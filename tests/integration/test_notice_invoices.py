"""The invoice of an order: fetched where there is one, and never waited for else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from local_paddle.catalog import Offer
from local_paddle.server import Options, running
from models.key import Key
from models.notices import NoticeKind
from tests.notices import BUYER, JUST_NOW, purchase, tell, turns
from worker.local_shop import Client
from worker.notices.links import Links
from worker.notices.reading import Notice
from worker.notices.templates import render
from worker.settings import Settings, settings

API_KEY = "pdl_local_apikey_for_tests"
SECRET = "pdl_ntfset_01gkpjp8bkm3tm53kdgkx6sms7_6h3qd3uFSi9YCD3OLYAShQI90XTI5vEI"
FREE, SOLD = "pri_01jd0free0000000000000000f", "pri_01jd0pyth0nbas1cs0000000a1"


def confirmation(engine: Engine) -> Notice:
    [found] = [
        n
        for n in turns(engine)
        if isinstance(n, Notice) and n.kind is NoticeKind.ORDER_CONFIRMATION
    ]
    return found


def test_of_what_cost_nothing_nobody_is_asked_for_an_invoice(shop: Engine) -> None:
    free = purchase(at=JUST_NOW)
    free["data"]["details"]["totals"]["grand_total"] = "0"
    tell(shop, BUYER, free)
    notice = confirmation(shop)

    # Without a key whoever asked would be put off.
    with Links(settings()) as links:
        facts = {**notice.facts, **links.fetch(shop, notice)}

    words = render(notice.kind, facts, "en", None)
    assert "You have paid 0.00 EUR." in words.text
    assert "Download" not in words.text
    assert "invoice later" not in words.text


@pytest.mark.parametrize(("price", "is_there"), [(FREE, False), (SOLD, True)])
def test_where_the_provider_has_none_the_order_is_confirmed_without(
    price: str,
    is_there: bool,  # noqa: FBT001 (a parameter of the test)
    shop: Engine,
    configured: Callable[..., Settings],
    tmp_path: Path,
) -> None:
    tell(shop, BUYER, purchase(at=JUST_NOW))
    notice = confirmation(shop)
    offers = (Offer(FREE, "Free", ("basics",), 0), Offer(SOLD, "Sold", ("basics",)))
    nowhere = "http://127.0.0.1:9/webhooks/paddle"
    options = Options(tmp_path, API_KEY, SECRET, nowhere, offers)
    with running(options) as (_, address), Client(address, API_KEY) as control:
        bought = control.purchase("ada@example.com", prices=[price])["transaction_id"]
        config = configured(paddle_api_key=API_KEY, paddle_api_url=address)
        with Links(config) as links:
            found = links.fetch(shop, replace(notice, subject=Key("paddle", bought)))

    text = render(notice.kind, {**notice.facts, **found}, "en", None).text
    assert ("Download the invoice:" in text) == is_there

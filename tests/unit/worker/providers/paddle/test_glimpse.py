"""What can be made out of a body that cannot be read: by form alone, and never raising."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.purchases import adjustment, encoded, published, transaction
from worker.providers.contract import Glimpse
from worker.providers.paddle.glimpse import glimpse_of

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = ("id", "customer_id", "transaction_id", "currency_code", "details", "totals")


def test_of_a_transaction_buyer_and_total_are_seen() -> None:
    body = transaction("transaction.completed")
    del body["data"]["items"]
    assert glimpse_of(encoded(body)) == Glimpse(
        customer_id=body["data"]["customer_id"],
        transaction_id=body["data"]["id"],
        currency="USD",
        total_minor=int(body["data"]["details"]["totals"]["total"]),
    )


def test_of_a_refund_its_own_total_and_its_purchase_are_seen() -> None:
    body = adjustment(total=500)
    seen = glimpse_of(encoded(body))
    assert seen.transaction_id == body["data"]["transaction_id"]
    assert seen.total_minor == 500


def test_a_customer_is_its_own_buyer() -> None:
    body = published("customer.updated")
    assert glimpse_of(encoded(body)) == Glimpse(customer_id=body["data"]["id"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("customer_id", "ctm_<script>"),
        ("customer_id", "ctm_" + "a" * 10_000),
        ("customer_id", ["ctm_1"]),
        ("currency_code", "eur\n"),
        ("details", {"totals": {"total": "1e3"}}),
        ("details", {"totals": {"total": "-5"}}),
        ("details", {"totals": {"total": 5}}),
        ("details", "none"),
    ],
)
def test_what_has_another_form_is_not_repeated(name: str, value: Any) -> None:
    body = transaction("transaction.completed")
    body["data"][name] = value
    seen = glimpse_of(encoded(body))
    part = {"customer_id": seen.customer_id, "currency_code": seen.currency}
    assert part.get(name, seen.total_minor) is None


@given(
    st.binary()
    | st.dictionaries(st.sampled_from(NAMES), JSON).map(
        lambda data: json.dumps({"data": data}).encode()
    )
)
def test_nothing_makes_it_raise(body: bytes) -> None:
    glimpse_of(body)


def test_nor_does_depth() -> None:
    assert glimpse_of(b"[" * 100_000) == Glimpse()

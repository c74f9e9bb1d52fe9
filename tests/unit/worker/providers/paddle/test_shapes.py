"""What is new about a body: told by name, bounded, and without anybody's data."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.drift import DriftKind
from tests.purchases import Body, all_published, encoded, published
from worker.providers.contract import Novelty
from worker.providers.paddle.event_types import EVENT_TYPES
from worker.providers.paddle.shapes import (
    FILE,
    HIDDEN,
    MOST_OF_A_BODY,
    novelties_of,
    shapes,
)

CANARY = "c4n4ry-of-a-buyer@example.com"
#: Of which Paddle has published no shape.
UNDESCRIBED = {"api_key_rotation", "invoice"}


def novelties(body: Body) -> set[Novelty]:
    return set(novelties_of(body["event_type"], encoded(body)))


def field(path: str) -> Novelty:
    return Novelty(DriftKind.FIELD, path)


def value(path: str, told: str) -> Novelty:
    return Novelty(DriftKind.ENUM, path, told)


def completed() -> Body:
    return published("transaction.completed")


@pytest.mark.parametrize("event_type", all_published())
def test_what_paddle_publishes_is_known(event_type: str) -> None:
    assert novelties(published(event_type)) == set()


def test_every_entity_has_a_shape_and_every_shape_a_use() -> None:
    entities = {one.entity for one in EVENT_TYPES.values()}
    used = {f.shape for shape in shapes().values() for f in shape.values() if f.shape}

    assert entities - set(shapes()) == UNDESCRIBED
    assert set(shapes()) - used <= entities | {"event"}
    assert used <= set(shapes())


def test_the_file_of_shapes_can_be_read_at_a_sitting() -> None:
    assert len(FILE.read_text().splitlines()) <= 250


def test_a_new_type_is_told_and_what_is_new_in_it() -> None:
    body = completed() | {"event_type": "transaction.teleported"}
    body["data"]["beam"] = CANARY

    assert novelties(body) == {
        Novelty(DriftKind.TYPE, "transaction.teleported"),
        field("transaction.beam"),
    }


def test_nobody_knows_what_is_in_a_type_that_nobody_knows() -> None:
    body = {"event_id": "evt_1", "event_type": "moon.landed", "data": {"a": {"b": 1}}}

    assert novelties(body) == {Novelty(DriftKind.TYPE, "moon.landed")}


def test_a_new_field_is_told_where_it_stands_and_without_its_value() -> None:
    body = completed() | {"trace": {"of": CANARY}}
    body["data"]["details"]["totals"]["rounding"] = CANARY
    for item in body["data"]["items"]:
        item["price"]["colour"] = {"deep": {"down": CANARY}}

    told = novelties(body)

    assert told == {
        field("event.trace"),
        field("transaction.details.totals.rounding"),
        field("transaction.items[].price.colour"),
    }
    assert CANARY not in str(told)


def test_a_new_value_of_a_fixed_set_is_told() -> None:
    body = completed()
    body["data"]["status"] = "teleported"
    body["data"]["currency_code"] = "KWD"
    body["data"]["payments"][0]["method_details"]["type"] = "shells"

    assert novelties(body) == {
        value("transaction.status", "teleported"),
        value("transaction.currency_code", "KWD"),
        value("transaction.payments[].method_details.type", "shells"),
    }


@pytest.mark.parametrize(
    "word", [CANARY, "Ada Lovelace", "4242424242424242", "x" * 65, "", "\x1b[2J", "é",
             "ctm_01hv6y1jedq4p1n0yqn5ba3ky4", "a.b"],
)  # fmt: skip
def test_a_word_that_may_be_data_is_not_shown(word: str) -> None:
    body = completed()
    body["data"]["status"] = word
    body["data"][word] = 1

    assert novelties(body) == {
        value("transaction.status", HIDDEN),
        field(f"transaction.{HIDDEN}"),
    }


@pytest.mark.parametrize("holder", ["custom_data", "price", "product"])
def test_what_the_seller_writes_is_nobodys_business(holder: str) -> None:
    body = completed()
    data = body["data"]
    places = {
        "custom_data": data,
        "price": data["items"][0]["price"],
        "product": data["details"]["line_items"][0]["product"],
    }
    places[holder]["custom_data"] = {"a": {"status": CANARY}, CANARY: [1]}

    assert novelties(body) == set()


@pytest.mark.parametrize("odd", [None, "none", 7, [], [[]], [None, 1], {}, True])
@pytest.mark.parametrize("place", ["items", "details", "status", "payments"])
def test_another_kind_of_value_is_left_to_who_reads_it(place: str, odd: object) -> None:
    body = completed()
    body["data"][place] = odd
    known = {value("transaction.status", "none")}

    assert novelties(body) <= known


def test_what_is_missing_is_not_new() -> None:
    body = completed()
    body["data"] = {"id": body["data"]["id"]}
    del body["notification_id"]

    assert novelties(body) == set()


def test_a_hostile_body_tells_no_more_than_a_new_version_would() -> None:
    body = completed()
    body["data"] |= {f"field_{n}": n for n in range(10_000)}

    assert len(novelties(body)) == MOST_OF_A_BODY


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", b"[]", b"7", b"null", b"[" * 100_000, b'{"data":' * 50_000],
)  # fmt: skip
def test_bytes_that_are_no_event_tell_nothing(raw: bytes) -> None:
    assert novelties_of("transaction.completed", raw) == frozenset()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=50)
@given(
    st.sampled_from(sorted({*EVENT_TYPES, "moon.landed"})),
    st.dictionaries(st.sampled_from(["data", "event_id", "x"]), JSON),
    st.dictionaries(
        st.sampled_from(["items", "details", "status", "totals", "payments"]), JSON
    ),
)
def test_whatever_comes_is_told_in_short_plain_names(
    event_type: str, event: dict[str, Any], data: dict[str, Any]
) -> None:
    event = event if "data" in event else event | {"data": data}
    told = novelties_of(event_type, json.dumps(event).encode())

    assert len(told) <= MOST_OF_A_BODY
    for one in told:
        assert len(one.path) < 200
        assert len(one.value) <= 64
        assert (one.path + one.value).isascii()
        assert (one.path + one.value).isprintable()

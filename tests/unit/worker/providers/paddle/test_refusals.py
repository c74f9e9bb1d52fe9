"""What Paddle's provider refuses: by name, without quoting, and never otherwise."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.snapshot import Snapshot
from models.snapshots import TransactionSnapshot
from tests.purchases import (
    Body,
    adjustment,
    encoded,
    published,
    stored,
    transaction,
)
from worker.errors import MalformedPayloadError
from worker.providers.contract import Ignored, StoredEvent
from worker.providers.paddle.provider import Paddle

CANARY = "c4n4ry-of-a-buyer"


def read(body: Body) -> Snapshot | Ignored:
    return Paddle().read(stored(body))


def read_bytes(
    raw: bytes, event_type: str | None = "transaction.completed"
) -> Snapshot | Ignored:
    event_id = transaction("transaction.completed")["event_id"]
    return Paddle().read(StoredEvent(1, "paddle", event_id, event_type, None, raw))


# --- what is refused ----------------------------------------------------------------


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value[:1])
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from paths(child, (*path, key))


def holder_of(body: Body, path: tuple[Any, ...]) -> Any:
    place: Any = body
    for key in path[:-1]:
        place = place[key]
    return place


NEEDED = {
    "customer.created": ["id", "email", "updated_at"],
    "transaction.completed": [
        "id",
        "status",
        "currency_code",
        "updated_at",
        "details",
        "details totals",
        "details totals total",
        "details line_items 0 id",
        "details line_items 0 price_id",
        "details line_items 0 totals",
        "details line_items 0 totals total",
        "items 0 price",
        "items 0 price id",
        "payments 0 payment_attempt_id",
        "payments 0 status",
        "payments 0 amount",
    ],
    "adjustment.created": [
        "id",
        "action",
        "status",
        "transaction_id",
        "currency_code",
        "updated_at",
        "totals",
        "totals total",
        "items 0 id",
        "items 0 item_id",
        "items 0 type",
        "items 0 totals",
    ],
}


@pytest.mark.parametrize(
    ("event_type", "path"),
    [(event_type, path) for event_type, names in NEEDED.items() for path in names],
)
def test_a_needed_field_that_is_missing_is_named(event_type: str, path: str) -> None:
    body = published(event_type)
    place = tuple(int(p) if p.isdigit() else p for p in f"data {path}".split())
    del holder_of(body, place)[place[-1]]

    with pytest.raises(MalformedPayloadError, match=rf"`{place[-1]}`"):
        read(body)


@pytest.mark.parametrize("field", ["event_id", "event_type", "occurred_at", "data"])
def test_a_part_of_the_envelope_that_is_missing_is_named(field: str) -> None:
    body = published("customer.created")
    event = stored(body)
    del body[field]
    without = replace(event, body=encoded(body))

    with pytest.raises(MalformedPayloadError, match=rf"`{field}`"):
        Paddle().read(without)


@pytest.mark.parametrize("event_type", NEEDED)
def test_no_message_quotes_what_it_refuses(event_type: str) -> None:
    told: list[str] = []
    for path in list(paths(published(event_type))):
        if path[0] == "event_id":
            continue
        for value in (CANARY, f"{CANARY}\x00", [CANARY], {CANARY: CANARY}):
            body = published(event_type)
            holder_of(body, path)[path[-1]] = value
            try:
                Paddle().read(stored_as(body, event_type))
            except MalformedPayloadError as error:
                told.append(str(error))
    assert len(told) > 10
    assert CANARY not in str(told)


def stored_as(body: Body, event_type: str) -> StoredEvent:
    moment = datetime.fromisoformat("2026-01-01T00:00:00Z")
    return StoredEvent(1, "paddle", body["event_id"], event_type, moment, encoded(body))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "x" * 321),
        ("id", ""),
        ("id", "x" * 5000),
        ("name", "a\x00b"),
    ],
)
def test_a_customer_that_cannot_be_kept_is_refused(field: str, value: str) -> None:
    body = published("customer.created")
    body["data"][field] = value

    with pytest.raises(MalformedPayloadError, match=rf"^data.{field} "):
        read(body)


@pytest.mark.parametrize("quantity", [-1, 2**63, 10**400, 1.5, True, "1", None])
def test_a_quantity_is_a_whole_number_that_can_be_kept(quantity: object) -> None:
    body = transaction("transaction.completed")
    body["data"]["details"]["line_items"][0]["quantity"] = quantity

    with pytest.raises(MalformedPayloadError, match="quantity"):
        read(body)


@pytest.mark.parametrize("field", ["line_items", "items"])
def test_an_id_that_stands_twice_is_refused(field: str) -> None:
    is_line = field == "line_items"
    body = transaction("transaction.completed") if is_line else adjustment()
    content = body["data"]["details"] if is_line else body["data"]
    content[field] *= 2

    with pytest.raises(MalformedPayloadError, match=rf"{field}\.id stands twice"):
        read(body)


@pytest.mark.parametrize("status", ["paid", "completed"])
def test_money_that_is_for_nothing_is_refused(status: str) -> None:
    bought = transaction("transaction.completed", status=status)
    bought["data"]["details"]["line_items"] = []
    with pytest.raises(MalformedPayloadError, match="line_items is empty"):
        read(bought)

    refunded = adjustment()
    refunded["data"]["items"] = []
    with pytest.raises(MalformedPayloadError, match=r"data\.items is empty"):
        read(refunded)


def test_a_draft_may_have_no_lines() -> None:
    body = transaction("transaction.created")
    body["data"]["details"]["line_items"] = []

    told = read(body)

    assert isinstance(told, TransactionSnapshot)
    assert told.lines == ()


def test_a_negative_total_needs_a_proration() -> None:
    body = transaction("transaction.completed")
    line = body["data"]["details"]["line_items"][0]
    line["totals"]["total"] = "-5"
    with pytest.raises(MalformedPayloadError, match="is negative"):
        read(body)

    line["proration"] = {"rate": "0.5"}
    told = read(body)
    assert isinstance(told, TransactionSnapshot)
    assert (told.lines[0].prorated, told.lines[0].total_minor) == (True, -5)


def wild(custom_data: str) -> bytes:
    body = transaction("transaction.completed", custom_data="@@")
    return json.dumps(body).replace('"@@"', custom_data).encode()


@pytest.mark.parametrize(
    "custom_data",
    ['{"a": NaN}', '{"a": Infinity}', '{"a": "\\ud800"}', "[" * 100_000 + "]" * 100_000],
    ids=range(4),
)  # fmt: skip
def test_custom_data_that_is_no_json_makes_the_body_none(custom_data: str) -> None:
    with pytest.raises(MalformedPayloadError, match="not JSON"):
        read_bytes(wild(custom_data))


@pytest.mark.parametrize(
    "custom_data",
    ['{"a": 1e400}', '{"a": "\\u0000"}', '{"\\u0000": 1}', '{"a": "\\\\\\u0000"}', "[]",
     '"text"', "7", '{"a":' * 101 + "1" + "}" * 101, '{"a":' + "[" * 200 + "]" * 200 + "}",
     '{"a":' * 900 + "1" + "}" * 900, '{"a":' + "9" * 5000 + "}"],
    ids=range(11),
)  # fmt: skip
def test_custom_data_that_cannot_be_kept_holds_up_no_purchase(custom_data: str) -> None:
    told = read_bytes(wild(custom_data))
    assert isinstance(told, TransactionSnapshot)
    assert told.custom_data is None
    assert told.status == "completed"


@pytest.mark.parametrize(
    "custom_data",
    ['{"a": 1, "a": 2}', '{"a": "\\\\u0000"}', '{"a": "\\ud83d\\ude00"}', "{}", "null",
     '{"a": 123456789012345678901234567890}', '{"a":' * 99 + "1" + "}" * 99],
    ids=range(7),
)  # fmt: skip
def test_custom_data_that_can_be_kept_is_kept(custom_data: str) -> None:
    read_bytes(wild(custom_data))


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"7", b"{", b"\xff\xfe{", b"\xef\xbb\xbf{}", b"[" * 200_000,
     wild("null").replace(b"visa", b"vi\xe9a"), wild("null") + b"x",
     b"\xef\xbb\xbf" + wild("null")],
    ids=range(11),
)  # fmt: skip
def test_bytes_that_are_no_event_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedPayloadError):
        read_bytes(raw)


def test_an_odd_body_is_refused_however_good_it_looks() -> None:
    with pytest.raises(MalformedPayloadError, match="a form Paddle never uses"):
        read_bytes(wild("null"), event_type=None)


def test_an_event_stored_under_another_id_is_refused() -> None:
    event = stored(published("customer.created") | {"event_id": "evt_other"})
    swapped = encoded(published("customer.created"))
    event = StoredEvent(1, "paddle", event.event_id, event.event_type, None, swapped)

    with pytest.raises(MalformedPayloadError, match=r"^event_id is not the one"):
        Paddle().read(event)


# --- never anything but a refusal ---------------------------------------------------


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedPayloadError):
        read_bytes(raw)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(["1e3", "-1", "9" * 19, "2026-01-01T00:00:60Z", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_a_changed_body_is_understood_or_refused(data: st.DataObject) -> None:
    event_type = data.draw(st.sampled_from(sorted(NEEDED)))
    body = copy.deepcopy(published(event_type))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(paths(body))))
        holder_of(body, path)[path[-1]] = data.draw(JSON)
    event_id = body["event_id"] if isinstance(body["event_id"], str) else "evt_1"
    event = StoredEvent(
        1, "paddle", event_id, event_type, None, json.dumps(body).encode()
    )

    try:
        Paddle().read(event)
    except MalformedPayloadError as error:
        assert str(error)  # noqa: PT017 (either is right)


@given(st.integers(0, 8000), st.binary(min_size=1, max_size=3))
def test_a_body_with_broken_bytes_is_understood_or_refused(
    at: int, junk: bytes
) -> None:
    raw = encoded(transaction("transaction.completed"))
    at = min(at, len(raw))
    try:
        read_bytes(raw[:at] + junk + raw[at + len(junk) :])
    except MalformedPayloadError as error:
        assert str(error)  # noqa: PT017

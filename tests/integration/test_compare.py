"""``variants.compare``: another body under a known id: the same fact, or a conflict."""

import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tasks.compare import compare
from tests.factories import add_events, one, rows
from tests.purchases import Body, encoded, transaction
from worker.outcome import DeadLettered


def add_variant(engine: Engine, inbox_id: int, raw: bytes) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO inbox_variants (inbox_id, digest, body)"
                " VALUES (:id, :digest, :body)"
            ),
            {"id": inbox_id, "digest": hashlib.sha256(raw).digest(), "body": raw},
        )


def changed(**fields: Any) -> Body:
    return transaction("transaction.completed") | fields


@pytest.mark.parametrize(
    "raw",
    [
        encoded(changed(notification_id="ntf_another_destination")),
        encoded(changed(new_field={"of": "a later release"})),
        json.dumps(changed(), indent=2, sort_keys=True).encode(),
    ],
    ids=["destination", "envelope field", "spelling"],
)
def test_the_same_fact_told_otherwise_is_a_duplicate(core: Engine, raw: bytes) -> None:
    (first,) = add_events(core, [changed()])
    add_variant(core, first, raw)

    assert compare([], 1) == "1 duplicate"


@pytest.mark.parametrize(
    "raw",
    [
        encoded(changed(occurred_at="2024-04-12T10:18:51Z")),
        encoded(changed(event_type="transaction.paid")),
        encoded(transaction("transaction.completed", status="canceled")),
        b"no JSON",
        b"[" * 100_000,
        b"\xff",
        b"[]",
    ],
    ids=["time", "type", "data", "no json", "deep", "no text", "list"],
)
def test_another_fact_under_the_same_id_is_a_conflict(core: Engine, raw: bytes) -> None:
    (first,) = add_events(core, [changed()])
    add_variant(core, first, raw)

    with pytest.raises(DeadLettered):
        compare([], 1)

    assert rows(core, "SELECT error_class, error FROM dead_letters") == [
        ("ConflictError", f"another content under the id of inbox {first}")
    ]
    assert one(core, "SELECT state FROM inbox") == "pending"


def test_what_cannot_be_compared_any_more_counts_as_the_same(core: Engine) -> None:
    (first,) = add_events(core, [changed()])
    add_variant(core, first, b"other")
    with core.begin() as connection:
        connection.exec_driver_sql("DELETE FROM inbox_bodies")

    assert compare([], 1) == "1 duplicate"


def test_a_conflict_does_not_hold_up_a_duplicate(core: Engine) -> None:
    (first,) = add_events(core, [changed()])
    add_variant(core, first, b"other")
    add_variant(core, first, encoded(changed(notification_id="ntf_2")))

    with pytest.raises(DeadLettered, match="1 duplicate, 1 dead"):
        compare([], 1)

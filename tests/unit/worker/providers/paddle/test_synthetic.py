"""An entity that was asked for becomes an event: the same content, the same id."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.snapshots import CustomerSnapshot
from tests.purchases import published
from worker.errors import MalformedPayloadError
from worker.providers.contract import StoredEvent
from worker.providers.paddle.provider import Paddle

ENTITY: dict[str, Any] = published("customer.created")["data"]
KINDS = sorted({name.partition(".")[0] for name in Paddle.handled})


def event_of(entity: object, kind: str = "customer") -> Any:
    return Paddle().synthetic(kind, json.dumps(entity).encode())


def test_the_event_is_read_like_any_other_and_has_the_entitys_clock() -> None:
    event = event_of(ENTITY)
    stored = StoredEvent(
        1, "paddle", event.event_id, event.event_type, event.occurred_at, event.body
    )

    snapshot = Paddle().read(stored)

    assert isinstance(snapshot, CustomerSnapshot)
    assert snapshot.email == ENTITY["email"]
    updated_at = datetime.fromisoformat(ENTITY["updated_at"])
    assert (snapshot.clock.updated_at, event.occurred_at) == (updated_at, updated_at)
    assert event.event_id.startswith("pw_")
    assert snapshot.clock.event == event.event_id


def test_what_was_written_stays_as_it_was() -> None:
    raw = b'{ "id": "ctm_1", "updated_at": "2026-01-01T00:00:00Z", "n": 1.10 }'

    event = Paddle().synthetic("customer", raw)

    assert raw in event.body
    assert event.occurred_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_same_content_is_the_same_event_however_it_is_written() -> None:
    turned = dict(reversed(ENTITY.items()))
    spaced = json.dumps(turned, indent=4, ensure_ascii=False).encode()

    assert Paddle().synthetic("customer", spaced).event_id == event_of(ENTITY).event_id


@pytest.mark.parametrize(
    "change",
    [
        {"id": "ctm_other"},
        {"updated_at": "2026-01-01T00:00:00Z"},
        {"email": "other@example.com"},
        {"new_field": None},
    ],
)
def test_another_content_is_another_event(change: dict[str, Any]) -> None:
    other = ENTITY | change

    assert event_of(other).event_id != event_of(ENTITY).event_id


def test_one_content_of_two_kinds_is_two_events() -> None:
    assert event_of(ENTITY, "address").event_id != event_of(ENTITY).event_id


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_is_read_can_be_told(kind: str) -> None:
    assert event_of(ENTITY, kind).event_type in Paddle.handled


@pytest.mark.parametrize(
    "entity",
    [
        b"",
        b"[]",
        b"{}",
        b'{"id":"ctm_1"}',
        b'{"id":1,"updated_at":"2026-01-01T00:00:00Z"}',
        b'{"id":"ctm_1","updated_at":"yesterday"}',
        b'{"id":"ctm_1\\u0000","updated_at":"2026-01-01T00:00:00Z"}',
        b"[" * 9000,
    ],
)
def test_what_has_no_id_or_time_is_malformed(entity: bytes) -> None:
    with pytest.raises(MalformedPayloadError):
        Paddle().synthetic("customer", entity)


def test_the_same_answer_of_another_run_is_another_event() -> None:
    raw = json.dumps(ENTITY).encode()
    ids = {
        Paddle().synthetic("customer", raw, run=run).event_id for run in (None, 1, 2, 2)
    }

    assert len(ids) == 3


def test_an_event_can_be_made_to_win_over_one_that_occurred_later() -> None:
    raw = json.dumps(ENTITY).encode()
    plain = Paddle().synthetic("customer", raw)
    moment = timedelta(microseconds=1)

    for after, expected in (
        (plain.occurred_at - moment, plain.occurred_at),
        (plain.occurred_at, plain.occurred_at + moment),
        (plain.occurred_at + 5 * moment, plain.occurred_at + 6 * moment),
    ):
        event = Paddle().synthetic("customer", raw, after=after)
        told = json.loads(event.body)

        assert event.occurred_at == expected
        assert datetime.fromisoformat(told["occurred_at"]) == expected
        assert told["data"] == ENTITY
        assert event.event_id == plain.event_id

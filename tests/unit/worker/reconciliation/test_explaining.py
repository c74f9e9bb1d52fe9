"""Why an event did not arrive, from what the provider tells of its deliveries."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.reconciliation import Explanation
from worker.providers.api import Destination
from worker.providers.attempt import Attempt, AttemptState
from worker.providers.paddle.notifications import attempt_of
from worker.reconciliation.explaining import Where, without_last_event
from worker.reconciliation.why_missed import explanation_of

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
FOUND = AT + timedelta(hours=1)
TYPE = "transaction.completed"


def destination(
    *types: str, ours: bool = True, active: bool = True, name: str = "ours"
) -> Destination:
    return Destination(name, active, ours, frozenset(types))


def attempt(state: AttemptState, to: str = "ours", event: str = "evt_1") -> Attempt:
    at = AT if state is AttemptState.DELIVERED else None
    return Attempt(f"ntf_{event}_{to}", event, AT, to, state, at)


OURS = destination(TYPE)
OTHER = destination(TYPE, ours=False, name="other")
ELSEWHERE = attempt(AttemptState.DELIVERED, "other")
CASES = [
    ([attempt(AttemptState.FAILED)], [OURS], Explanation.FAILED),
    ([attempt(AttemptState.RETRYING)], [OURS], Explanation.RETRYING),
    ([attempt(AttemptState.NOT_ATTEMPTED)], [OURS], Explanation.NOT_ATTEMPTED),
    ([attempt(AttemptState.DELIVERED)], [OURS], Explanation.FORGOTTEN),
    (
        [attempt(AttemptState.FAILED), attempt(AttemptState.DELIVERED)],
        [OURS],
        Explanation.FORGOTTEN,
    ),
    ([attempt(AttemptState.FAILED), ELSEWHERE], [OURS, OTHER], Explanation.FAILED),
    ([attempt(AttemptState.OTHER)], [OURS], Explanation.UNKNOWN),
    ([ELSEWHERE], [OTHER], Explanation.WRONG_DESTINATION),
    ([ELSEWHERE], [OURS, OTHER], Explanation.WRONG_DESTINATION),
    ([ELSEWHERE], [destination("x"), OTHER], Explanation.NOT_SUBSCRIBED),
    ([], [destination("x")], Explanation.NOT_SUBSCRIBED),
    ([], [destination(TYPE, active=False)], Explanation.INACTIVE),
    ([], [OTHER], Explanation.INACTIVE),
    ([], [], Explanation.INACTIVE),
    ([], [OURS], Explanation.UNKNOWN),
    ([ELSEWHERE], None, Explanation.UNKNOWN),
    ([attempt(AttemptState.FAILED)], None, Explanation.FAILED),
    ([], None, Explanation.UNKNOWN),
]


@pytest.mark.parametrize(("attempts", "destinations", "expected"), CASES)
def test_each_way_not_to_arrive(
    attempts: list[Attempt],
    destinations: list[Destination] | None,
    expected: Explanation,
) -> None:
    assert explanation_of(TYPE, attempts, destinations, FOUND) is expected


@pytest.mark.parametrize(
    ("delivered_at", "expected"),
    [
        (FOUND - timedelta(seconds=61), Explanation.FORGOTTEN),
        (FOUND - timedelta(seconds=59), Explanation.RETRYING),
        (FOUND + timedelta(minutes=5), Explanation.RETRYING),
        (None, Explanation.RETRYING),
    ],
)
def test_only_what_arrived_before_it_was_fetched_was_forgotten(
    delivered_at: datetime | None, expected: Explanation
) -> None:
    told = replace(attempt(AttemptState.DELIVERED), delivered_at=delivered_at)
    assert explanation_of(TYPE, [told], [OURS], FOUND) is expected


def test_the_table_has_every_explanation() -> None:
    assert {expected for _, _, expected in CASES} == set(Explanation)


def test_an_odd_event_is_not_said_to_be_unsubscribed() -> None:
    assert explanation_of(None, [], [OURS], FOUND) is Explanation.UNKNOWN


def test_the_last_event_of_a_page_waits_for_the_next_one() -> None:
    first, second = (
        attempt(AttemptState.FAILED, event=event) for event in ("evt_2", "evt_1")
    )
    assert without_last_event([first, second, second]) == [first]
    assert without_last_event([second, second]) == [second, second]
    assert without_last_event([]) == []


@pytest.mark.parametrize("after", ["", "ntf_1"])
def test_a_position_is_read_as_it_was_written(after: str) -> None:
    begun = Where(AT, is_begun=True, ours=(OURS,), refused="no", pages=3, after=after)
    assert Where.read(begun.write()) == begun
    where = Where(AT)
    assert Where.read(where.write()) == where


def test_a_notification_of_paddles_is_read() -> None:
    payload = {
        "event_id": "evt_1",
        "event_type": TYPE,
        "occurred_at": "2026-11-01T12:00:00Z",
        "data": {},
    }
    entity = {
        "id": "ntf_1",
        "status": "needs_retry",
        "notification_setting_id": "ntfset_1",
        "payload": payload,
        "delivered_at": None,
    }
    assert attempt_of(json.dumps(entity).encode()) == Attempt(
        "ntf_1", "evt_1", AT, "ntfset_1", AttemptState.RETRYING
    )
    new = entity | {"status": "lost"}
    told = attempt_of(json.dumps(new).encode())
    assert told is not None
    assert told.state is AttemptState.OTHER
    arrived = entity | {"status": "delivered", "delivered_at": "2026-11-01T12:00:00Z"}
    told = attempt_of(json.dumps(arrived).encode())
    assert told is not None
    assert told.delivered_at == AT


@pytest.mark.parametrize("entity", [b"", b"\xff", b"{}", b"[" * 100_000])
def test_what_is_no_notification_is_passed_over(entity: bytes) -> None:
    assert attempt_of(entity) is None

"""Breadcrumbs: ids of the provider's form and rows' numbers, bounded; nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk

from worker import crumbs
from worker.crumbs import MOST_CRUMBS, MOST_IDS, clear, kept, leave

EVENT = "evt_01hv8x29kz0t854b9zt3jxyzzz"
TRANSACTION = "txn_01hv8wptq8987qeep44cyrewp9"
SUBSCRIPTION = "sub_01hv8x29kz0t854b9zt3jxy000"


@pytest.fixture
def sentry() -> Iterator[None]:
    """A Sentry that nothing is sent to, off again afterwards."""
    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        default_integrations=False,
        max_breadcrumbs=MOST_CRUMBS,
    )
    yield
    sentry_sdk.get_isolation_scope().clear()
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def left() -> list[dict[str, Any]]:
    """What an event would show now."""
    event: dict[str, Any] = {}
    scope = sentry_sdk.get_isolation_scope()
    applied = scope.apply_to_event(event, {}, {})  # type: ignore[arg-type]
    found = (applied or {}).get("breadcrumbs") or {}
    values: list[dict[str, Any]] = found["values"]  # type: ignore[index]
    return [shown for crumb in values if (shown := kept(crumb))]


@pytest.mark.usefixtures("sentry")
def test_a_step_leaves_its_ids() -> None:
    leave(
        "record",
        [17, 18],
        events=[EVENT],
        subscriptions=[None, SUBSCRIPTION],
        transactions=iter([TRANSACTION, TRANSACTION]),
    )

    (crumb,) = left()
    assert crumb["message"] == "record"
    assert crumb["timestamp"]
    assert crumb["data"] == {
        "rows": "17 18",
        "event_ids": EVENT,
        "subscription_ids": SUBSCRIPTION,
        "transaction_ids": TRANSACTION,
    }


@pytest.mark.usefixtures("sentry")
def test_what_is_no_id_is_left_out() -> None:
    leave(
        "activate",
        events=[
            *(
                "ada@example.com",
                "mapping appeared",
                "evt_",
                f"{EVENT}\n",
                EVENT.upper(),
            ),
            *(f"{EVENT} ada@example.com", "evt_" + "é" * 26, ""),
        ],
    )

    assert [crumb["data"] for crumb in left()] == [{}]


@pytest.mark.usefixtures("sentry")
def test_only_so_many_ids_and_how_many_more() -> None:
    leave("claim", range(100), events=[EVENT])

    (crumb,) = left()
    assert len(crumb["data"]["rows"].split()) == MOST_IDS
    assert crumb["data"]["more"] == 100 - MOST_IDS


@pytest.mark.usefixtures("sentry")
def test_the_oldest_crumbs_make_room_and_clearing_leaves_none() -> None:
    for row in range(MOST_CRUMBS + 5):
        leave("mail", [row])
    assert left()[0]["data"]["rows"] == "5"
    assert len(left()) == MOST_CRUMBS

    clear()

    assert left() == []


@pytest.mark.usefixtures("sentry")
def test_a_crumb_that_cannot_be_left_is_nobodys_error() -> None:
    leave("mail", events=(str(1 / 0) for _ in range(1)))

    assert left() == []


def test_without_sentry_nothing_is_looked_at() -> None:
    events = iter([EVENT])
    leave("mail", events=events)
    clear()
    assert next(events) == EVENT


@pytest.mark.parametrize(
    "crumb",
    [
        {},
        {"category": "httplib", "message": "GET /?email=ada@example.com"},
        {"category": crumbs.CATEGORY, "message": "ada@example.com"},
    ],
)
def test_crumbs_of_others_never_leave(crumb: dict[str, Any]) -> None:
    assert kept(crumb) is None


def test_of_our_own_only_what_is_named_leaves() -> None:
    shown = kept(
        {
            "category": crumbs.CATEGORY,
            "message": "mail",
            "timestamp": "2026-11-21T00:00:00Z",
            "email": "ada@example.com",
            "data": {
                "event_ids": f"{EVENT} ada@example.com",
                "rows": "1 2 x",
                "more": "ada@example.com",
                "email": "ada@example.com",
            },
        }
    )

    assert shown is not None
    assert shown["data"] == {"event_ids": EVENT, "rows": "1 2"}
    assert "ada" not in str(shown)

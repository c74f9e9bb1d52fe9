"""Which steps of a purchase leave crumbs, and by which ids they can be found."""

from collections.abc import Iterator

import pytest
import sentry_sdk
from sqlalchemy import Engine

from tasks.activate import activate
from tasks.compare import compare
from tasks.record import record
from tasks.release import release
from tests.factories import add_events, add_offer
from tests.integration.test_compare import add_variant
from tests.purchases import (
    COURSE,
    ONE_OFF_PRICE,
    TRANSACTION,
    encoded,
    published,
    transaction,
)
from worker.checkouts.rows import Held, keep
from worker.checkouts.wish import wish_of
from worker.crumbs import MOST_CRUMBS, kept
from worker.lifecycle import claim
from worker.settings import settings
from worker.work_tables import CHECKOUTS, Claimant

COMPLETED = transaction("transaction.completed")["event_id"]
Crumbs = list[tuple[str, dict[str, str]]]


@pytest.fixture(autouse=True)
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


def left() -> Crumbs:
    """The steps so far, as an error would show them."""
    applied = sentry_sdk.get_isolation_scope().apply_to_event({}, {}, {}) or {}
    values = applied["breadcrumbs"]["values"]  # type: ignore[index]
    shown = [kept(crumb) for crumb in values]
    return [(crumb["message"], crumb["data"]) for crumb in shown if crumb]


def ids_of(step: str, sort: str) -> list[str]:
    return [data.get(sort, "") for message, data in left() if message == step]


def test_recording_and_activating_are_found_by_their_event(core: Engine) -> None:
    bodies = [published("customer.created"), transaction("transaction.completed")]
    add_events(core, bodies)

    record([], 1)
    activate([], 1)

    steps = [step for step, _ in left()]
    assert steps == ["claim", "read", "record", "claim", "activate"]
    assert COMPLETED in ids_of("read", "event_ids")[0]
    assert ids_of("record", "transaction_ids") == [TRANSACTION]
    assert ids_of("activate", "event_ids") == [COMPLETED]


def test_a_release_is_found_by_its_purchase(core: Engine) -> None:
    bodies = [published("customer.created"), transaction("transaction.completed", None)]
    add_events(core, bodies)
    record([], 1)
    add_offer(core, ONE_OFF_PRICE, COURSE)

    release()

    assert ids_of("release", "transaction_ids") == [TRANSACTION]


def test_a_checkout_is_found_by_its_row(core: Engine) -> None:
    wanted = wish_of(["pri_a"], "user-42", "order-17")
    with core.begin() as connection:
        row_id = keep(connection, "paddle", wanted)
    lease = claim(core, CHECKOUTS, Claimant("t", "w"), settings(), row_id)
    assert lease is not None

    Held(core, lease, row_id).read()

    assert ids_of("checkout", "rows") == [str(row_id)]


def test_a_comparison_is_found_by_its_event(core: Engine) -> None:
    body = transaction("transaction.completed")
    (first,) = add_events(core, [body])
    add_variant(core, first, encoded(body | {"notification_id": "ntf_2"}))

    compare([], 1)

    assert ids_of("compare", "event_ids") == [COMPLETED]

"""``schema_drift``: told while something new has not been accepted, in plain words."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, text

from models.alerts import Severity
from models.drift import DriftKind
from models.tables.drift import SchemaDrift
from tests.factories import one
from worker.alerts.condition import Finding
from worker.alerts.schema_drift import SchemaDrift as Condition
from worker.settings import settings

SEEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
Look = Callable[[], list[Finding]]


@pytest.fixture
def findings(core: Engine) -> Look:
    """Return a function that looks at this condition alone."""

    def look() -> list[Finding]:
        with core.connect() as connection:
            return list(Condition().look(connection, settings()))

    return look


def add(engine: Engine, kind: DriftKind, path: str, value: str = "") -> None:
    with engine.begin() as connection:
        row = {
            "provider": "paddle",
            "kind": kind,
            "path": path,
            "value": value,
            "first_seen": SEEN,
            "last_seen": SEEN,
            "events": 1,
            "event_id": "evt_1",
        }
        connection.execute(insert(SchemaDrift).values(row))


def test_nothing_new_is_no_trouble(findings: Look) -> None:
    assert findings() == []


def test_what_is_new_is_one_finding_that_names_it(core: Engine, findings: Look) -> None:
    add(core, DriftKind.TYPE, "customer.frozen")
    add(core, DriftKind.FIELD, "customer.mood")
    add(core, DriftKind.ENUM, "customer.status", "frozen")

    (found,) = findings()

    assert found.summary == (
        "New to this release: the event type customer.frozen, the field customer.mood,"
        " the value customer.status = frozen"
    )
    assert (found.severity, found.subject, found.count) == (Severity.INFO, "", 3)
    assert found.since == SEEN


def test_of_many_the_first_are_named_and_the_rest_are_counted(
    core: Engine, findings: Look
) -> None:
    for number in range(5):
        add(core, DriftKind.FIELD, f"customer.mood_{number}")

    (found,) = findings()

    assert found.summary.endswith("the field customer.mood_2, 2 more")
    assert found.count == 5


def test_what_was_accepted_is_not_told_and_what_comes_later_is(
    core: Engine, findings: Look
) -> None:
    add(core, DriftKind.FIELD, "customer.mood")
    with core.begin() as connection:
        connection.execute(text("UPDATE schema_drift SET accepted_at = now()"))
    assert findings() == []

    add(core, DriftKind.FIELD, "customer.colour")
    (found,) = findings()
    assert found.summary == "New to this release: the field customer.colour"


def test_the_watch_opens_an_alert_about_it(
    core: Engine, look: Callable[[], list[int]]
) -> None:
    add(core, DriftKind.FIELD, "customer.mood")

    assert len(look()) == 1
    severity = "SELECT severity FROM alerts WHERE kind = 'schema_drift'"
    assert one(core, severity) == "info"

"""``cursor_age``: told when the list of events was not compared for long."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from models.alerts import Severity
from tests.alerts import add_alert
from tests.fixtures.answering import KEY
from tests.integration.worker.alerts.test_no_deliveries import watch_since
from tests.reconciling import add_run, ago, place_cursor
from worker.alerts.condition import Finding
from worker.alerts.cursor_age import CursorAge
from worker.settings import Settings, settings

DAY = 24 * 60
Look = Callable[[], list[Finding]]


@pytest.fixture
def findings(core: Engine, configured: Callable[..., Settings]) -> Look:
    """Return a function that looks at this condition alone."""
    configured(paddle_api_url="http://127.0.0.1:9", paddle_api_key=KEY)
    watch_since(core, "90 days")

    def look() -> list[Finding]:
        with core.connect() as connection:
            return list(CursorAge().look(connection, settings()))

    return look


def test_where_nothing_was_begun_nothing_is_told(findings: Look) -> None:
    assert findings() == []


@pytest.mark.parametrize(("minutes", "found"), [(11, 0), (29, 0), (31, 1)])
def test_it_is_told_after_half_an_hour(
    core: Engine, findings: Look, minutes: float, found: int
) -> None:
    place_cursor(core, "evt_1", ago(minutes))
    assert len(findings()) == found


def test_it_says_how_old_it_is_and_how_much_time_is_left(
    core: Engine, findings: Look
) -> None:
    place_cursor(core, "evt_1", reached := ago(3 * DAY + 65))
    [found] = findings()
    assert found.summary == (
        "The list of events of paddle was compared up to 3 d 1 h ago and not since."
        " In 86 d 22 h it no longer reaches back so far."
    )
    assert (found.severity, found.subject) == (Severity.WARNING, "paddle")
    assert found.since == reached


@pytest.mark.parametrize(
    ("days", "severity"), [(59, Severity.WARNING), (61, Severity.CRITICAL)]
)
def test_it_is_critical_a_month_before_the_end(
    core: Engine, findings: Look, days: int, severity: Severity
) -> None:
    place_cursor(core, "evt_1", ago(days * DAY))
    [found] = findings()
    assert found.severity is severity


def test_what_the_list_no_longer_has_is_said(core: Engine, findings: Look) -> None:
    place_cursor(core, "evt_1", ago(91 * DAY))
    [found] = findings()
    assert found.summary.endswith("not since. It no longer reaches back so far.")


def test_after_everything_stood_still_the_first_walk_gets_its_time(
    core: Engine, findings: Look
) -> None:
    place_cursor(core, "evt_1", ago(DAY))
    watch_since(core, "1 minute")
    assert findings() == []
    with core.begin() as connection:
        add_alert(connection, kind="cursor_age", subject="paddle")
    assert len(findings()) == 1


def test_a_month_before_the_end_nobody_waits(core: Engine, findings: Look) -> None:
    place_cursor(core, "evt_1", ago(61 * DAY))
    watch_since(core, "1 minute")
    assert len(findings()) == 1


def test_a_list_that_was_never_read_to_its_end_counts_from_its_begin(
    core: Engine, findings: Look
) -> None:
    place_cursor(core, "evt_1")
    assert findings() == []
    with core.begin() as connection:
        connection.execute(text("UPDATE cursors SET moved_at = now() - interval '1 h'"))
    assert len(findings()) == 1


def test_who_has_no_key_is_not_told(
    core: Engine, findings: Look, configured: Callable[..., Settings]
) -> None:
    place_cursor(core, "evt_1", ago(DAY))
    configured(paddle_api_key="")
    assert findings() == []


@pytest.mark.parametrize(("minutes", "found"), [(29, 0), (31, 1)])
def test_a_list_that_never_answered_counts_since_it_was_first_asked_for(
    core: Engine, findings: Look, minutes: float, found: int
) -> None:
    add_run(core, created_at=ago(minutes))

    told = findings()

    assert len(told) == found
    assert all("could never be compared" in one.summary for one in told)


def test_with_billing_off_it_is_told_before_events_are_lost(
    core: Engine, findings: Look, configured: Callable[..., Settings]
) -> None:
    configured(paddle_billing_enabled=False)
    place_cursor(core, "evt_1", ago(59 * DAY))
    assert findings() == []
    place_cursor(core, "evt_1", ago(0))
    with core.begin() as connection:
        connection.execute(
            text("UPDATE cursors SET reached_at = now() - interval '61 d'")
        )
    assert len(findings()) == 1

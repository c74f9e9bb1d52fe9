"""``not_compared``: told when no comparison of all objects is complete for days."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from models.reconciliation import RunKind, RunScope
from tests.alerts import add_alert
from tests.fixtures.answering import KEY
from tests.reconciling import add_run, ago
from worker.alerts.condition import Finding
from worker.alerts.not_compared import NotCompared
from worker.settings import Settings, settings

HOUR = 60
Look = Callable[[], list[Finding]]


@pytest.fixture
def findings(core: Engine, configured: Callable[..., Settings]) -> Look:
    """Return a function that looks at this condition alone."""
    configured(paddle_api_url="http://127.0.0.1:9", paddle_api_key=KEY)

    def look() -> list[Finding]:
        with core.connect() as connection:
            return list(NotCompared().look(connection, settings()))

    return look


def ran(
    engine: Engine,
    hours: float,
    state: str = "complete",
    kind: RunKind = RunKind.TRANSACTIONS,
    **values: object,
) -> None:
    """Write down a run over all of a kind that began so many hours ago."""
    begun = {"created_at": ago(hours * HOUR), "state": state}
    add_run(engine, kind, RunScope.ALL, **begun, **values)


def test_where_nothing_was_begun_nothing_is_told(findings: Look) -> None:
    assert findings() == []


def test_partial_nights_are_told_with_their_reason(
    core: Engine, findings: Look
) -> None:
    ran(core, 49)
    ran(core, 25, "partial", reason="the first night")
    ran(core, 1, "partial", reason="the list was cut")

    [found] = findings()

    assert found.summary == (
        "Not all objects of paddle were compared for 2 days or more:"
        " transactions (partial: the list was cut)."
    )
    assert found.next_steps[:2] == (
        "./paddlewheel reconcile runs",
        "./paddlewheel reconcile transactions",
    )
    assert (found.subject, found.count) == ("paddle", 1)


def test_a_run_that_waits_for_a_permission_is_told(
    core: Engine, findings: Look
) -> None:
    ran(core, 49, "pending", last_error="ApiRefusedError: lacks transaction.read")
    ran(core, 49, "failed", RunKind.CUSTOMERS)

    [found] = findings()

    assert "customers (failed), transactions (pending: ApiRefused" in found.summary
    assert found.count == 2


@pytest.mark.parametrize(
    "nights",
    [
        pytest.param([(47, "complete"), (1, "partial")], id="whole not long ago"),
        pytest.param([(47, "pending")], id="begun not long ago"),
        pytest.param([(72, "complete")], id="nobody has tried since"),
        pytest.param([(72, "complete"), (1, "pending")], id="at it after a pause"),
        pytest.param([(72, "partial"), (1, "complete")], id="over"),
    ],
)
def test_what_was_compared_or_is_being_compared_is_no_trouble(
    core: Engine, findings: Look, nights: list[tuple[float, str]]
) -> None:
    for hours, state in nights:
        ran(core, hours, state)
    assert findings() == []


def test_it_is_not_over_because_somebody_tries_again(
    core: Engine, findings: Look
) -> None:
    ran(core, 72)
    ran(core, 1, "pending")
    with core.begin() as connection:
        add_alert(connection, kind="not_compared", subject="paddle")
    assert len(findings()) == 1


@pytest.mark.parametrize(
    "off", [{"paddle_billing_enabled": False}, {"paddle_api_key": ""}]
)
def test_who_compares_nothing_is_not_told(
    core: Engine,
    findings: Look,
    configured: Callable[..., Settings],
    off: dict[str, object],
) -> None:
    ran(core, 49, "partial")
    configured(**off)
    assert findings() == []

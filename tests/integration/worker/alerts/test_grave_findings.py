"""``grave_findings``: what is paid for and what is given differ for an hour."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from worker.alerts.condition import Finding
from worker.alerts.grave_findings import GraveFindings
from worker.alerts.stakes import sentence
from worker.settings import settings

Look = Callable[[], list[Finding]]
KIND = "paid_without_grant"


@pytest.fixture
def findings(core: Engine) -> Look:
    """Return a function that looks at this condition alone."""

    def look() -> list[Finding]:
        with core.connect() as connection:
            return list(GraveFindings().look(connection, settings()))

    return look


def find(
    engine: Engine,
    subject: str = "txn_1",
    kind: str = KIND,
    minutes: float = 61,
    **values: object,
) -> None:
    """Write down a finding that is so many minutes old."""
    columns = {"kind": kind, "subject": subject, **values}
    names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    statement = (
        f"INSERT INTO findings ({names}, found_at)"
        f" VALUES ({marks}, now() - {minutes} * interval '1 min')"
    )
    with engine.begin() as connection:
        connection.execute(text(statement), columns)


def test_grave_findings_of_a_kind_are_one_alert(core: Engine, findings: Look) -> None:
    find(core, "txn_1", learner_id=1, currency="EUR", amount_minor=4900)
    find(core, "txn_2", learner_id=1, currency="EUR", amount_minor=100)
    find(core, "txn_3", currency="JPY", amount_minor=500)
    find(core, kind="refunded_but_live")

    [refunded, unpaid] = findings()

    assert unpaid.summary.startswith("3 open findings “paid_without_grant”. The money")
    assert (unpaid.subject, unpaid.count) == (KIND, 3)
    assert unpaid.next_steps[0] == f"./paddlewheel findings list --kind {KIND}"
    assert refunded.subject == "refunded_but_live"
    with core.connect() as connection:
        stakes = GraveFindings().stakes(connection, KIND)
    assert sentence(stakes) == (
        "1 learner, 50.00 EUR and 500 JPY, 1 whose buyer is not known"
    )


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"minutes": 59}, id="young"),
        pytest.param({"state": "accepted"}, id="accepted"),
        pytest.param({"state": "cleared"}, id="cleared"),
        pytest.param({"kind": "not_welcomed"}, id="not grave"),
        pytest.param({"kind": "rows_stuck"}, id="has an alert of its own"),
    ],
)
def test_what_else_is_found_is_no_alert(
    core: Engine, findings: Look, given: dict[str, object]
) -> None:
    find(core, **given)  # type: ignore[arg-type]
    assert findings() == []

"""``missed_events``: open while an hour has some, and says why in words."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from models.alerts import Severity
from tests.factories import one
from tests.reconciling import add_run
from worker.alerts import missed_events
from worker.alerts.condition import Finding
from worker.alerts.missed_events import WORDS, MissedEvents
from worker.settings import settings

Look = Callable[[], list[Finding]]


@pytest.fixture
def findings(core: Engine) -> Look:
    """Return a function that looks at this condition alone."""

    def look() -> list[Finding]:
        with core.connect() as connection:
            return list(MissedEvents().look(connection, settings()))

    return look


@pytest.fixture
def run(core: Engine) -> int:
    return add_run(core)


def miss(
    engine: Engine,
    run: int,
    *explanations: str | None,
    minutes: float = 1,
    kind: str = "transaction.completed",
    reason: str = "missed",
) -> None:
    """Write down events that were found so many minutes ago."""
    with engine.begin() as connection:
        for explanation in explanations:
            connection.execute(
                text("""
                WITH stored AS (
                  INSERT INTO inbox (provider, event_id, event_type, digest, source)
                  VALUES ('paddle', gen_random_uuid()::text, :kind, '', 'event_list')
                  RETURNING id
                )
                INSERT INTO reconciled_events
                  (inbox_id, run_id, reason, explanation, found_at)
                SELECT id, :run, :reason, :explanation,
                       now() - :minutes * interval '1 min' FROM stored
                """),
                {
                    "kind": kind,
                    "run": run,
                    "reason": reason,
                    "explanation": explanation,
                    "minutes": minutes,
                },
            )


def test_nothing_missed_is_no_trouble(findings: Look) -> None:
    assert findings() == []


def test_what_was_missed_is_counted_and_explained(
    core: Engine, findings: Look, run: int
) -> None:
    miss(core, run, "failed", "failed", "not_subscribed", None, minutes=30)

    [found] = findings()

    assert found.summary == (
        "Deliveries are not arriving: 4 events of the last hour were found in the"
        " provider's list only (2 every attempt failed, 1 of types that our destination"
        " is not subscribed to, 1 not explained yet)."
    )
    assert (found.severity, found.subject, found.count) == (Severity.WARNING, "", 4)
    assert found.since == one(core, "SELECT min(found_at) FROM reconciled_events")
    assert found.next_steps[-1] == "./paddlewheel status"
    assert len(found.next_steps) == 4


def test_only_what_bears_on_access_and_was_missed_counts(
    core: Engine, findings: Look, run: int
) -> None:
    miss(core, run, "not_subscribed", kind="report.created")
    miss(core, run, "unknown", reason="backfilled")
    miss(core, run, None, reason="differs")
    assert findings() == []


def test_it_stays_for_an_hour(core: Engine, findings: Look, run: int) -> None:
    miss(core, run, "failed", minutes=61)
    assert findings() == []
    miss(core, run, "failed", minutes=59)
    [found] = findings()
    assert found.summary.startswith(
        "Deliveries are not arriving: 1 event of the last hour was found"
    )


def test_after_a_restored_backup_it_is_not_the_deliveries(
    core: Engine, findings: Look, run: int
) -> None:
    miss(core, run, "forgotten", "forgotten")
    [found] = findings()
    assert found.summary.startswith("Events were lost here: 2 events")


def test_many_are_at_least_so_many(
    core: Engine, findings: Look, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed_events, "MOST_COUNTED", 3)
    miss(core, run, *["failed"] * 3)
    [found] = findings()
    assert ": at least 3 events of" in found.summary


@pytest.mark.parametrize("explanation", WORDS)
def test_each_explanation_has_words_and_a_step(
    core: Engine, findings: Look, run: int, explanation: str | None
) -> None:
    miss(core, run, explanation)
    [found] = findings()
    words, step = next(v for k, v in WORDS.items() if k == explanation)
    assert f"(1 {words})" in found.summary
    assert found.next_steps[0] == step


def test_the_permission_that_is_missing_is_named(
    core: Engine, findings: Look, run: int
) -> None:
    miss(core, run, None)
    with core.begin() as connection:
        connection.execute(
            text("INSERT INTO cursors (name, position) VALUES (:name, :words)"),
            {"name": "explanations:paddle", "words": "lacks notification.read"},
        )

    [found] = findings()

    assert found.summary.endswith(" Why may not be asked: lacks notification.read.")
    assert found.next_steps[0].endswith("lacks notification.read")


def test_the_watch_opens_an_alert_about_it(
    core: Engine, look: Callable[[], list[int]], run: int
) -> None:
    miss(core, run, "failed")
    assert len(look()) == 1
    assert one(core, "SELECT kind FROM alerts") == "missed_events"


def differ(
    engine: Engine,
    run: int,
    *,
    subject: str = "txn_1",
    changed: float = 60,
    state: str = "processed",
) -> None:
    """Heal an object that had changed so many minutes ago."""
    with engine.begin() as connection:
        connection.execute(
            text("""
            WITH stored AS (
              INSERT INTO inbox (provider, event_id, event_type, digest, source, state,
                                 occurred_at)
              VALUES ('paddle', gen_random_uuid()::text, 'transaction.updated', '',
                      'reconciliation', :state, now() - :minutes * interval '1 min')
              RETURNING id
            ), told AS (
              INSERT INTO event_entities (entity_id, inbox_id)
              SELECT :subject, id FROM stored
            )
            INSERT INTO reconciled_events (inbox_id, run_id, reason, subject)
            SELECT id, :run, 'differs', :subject FROM stored
            """),
            {"run": run, "subject": subject, "minutes": changed, "state": state},
        )


def test_an_object_whose_change_no_event_told_counts(
    core: Engine, findings: Look, run: int
) -> None:
    differ(core, run)
    [found] = findings()
    assert found.summary == (
        "Deliveries are not arriving: 1 object of the last hour was found to have"
        " changed, and no event had told it."
    )
    assert found.count == 1

    miss(core, run, "forgotten")
    [found] = findings()
    assert found.summary.startswith("Deliveries are not arriving: 1 event of")
    assert (found.count, len(found.next_steps)) == (2, 3)


@pytest.mark.parametrize("given", [{"changed": 4}, {"state": "stale"}])
def test_what_may_be_on_its_way_or_was_right_by_then_does_not_count(
    core: Engine, findings: Look, run: int, given: dict[str, object]
) -> None:
    differ(core, run, **given)  # type: ignore[arg-type]
    assert findings() == []


UNTOLD = {
    "a reversal": (
        "INSERT INTO adjustments (provider, id, status)"
        " VALUES ('paddle', 'txn_1', 'reversed')"
    ),
    "from before Paddlewheel": (
        "INSERT INTO deployment (id, environment) VALUES (1, 'local')"
        " ON CONFLICT (id) DO UPDATE SET stamped_at = now()"
    ),
    "edited by hand": """
        WITH stored AS (
          INSERT INTO inbox (provider, event_id, digest, occurred_at, received_at)
          SELECT 'paddle', 'evt_told', '', occurred_at, occurred_at FROM inbox
          RETURNING id)
        INSERT INTO event_entities (entity_id, inbox_id) SELECT 'txn_1', id FROM stored
        """,
}


@pytest.mark.parametrize("why", UNTOLD)
def test_what_no_event_had_to_tell_does_not_count(
    core: Engine, findings: Look, run: int, why: str
) -> None:
    differ(core, run)
    with core.begin() as connection:
        connection.exec_driver_sql(UNTOLD[why])
    assert findings() == []

"""Silence, and whether it is unusual: read from the days before."""

from collections.abc import Callable, Iterable

import pytest
from sqlalchemy import Engine, text

from tests.factories import one
from tests.integration.worker.alerts.test_cheap import (
    GROWING,
    nodes_of,
    plan_of,
    statements_of,
)
from worker.alerts.condition import Finding
from worker.alerts.no_deliveries import NoDeliveries
from worker.heartbeats import WATCH
from worker.settings import Settings, settings

#: Hours ago, in each half of the six that are looked at.
BOTH_HALVES = (1.0, 5.0)
WEEK = range(1, 8)


@pytest.fixture(autouse=True)
def watched(core: Engine, configured: Callable[..., Settings]) -> Engine:
    """Six hours are long, and somebody has watched for weeks."""
    configured(alert_quiet_hours=6)
    watch_since(core, "30 days")
    return core


def watch_since(engine: Engine, interval: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO heartbeats (name, beat_at, since)
            VALUES (:name, now(), now() - CAST(:ago AS interval))
            ON CONFLICT (name) DO UPDATE SET since = excluded.since
            """),
            {"name": WATCH, "ago": interval},
        )


def deliver(
    engine: Engine, hours_ago: Iterable[float], source: str = "webhook"
) -> None:
    """Store events as if they had come then."""
    with engine.begin() as connection:
        for hours in hours_ago:
            connection.execute(
                text("""
                INSERT INTO inbox (provider, event_id, digest, source, received_at)
                VALUES ('paddle', gen_random_uuid()::text, '', :source,
                        now() - :hours * interval '1 hour')
                """),
                {"hours": hours, "source": source},
            )


def usual(
    engine: Engine,
    days: Iterable[int] = WEEK,
    hours: Iterable[float] = BOTH_HALVES,
    silent_days: int = 0,
) -> None:
    """Deliveries on days before, at this time of the day."""
    at = list(hours)
    deliver(engine, [24 * (day + silent_days) + hour for day in days for hour in at])


def count(engine: Engine, outcome: str, reason: str, deliveries: int) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO delivery_counts
            VALUES (date_trunc('minute', now() - interval '1 hour'), 'paddle',
                    :outcome, :reason, :deliveries)
            """),
            {"outcome": outcome, "reason": reason, "deliveries": deliveries},
        )


def open_alert(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO alerts (fingerprint, kind, subject, severity, summary,
                                next_steps, since)
            VALUES ('no_deliveries', 'no_deliveries', '', 'warning', '', '{}', now())
            """)
        )


def found(engine: Engine) -> list[Finding]:
    with engine.connect() as connection:
        return list(NoDeliveries().look(connection, settings()))


def test_a_silence_where_some_usually_come_is_told(core: Engine) -> None:
    usual(core)
    deliver(core, [7.6])
    [finding] = found(core)
    assert finding.summary == (
        "No delivery was stored for 7 h, though some usually come at this time."
    )
    assert finding.since == one(core, "SELECT max(received_at) FROM inbox")
    assert (finding.subject, finding.severity) == ("", "warning")


def test_one_delivery_within_the_time_is_enough(core: Engine) -> None:
    usual(core)
    deliver(core, [7.6])
    assert len(found(core)) == 1
    deliver(core, [5.9])
    assert found(core) == []


def test_a_delivery_that_was_known_already_is_one_too(core: Engine) -> None:
    usual(core)
    deliver(core, [7])
    count(core, "duplicate", "", 1)
    assert found(core) == []


def test_what_we_fetched_ourselves_is_no_delivery(core: Engine) -> None:
    usual(core)
    deliver(core, [7])
    deliver(core, [0.5], source="event_list")
    assert len(found(core)) == 1


def test_a_new_shop_is_not_missed(core: Engine) -> None:
    assert found(core) == []
    deliver(core, [7])
    assert found(core) == []
    usual(core, days=range(1, 7))
    assert found(core) == []
    # From the day on on which it can be compared with a week ago.
    usual(core, days=[7])
    assert len(found(core)) == 1


def test_a_day_of_the_week_on_which_nobody_buys_is_left_alone(core: Engine) -> None:
    usual(core, days=range(1, 7))
    usual(core, days=range(8, 14))
    assert found(core) == []


def test_two_days_of_rest_within_the_week_are_no_matter(core: Engine) -> None:
    deliver(core, [7])
    usual(core, days=[1, 2, 5, 6, 7])
    assert len(found(core)) == 1


def test_three_days_without_make_it_nothing_usual(core: Engine) -> None:
    deliver(core, [7])
    usual(core, days=[1, 2, 3, 7])
    assert found(core) == []


def test_other_hours_of_the_day_prove_nothing(core: Engine) -> None:
    usual(core, hours=(7.0, 11.0, 16.0))
    assert found(core) == []


@pytest.mark.parametrize("hours", [(5.0, 5.9), (0.1, 1.0)])
def test_the_evening_after_the_last_sale_and_the_early_morning_are_left_alone(
    core: Engine, hours: tuple[float, float]
) -> None:
    deliver(core, [7])
    usual(core, hours=hours)
    assert found(core) == []


def test_a_silence_of_days_is_compared_with_the_days_before_it(core: Engine) -> None:
    usual(core, silent_days=4)
    watch_since(core, "7 hours")
    [finding] = found(core)
    assert finding.summary.startswith("No delivery was stored for 5 d 1 h")


def test_nobody_is_missed_while_nobody_watched(core: Engine) -> None:
    usual(core)
    deliver(core, [9])
    watch_since(core, "5 hours")
    assert found(core) == []
    watch_since(core, "6 hours")
    assert len(found(core)) == 1


def test_what_was_told_ends_with_a_delivery_and_not_with_the_night(
    core: Engine,
) -> None:
    usual(core, hours=[11.0])
    assert found(core) == []
    open_alert(core)
    watch_since(core, "1 minute")
    assert len(found(core)) == 1
    deliver(core, [0])
    assert found(core) == []


def test_deliveries_that_are_not_taken_are_told(core: Engine) -> None:
    usual(core)
    count(core, "refused", "wrong_signature", 1200)
    count(core, "refused", "too_old", 4)
    count(core, "refused", "sender_gone", 3)
    count(core, "refused", "missing_header", 2)
    count(core, "unavailable", "database", 7)
    [finding] = found(core)
    assert finding.summary.partition(". ")[2] == (
        "Some did come, and were not taken: 1,209 refused (1,200 wrong_signature,"
        " 4 too_old, 3 sender_gone, …) and 7 answered 503 (7 database)."
    )


def test_what_was_refused_before_the_last_delivery_is_not_told(core: Engine) -> None:
    usual(core)
    deliver(core, [6.5])
    count(core, "refused", "wrong_signature", 5)
    with core.begin() as connection:
        statement = "UPDATE delivery_counts SET minute = minute - interval '6 hours'"
        connection.execute(text(statement))
    [finding] = found(core)
    assert "refused" not in finding.summary


def test_looking_back_goes_through_indexes(core: Engine) -> None:
    usual(core)
    deliver(core, [hours / 50 for hours in range(8 * 50, 1000 * 50, 5)])
    with core.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("ANALYZE inbox")
    asked = statements_of(core, lambda: found(core))
    assert len(asked) == 6
    for statement, parameters in asked:
        nodes = list(nodes_of(plan_of(core, statement, parameters)))
        walked = [n for n in nodes if n["Node Type"] == "Seq Scan"]
        assert GROWING.isdisjoint(node["Relation Name"] for node in walked)
        if "FROM inbox" in statement:
            # One step along the index for each, whatever comes behind it.
            assert "Sort" not in {node["Node Type"] for node in nodes}
            indexes = {node.get("Index Name") for node in nodes} - {None}
            assert indexes <= {"ix_inbox_received_at", "uq_alerts_open_fingerprint"}

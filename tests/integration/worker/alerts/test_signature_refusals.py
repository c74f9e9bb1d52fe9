"""Refused signatures, from the receiver's counts to a finding."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from bench.load import body_of, request_of, run_load
from models.alerts import Severity
from tests.factories import one
from tests.fixtures.processes import eventually
from tests.fixtures.receivers import SECRET, Running, requests_of
from worker.alerts.condition import Finding
from worker.alerts.signature_refusals import SignatureRefusals
from worker.alerts.stakes import Stakes
from worker.settings import Settings, settings

NOISE = ("missing_header", "bad_timestamp", "no_signature", "header_too_long")


@pytest.fixture
def limit(core: Engine, configured: Callable[..., Settings]) -> int:
    """So many make an alert."""
    configured(alert_signature_refusals=10)
    return 10


def found(engine: Engine) -> list[Finding]:
    with engine.connect() as connection:
        return list(SignatureRefusals().look(connection, settings()))


def add(  # noqa: PLR0913 (a row's columns)
    engine: Engine,
    deliveries: int,
    reason: str = "",
    *,
    outcome: str = "",
    minutes_ago: int = 1,
    skew: float | None = None,
) -> None:
    """Add a row of counts; without a reason they were stored."""
    with engine.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO delivery_counts
            VALUES (date_trunc('minute', now()) - :ago * interval '1 minute', 'paddle',
                    :outcome, :reason, :deliveries, :skew)
            """),
            {
                "ago": minutes_ago,
                "outcome": outcome or ("refused" if reason else "stored"),
                "reason": reason,
                "deliveries": deliveries,
                "skew": skew,
            },
        )


def test_as_many_as_the_setting_says_are_told(core: Engine, limit: int) -> None:
    add(core, limit - 2, "wrong_signature")
    add(core, 1, "too_old", skew=70.0, minutes_ago=2)
    assert found(core) == []
    add(core, 1, "too_new", skew=-70.0, minutes_ago=3)
    [finding] = found(core)
    assert finding.count == limit
    first = "SELECT min(minute) FROM delivery_counts"
    assert finding.since == one(core, first)


def test_strangers_without_a_signature_do_not_count(core: Engine, limit: int) -> None:
    for reason in NOISE:
        add(core, 1000, reason)
    add(core, limit - 1, "wrong_signature")
    assert found(core) == []


def test_after_an_hour_it_is_over(core: Engine, limit: int) -> None:
    add(core, 50, "wrong_signature", minutes_ago=61)
    assert found(core) == []
    add(core, limit, "wrong_signature", minutes_ago=58)
    [finding] = found(core)
    assert finding.count == limit


def test_accepted_ones_of_every_kind_are_weighed(core: Engine, limit: int) -> None:
    add(core, 30, "wrong_signature")
    add(core, 10, minutes_ago=3)
    add(core, 10, outcome="duplicate")
    [finding] = found(core)
    assert finding.severity is Severity.CRITICAL
    assert finding.summary.startswith("30 of 50 signed deliveries")
    add(core, 10, outcome="variant")
    [finding] = found(core)
    assert finding.severity is Severity.WARNING
    assert "second destination" in finding.summary


def test_what_the_database_kept_out_proves_the_secret(core: Engine, limit: int) -> None:
    add(core, 30, "wrong_signature")
    add(core, 5, "database", outcome="unavailable")
    [finding] = found(core)
    assert finding.summary.startswith("30 of 35 signed deliveries")
    assert "None was right" not in finding.summary


def test_a_clock_that_jumped_is_told_from_one_of_several(
    core: Engine, limit: int
) -> None:
    add(core, 500, minutes_ago=40)
    for minute in (10, 5, 1):
        add(core, 20, "too_old", minutes_ago=minute, skew=182.0 + minute)
    [finding] = found(core)
    assert "The receiver's clock is about 3 min ahead" in finding.summary
    add(core, 1, minutes_ago=7)
    [finding] = found(core)
    assert "one of several receivers has a clock" in finding.summary


def test_the_skew_is_that_of_the_more_frequent_reason(core: Engine, limit: int) -> None:
    add(core, 1, "too_old", skew=9000.0)
    add(core, 20, "too_new", skew=-600.0)
    [finding] = found(core)
    assert "clock is about 10 min behind" in finding.summary


def test_whom_it_touches_cannot_be_told(core: Engine, limit: int) -> None:
    add(core, 20, "wrong_signature")
    add(core, 5, "too_old")
    with core.connect() as connection:
        assert SignatureRefusals().stakes(connection, "") == Stakes(unknown=25)


@pytest.mark.parametrize(
    ("drift", "guess"),
    [
        (185, "3 too old. The receiver's clock is about 3 min ahead"),
        (-3600, "3 from the future. The receiver's clock is about 1 h behind"),
    ],
)
def test_a_real_receiver_whose_clock_is_off(
    receiver: Running,
    core: Engine,
    configured: Callable[..., Settings],
    drift: int,
    guess: str,
) -> None:
    configured(alert_signature_refusals=3)
    now = one(core, "SELECT extract(epoch FROM now())::bigint")
    for number in range(3):
        receiver.ask(request_of(body_of(f"evt_{number}"), SECRET, now=now - drift))
    eventually(lambda: receiver.has_counted(core))
    [finding] = found(core)
    assert guess in finding.summary
    assert finding.severity is Severity.CRITICAL


def test_a_real_receiver_with_forgeries_beside_good_ones(
    receiver: Running, core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(alert_signature_refusals=3)
    assert run_load(receiver.address, requests_of(list("abcd")), 2).counts == {200: 4}
    forged = [request_of(body_of("evt"), b"other", now=1)] * 3
    assert run_load(receiver.address, forged, 3).counts == {400: 3}
    eventually(lambda: receiver.has_counted(core))
    [finding] = found(core)
    assert finding.severity is Severity.WARNING
    # The forged time of 1970 is nobody's clock.
    assert "clock" not in finding.summary
    assert finding.summary.startswith("3 of 7 signed deliveries")

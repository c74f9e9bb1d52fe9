"""What an hour's refusals are taken to mean."""

from datetime import UTC, datetime

import pytest

from models.alerts import Severity
from worker.alerts.signature_refusals import Hour, finding_of

FIRST = datetime(2026, 11, 21, 11, 20, tzinfo=UTC)
LAST = datetime(2026, 11, 21, 12, 3, tzinfo=UTC)
FORGED = {"wrong_signature": 12}
LATE = {"too_old": 40}
EARLY = {"too_new": 40}
SYNCHRONIZED = "timedatectl, where each receiver runs: is its clock synchronized?"

#: The hour, and how its sentence about the cause begins.
CAUSES = {
    "nobody knows the secret": (
        Hour(FORGED),
        "None was right: PADDLE_WEBHOOK_SECRETS is not the destination's secret",
    ),
    "others are accepted": (
        Hour(FORGED, accepted=3),
        "The wrong signatures: a second destination with another secret",
    ),
    "others found the database away": (
        Hour(FORGED, put_off=3),
        "The wrong signatures: a second destination with another secret",
    ),
    "our clock is ahead": (
        Hour(LATE, skew_seconds=184.0),
        (
            "The receiver's clock is about 3 min ahead; if it is right, the sender's is"
            " behind."
        ),
    ),
    "our clock is behind": (
        Hour(EARLY, accepted=90, skew_seconds=-7300.0),
        (
            "The receiver's clock is about 2 h behind; if it is right, the sender's is"
            " ahead."
        ),
    ),
    "off by little": (
        Hour(LATE, skew_seconds=71.4),
        "The receiver's clock is about 1 min 11 s ahead;",
    ),
    "off by days": (
        Hour(LATE, skew_seconds=4.1 * 86_400),
        "The receiver's clock is about 4 d ahead;",
    ),
    "one of several clocks, or late": (
        Hour(LATE, accepted=40, is_steady=True, skew_seconds=180.0),
        (
            "Others were in time all the while: one of several receivers has a clock that"
            " is about 3 min ahead, or these came late or were sent again."
        ),
    ),
    "one of several clocks": (
        Hour(EARLY, accepted=40, is_steady=True, skew_seconds=-180.0),
        (
            "Others were in time all the while: one of several receivers has a clock that"
            " is about 3 min behind."
        ),
    ),
    "no skew is known": (Hour(LATE), "The receiver's clock or the sender's is wrong."),
}


@pytest.mark.parametrize(("hour", "cause"), CAUSES.values(), ids=list(CAUSES))
def test_the_likeliest_cause_is_named(hour: Hour, cause: str) -> None:
    summary = finding_of(hour, FIRST, LAST).summary
    assert summary.partition(". ")[2].startswith(cause)


def test_the_summary_counts_and_says_when_the_last_one_came() -> None:
    hour = Hour({"too_old": 1200, "wrong_signature": 2}, accepted=798)
    found = finding_of(hour, FIRST, LAST)
    assert found.summary.startswith(
        "1,202 of 2,000 signed deliveries of the last hour were refused, the last at"
        " 12:03 UTC: 1,200 too old, 2 with a wrong signature. "
    )
    assert (found.since, found.count, found.subject) == (FIRST, 1202, "")


def test_clock_and_forgeries_at_once_are_both_told() -> None:
    hour = Hour(LATE | FORGED, skew_seconds=180.0)
    found = finding_of(hour, FIRST, LAST)
    assert "clock is about 3 min ahead" in found.summary
    # Who signs with our secret, if late, proves that it is the right one.
    assert "None was right" not in found.summary
    assert "second destination" in found.summary
    assert len(found.summary) < 500
    assert found.next_steps == (
        SYNCHRONIZED,
        (
            "Paddle's dashboard: does each destination's secret stand in"
            " PADDLE_WEBHOOK_SECRETS?"
        ),
        "./paddlewheel status",
    )


def test_nobody_is_sent_to_the_clock_for_a_wrong_secret() -> None:
    assert SYNCHRONIZED not in finding_of(Hour(FORGED), FIRST, LAST).next_steps
    assert SYNCHRONIZED in finding_of(Hour(LATE), FIRST, LAST).next_steps


@pytest.mark.parametrize(
    ("accepted", "severity"),
    [(0, Severity.CRITICAL), (11, Severity.CRITICAL), (12, Severity.WARNING)],
)
def test_it_is_critical_while_more_are_refused_than_accepted(
    accepted: int, severity: Severity
) -> None:
    assert finding_of(Hour(FORGED, accepted), FIRST, LAST).severity is severity

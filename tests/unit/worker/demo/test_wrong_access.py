"""Wrong access is noticed: by subscriptions, refunds, disputes, dates, seats, people."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.unit.worker.demo.good_day import (
    NOW,
    as_told,
    email_of,
    good,
    problems,
    reason,
    row,
)
from worker.demo.evidence import Evidence, Mail
from worker.demo.goods import BASICS, EXAM, WORKSHOP
from worker.demo.verdict import named_differences

Told = dict[str, Any]
Spoil = Callable[[Told], object]
WITNESSES = ("access", "enrollments", "platform")
LATE = datetime.fromisoformat("2027-05-01T00:00:00Z")


def of_person(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [r for r in rows if r["email"].lower() == email_of(name)]


def ours(name: str, **changes: Any) -> Spoil:
    """Let Paddlewheel have made something else of it, and tell it everywhere."""

    def spoil(evidence: Told) -> None:
        for witness in WITNESSES:
            for one in of_person(evidence[witness], name):
                one.update(changes)
                if "has_access" in one:
                    one["has_access"] = one["state"] == "active"

    return spoil


def theirs(name: str, **changes: Any) -> Spoil:
    """Let Paddle say something else of it."""

    def spoil(evidence: Told) -> None:
        for one in of_person(evidence["truth"]["reasons"], name):
            one.update(changes)

    return spoil


def late_renewal(evidence: Told) -> None:
    (bo,) = [s for s in evidence["truth"]["subscriptions"] if s["id"] == "sub_bo"]
    bo["current_billing_period"]["starts_at"] = "2027-03-01T00:00:00Z"
    theirs("bo", state="suspended")(evidence)


def no_scheduled_change(evidence: Told) -> None:
    for subscription in evidence["truth"]["subscriptions"]:
        subscription["scheduled_change"] = None


def add_everywhere(evidence: Told, extra: dict[str, Any]) -> None:
    for witness in WITNESSES:
        evidence[witness].append(dict(extra))


def not_linked(evidence: Told) -> None:
    """The guest's course has stayed with the address."""
    for witness in WITNESSES:
        guest = of_person(evidence[witness], "lea")[0]
        guest["learner_ref"] = "lrn_lea"


def linked_to_a_stranger(evidence: Told) -> None:
    for witness in WITNESSES:
        for one in of_person(evidence[witness], "ada"):
            one["learner_ref"] = "user-lea"


def linked_by_a_forged_claim(evidence: Told) -> None:
    theirs("ada", custom_data={"learner": "forged"})(evidence)
    for witness in WITNESSES:
        of_person(evidence[witness], "ada")[0]["learner_ref"] = "forged"


def second_user_takes_all(evidence: Told) -> None:
    """With two users at one address what came without one is neither's."""
    evidence["users"]["other"] = "user-other"
    claim = {"custom_data": {"learner": "other"}, "courses": []}
    evidence["truth"]["reasons"].append(reason("lea", BASICS, "active", **claim))


WRONGS: dict[str, Spoil] = {
    "renewal unpaid and no end": ours("bo", access_until=None),
    "renewal unpaid and another end": ours("bo", access_until=LATE),
    "renewal unpaid and held at once": ours("bo", state="suspended"),
    "out of grace but enrolled": late_renewal,
    "canceled later and no end": ours("cy", access_until=None),
    "cancel taken back but an end": no_scheduled_change,
    "canceled but enrolled": ours("di", state="active"),
    "paused but enrolled": ours("ed", state="active"),
    "paused but over": ours("ed", state="ended"),
    "resumed but held": theirs("ed", state="active"),
    "invoice unpaid but enrolled": theirs("cy", state="ended"),
    "period refunded but enrolled": theirs("cy", state="suspended"),
    "refunded but enrolled": ours("gil", state="active"),
    "refunded but only held": ours("gil", state="suspended"),
    "refund rejected but over": theirs("gil", state="active"),
    "disputed but enrolled": ours("hal", state="active"),
    "disputed but over": ours("hal", state="ended"),
    "dispute won but held": theirs("hal", state="active"),
    "disputed and refunded but only held": theirs("hal", state="ended"),
    "seats forgotten": ours("ivo", seats=1),
    "seats of a course": ours("ada", seats=3),
    "second purchase of seats forgotten": lambda e: e["truth"]["reasons"].append(
        reason("ivo", WORKSHOP, "active")
    ),
    "dated and no end": ours("kim", access_until=None),
    "dated and over but enrolled": theirs("kim", since="2027-02-01T12:00:00Z"),
    "bought again for longer and the first end": lambda e: e["truth"]["reasons"].append(
        reason("kim", EXAM, "active", since="2027-03-05T12:00:00Z")
    ),
    "for good but an end": ours("ada", access_until=LATE),
    "never bought but enrolled": lambda e: add_everywhere(
        e, as_told(row("mia", BASICS, "active"))
    ),
    "guest not linked": not_linked,
    "linked to a stranger": linked_to_a_stranger,
    "linked by a forged claim": linked_by_a_forged_claim,
    "linked though there are two users": second_user_takes_all,
    "one learner twice": lambda e: add_everywhere(
        e, {**as_told(row("ada", BASICS, "active")), "learner_ref": "lrn_again"}
    ),
}


@pytest.mark.parametrize("spoil", WRONGS.values(), ids=WRONGS.keys())
def test_wrong_access_is_noticed_in_the_rows_and_at_the_platform(spoil: Spoil) -> None:
    evidence = good()
    spoil(evidence)
    found = {problem.split(" is ")[0] for problem in problems(evidence)}
    assert found >= {"access_differences", "platform_differences"}


ALONE: dict[str, tuple[Spoil, str]] = {
    "view says otherwise": (
        lambda e: of_person(e["access"], "bo")[0].update(access_until=None),
        "access_differences",
    ),
    "enrollment says otherwise": (
        lambda e: e["enrollments"][0].update(state="suspended"),
        "access_differences",
    ),
    "enrollment without its end": (
        lambda e: of_person(e["enrollments"], "bo")[0].update(access_until=None),
        "access_differences",
    ),
    "platform believes in other seats": (
        lambda e: of_person(e["platform"], "ivo")[0].update(seats=1),
        "platform_differences",
    ),
    "platform knows no end": (
        lambda e: of_person(e["platform"], "cy")[0].update(access_until=None),
        "platform_differences",
    ),
    "platform knows another reason": (
        lambda e: e["platform"][0].update(reason="another"),
        "platform_differences",
    ),
}


@pytest.mark.parametrize(("spoil", "named"), ALONE.values(), ids=ALONE.keys())
def test_one_witness_alone_is_heard(spoil: Spoil, named: str) -> None:
    evidence = good()
    spoil(evidence)
    assert [problem.split(" is ")[0] for problem in problems(evidence)] == [named]


def test_it_is_said_whose_access_is_wrong() -> None:
    evidence = good()
    ours("hal", state="active")(evidence)
    assert named_differences(Evidence(**evidence)) == [
        "our rows: hal@example.com and python-basics",
        "the platform: hal@example.com and python-basics",
    ]


def test_an_access_that_ends_within_the_day_is_over_by_its_clock() -> None:
    evidence = good()
    paid_at = datetime.fromisoformat(NOW) - timedelta(days=30, seconds=1)
    theirs("kim", since=paid_at.isoformat())(evidence)
    for witness in WITNESSES:
        of_person(evidence[witness], "kim")[0].update(state="ended")
    for witness in ("access", "platform"):
        of_person(evidence[witness], "kim")[0]["has_access"] = False
    assert problems(evidence) == []


def test_one_address_may_be_welcomed_for_each_course() -> None:
    evidence = good()
    assert sum(m.recipient.lower() == email_of("lea") for m in evidence["mails"]) == 2
    assert isinstance(evidence["mails"][0], Mail)
    assert problems(evidence) == []

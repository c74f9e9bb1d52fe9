"""Each kind of finding, from the event that makes it to the one that clears it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner, Result

from tasks.activate import activate
from tasks.record import record
from tests.factories import add_events, add_offer, one, rows
from tests.purchases import Body
from tests.subscriptions import (
    MONTHLY,
    SUBSCRIPTION,
    TOTAL,
    adjusted,
    begun,
    charge,
    customer,
    item,
    line,
    stamp,
    subscription,
)
from worker.cli.findings import group
from worker.errors import PaddlewheelError
from worker.learner_token import sign
from worker.settings import Settings, settings
from worker.status import Level, status_of

ALONE: dict[str, Any] = {"subscription_id": None, "period": None}


@pytest.fixture
def run(core: Engine) -> Callable[..., Result]:
    del core
    return lambda *words: CliRunner().invoke(group, words)


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def bought(number: int = 1, *, quantity: int = 1, **data: Any) -> Body:
    """Return a purchase of the course for good."""
    lines = [line(number, once=True, quantity=quantity)]
    return charge(number=number, lines=lines, **{**ALONE, **data})


def found(engine: Engine, state: str = "open") -> list[tuple[Any, ...]]:
    return rows(
        engine,
        "SELECT kind, subject, amount_minor, currency, detail FROM findings"
        " WHERE state = :state ORDER BY kind, subject",
        state=state,
    )


# --- each kind ----------------------------------------------------------------------


def test_a_partial_refund_until_the_rest_goes_back_as_well(core: Engine) -> None:
    tell(core, customer(), bought(), adjusted(total=1000, at=-3))
    assert found(core) == [("partial_refund", "txn_life1", 1000, "EUR", {})]

    tell(core, adjusted(total=1899, at=-2))
    assert found(core) == [("partial_refund", "txn_life1", 2899, "EUR", {})]
    assert rows(core, "SELECT state FROM enrollments") == [("active",)]

    tell(core, adjusted(total=1, at=-1))
    assert found(core) == []
    assert found(core, "cleared") == [("partial_refund", "txn_life1", 2899, "EUR", {})]
    assert rows(core, "SELECT state, reason FROM enrollments") == [
        ("ended", "refunded")
    ]


def test_a_partial_refund_of_a_subscription_until_its_next_period(core: Engine) -> None:
    tell(core, *begun(), adjusted(total=1000))
    assert found(core) == [("partial_refund", SUBSCRIPTION, 1000, "EUR", {})]

    tell(core, subscription(at=0, period=0))

    assert found(core) == []


def test_a_refunded_period_until_the_subscription_ends(core: Engine) -> None:
    tell(core, *begun(), adjusted())
    assert found(core) == [("period_refunded", SUBSCRIPTION, TOTAL, "EUR", {})]
    assert rows(core, "SELECT state, reason FROM enrollments") == [
        ("suspended", "period_refunded")
    ]

    tell(core, subscription("canceled", at=0, period=None))

    assert found(core) == []
    assert rows(core, "SELECT state, reason FROM enrollments") == [
        ("ended", "canceled")
    ]


def test_a_refunded_period_until_the_next_one_is_paid(core: Engine) -> None:
    tell(core, *begun(), adjusted())

    tell(core, subscription(at=0, period=0), charge(number=2, at=0, period=0))

    assert found(core) == []
    assert rows(core, "SELECT state, reason FROM enrollments") == [
        ("active", "subscribed")
    ]


def test_spare_seats_of_a_purchase_until_it_is_refunded(core: Engine) -> None:
    tell(core, customer(), bought(quantity=3))
    assert found(core) == [
        ("seats_without_learner", "txn_life1", None, "EUR", {"seats": 2})
    ]
    assert one(core, "SELECT count(*) FROM grants") == 1

    tell(core, adjusted())
    assert found(core) == []


def test_spare_seats_of_a_subscription_follow_its_quantity(core: Engine) -> None:
    tell(core, *begun(items=[item(quantity=3)]))
    assert found(core)[0][4] == {"seats": 2}
    tell(core, subscription(at=-2, items=[item(quantity=2)]))
    assert found(core)[0][4] == {"seats": 1}
    tell(core, subscription(at=-1, items=[item()]))
    assert found(core) == []


def test_an_event_has_attendees_and_no_spare_seats(core: Engine) -> None:
    add_offer(core, MONTHLY, "conference")
    with core.begin() as connection:
        connection.execute(text("UPDATE courses SET kind = 'event'"))

    tell(core, customer(), bought(1, quantity=3), bought(2, quantity=2))

    assert found(core) == []
    assert rows(core, "SELECT state, seats FROM enrollments") == [("active", 5)]
    tell(core, adjusted(number=2))
    assert rows(core, "SELECT state, seats, version FROM enrollments") == [
        ("active", 3, 2)
    ]


def test_bought_again_until_one_of_them_is_refunded(core: Engine) -> None:
    tell(core, customer(), bought(2, at=-5), bought(1, at=-4))

    enrollment = one(core, "SELECT 'enrollment ' || id FROM enrollments")
    in_order = {"transactions": ["txn_life2", "txn_life1"]}
    assert found(core) == [("bought_again", enrollment, TOTAL, "EUR", in_order)]
    tell(core, adjusted(number=2))
    assert found(core) == []
    assert rows(core, "SELECT state FROM enrollments") == [("active",)]


def test_the_same_twice_in_one_purchase_is_bought_again(core: Engine) -> None:
    lines = [line(1, once=True), line(2, once=True, total=1500)]
    tell(core, customer(), charge(lines=lines, **ALONE))

    ((kind, _, amount, _, detail),) = found(core)
    assert (kind, amount, detail) == (
        "bought_again",
        1500,
        {"transactions": ["txn_life1"]},
    )
    assert one(core, "SELECT count(*) FROM enrollments") == 1


def test_sums_of_several_currencies_are_not_added_up(core: Engine) -> None:
    others = [bought(2, at=-5), bought(3, at=-4, currency_code="USD")]
    tell(core, customer(), bought(1, at=-6), *others)

    ((_, _, amount, currency, _),) = found(core)
    assert (amount, currency) == (None, None)


def test_completed_although_canceled_counts_and_is_found(core: Engine) -> None:
    tell(core, customer(), bought())
    canceled = bought(at=-1)
    canceled["data"]["status"] = "canceled"
    tell(core, canceled)

    assert found(core) == [("completed_but_canceled", "txn_life1", None, None, {})]
    assert rows(core, "SELECT state FROM enrollments") == [("active",)]


def test_a_learner_who_is_not_believed_until_one_is(core: Engine) -> None:
    forged: Body = {"custom_data": {"learner": "usr_17"}}
    tell(core, customer(), bought(1, **forged))
    ((kind, subject, _, _, detail),) = found(core)
    assert (kind, subject) == ("learner_not_believed", "txn_life1")
    assert list(detail) == ["refusal"]

    tell(core, bought(1, at=-1))

    assert found(core) == []


def test_a_subscription_tells_once_that_its_learner_is_not_believed(
    core: Engine,
) -> None:
    forged: Body = {"custom_data": {"learner": "usr_17"}}
    tell(
        core,
        *begun(**forged),
        *(charge(number=n, at=-20 + n, **forged) for n in (2, 3, 4)),
    )

    assert [(kind, subject) for kind, subject, *_ in found(core)] == [
        ("learner_not_believed", SUBSCRIPTION)
    ]


def test_a_token_that_ran_out_is_nothing_to_wonder_at_where_a_charge_names_the_user(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    secret = "a-secret-of-the-tests-of-more-than-32"
    configured(learner_secrets=secret)
    signed_at = datetime.now(UTC) - timedelta(days=41)
    token = sign("usr_17", "local", secret, timedelta(days=1), signed_at)
    claim: Body = {"custom_data": {"learner": token}}
    _, first, paid = begun(**claim)
    tell(core, customer(), first, paid)
    assert [kind for kind, *_ in found(core)] == ["learner_not_believed"]

    # The checkout was opened while the token was valid.
    opened = stamp(-40.5)
    tell(core, charge(at=-29.9, created_at=opened, **claim))

    assert found(core) == []
    assert one(core, "SELECT count(*) FROM learner_identities WHERE kind = 'user'") == 1


# --- accepted, and what comes back --------------------------------------------------


def test_what_is_accepted_stays_so_while_it_says_the_same(
    core: Engine, run: Callable[..., Result]
) -> None:
    tell(core, customer(), bought(), adjusted(total=1000, at=-3))
    (finding,) = [str(one(core, "SELECT id FROM findings"))]

    assert "is accepted" in run("accept", finding, "--reason", "agreed").output

    tell(core, bought(at=-2.5))
    assert found(core) == []
    assert len(found(core, "accepted")) == 1
    tell(core, adjusted(total=1, at=-2))
    assert [amount for _, _, amount, *_ in found(core)] == [1001]
    ((action, target, detail),) = rows(
        core, "SELECT action, target, detail FROM operator_actions"
    )
    assert (action, target) == ("finding accepted", f"finding {finding}")
    assert detail == {
        "reason": "agreed",
        "kind": "partial_refund",
        "subject": "txn_life1",
    }


def test_what_went_away_and_came_back_is_found_again(core: Engine) -> None:
    tell(core, *begun(items=[item(quantity=2)]))
    tell(core, subscription(at=-3, items=[item()]))
    with core.begin() as connection:
        connection.execute(text("UPDATE findings SET found_at = '2020-01-01'"))

    tell(core, subscription(at=-2, items=[item(quantity=2)]))

    assert len(found(core)) == 1
    assert one(core, "SELECT found_at > '2020-01-02' FROM findings")
    assert one(core, "SELECT closed_at IS NULL FROM findings")


# --- the command and the first page -------------------------------------------------


@pytest.fixture
def three(core: Engine) -> Engine:
    """Two partial refunds in two currencies and a purchase of too many seats."""
    dollars = bought(2, at=-5, currency_code="USD", quantity=2)
    back = adjusted(number=2, total=500, at=-3)
    tell(core, customer(), bought(1, at=-6), dollars, back, adjusted(total=1000))
    with core.begin() as connection:
        connection.execute(text("DELETE FROM findings WHERE kind = 'bought_again'"))
    return core


def test_the_list_is_by_kind_and_by_state(
    three: Engine, run: Callable[..., Result]
) -> None:
    kinds = [row["kind"] for row in json.loads(run("list", "--json").output)]
    assert sorted(kinds) == [
        "partial_refund",
        "partial_refund",
        "seats_without_learner",
    ]

    seats = json.loads(run("list", "--json", "--kind", "seats_without_learner").output)
    assert [row["detail"] for row in seats] == [{"seats": 1}]
    run("accept", str(seats[0]["id"]), "--reason", "fine")
    assert "seats" not in run("list").output
    shown = run("list", "--all").output
    assert "seats_without_learner, accepted" in " ".join(shown.split())
    assert "10.00 EUR" in shown
    assert "5.00 USD" in shown
    assert run("list", "--kind", "invented").exit_code == 2
    assert three is not None


def test_one_is_shown_with_its_meaning_and_what_to_type(
    three: Engine, run: Callable[..., Result]
) -> None:
    number = str(one(three, "SELECT id FROM findings WHERE currency = 'EUR' LIMIT 1"))

    shown = run("show", number).output

    assert "Part of the money went back" in shown
    assert "txn_life1" in shown
    assert f"findings close {number}" in shown
    run("accept", number, "--reason", "agreed")
    after = run("show", number).output
    assert ": agreed" in after
    assert "findings accept" not in after
    told = json.loads(run("show", number, "--json").output)
    assert [action["reason"] for action in told["accepted"]] == ["agreed"]


def test_a_kind_of_another_release_is_shown_all_the_same(
    three: Engine, run: Callable[..., Result]
) -> None:
    with three.begin() as connection:
        connection.execute(text("UPDATE findings SET kind = 'new_' || id"))
    number = str(one(three, "SELECT max(id) FROM findings"))

    assert "found by another release" in run("show", number).output


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "999999"), "There is no finding 999999."),
        (("accept", "999999", "--reason", "x"), "There is no finding 999999."),
        (("accept", "1", "--reason", " "), "say why"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    run: Callable[..., Result], words: tuple[str, ...], says: str
) -> None:
    error = run(*words).exception

    assert isinstance(error, PaddlewheelError)
    assert says in str(error)


def test_only_what_is_open_can_be_accepted(
    three: Engine, run: Callable[..., Result]
) -> None:
    number = str(one(three, "SELECT max(id) FROM findings"))
    run("accept", number, "--reason", "once")

    assert "is not open: it is accepted" in str(
        run("accept", number, "--reason", "twice").exception
    )
    assert one(three, "SELECT count(*) FROM operator_actions") == 1


def test_status_counts_them_with_learners_and_money(three: Engine) -> None:
    with three.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO heartbeats VALUES ('rows.sweep', now())"
                " ON CONFLICT (name) DO UPDATE SET beat_at = now()"
            )
        )
        # Mails wait for no mail server here.
        connection.execute(text("DELETE FROM notifications"))
    with three.connect() as connection:
        status = status_of(
            connection, billing_enabled=settings().paddle_billing_enabled
        )

    assert [finding.in_words() for finding in status.findings] == [
        "2 of 1 learner, 10.00 EUR, 5.00 USD (partial_refund)",
        "1 of 1 learner (seats_without_learner)",
    ]
    assert status.level is Level.LOOK
    assert status.advice() == ["./paddlewheel findings list"]
    assert status.as_json()["findings"][0]["money"] == {"EUR": 1000, "USD": 500}


def test_a_finding_tells_when_it_was_seen_first_and_last_and_how_often(
    core: Engine, run: Callable[..., Result]
) -> None:
    tell(core, customer(), bought(), adjusted(total=1000, at=-3))
    with core.begin() as connection:
        connection.execute(text("UPDATE findings SET seen_at = '2026-01-01'"))
    before = one(core, "SELECT found_at FROM findings")

    tell(core, adjusted(total=100, at=-2))

    assert rows(core, "SELECT found_at, times, seen_at > found_at FROM findings") == [
        (before, 2, True)
    ]
    (listed,) = json.loads(run("list", "--json").output)
    assert listed["times"] == 2
    assert run("close", str(listed["id"]), "--reason", "fine").exit_code == 0
    assert found(core) == []

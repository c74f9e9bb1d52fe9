"""Access by hand, as an operator types it; the workers' part is played by the test."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer
from redis import Redis
from sqlalchemy import Connection, Engine, text
from typer.testing import CliRunner, Result

from tasks.activate import activate
from tasks.expire import expire
from tasks.record import record
from tests.factories import add_events, one, rows
from tests.integration.test_interleavings import interleave
from tests.purchases import Body
from tests.subscriptions import (
    COURSE,
    CUSTOMER,
    adjusted,
    begun,
    charge,
    customer,
    line,
    pass_time,
    subscription,
)
from worker.by_hand import Wish, give, take
from worker.cli import grant as module
from worker.cli.grant import end_of, grant, revoke
from worker.errors import PaddlewheelError

Run = Callable[..., Result]
SAM = "sam@example.com"
WHY = ("--reason", "scholarship")
ENROLLMENTS = "SELECT state, reason, version FROM enrollments ORDER BY id"


@pytest.fixture
def run(core: Engine, broker: Redis, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs a command while the workers do theirs."""
    del core, broker
    app = typer.Typer()
    app.command()(grant)
    app.command()(revoke)
    # In place of waiting for the workers: their turn.
    monkeypatch.setattr(module, "_pause", lambda: activate([], 1))
    return lambda *words: CliRunner().invoke(app, words)


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def sentence(result: Result) -> str:
    assert isinstance(result.exception, PaddlewheelError), result.output
    return str(result.exception)


@pytest.fixture
def sam(core: Engine) -> Engine:
    """Somebody who is known, and a course; nothing gives the one to the other."""
    tell(core, customer())
    with core.begin() as connection:
        connection.execute(
            text("INSERT INTO courses VALUES (:key, 'course', 'Python')"),
            {"key": COURSE},
        )
    return core


def test_a_grant_gives_access_and_tells_the_outcome(run: Run, sam: Engine) -> None:
    result = run("grant", SAM, COURSE, *WHY)

    assert result.exit_code == 0, result.output
    assert f"{SAM} and {COURSE}: access for good (granted)." in result.output
    assert rows(sam, ENROLLMENTS) == [("active", "granted", 1)]
    (action,) = rows(sam, "SELECT id, action, detail FROM operator_actions")
    assert action[1:] == (
        "access granted",
        {"reason": "scholarship", "source": "operator", "until": None},
    )
    assert rows(
        sam, "SELECT source, provider, source_id, line_id, offer_id, seats FROM grants"
    ) == [("operator", "paddlewheel", str(action[0]), "", None, 1)]
    assert rows(sam, "SELECT cause_kind, cause_ref FROM enrollment_history") == [
        ("operator", f"action {action[0]}")
    ]
    # Whoever is given something hears of it.
    assert one(sam, "SELECT count(*) FROM notifications") == 1
    # And did not pay for it.
    assert one(sam, "SELECT paid_at FROM enrollment_history") is None


@pytest.mark.parametrize("name", ["SAM@example.com ", CUSTOMER, f"paddle:{CUSTOMER}"])
def test_a_learner_is_known_by_many_names(run: Run, sam: Engine, name: str) -> None:
    assert run("grant", name, COURSE, *WHY).exit_code == 0
    assert rows(sam, ENROLLMENTS) == [("active", "granted", 1)]


def test_the_same_grant_again_says_so_and_changes_nothing(
    run: Run, sam: Engine
) -> None:
    run("grant", SAM, COURSE, *WHY)

    result = run("grant", SAM, COURSE, "--reason", "again")

    assert "given already" in result.output
    assert "access for good (granted)" in result.output
    assert one(sam, "SELECT count(*) FROM grants") == 1
    assert one(sam, "SELECT count(*) FROM operator_actions") == 1
    assert one(sam, "SELECT count(*) FROM access_changes") == 1


def test_a_gift_that_ends_ends_by_the_clock(run: Run, sam: Engine) -> None:
    day = (datetime.now(UTC) + timedelta(days=9)).date()

    result = run("grant", SAM, COURSE, *WHY, "--until", str(day), "--source", "gift")

    after = day + timedelta(days=1)
    assert f"access until {after} 00:00 UTC (gift)" in result.output
    pass_time(sam, 11)
    expire()
    activate([], 1)
    assert rows(sam, ENROLLMENTS) == [("ended", "expired", 2)]
    # Given again for good, it is another reason, and no repetition.
    run("grant", SAM, COURSE, *WHY, "--source", "gift")
    assert rows(sam, ENROLLMENTS) == [("active", "gift", 3)]


def test_refunds_and_recomputing_leave_what_was_given_by_hand(
    run: Run, sam: Engine
) -> None:
    run("grant", SAM, COURSE, *WHY, "--source", "free")
    bought = [line(2, once=True)]
    once = charge(number=2, lines=bought, subscription_id=None, period=None)
    tell(sam, *begun(), once)
    tell(sam, adjusted(number=2), subscription("canceled", at=0, period=None))

    assert rows(sam, "SELECT source, state FROM grants ORDER BY source") == [
        ("free", "active"),
        ("purchase", "ended"),
        ("subscription", "ended"),
    ]
    assert rows(sam, "SELECT state, reason FROM enrollments") == [("active", "free")]


def test_revoke_ends_what_was_given_by_hand_and_names_what_remains(
    run: Run, sam: Engine
) -> None:
    run("grant", SAM, COURSE, *WHY)
    tell(sam, *begun())

    result = run("revoke", SAM, COURSE, "--reason", "mistaken")

    assert "access for good (subscribed)" in result.output
    assert "Gives access: subscription sub_yearlong, for good." in result.output
    assert rows(sam, "SELECT state, cause FROM grants ORDER BY id") == [
        ("ended", "revoked"),
        ("active", "subscribed"),
    ]
    assert rows(
        sam, "SELECT action, detail->>'reason' FROM operator_actions ORDER BY id"
    ) == [("access granted", "scholarship"), ("access revoked", "mistaken")]


def test_revoked_access_is_over_and_may_be_given_again(run: Run, sam: Engine) -> None:
    run("grant", SAM, COURSE, *WHY)

    result = run("revoke", SAM, COURSE, "--reason", "mistaken")

    assert "no access, ended (revoked)" in result.output
    assert "Gives access: nothing." in result.output
    run("grant", SAM, COURSE, *WHY)
    assert rows(sam, ENROLLMENTS) == [("active", "granted", 3)]
    assert rows(sam, "SELECT cause_kind FROM enrollment_history") == [
        ("operator",),
        ("operator",),
        ("operator",),
    ]


def test_what_was_bought_is_not_revoked(run: Run, core: Engine) -> None:
    tell(core, *begun())

    said = sentence(run("revoke", SAM, COURSE, "--reason", "x"))

    assert "Nothing was given by hand" in said
    assert "subscription sub_yearlong, for good" in said
    assert rows(core, ENROLLMENTS) == [("active", "subscribed", 1)]
    assert one(core, "SELECT count(*) FROM operator_actions") == 0


def test_where_nothing_is_there_is_nothing_to_revoke(run: Run, sam: Engine) -> None:
    said = sentence(run("revoke", SAM, COURSE, "--reason", "x"))

    assert said == "There is no access to take: nothing gives it."


# --- somebody who never bought ------------------------------------------------------


def test_an_unknown_address_says_what_to_type(run: Run, sam: Engine) -> None:
    said = sentence(run("grant", "new@example.com", COURSE, *WHY))

    assert said.endswith("To make one for this address, add --create.")
    assert "--create" not in sentence(run("grant", "lrn_unknown", COURSE, *WHY))
    assert one(sam, "SELECT count(*) FROM learners") == 1


def test_a_learner_is_made_who_is_the_buyer_later(run: Run, sam: Engine) -> None:
    result = run("grant", "New@Example.com", COURSE, *WHY, "--create")

    assert "access for good" in result.output
    assert rows(sam, "SELECT email FROM learners ORDER BY id DESC LIMIT 1") == [
        ("New@Example.com",)
    ]
    buyer = customer(email="new@example.com")
    buyer["data"]["id"] = "ctm_new"
    tell(sam, buyer)
    assert one(sam, "SELECT count(*) FROM learners") == 2
    again = run("grant", "new@example.com", COURSE, *WHY, "--create")
    assert "given already" in again.output


@pytest.mark.parametrize("name", ["nobody", "@example.com", "a@", "a@b", "a@.com."])
def test_only_an_address_makes_a_learner(run: Run, sam: Engine, name: str) -> None:
    result = run("grant", name, COURSE, *WHY, "--create")

    if name == "a@.com.":
        assert "no e-mail address" in sentence(result)
    assert isinstance(result.exception, PaddlewheelError)
    assert one(sam, "SELECT count(*) FROM learners") == 1


# --- what is refused ----------------------------------------------------------------


def test_a_course_that_is_not_there_is_guessed_at(run: Run, sam: Engine) -> None:
    said = sentence(run("grant", SAM, "python-basic", *WHY))

    assert "Do you mean python-basics?" in said
    assert "Do you mean" not in sentence(run("grant", SAM, "xyz", *WHY))
    assert one(sam, "SELECT count(*) FROM grants") == 0


@pytest.mark.parametrize(
    "word", ["soon", "2030-02-30", "2030-01-01T00:00", "9999-12-31"]
)
def test_an_end_is_a_date_or_a_time_with_its_zone(word: str) -> None:
    with pytest.raises(PaddlewheelError, match="write a date"):
        end_of(word)


@pytest.mark.parametrize("word", ["2020-01-01", "2020-01-01T00:00:00Z"])
def test_an_end_that_is_over_is_refused(word: str) -> None:
    with pytest.raises(PaddlewheelError, match="is over"):
        end_of(word)


def test_today_is_not_over_yet() -> None:
    today = datetime.now(UTC).date()

    assert end_of(str(today)) == datetime(
        today.year, today.month, today.day, tzinfo=UTC
    ) + timedelta(days=1)
    assert end_of("2099-01-31T12:00:00+02:00") == datetime(2099, 1, 31, 10, tzinfo=UTC)
    assert end_of(None) is None


def test_an_unknown_source_and_an_empty_reason_are_refused(
    run: Run, sam: Engine
) -> None:
    assert "operator, gift, free" in sentence(
        run("grant", SAM, COURSE, *WHY, "--source", "purchase")
    )
    assert "say why" in sentence(run("grant", SAM, COURSE, "--reason", " "))
    assert "say why" in sentence(run("revoke", SAM, COURSE, "--reason", " "))
    assert run("grant", SAM, COURSE).exit_code == 2
    assert one(sam, "SELECT count(*) FROM operator_actions") == 0


# --- programs, and no workers -------------------------------------------------------


def test_a_program_reads_the_same(run: Run, sam: Engine) -> None:
    told = json.loads(run("grant", SAM, COURSE, *WHY, "--json").output)

    assert (told["changed"], told["settled"]) == (True, True)
    assert told["enrollment"]["has_access"] is True
    assert [grant_["source"] for grant_ in told["grants"]] == ["operator"]


def test_without_workers_it_says_that_it_will_follow(
    run: Run, sam: Engine, broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0)

    result = run("grant", SAM, COURSE, *WHY)

    assert result.exit_code == 0
    assert "no worker has carried it" in result.output
    # What a worker will find when it starts.
    assert broker.llen("access") == 1
    activate([], 1)
    assert rows(sam, ENROLLMENTS) == [("active", "granted", 1)]


# --- two operators at once ----------------------------------------------------------


@pytest.mark.parametrize("revoking", [True, False])
def test_two_operators_at_once_do_it_once(
    run: Run, sam: Engine, sessions: Callable[[], Engine], *, revoking: bool
) -> None:
    learner = one(sam, "SELECT id FROM learners")
    wish = Wish(learner, COURSE, "at once")
    if revoking:
        run("grant", SAM, COURSE, *WHY)

    def act(connection: Connection, _ids: Sequence[int]) -> dict[int, Any]:
        try:
            take(connection, wish) if revoking else give(connection, wish)
        except PaddlewheelError as error:
            assert "nothing gives it" in str(error)  # noqa: PT017 (of the second alone)
        return {}

    assert interleave(sam, sessions, (act, []), (act, []))

    deed = "access revoked" if revoking else "access granted"
    told = rows(sam, "SELECT action FROM operator_actions ORDER BY id")
    assert told == [("access granted",)] * revoking + [(deed,)]
    assert one(sam, "SELECT count(*) FROM grants") == 1

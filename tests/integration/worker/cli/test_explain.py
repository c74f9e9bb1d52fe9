"""``explain``: why somebody has or lacks access, and all that led there."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from celery.exceptions import Reject, Retry
from sqlalchemy import Engine, event, text
from typer.testing import CliRunner

from models.reconciliation import RunKind, RunScope
from tasks.activate import activate
from tasks.record import record
from tests.factories import add_event, add_events, one, rows
from tests.purchases import (
    COURSE,
    CUSTOMER,
    ONE_OFF_PRICE,
    TRANSACTION,
    Body,
    adjustment,
    published,
    purchase,
    renamed,
    transaction,
)
from tests.reconciling import Lists, place_cursor, sale, walk
from tests.reconciling_objects import Shelf, add_run, finish
from worker.audit import actor
from worker.by_hand import Wish, give, take
from worker.cli.main import app
from worker.errors import PaddlewheelError
from worker.explain import scope
from worker.explain.explanation import explain_subject
from worker.explain.subject import find_subject
from worker.outcome import DeadLettered
from worker.reconciliation.events import Events
from worker.settings import Settings, settings

Json = dict[str, Any]
EMAIL = "jo@example.com"
OTHER = renamed(transaction("transaction.completed"), "7")["data"]["id"]
HELD_BY = "SELECT id FROM inbox WHERE event_id = :id"


@pytest.fixture
def explain(core: Engine) -> Callable[..., Json]:
    """Return a function that runs the command and reads its JSON."""
    del core

    def run(*words: str) -> Json:
        result = CliRunner().invoke(app, ["explain", *words, "--json"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        told: Json = json.loads(result.output)
        return told

    return run


Explain = Callable[..., Json]


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def tell_odd(engine: Engine, body: Body) -> None:
    add_events(engine, [body])
    with pytest.raises((DeadLettered, Retry, Reject)):
        record([], 1)


def sentences(told: Json) -> list[str]:
    return [one["sentence"] for one in told["why"]]


def texts(told: Json, kind: str) -> list[str]:
    return [one["text"] for one in told["time_line"] if one["kind"] == kind]


def test_whatever_is_known_of_a_buyer_leads_to_the_same_words(
    core: Engine, explain: Explain
) -> None:
    tell(core, *purchase())
    email, ref = rows(core, "SELECT email, ref FROM learners")[0]
    event_id = published("transaction.completed")["event_id"]
    names = [
        [email.upper()],
        [ref],
        [CUSTOMER],
        [TRANSACTION],
        ["transaction", TRANSACTION],
        ["learner", email],
        ["enrollment", str(one(core, "SELECT id FROM enrollments"))],
        [ref, "--course", COURSE],
    ]

    for name in names:
        assert sentences(explain(*name)) == [
            f"Has access to {COURSE} for good: bought on 2024-04-12 with {TRANSACTION}."
        ]
    for number in (event_id, str(one(core, HELD_BY, id=event_id))):
        first, second = sentences(explain(number))
        assert first.startswith(f"The event {event_id} was recorded")
        assert second.startswith(f"Has access to {COURSE}")


def test_the_time_line_has_every_event_and_what_it_changed(
    core: Engine, explain: Explain
) -> None:
    tell(core, *purchase(), adjustment())

    told = explain(TRANSACTION)

    events = texts(told, "event")
    assert len(events) == len(purchase()) + 1
    assert events[0].startswith("transaction.created came by webhook")
    assert [f"{TRANSACTION} completed" in text for text in events].count(True) == 1
    assert any("adj_1 approved" in text for text in events)
    assert [entry["at"] for entry in told["time_line"]] == sorted(
        entry["at"] for entry in told["time_line"]
    )
    (payment, paid) = texts(told, "payment")
    assert "failed: declined" in payment
    assert "went through by card" in paid
    (access,) = texts(told, "access")
    assert access.startswith(f"{COURSE} is ended, refunded (version 1)")
    (sentence,) = sentences(told)
    assert sentence == (
        f"No access to {COURSE} since 2024-04-12: {TRANSACTION} was refunded whole"
        " (adj_1)."
    )


def test_versions_mails_and_the_platform_stand_in_the_time_line(
    core: Engine, explain: Explain, configured: Callable[..., object]
) -> None:
    configured(
        platform_hook_url="http://127.0.0.1:9/",
        platform_hook_secret="whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
    )
    tell(core, *purchase())
    tell(core, adjustment())
    with core.begin() as connection:
        connection.execute(
            text("UPDATE enrollment_history SET told_at = now() WHERE version = 1")
        )

    told = explain(TRANSACTION)

    assert [text.split(" (")[0] for text in texts(told, "access")] == [
        f"{COURSE} is active, purchased",
        f"{COURSE} is ended, refunded",
    ]
    assert "because of evt_adj1_approved" in texts(told, "access")[1]
    assert texts(told, "mail") == [f"'welcome' about {COURSE} by mail: pending"]
    assert sorted(texts(told, "platform")) == [
        f"the platform is to be told version 2 of {COURSE} and knows 0: pending",
        f"the platform knows version 1 of {COURSE}",
    ]


def test_another_purchase_of_the_same_person_is_not_in_a_purchase_s_time_line(
    core: Engine, explain: Explain
) -> None:
    again = renamed(transaction("transaction.completed", "other"), "2")
    again["data"]["customer_id"] = CUSTOMER
    tell(core, *purchase(), again)

    assert len(sentences(explain(CUSTOMER))) == 2
    assert len(sentences(explain(CUSTOMER, "--course", "other"))) == 1
    told = explain(TRANSACTION)
    assert len(sentences(told)) == 1
    assert again["event_id"] not in json.dumps(told)


def test_money_that_waits_says_for_what_and_what_to_type(
    core: Engine, explain: Explain
) -> None:
    tell(
        core, published("customer.created"), transaction("transaction.completed", None)
    )
    tell(core, renamed(transaction("transaction.completed"), "7"))

    (mapping,) = explain(EMAIL)["why"]
    (buyer,) = explain(OTHER)["why"]

    assert f"which course price {ONE_OFF_PRICE} gives" in mapping["sentence"]
    assert mapping["next_step"] == f"./paddlewheel catalog map {ONE_OFF_PRICE} COURSE"
    assert mapping["has_access"] is False
    assert "is not known" in buyer["sentence"]
    assert sentences(explain(renamed(published("customer.created"), "7")["data"]["id"]))


def test_a_checkout_that_was_left_is_told_where_nothing_else_is(
    core: Engine, explain: Explain
) -> None:
    tell(core, published("customer.created"), transaction("transaction.ready"))
    assert sentences(explain(CUSTOMER)) == [
        f"No access: nothing was paid with {TRANSACTION}, it is 'ready'."
    ]

    left = renamed(transaction("transaction.ready"), "3")
    left["data"]["customer_id"] = CUSTOMER
    without_person = [b for b in purchase() if b["event_type"] != "customer.created"]
    tell(core, *without_person[3:], left)
    assert [
        f"bought on 2024-04-12 with {TRANSACTION}" in s
        for s in sentences(explain(CUSTOMER))
    ] == [True]


def test_who_has_only_been_to_a_checkout_is_found_by_it(
    core: Engine, explain: Explain, configured: Callable[..., Settings]
) -> None:
    configured(learner_ids_unsigned=True)
    data = {"learner": "usr_17", "reference": "order-3"}
    tell(core, transaction("transaction.ready", custom_data=data))

    for words in (["usr_17"], ["order-3"], ["transaction", "order-3"]):
        assert sentences(explain(*words)) == [
            f"No access: nothing was paid with {TRANSACTION}, it is 'ready'."
        ]


def test_a_dead_event_is_found_by_what_its_body_names(
    core: Engine, explain: Explain
) -> None:
    tell(core, *purchase())
    odd = adjustment(number=4)
    del odd["data"]["status"]
    tell_odd(core, odd)
    letter = one(core, "SELECT id FROM dead_letters")

    for name in (TRANSACTION, "adj_4", odd["event_id"]):
        told = explain(name)
        (dead,) = [one for one in told["why"] if "dead letter" in one["sentence"]]
        assert dead["next_step"] == f"./paddlewheel deadletters show {letter}"
        (attempt,) = [one for one in told["time_line"] if one["kind"] == "attempt"]
        assert attempt["task_link"].startswith("http://127.0.0.1:5555/task/")
        (filed,) = [one for one in told["time_line"] if one["kind"] == "dead_letter"]
        assert filed["letter"] == letter


def test_while_billing_is_off_events_wait_in_sight(
    core: Engine, explain: Explain, configured: Callable[..., object]
) -> None:
    configured(paddle_billing_enabled=False)
    add_events(core, [transaction("transaction.completed")])

    assert "PADDLE_BILLING_ENABLED is off" in sentences(explain(TRANSACTION))[0]


def test_a_replay_is_told_with_its_outcome(core: Engine, explain: Explain) -> None:
    tell(core, *purchase())
    with core.begin() as connection:
        connection.execute(
            text("""
            UPDATE inbox SET generation = 2, state = 'pending', finished_at = NULL,
              next_attempt_at = now()
            WHERE event_type = 'transaction.completed'
            """)
        )
    record([], 1)

    assert any(", replay 1" in text for text in texts(explain(TRANSACTION), "event"))


def test_events_of_before_are_found_as_far_as_the_ledger_names_them(
    core: Engine, explain: Explain
) -> None:
    tell(core, *purchase())
    with core.begin() as connection:
        connection.execute(text("DELETE FROM event_entities"))

    events = " ".join(texts(explain(TRANSACTION), "event"))

    assert published("transaction.completed")["event_id"] in events
    assert published("customer.created")["event_id"] in events


def test_nothing_personal_is_told_unless_asked_for(
    core: Engine, explain: Explain
) -> None:
    tell(core, *purchase())
    name = one(core, "SELECT name FROM learners")

    silent, open_ = explain(TRANSACTION), explain(TRANSACTION, "--personal")

    for personal in (EMAIL, name):
        assert personal not in json.dumps(silent)
        assert personal in json.dumps(open_)


def test_a_screen_of_80_columns_is_enough_and_ids_are_whole(core: Engine) -> None:
    tell(core, *purchase(), adjustment())
    odd = adjustment(number=4)
    del odd["data"]["status"]
    tell_odd(core, odd)

    output = CliRunner().invoke(app, ["explain", TRANSACTION]).output

    wide = [line for line in output.splitlines() if len(line) > 80]
    assert wide == []
    assert TRANSACTION in output
    assert "✗ No access to python-basics" in output
    assert "./paddlewheel deadletters show" in output


def test_a_number_that_means_two_things_is_asked_back(core: Engine) -> None:
    tell(core, *purchase())
    (number,) = rows(core, "SELECT min(id) FROM inbox")[0]
    with core.begin() as connection:
        connection.execute(
            text("""
            INSERT INTO learner_identities (kind, value, learner_id)
            SELECT 'user', :name, id FROM learners
            """),
            {"name": str(number)},
        )

    result = CliRunner().invoke(app, ["explain", str(number)])
    assert isinstance(result.exception, PaddlewheelError)
    assert f"`learner {number}` and `event {number}`" in str(result.exception)
    assert CliRunner().invoke(app, ["explain", "event", str(number)]).exit_code == 0


@pytest.mark.parametrize(
    "words", [["nobody@example.com"], ["enrollment", "17"], ["enrollment", "x"], ["17"]]
)
def test_what_is_not_here_is_one_sentence(core: Engine, words: list[str]) -> None:
    del core
    result = CliRunner().invoke(app, ["explain", *words])

    assert isinstance(result.exception, PaddlewheelError)
    assert "\n" not in str(result.exception)


Plan = dict[str, Any]
#: As if nobody had looked yet: what ANALYZE leaves of tables that are nearly empty
#: makes everything look cheap.
NO_STATISTICS = """
SELECT pg_clear_relation_stats('public', relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'i', 'I');
SELECT pg_clear_attribute_stats('public', tablename, attname, inherited)
FROM pg_stats WHERE schemaname = 'public'
"""
#: Read whole: they hold what is not done yet, or end after so many rows.
SMALL = {"ix_inbox_due", "ix_access_changes_due", "ix_dead_letters_open"}
#: What is sold is little; all else grows for ever.
LITTLE = {"offers", "courses"}


@pytest.fixture
def plans(core: Engine) -> list[Plan]:
    """How PostgreSQL would find everything that is asked, given enough rows."""
    tell(core, *purchase(), adjustment())
    number = str(one(core, "SELECT id FROM enrollments"))
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _u: object, statement: str, values: Any, *_: object) -> None:
        asked.append((statement, values))

    with core.begin() as connection:
        for statement in NO_STATISTICS.split(";"):
            connection.execute(text(statement))
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        event.listen(connection, "before_cursor_execute", note)
        for words in ([TRANSACTION], [CUSTOMER], [EMAIL], ["enrollment", number]):
            subject = find_subject(connection, words)
            explain_subject(connection, subject, settings(), personal=False)
        with pytest.raises(PaddlewheelError):
            find_subject(connection, ["nobody"])
        event.remove(connection, "before_cursor_execute", note)
        return [
            connection.exec_driver_sql(
                f"EXPLAIN (FORMAT json) {statement}", values
            ).scalar_one()[0]["Plan"]
            | {"Statement": statement}
            for statement, values in asked
        ]


def nodes(plan: Plan) -> list[Plan]:
    return [plan, *(node for one in plan.get("Plans", []) for node in nodes(one))]


def reads_all(node: Plan) -> bool:
    if node["Node Type"] == "Seq Scan":
        return node["Relation Name"] not in LITTLE
    is_index = node["Node Type"] in ("Index Scan", "Index Only Scan")
    looks_up = "Index Cond" in node or node.get("Index Name") in SMALL
    return is_index and not looks_up and node["Relation Name"] not in LITTLE


@pytest.fixture
def emptied_and_analyzed(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


@pytest.mark.usefixtures("emptied_and_analyzed")
def test_everything_is_found_by_an_index(plans: list[Plan]) -> None:
    assert len(plans) > 40
    slow = [plan for plan in plans if any(map(reads_all, nodes(plan)))]
    assert [plan["Statement"] for plan in slow] == []


def test_more_than_is_shown_is_said(
    core: Engine, explain: Explain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "MOST_EVENTS", 3)
    tell(core, *purchase())

    told = explain(TRANSACTION)

    assert told["more"] is True
    assert len(texts(told, "event")) == 3


def test_an_event_about_nobody_is_explained_all_the_same(
    core: Engine, explain: Explain
) -> None:
    with core.begin() as connection:
        add_event(connection, published("price.created") | {"event_id": "evt_price"})
    record([], 1)

    assert sentences(explain("evt_price"))[0].startswith("The event evt_price was")


def test_what_was_given_by_hand_is_told_with_who_and_why(
    core: Engine, explain: Explain
) -> None:
    tell(core, *purchase(), adjustment())
    learner = one(core, "SELECT id FROM learners")
    with core.begin() as connection:
        give(connection, Wish(learner, COURSE, "won the raffle"))
    activate([], 1)
    given = explain(EMAIL)
    with core.begin() as connection:
        take(connection, Wish(learner, COURSE, "gave it back"))
    activate([], 1)
    taken = explain(EMAIL)

    assert f"by {actor()}: won the raffle." in sentences(given)[0]
    assert given["why"][0]["has_access"] is True
    assert texts(given, "operator") == [f"{actor()}: access granted (won the raffle)"]
    assert taken["why"][0]["has_access"] is False
    assert texts(taken, "operator")[1] == f"{actor()}: access revoked (gave it back)"


def test_what_no_delivery_brought_names_the_run_that_found_it(
    core: Engine, explain: Explain
) -> None:
    place_cursor(core, "")
    run = walk(core, Events(), Lists(sale()))
    record([], 1)
    activate([], 1)

    event_id = sale()[-1]["event_id"]
    assert rows(core, "SELECT cause_kind, cause_ref FROM enrollment_history") == [
        ("reconciliation", f"run {run}: {event_id}")
    ]
    told = explain(EMAIL)
    (text_,) = texts(told, "access")
    assert text_.endswith(
        f"because of {event_id}, found by reconciliation run {run}: no delivery brought"
        " it"
    )
    assert any(event_id in one for one in texts(told, "event"))


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        (RunScope.ALL, "the provider tells what no delivery brought"),
        (RunScope.BACKFILL, "taken up by backfill run"),
    ],
)
def test_what_the_provider_was_asked_for_names_the_run(
    core: Engine, explain: Explain, scope: RunScope, words: str
) -> None:
    add_events(core, purchase()[1:2])
    record([], 1)
    run = add_run(core, RunKind.TRANSACTIONS, scope)
    finish(core, Shelf(*purchase()), run)

    (cause,) = rows(core, "SELECT cause_kind, cause_ref FROM enrollment_history")
    assert cause[0] == "reconciliation"
    assert cause[1].startswith(f"run {run}: pw_")
    (text_,) = texts(explain(EMAIL), "access")
    assert words in text_
    assert f"run {run}" in text_

"""Whose account an address is: found by it, and not by one that was left."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from tasks.record import record as record_task
from tests.factories import add_events, one, rows
from tests.purchases import COMPLETED_AT, Body, at, published, renamed

LEARNERS = "SELECT email FROM learners ORDER BY id"


@pytest.fixture
def record(core: Engine) -> Callable[[], str]:
    return lambda: str(record_task([], 1))


def customer(number: int, email: str, minutes: int) -> Body:
    body = renamed(published("customer.created"), str(number))
    body["data"]["email"] = email
    moment = COMPLETED_AT + timedelta(minutes=minutes)
    return at(body, moment, f"evt_{number}_{minutes}")


@pytest.mark.parametrize("together", [True, False])
def test_an_address_that_was_left_is_no_key_to_the_account(
    core: Engine, record: Callable[[], str], *, together: bool
) -> None:
    add_events(core, [customer(1, "jon@example.com", 0)])
    record()
    for body in (
        customer(1, "john@example.com", 1),
        customer(2, "jon@example.com", 2),
    ):
        add_events(core, [body])
        if not together:
            record()
    record()

    assert rows(core, LEARNERS) == [("john@example.com",), ("jon@example.com",)]
    identities = "SELECT count(*) FROM learner_identities WHERE kind = 'email'"
    assert one(core, identities) == 2


def test_an_address_that_another_customer_still_has_is_kept(
    core: Engine, record: Callable[[], str]
) -> None:
    add_events(core, [customer(1, "jo@example.com", 0)])
    add_events(core, [customer(2, "JO@example.com", 1)])
    record()
    add_events(core, [customer(1, "new@example.com", 2)])
    record()
    add_events(core, [customer(3, "jo@example.com", 3)])
    record()

    assert rows(core, LEARNERS) == [("new@example.com",), ("jo@example.com",)]
    theirs = """
    SELECT array_agg(c.email_key ORDER BY c.email_key)
    FROM customers c JOIN learner_identities i ON i.value = c.provider || ':' || c.id
    GROUP BY i.learner_id ORDER BY i.learner_id
    """
    assert rows(core, theirs) == [
        (["new@example.com"],),
        (["jo@example.com", "jo@example.com"],),
    ]


@pytest.mark.parametrize(("mover", "keeps"), [(1, True), (2, False)])
def test_of_two_that_part_the_older_keeps_the_account(
    core: Engine, record: Callable[[], str], mover: int, *, keeps: bool
) -> None:
    add_events(core, [customer(n, "jo@example.com", n) for n in (1, 2)])
    record()
    ref = one(core, "SELECT ref FROM learners")
    add_events(core, [customer(mover, "new@example.com", 5)])
    record()

    email = one(core, "SELECT email FROM learners WHERE ref = :ref", ref=ref)
    assert email == ("new@example.com" if keeps else "jo@example.com")
    assert one(core, "SELECT count(*) FROM learners") == 2


@pytest.mark.parametrize(
    ("one_address", "other", "learners"),
    [
        ("Jo@Example.com", "jo@example.COM", 1),
        ("jö@example.com", "jo\u0308@example.com", 1),
        ("jo@straße.example", "jo@strasse.example", 2),
        ("\ufb01a@example.com", "fia@example.com", 2),
    ],
)
def test_addresses_that_can_have_two_owners_are_two_people(
    core: Engine,
    record: Callable[[], str],
    one_address: str,
    other: str,
    learners: int,
) -> None:
    add_events(core, [customer(1, one_address, 0), customer(2, other, 1)])

    assert record() == "2 processed"
    assert one(core, "SELECT count(*) FROM learners") == learners

"""The mark of what waits: right after every batch, in whatever order events come."""

from collections.abc import Iterator
from random import Random

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text

from models.access import CourseKind
from tasks.record import apply, record
from tasks.release import release
from tests.factories import add_events, one, rows
from tests.parked import assert_marked_is_what_waits
from tests.purchases import (
    ONE_OFF_PRICE,
    TRANSACTION,
    Body,
    adjustment,
    purchase,
    renamed,
    transaction,
)
from worker.after_commit import Rings
from worker.catalog import Catalog, CatalogCourse, CatalogOffer
from worker.offers import apply_catalog
from worker.servers.postgres import Postgres
from worker.settings import ROOT, settings

BUYERS = 40


#: Action, minor units of 21,666, and how the adjustment stands.
ACTIONS = [
    ("refund", 21666, "approved"),
    ("refund", 21666, "pending_approval"),
    ("refund", 21666, "reversed"),
    ("refund", 100, "approved"),
    ("refund", 21566, "approved"),
    ("chargeback", 21666, "approved"),
]


def story(number: int, chance: Random) -> list[Body]:
    """Return what happens to one purchase, of one of many kinds, in order."""
    bodies = purchase()
    if chance.random() < 0.3:
        bodies = [b for b in bodies if b["event_type"] != "customer.created"]
    if chance.random() < 0.2:
        bodies[-1] = canceled()
    for place, (action, total, status) in enumerate(
        chance.sample(ACTIONS, chance.randrange(3))
    ):
        bodies.append(
            adjustment(action, status, total, number=place, minutes=10 + place)
        )
    unmapped = chance.random() < 0.5
    return [alone(body, number, unmapped=unmapped) for body in bodies]


def canceled() -> Body:
    """Return the end of the purchase in place of its completion."""
    return transaction("transaction.canceled", id=TRANSACTION)


def alone(body: Body, number: int, *, unmapped: bool) -> Body:
    """Return the same event of a purchase of its own, of a course or of who knows."""
    told = renamed(body, f"{number}")
    told["event_id"] += f"-{number}"
    if told["event_type"].startswith("adjustment"):
        told["data"]["id"] += f"-{number}"
    elif unmapped and told["event_type"].startswith("transaction"):
        told["data"]["items"][0]["price"]["custom_data"] = None
    return told


@pytest.mark.parametrize("seed", range(3))
def test_after_each_batch_the_marks_are_what_waits(core: Engine, seed: int) -> None:
    chance = Random(seed)
    bodies = [body for n in range(BUYERS) for body in story(n, chance)]
    chance.shuffle(bodies)
    ids = add_events(core, bodies)
    while ids:
        size = chance.choice([1, 5, 20])
        with core.begin() as connection:
            apply(Rings(), connection, ids[:size])
        del ids[:size]
        if chance.random() < 0.2:
            say(core, chance.choice(sorted(CATALOGS)))
            if chance.random() < 0.5:
                release()
        assert_marked_is_what_waits(core)
    say(core, "not a word")
    release()

    assert_marked_is_what_waits(core)
    assert one(core, "SELECT count(*) FROM parked") > 0
    assert one(core, "SELECT count(*) FROM grants") > 0


#: What the catalog says of the price: a course, nothing on purpose, not a word.
CATALOGS = {
    "course": Catalog(
        (CatalogCourse("python", "Python", CourseKind.COURSE),),
        (CatalogOffer("paddle", ONE_OFF_PRICE, "python", None),),
    ),
    "nothing": Catalog((), (CatalogOffer("paddle", ONE_OFF_PRICE, None, None),)),
    "not a word": Catalog((), ()),
}


def say(engine: Engine, what: str) -> None:
    """Let the catalog say something of the price."""
    with engine.begin() as connection:
        apply_catalog(connection, CATALOGS[what], settings())


def tell(engine: Engine, *bodies: Body) -> None:
    add_events(engine, bodies)
    record([], 1)


def test_it_waits_since_the_money_came_in_and_not_since_the_invoice(
    core: Engine,
) -> None:
    bought = transaction("transaction.completed", billed_at="2024-01-01T00:00:00Z")
    tell(core, bought)

    captured = one(core, "SELECT min(captured_at) FROM payments")
    assert rows(core, "SELECT waits_since FROM transactions") == [(captured,)]
    assert rows(core, "SELECT since FROM parked") == [(captured,)]


def test_without_a_capture_it_waits_since_it_was_billed(core: Engine) -> None:
    tell(core, transaction("transaction.completed", payments=[]))

    billed = one(core, "SELECT billed_at FROM transactions")
    assert one(core, "SELECT waits_since FROM transactions") == billed


def test_a_purchase_that_is_taken_back_waits_no_more(core: Engine) -> None:
    tell(core, transaction("transaction.paid", None))
    assert one(core, "SELECT count(waits_since) FROM transactions") == 1
    tell(core, canceled())

    assert one(core, "SELECT count(waits_since) FROM transactions") == 0


def test_what_is_recorded_whole_is_not_written_twice(core: Engine) -> None:
    tell(core, *purchase())
    before = one(core, "SELECT xmin FROM transactions")
    tell(core, adjustment(total=1))

    assert one(core, "SELECT xmin FROM transactions") == before


@pytest.fixture
def scratch(postgres: Postgres) -> Iterator[tuple[Config, Engine]]:
    """A database of its own, without a schema."""
    url = postgres.create_database("waiting")
    config = Config(ROOT / "alembic.ini")
    config.attributes["database_url"] = url.replace("://", "+psycopg://", 1)
    engine = create_engine(config.attributes["database_url"])
    yield config, engine
    engine.dispose()
    command.downgrade(config, "base")


#: As many paid purchases as would be read, were it not for the marks.
MANY = 20_000
PAID = text(f"""
INSERT INTO courses (key, kind, title) VALUES ('python', 'course', 'Python');
INSERT INTO learners (id, email) VALUES (1, 'jo@example.com');
INSERT INTO learner_identities VALUES ('customer', 'paddle:ctm_1', 1);
INSERT INTO transactions (provider, id, status, customer_id, currency, billed_at,
                          clock_updated_at, clock_event)
SELECT 'paddle', 'txn_' || n, 'completed', 'ctm_1', 'EUR', '2026-01-01', '2026-01-01', ''
FROM generate_series(1, {MANY}) AS n;
INSERT INTO transaction_lines (provider, transaction_id, id, price_id, quantity,
  recurring, prorated, subtotal_minor, discount_minor, tax_minor, total_minor)
SELECT 'paddle', 'txn_' || n, 'line_' || n, 'pri_1', 1, false, false, 1, 0, 0, 1
FROM generate_series(1, {MANY}) AS n;
INSERT INTO grants (provider, source_id, line_id, course_key, learner_id, state, cause)
SELECT 'paddle', 'txn_' || n, 'line_' || n, 'python', 1, 'active', 'purchased'
FROM generate_series(1, {MANY}) AS n WHERE n > 3;
""")


def test_the_marks_of_old_purchases_are_made_and_then_read(
    scratch: tuple[Config, Engine],
) -> None:
    config, engine = scratch
    command.upgrade(config, "0003")
    with engine.begin() as connection:
        connection.execute(PAID)
    command.upgrade(config, "head")

    assert_marked_is_what_waits(engine)
    assert one(engine, "SELECT count(*) FROM parked") == 3
    assert one(engine, "SELECT count(waits_since) FROM transactions") == 3
    assert_reads_marks_alone(engine, "SELECT * FROM parked ORDER BY since LIMIT 500")
    assert_reads_marks_alone(engine, releasable())
    command.downgrade(config, "0003")
    assert one(engine, "SELECT count(*) FROM parked") == 3


def releasable() -> str:
    from worker.releasing import PURCHASES  # noqa: PLC0415 (the very statement)

    statement = str(PURCHASES)
    return statement.replace(":live", "ARRAY['completed']").replace(":most", "200")


def assert_reads_marks_alone(engine: Engine, query: str) -> None:
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("VACUUM ANALYZE"))
        plan = "\n".join(connection.execute(text(f"EXPLAIN {query}")).scalars())
    assert "ix_transactions_waiting" in plan
    assert "Seq Scan on transaction" not in plan
    assert "Seq Scan on grants" not in plan

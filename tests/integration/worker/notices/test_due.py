"""What is due about money, however much there is of it."""

from typing import Any

from sqlalchemy import Engine, text

from models.key import Key
from models.notices import NoticeKind
from tests.factories import one
from tests.integration.worker.alerts.test_cheap import Plan, nodes_of, statements_of
from worker.notices.making import MOST, Named, make, make_all, what_made
from worker.settings import settings

KIND = NoticeKind.PAYMENT_RECEIVED
MANY = 2000
#: Purchases of what nobody has said the course of; each of its own buyer, or all of one.
PARK = (
    """
    INSERT INTO learners (email) SELECT 'ctm_' || n FROM generate_series(1, :buyers) AS n
    """,
    """
    INSERT INTO learner_identities (kind, value, learner_id)
    SELECT 'customer', 'paddle:' || email, id FROM learners
    """,
    """
    INSERT INTO transactions (provider, id, status, origin, customer_id, waits_since,
                              grand_total_minor, clock_event, opened_at)
    SELECT 'paddle', 'txn_' || n, 'completed', 'web', 'ctm_' || 1 + n % :buyers,
           now() - interval '1 hour', 2900, 'evt_' || n, now() - interval '1 hour'
    FROM generate_series(1, :purchases) AS n
    """,
    """
    INSERT INTO transaction_lines (provider, transaction_id, id, price_id, quantity,
      recurring, prorated, subtotal_minor, discount_minor, tax_minor, total_minor)
    SELECT provider, id, 'txnitm_' || id, 'pri_unknown', 1, false, false,
           2900, 0, 0, 2900 FROM transactions
    """,
)


def park(engine: Engine, purchases: int, buyers: int) -> None:
    values = {"purchases": purchases, "buyers": buyers}
    with engine.begin() as connection:
        for statement in PARK:
            known = text(statement)
            named = {n: values[n] for n in known.compile().params}
            connection.execute(known, named)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.exec_driver_sql("ANALYZE")


def test_a_turn_reads_its_own_purchase_of_all_that_is_parked(shop: Engine) -> None:
    park(shop, MANY, buyers=MANY)
    subject = Key("paddle", "txn_7")
    due: list[Any] = []

    def ask() -> None:
        with shop.connect() as connection:
            key = f"{KIND}:paddle:txn_7"
            due.append(what_made(connection, KIND, key, subject, settings()))

    [(statement, parameters)] = statements_of(shop, ask)
    assert due[0].event_id == "evt_7"
    assert most_rows(shop, statement, parameters) < MANY


def most_rows(engine: Engine, statement: str, parameters: Any) -> float:
    """Return the most rows that any part of a statement came to."""
    with engine.connect() as connection:
        explained = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
        )
        plan: Plan = explained.scalar_one()[0]["Plan"]
    return max(float(n["Actual Rows"] * n["Actual Loops"]) for n in nodes_of(plan))


def test_the_clock_makes_so_many_at_a_time_and_an_event_all(shop: Engine) -> None:
    park(shop, MOST + 2, buyers=2)
    with shop.begin() as connection:
        assert len(make_all(connection, KIND, settings())) == MOST
    with shop.begin() as connection:
        assert len(make_all(connection, KIND, settings())) == 2
    with shop.begin() as connection:
        connection.execute(text("DELETE FROM notifications"))
        buyers = [Key("paddle", f"ctm_{n}") for n in (1, 2)]
        made = make(connection, KIND, settings(), buyers, Named.CUSTOMERS)
    assert len(made) == MOST + 2
    assert one(shop, "SELECT count(DISTINCT key) FROM notifications") == MOST + 2

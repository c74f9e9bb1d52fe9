"""Whom rows touch: bodies are read, the rest is found through grants."""

import pytest
from sqlalchemy import Engine, text

from models.key import Key
from models.snapshot import Snapshot
from tasks.activate import activate
from tasks.record import record
from tests.factories import add_bytes, add_event, add_events, change, rows
from tests.purchases import (
    CUSTOMER,
    LINE_TOTAL,
    TRANSACTION,
    Body,
    adjustment,
    published,
    purchase,
    renamed,
    transaction,
)
from worker.alerts import stakes
from worker.alerts.stakes import Stakes, of_rows, of_transactions
from worker.providers.contract import Glimpse, Ignored, StoredEvent
from worker.providers.registry import PROVIDERS
from worker.work_tables import (
    ACCESS_CHANGES,
    INBOX,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    VARIANTS,
    WorkTable,
)

ONE_PURCHASE = Stakes(1, {"USD": LINE_TOTAL})


def touched(engine: Engine, table: WorkTable, ids: list[int]) -> Stakes:
    with engine.connect() as connection:
        return of_rows(connection, table, ids)


def in_euro(body: Body) -> Body:
    body["data"]["currency_code"] = "EUR"
    return body


def test_the_events_of_one_purchase_touch_its_buyer_and_its_money_once(
    core: Engine,
) -> None:
    ids = add_events(core, [*purchase(), adjustment(total=1)])

    assert touched(core, INBOX, ids) == ONE_PURCHASE


def test_money_is_summed_per_currency(core: Engine) -> None:
    bought = [renamed(transaction("transaction.completed"), str(n)) for n in range(3)]
    ids = add_events(core, [*bought[:2], in_euro(bought[2])])

    expected = Stakes(3, {"USD": 2 * LINE_TOTAL, "EUR": LINE_TOTAL})
    assert touched(core, INBOX, ids) == expected


def test_a_refund_alone_touches_its_own_money(core: Engine) -> None:
    ids = add_events(core, [adjustment(total=500)])

    assert touched(core, INBOX, ids) == Stakes(1, {"USD": 500})


@pytest.mark.parametrize(
    "raw",
    [b"", b"no JSON", b'{"event_id": "evt_odd", "data": 1}', b"[" * 100_000, b"\xff"],
    ids=["empty", "text", "odd", "deep", "bytes"],
)
def test_a_body_that_is_not_understood_is_counted(core: Engine, raw: bytes) -> None:
    with core.begin() as connection:
        ids = [add_bytes(connection, raw, "evt_odd", "transaction.completed")]
        ids += [add_event(connection, body) for body in purchase()]

    expected = Stakes(1, {"USD": LINE_TOTAL}, unknown=1)
    assert touched(core, INBOX, ids) == expected


def test_of_a_body_that_is_refused_customer_and_total_are_made_out(
    core: Engine,
) -> None:
    body = transaction("transaction.completed")
    del body["data"]["items"]
    ids = add_events(core, [body])

    assert touched(core, INBOX, ids) == Stakes(1, {"USD": LINE_TOTAL})


def test_a_body_that_was_pruned_is_counted(core: Engine) -> None:
    ids = add_events(core, [transaction("transaction.completed")])
    with core.begin() as connection:
        connection.execute(text("DELETE FROM inbox_bodies"))

    assert touched(core, INBOX, ids) == Stakes(unknown=1)


def test_a_body_of_which_a_process_died_is_not_read_again(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add_events(core, purchase())
    change(core, ids[:1], "crashes", 3)
    reader = Fatal()
    monkeypatch.setitem(PROVIDERS, "paddle", reader)

    assert touched(core, INBOX, ids) == Stakes(unknown=len(ids))
    assert reader.seen == ids[1:]


class Fatal:
    """A provider that no body survives, and which it was asked to read."""

    name = "paddle"
    handled: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.seen: list[int] = []

    def read(self, event: StoredEvent) -> Snapshot | Ignored:
        self.seen.append(event.inbox_id)
        raise RecursionError

    def is_same_fact(self, one: bytes, other: bytes) -> bool:
        return one == other

    def glimpse(self, _body: bytes) -> Glimpse:
        return Glimpse()


def test_events_of_other_types_touch_nobody(core: Engine) -> None:
    body = {**published("price.created"), "event_type": "payout.created"}
    ids = add_events(core, [body])

    assert touched(core, INBOX, ids) == Stakes()


def test_more_than_can_be_looked_at_is_said(
    core: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stakes, "MOST_BODIES", 2)
    bought = [renamed(transaction("transaction.completed"), str(n)) for n in range(3)]
    ids = add_events(core, bought)

    expected = Stakes(2, {"USD": 2 * LINE_TOTAL}, capped=True)
    assert touched(core, INBOX, ids) == expected


def test_a_variant_touches_whom_its_own_body_names(core: Engine) -> None:
    [first] = add_events(core, [published("customer.created")])
    other = transaction("transaction.completed")
    other["event_id"] = published("customer.created")["event_id"]
    with core.begin() as connection:
        variant = add_event(connection, renamed(other, "9"))
        moved = text("""
        INSERT INTO inbox_variants (inbox_id, digest, body)
        SELECT :first, 'x', convert_to(replace(
          convert_from(b.body, 'UTF8'), i.event_id, :event), 'UTF8')
        FROM inbox i JOIN inbox_bodies b ON b.inbox_id = i.id WHERE i.id = :variant
        RETURNING id""")
        values = {"first": first, "variant": variant, "event": other["event_id"]}
        ids = list(connection.execute(moved, values).scalars())

    assert touched(core, VARIANTS, ids) == ONE_PURCHASE


def given(engine: Engine) -> None:
    """Let somebody have access and wait for mail and hook; others are not asked for."""
    people = [renamed(body, "7") for body in purchase()]
    add_events(engine, [*people, *purchase()])
    record([], 1)
    activate([], 1)
    with engine.begin() as connection:
        told = "INSERT INTO platform_deliveries (enrollment_id, version)"
        connection.exec_driver_sql(f"{told} SELECT id, version FROM enrollments")


@pytest.mark.parametrize("table", [ACCESS_CHANGES, NOTIFICATIONS, PLATFORM_DELIVERIES])
def test_rows_of_a_learner_touch_the_money_behind_the_access(
    core: Engine, table: WorkTable
) -> None:
    given(core)
    [first, second] = [row[0] for row in rows(core, f"SELECT id FROM {table.name}")]

    assert touched(core, table, [first]) == ONE_PURCHASE
    assert touched(core, table, [first, second]) == Stakes(2, {"USD": 2 * LINE_TOTAL})
    assert touched(core, table, []) == Stakes()


def test_an_order_that_the_platform_has_not_heard_of_touches_its_buyer(
    core: Engine,
) -> None:
    given(core)
    with core.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO platform_deliveries (kind, provider, subject_id, version)"
            " SELECT 'order.completed', provider, id, 1 FROM transactions LIMIT 1"
        )
    [(order,)] = rows(
        core, "SELECT id FROM platform_deliveries WHERE subject_id IS NOT NULL"
    )

    assert touched(core, PLATFORM_DELIVERIES, [order]) == ONE_PURCHASE


def test_a_table_without_purchases_touches_nobody(core: Engine) -> None:
    assert touched(core, WorkTable("alert_messages", "alerts.send"), [1]) == Stakes()


def test_two_customers_of_one_learner_are_one(core: Engine) -> None:
    people = [
        published("customer.created"),
        renamed(published("customer.created"), "2"),
    ]
    people[1]["data"]["email"] = people[0]["data"]["email"]
    bought = transaction("transaction.completed")
    add_events(core, [*people, bought, renamed(bought, "2")])
    record([], 1)
    keys = [Key(*row) for row in rows(core, "SELECT provider, id FROM transactions")]

    with core.connect() as connection:
        found = of_transactions(connection, keys)
    assert found == Stakes(1, {"USD": 2 * LINE_TOTAL})


def test_a_transaction_of_which_nobody_told_is_unknown(core: Engine) -> None:
    bought = transaction("transaction.completed")
    add_events(core, [bought, renamed(adjustment(), "3")])
    record([], 1)
    stub = next(
        id_
        for (id_,) in rows(core, "SELECT id FROM transactions")
        if id_ != TRANSACTION
    )
    keys = [Key("paddle", TRANSACTION), Key("paddle", stub), Key("paddle", "never")]

    with core.connect() as connection:
        found = of_transactions(connection, keys)
    assert found == Stakes(1, {"USD": LINE_TOTAL}, unknown=2)
    assert CUSTOMER not in stakes.sentence(found)

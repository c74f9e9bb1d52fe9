"""Messages to people: making them, and reading them at their turn without a server."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Engine, text

from models.notices import NoticeKind
from tasks.activate import activate
from tasks.record import record
from tests import subscriptions
from tests.factories import add_events, rows
from tests.purchases import Body
from tests.subscriptions import (
    charge,
    customer,
    event,
    item,
    line,
    stamp,
    subscription,
)
from worker.lifecycle import Ending
from worker.notices.reading import Notice, read
from worker.settings import settings

TOLD = "SELECT kind FROM notifications ORDER BY id"
STATES = "SELECT kind, state, reason FROM notifications ORDER BY id"
#: A quarter of an hour, in days.
JUST_NOW = -0.01
BUYER = customer(at=-0.5)
_WAITING = text("SELECT id FROM notifications WHERE state = 'pending' ORDER BY id")
_END = text("""
UPDATE notifications SET state = :state, reason = :reason, attempts = attempts + 1,
  finished_at = clock_timestamp() WHERE id = :id
""")


def tell(engine: Engine, *bodies: Body) -> None:
    """Deliver events, and carry out what follows."""
    add_events(engine, bodies)
    record([], 1)
    activate([], 1)


def purchase(status: str = "completed", at: float = JUST_NOW, **data: Any) -> Body:
    """Return a purchase of one course, for good."""
    usual = {
        "subscription_id": None,
        "created_at": stamp(at),
        "billed_at": stamp(at),
        "origin": "web",
        "invoice_number": "325-10566",
    }
    lines = [line(once=True)]
    return charge(status, at=at, lines=lines, period=None, **{**usual, **data})


def declined(at: float = JUST_NOW, code: str = "expired_card") -> Body:
    """Return a purchase whose payment was declined."""
    attempt = {
        "payment_attempt_id": "pay_1",
        "amount": str(subscriptions.TOTAL),
        "status": "error",
        "error_code": code,
        "created_at": stamp(at),
        "captured_at": None,
        "method_details": {"type": "card", "card": None},
    }
    return purchase("ready", at, payments=[attempt])


def refund(status: str = "approved", at: float = JUST_NOW / 2) -> Body:
    """Return a refund of the whole purchase."""
    total = str(subscriptions.TOTAL)
    totals = {"subtotal": total, "tax": "0", "total": total, "fee": "0"}
    data = {
        "id": "adj_1",
        "action": "refund",
        "type": "full",
        "status": status,
        "reason": "error",
        "transaction_id": "txn_life1",
        "subscription_id": None,
        "customer_id": subscriptions.CUSTOMER,
        "currency_code": subscriptions.CURRENCY,
        "created_at": stamp(at),
        "totals": {**totals, "earnings": total, "currency_code": "EUR"},
        "items": [
            {
                "id": "adjitm_1",
                "item_id": "txnitm_1",
                "type": "full",
                "totals": {"subtotal": total, "tax": "0", "total": total},
            }
        ],
    }
    return event("adjustment.created", at, data)


def trial(ends_in: float = 1, **data: Any) -> Body:
    """Return a trial that ends in some days."""
    return subscription(
        "trialing", at=-1, period=ends_in - 30, items=[item(status="trialing")], **data
    )


def past_due(at: float = JUST_NOW) -> Body:
    """Return a subscription whose renewal failed, half a day into the period."""
    return subscription("past_due", at=at, period=-0.5)


def unpaid(at: float = JUST_NOW) -> Body:
    """Return the charge of the period, which nobody could take."""
    return charge("past_due", at=at, number=2, period=-0.5)


def checkout(hours: float = 2) -> Body:
    """Return a checkout that was opened and left."""
    return purchase("ready", at=-hours / 24)


def parked(at: float = JUST_NOW * 2) -> Body:
    """Return a purchase of what nobody has said the course of."""
    return unsold(purchase(at=at))


def unsold(body: Body) -> Body:
    """Make a purchase one of a price that gives nothing."""
    body["data"]["items"][0]["price"] |= {"id": "pri_unknown", "custom_data": None}
    body["data"]["details"]["line_items"][0]["price_id"] = "pri_unknown"
    return body


#: By kind, the events after which it is due.
DUE: dict[NoticeKind, Callable[[], list[Body]]] = {
    NoticeKind.REFUND_CONFIRMED: lambda: [purchase(at=-0.2), refund()],
    NoticeKind.TRIAL_ENDING: lambda: [trial()],
    NoticeKind.RENEWAL_FAILED: lambda: [past_due(), unpaid()],
    NoticeKind.PAYMENT_FAILED: lambda: [declined()],
    NoticeKind.PAYMENT_RECEIVED: lambda: [parked()],
    NoticeKind.ORDER_CONFIRMATION: lambda: [purchase()],
    NoticeKind.CHECKOUT_LEFT_OPEN: lambda: [checkout()],
}


def of_another(number: int, bodies: Iterable[Body]) -> list[Body]:
    """Return the same events in the life of somebody else."""
    told = json.dumps(list(bodies))
    for name in ("ctm_", "sub_", "txn_", "adj_", "evt_"):
        told = told.replace(f'"{name}', f'"{name}n{number}x')
    changed: list[Body] = json.loads(told.replace("sam@", f"sam{number}@"))
    return changed


def turns(engine: Engine) -> list[Notice | str]:
    """Let every message have its turn; those that go out are sent at once."""
    with engine.connect() as connection:
        ids = connection.execute(_WAITING).scalars().all()
    found: list[Notice | str] = []
    for row_id in ids:
        with engine.begin() as connection:
            notice = read(connection, row_id, settings())
            end = notice if isinstance(notice, Ending) else Ending("sent")
            values = {"id": row_id, "state": str(end.state), "reason": end.reason}
            connection.execute(_END, values)
        found.append(str(notice.reason) if isinstance(notice, Ending) else notice)
    return found


def kinds(engine: Engine) -> list[str]:
    """Return the kinds of the messages that were made, in order."""
    return [kind for (kind,) in rows(engine, TOLD)]


def notice(engine: Engine, kind: NoticeKind) -> Notice:
    """Let every message have its turn, and return the only one of a kind."""
    [found] = [n for n in turns(engine) if isinstance(n, Notice) and n.kind is kind]
    return found

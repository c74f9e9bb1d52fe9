"""The rows of checkouts: what a shop wants, and what became of it.

Claimed, finished and put off as all work is (``worker.lifecycle``); here is what only
these rows have.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from models.checkouts import CheckoutState
from worker import crumbs, lifecycle
from worker.checkouts.wish import (
    TOKEN_DAYS,
    CheckoutBusyError,
    CheckoutError,
    CheckoutRefusedError,
    CheckoutWaitsError,
    Wish,
)
from worker.dead_letters import close_letters
from worker.errors import LostLeaseError
from worker.lifecycle import Ending, Lease
from worker.providers.checkouts import Buyer, Opened, Problem
from worker.replay_many import put_back
from worker.work_tables import CHECKOUTS

#: Who gets its address has a day to pay it before the signed learner expires.
LONGEST_OPENED = timedelta(days=TOKEN_DAYS - 1)
_MOMENT = timedelta(seconds=1)
_OTHER_ORDER = (
    "This reference was used for another order: each order needs one of its own."
)
_TOO_OLD = Problem(
    f"This checkout was opened {LONGEST_OPENED.days} days ago or more: if it is not"
    " paid (payment_status), open one under another reference.",
    "This order is too old. Please begin again.",
)
_BUSY = Problem(
    "Another process opens this checkout now: ask again.",
    "The checkout is being opened. Please wait a moment.",
)

_NOTE = text("""
INSERT INTO checkouts (provider, reference, owner, wanted, email)
VALUES (:provider, :reference, :owner, CAST(:wanted AS jsonb), :email)
ON CONFLICT (provider, reference) DO NOTHING
""")
# What was tried and left nothing behind may be another order now.
_LOCK = text("""
SELECT id, state, owner, wanted,
       posted_at IS NULL AND lease_token IS NULL AND state <> 'opened'
       AND (state <> 'pending' OR last_error IS NOT NULL) AS is_free
FROM checkouts WHERE provider = :provider AND reference = :reference FOR UPDATE
""")
# Who asks again does not wait for the next attempt.
_TAKE_UP = text("""
UPDATE checkouts SET wanted = CAST(:wanted AS jsonb), email = coalesce(:email, email),
  next_attempt_at = now(),
  buyer_words = CASE WHEN reason IS NOT NULL THEN buyer_words END
WHERE id = :id AND state = 'pending' AND lease_token IS NULL
""")
_TOLD = text("""
SELECT state, owner, wanted, transaction_id, checkout_url, buyer_words,
       coalesce(reason, last_error) AS problem, lease_token IS NOT NULL AS is_held,
       clock_timestamp() - posted_at AS posted_for,
       next_attempt_at - clock_timestamp() AS wait
FROM checkouts WHERE id = :id
""")
_READ = text("""
SELECT id, provider, reference, owner, wanted, email, customer_id,
       posted_at, clock_timestamp() - posted_at AS posted_for,
       clock_timestamp() - pending_since AS age
FROM checkouts WHERE id = :id
""")
_POSTED = text("""
UPDATE checkouts SET posted_at = clock_timestamp(), customer_id = :customer_id
WHERE id = :id
""")
_NOT_THERE = text("UPDATE checkouts SET posted_at = NULL WHERE id = :id")
_PROBLEM = text("""
UPDATE checkouts SET reason = :developer, buyer_words = :buyer WHERE id = :id
""")
_ENDED = text("""
UPDATE checkouts SET email = NULL, transaction_id = :transaction_id,
  checkout_url = :url, buyer_words = :buyer
WHERE id = :id
""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A row that is to be opened."""

    id: int
    provider: str
    wish: Wish
    customer_id: str
    #: When it was posted; None: there is no transaction of it.
    posted_at: datetime | None
    #: The same by the database's clock.
    posted_for: timedelta | None
    #: Since it was asked for.
    age: timedelta


def keep(connection: Connection, provider: str, wish: Wish) -> int:
    """Note what a shop wants, to be tried at once, and return its row.

    Raises:
        CheckoutError: The reference is that of another order.
    """
    named = {"provider": provider, "reference": wish.reference}
    wanted = {"wanted": json.dumps(wish.wanted), "email": _email_of(wish)}
    connection.execute(_NOTE, {**named, "owner": wish.learner_ref, **wanted})
    row = connection.execute(_LOCK, named).one()
    _check_order(row, wish, is_free=row.is_free)
    if row.state not in {CheckoutState.PENDING, CheckoutState.OPENED}:
        put_back(connection, CHECKOUTS, [row.id], row.state)
        close_letters(connection, CHECKOUTS, [row.id])
    connection.execute(_TAKE_UP, {"id": row.id, **wanted})
    return int(row.id)


def told(engine: Engine, row_id: int, wish: Wish) -> Opened:
    """Return the checkout that a row tells of.

    Raises:
        CheckoutRefusedError: It cannot be opened as it was asked for.
        CheckoutError: It is another order's by now, or too old.
        CheckoutBusyError: Somebody is at it.
        CheckoutWaitsError: It is put off.
    """
    with engine.connect() as connection:
        row = connection.execute(_TOLD, {"id": row_id}).one()
    _check_order(row, wish)
    if row.state == CheckoutState.OPENED:
        if row.posted_for is not None and row.posted_for >= LONGEST_OPENED:
            # Not another one: this one may be paid.
            raise CheckoutError(_TOO_OLD.developer, _TOO_OLD.buyer)
        return Opened(row.transaction_id, row.checkout_url)
    if row.state == CheckoutState.PENDING and (row.is_held or row.problem is None):
        raise CheckoutBusyError(_BUSY.developer, _BUSY.buyer, _MOMENT)
    if row.state == CheckoutState.PENDING:
        buyer = row.buyer_words or Buyer.SOON
        raise CheckoutWaitsError(row.problem, buyer, max(row.wait, _MOMENT))
    raise CheckoutRefusedError(row.problem or "", row.buyer_words or Buyer.SHOP)


@dataclass(frozen=True, slots=True)
class Held:
    """A row that this process has claimed.

    Each of these is a transaction of its own and raises ``LostLeaseError`` once the row
    is no longer ours.
    """

    engine: Engine
    lease: Lease
    id: int

    def read(self) -> Wanted:
        """Read what is wanted."""
        with self.engine.begin() as connection:
            self._hold(connection)
            crumbs.leave("checkout", [self.id])
            row = connection.execute(_READ, {"id": self.id}).one()
        kept, customer = row.wanted, row.customer_id or ""
        items = tuple((price, quantity) for price, quantity in kept["items"])
        rest = (row.email, kept["return_url"], kept["discount_code"])
        wish = Wish(items, row.owner, row.reference, *rest)
        posted = (row.posted_at, row.posted_for)
        return Wanted(row.id, row.provider, wish, customer, *posted, row.age)

    def posted(self, customer_id: str) -> None:
        """Note that the transaction is asked for now; before it is."""
        with self.engine.begin() as connection:
            self._hold(connection)
            values = {"id": self.id, "customer_id": customer_id or None}
            connection.execute(_POSTED, values)

    def not_there(self) -> None:
        """Note that there is no transaction, and none will come."""
        with self.engine.begin() as connection:
            self._hold(connection)
            connection.execute(_NOT_THERE, {"id": self.id})

    def waits(self, problem: Problem) -> None:
        """Note why it is not open yet."""
        with self.engine.begin() as connection:
            self._hold(connection)
            told = {"developer": problem.developer, "buyer": problem.buyer}
            connection.execute(_PROBLEM, {"id": self.id, **told})

    def opened(self, found: Opened) -> Ending:
        """Note where it can be paid."""
        return self._end(Ending(CheckoutState.OPENED), found, None)

    def ended(self, state: CheckoutState, problem: Problem) -> Ending:
        """Note that it is not opened, and why."""
        return self._end(Ending(state, problem.developer), None, problem.buyer)

    def _end(self, ending: Ending, found: Opened | None, buyer: str | None) -> Ending:
        told = {
            "transaction_id": found.transaction_id if found else None,
            "url": found.url if found else None,
            "buyer": buyer,
        }
        with self.engine.begin() as connection:
            self._hold(connection)
            connection.execute(_ENDED, {"id": self.id, **told})
            lifecycle.finish(connection, self.lease, {self.id: ending})
        return ending

    def _hold(self, connection: Connection) -> None:
        if not lifecycle.hold(connection, self.lease, [self.id]):
            raise LostLeaseError("somebody else opens this checkout now")


def _check_order(row: Row[Any], wish: Wish, *, is_free: bool = False) -> None:
    if row.owner != wish.learner_ref or not (is_free or row.wanted == wish.wanted):
        raise CheckoutError(_OTHER_ORDER)


def _email_of(wish: Wish) -> str | None:
    """Return the address; empty: what was typed is none, and may not even be kept."""
    return (wish.address or "") if wish.email else None

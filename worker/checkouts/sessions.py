"""The rows of checkouts that are opened: who is at one, and how it ended.

One process at a time holds a row, by a lease that ends by itself.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from models.checkouts import SessionState
from worker.checkouts.wish import Wish
from worker.errors import LostLeaseError
from worker.providers.checkouts import Opened, Problem

#: Longer than all calls of one try together take.
LEASE = timedelta(seconds=90)

_BEGIN = text("""
INSERT INTO payment_sessions (provider, reference, owner, wanted, email)
VALUES (:provider, :reference, :owner, CAST(:wanted AS jsonb), :email)
ON CONFLICT (provider, reference) DO NOTHING
""")
_READ = """
SELECT id, state, provider, reference, owner, wanted, email, customer_id, posted_at,
       transaction_id, checkout_url, lease_token,
       clock_timestamp() - posted_at AS posted_for,
       CASE WHEN state = 'opening' THEN clock_timestamp() - created_at
            ELSE interval '0' END AS age,
       state = 'opening' AND leased_until > clock_timestamp() AS is_held
FROM payment_sessions WHERE {which} FOR UPDATE
"""
_BY_REFERENCE = text(
    _READ.format(which="provider = :provider AND reference = :reference")
)
_BY_ID = text(_READ.format(which="id = :id"))
# What was refused or given up left nothing behind, so it may be another order now.
_TAKE = text("""
UPDATE payment_sessions
SET lease_token = :token, leased_until = clock_timestamp() + :lease,
    attempts = attempts + 1, changed_at = clock_timestamp(), state = 'opening',
    wanted = coalesce(CAST(:wanted AS jsonb), wanted), email = coalesce(:email, email),
    created_at = CASE WHEN state = 'opening' THEN created_at
                      ELSE clock_timestamp() END
WHERE id = :id
""")
_CHANGE = """
UPDATE payment_sessions SET changed_at = clock_timestamp(), {what}
WHERE id = :id AND lease_token = :token AND leased_until > clock_timestamp()
RETURNING id
"""
_POSTED = text(
    _CHANGE.format(what="posted_at = clock_timestamp(), customer_id = :customer_id")
)
_OPENED = text(
    _CHANGE.format(
        what="state = 'opened', transaction_id = :transaction_id,"
        " checkout_url = :url, email = NULL, leased_until = NULL,"
        " problem = NULL, buyer_words = NULL"
    )
)
_FORSAKEN = text("""
UPDATE payment_sessions
SET state = 'abandoned', email = NULL, posted_at = NULL, leased_until = NULL,
    problem = :problem, buyer_words = :buyer, changed_at = clock_timestamp()
WHERE state = 'opening' AND created_at < clock_timestamp() - CAST(:given_up AS interval)
  AND NOT provider = ANY(:askable)
""")
_FAILED = text(
    _CHANGE.format(
        what="state = CAST(:state AS text), leased_until = NULL, problem = :problem,"
        " buyer_words = :buyer,"
        " posted_at = CASE WHEN CAST(:is_unsure AS boolean) THEN posted_at END,"
        " email = CASE WHEN CAST(:state AS text) = 'opening' THEN email END"
    )
)


@dataclass(frozen=True, slots=True)
class Session:
    """A row that is ours to open, or is open."""

    id: int
    provider: str
    state: SessionState
    wish: Wish
    customer_id: str
    posted_at: datetime | None
    #: Since when it was posted; None: never, or refused.
    posted_for: timedelta | None
    #: Since it was asked for.
    age: timedelta
    opened: Opened | None
    token: uuid.UUID


def begin(connection: Connection, provider: str, wish: Wish) -> None:
    """Note what a shop wants, unless its reference is known."""
    values = {
        "provider": provider,
        "reference": wish.reference,
        "owner": wish.learner_ref,
        "email": wish.address,
        "wanted": json.dumps(wish.wanted),
    }
    connection.execute(_BEGIN, values)


def take(
    connection: Connection, provider: str, reference: str, wish: Wish
) -> Session | None:
    """Take the row of a reference; None: somebody is at it.

    Raises:
        LookupError: The reference is that of another order.
    """
    named = {"provider": provider, "reference": reference}
    row = connection.execute(_BY_REFERENCE, named).one()
    is_free = row.state in {SessionState.REFUSED, SessionState.ABANDONED}
    is_same_order = is_free or row.wanted == wish.wanted
    if row.owner != wish.learner_ref or not is_same_order:
        raise LookupError(reference)
    return _taken(connection, row, wish)


def take_again(connection: Connection, session_id: int) -> Session | None:
    """Take a row that was left; None: somebody is at it, or it is at its end."""
    row = connection.execute(_BY_ID, {"id": session_id}).one_or_none()
    if row is None or row.state != SessionState.OPENING:
        return None
    return _taken(connection, row, None)


def posted(connection: Connection, session: Session, customer_id: str) -> None:
    """Note that the transaction is asked for now; commit before it is."""
    _change(connection, _POSTED, session, customer_id=customer_id or None)


def opened(connection: Connection, session: Session, found: Opened) -> None:
    """Note where it can be paid."""
    told = {"transaction_id": found.transaction_id, "url": found.url}
    _change(connection, _OPENED, session, **told)


def failed(
    connection: Connection,
    session: Session,
    state: SessionState,
    problem: Problem,
    *,
    is_unsure: bool = False,
) -> None:
    """Note why it is not open, and let it go.

    Args:
        connection: An open transaction.
        session: Ours.
        state: ``opening``: it may pass; else its end.
        problem: Why.
        is_unsure: There may be a transaction all the same.
    """
    told = {"problem": problem.developer, "buyer": problem.buyer}
    _change(connection, _FAILED, session, state=str(state), is_unsure=is_unsure, **told)


def forsake(
    connection: Connection,
    askable: Sequence[str],
    given_up: timedelta,
    problem: Problem,
) -> None:
    """Give up, after so long, what nobody can go on with: its provider has no key."""
    told = {"problem": problem.developer, "buyer": problem.buyer}
    values = {"askable": list(askable), "given_up": given_up, **told}
    connection.execute(_FORSAKEN, values)


def _taken(connection: Connection, row: Row[Any], wish: Wish | None) -> Session | None:
    if row.is_held:
        return None
    token = uuid.uuid4()
    if row.state != SessionState.OPENED:
        given = {"wanted": json.dumps(wish.wanted) if wish else None}
        given["email"] = wish.address if wish else None
        values = {"id": row.id, "token": token, "lease": LEASE, **given}
        connection.execute(_TAKE, values)
    kept = row.wanted if wish is None else wish.wanted
    email = (wish.email if wish else None) or row.email
    items = tuple((price, quantity) for price, quantity in kept["items"])
    rest = (email, kept["return_url"], kept["discount_code"])
    return Session(
        id=row.id,
        provider=row.provider,
        state=SessionState(row.state),
        wish=Wish(items, row.owner, row.reference, *rest),
        customer_id=row.customer_id or "",
        posted_at=row.posted_at,
        posted_for=row.posted_for,
        age=row.age,
        opened=Opened(row.transaction_id, row.checkout_url)
        if row.state == SessionState.OPENED
        else None,
        token=token,
    )


def _change(
    connection: Connection, statement: TextClause, session: Session, **values: object
) -> None:
    values |= {"id": session.id, "token": session.token}
    if connection.execute(statement, values).one_or_none() is None:
        raise LostLeaseError("somebody else opens this checkout now")

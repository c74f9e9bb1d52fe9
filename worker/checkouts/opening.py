"""Opens a checkout, once for each reference, whatever is lost on the way.

Before the provider is asked to make a transaction, the row says so. Whoever finds that
word and no transaction looks for one, and asks again only when none can come any more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine

from models.checkouts import SessionState
from worker.checkouts import sessions
from worker.checkouts.sessions import Session
from worker.checkouts.wish import (
    TOKEN_DAYS,
    CheckoutBusyError,
    CheckoutError,
    CheckoutRefusedError,
    CheckoutWaitsError,
    Wish,
    custom_data_of,
)
from worker.errors import LostLeaseError, OutageError, SettingsError, TransientError
from worker.providers.checkouts import Buyer, CheckoutApi, Opened, Problem, Sale
from worker.providers.errors import ApiError, ApiRefusedError, NoTurnError
from worker.settings import Settings

log = structlog.get_logger()

#: After that no request that got no answer is carried out any more, and what was
#: carried out is in the list.
SETTLED = timedelta(seconds=60)
#: Our clocks and the provider's differ by less.
CLOCKS_DIFFER = timedelta(hours=1)
#: Not opened by then, nobody waits for it.
GIVEN_UP = timedelta(days=1)
#: Who gets its address has a day to pay it before the signed learner expires.
LONGEST_OPENED = timedelta(days=TOKEN_DAYS - 1)
_MOMENT = timedelta(seconds=1)
_OTHER_ORDER = (
    "This reference was used for another order: each order needs one of its own."
)
_BUSY = Problem(
    "Another process opens this checkout now: ask again.",
    "The checkout is being opened. Please wait a moment.",
)
TOO_LATE = Problem(
    "This checkout could not be opened for a day: ask for it again.",
    "This order is too old. Please begin again.",
)
_NO_ADDRESS = Problem("The e-mail address is none.", Buyer.ADDRESS)
_TOO_OLD = Problem(
    f"This checkout was opened {LONGEST_OPENED.days} days ago or more: if it is not"
    " paid (payment_status), open one under another reference.",
    TOO_LATE.buyer,
)
_UNSURE = "whether a checkout was opened is not known yet; it is looked for"


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes to open checkouts."""

    engine: Engine
    config: Settings
    api: CheckoutApi

    def open(self, provider: str, wish: Wish) -> Opened:
        """Open a checkout, or return the one that its reference has.

        Raises:
            CheckoutRefusedError: It cannot be, as its row tells; another wish may.
            CheckoutError: It cannot be under this reference, or at all.
            CheckoutWaitsError: Not yet.
            SettingsError: There is nothing to sign with.
        """
        # Before anything is kept: a wish that cannot be signed is none.
        custom_data_of(wish.learner_ref, wish.reference, self.config, datetime.now(UTC))
        with self.engine.begin() as connection:
            sessions.begin(connection, provider, wish)
        try:
            with self.engine.begin() as connection:
                session = sessions.take(connection, provider, wish.reference, wish)
        except LookupError:
            raise CheckoutError(_OTHER_ORDER) from None
        if session is None:
            raise CheckoutBusyError(_BUSY.developer, _BUSY.buyer, _MOMENT)
        if session.opened is None:
            return self.go_on(session)
        if session.posted_for is not None and session.posted_for >= LONGEST_OPENED:
            # Not another one: this one may be paid.
            raise CheckoutError(_TOO_OLD.developer, _TOO_OLD.buyer)
        return session.opened

    def go_on(self, session: Session) -> Opened:
        """Open what is ours; raises as ``open``."""
        try:
            found = self._opened(session)
            with self.engine.begin() as connection:
                sessions.opened(connection, session, found)
        except LostLeaseError:
            # We were so slow that somebody else took it, and knows how it ends.
            raise CheckoutBusyError(_BUSY.developer, _BUSY.buyer, _MOMENT) from None
        log.info("checkout_opened", session=session.id)
        return found

    def _opened(self, session: Session) -> Opened:
        try:
            found = self._found(session)
            if found is None and session.age > GIVEN_UP:
                raise self._ended(session, SessionState.ABANDONED, TOO_LATE)
            return found or self._made(session)
        except (ApiError, ApiRefusedError) as error:
            problem = self.api.problem_of(error)
            raise self._ended(session, SessionState.REFUSED, problem) from error
        except SettingsError as error:
            # The row tells it until somebody sets it.
            problem = Problem(str(error), Buyer.SHOP)
            self._let_go(session, SessionState.OPENING, problem)
            raise
        except _UnsureError as error:
            raise self._waits(session, error.cause, is_unsure=True) from error.cause
        except TransientError as error:
            unsure = session.posted_at is not None
            raise self._waits(session, error, is_unsure=unsure) from error

    def _found(self, session: Session) -> Opened | None:
        """Look for what an earlier try may have left behind."""
        if session.posted_at is None or session.posted_for is None:
            return None
        since = session.posted_at - CLOCKS_DIFFER
        try:
            found = self.api.find_opened(
                session.wish.reference, since, session.customer_id
            )
        except (TransientError, ApiError) as error:
            raise _UnsureError(error) from error
        if found is None and session.posted_for < SETTLED:
            raise _UnsureError(_NotYetError(_UNSURE, SETTLED - session.posted_for))
        return found

    def _made(self, session: Session) -> Opened:
        wish = session.wish
        if wish.email and wish.address is None:
            raise self._ended(session, SessionState.REFUSED, _NO_ADDRESS)
        # What these refuse or fail at leaves no transaction.
        customer = self.api.customer_of(wish.address) if wish.address else ""
        code = wish.discount_code
        discount = self.api.discount_of(code) if code else ""
        data = custom_data_of(
            wish.learner_ref, wish.reference, self.config, datetime.now(UTC)
        )
        with self.engine.begin() as connection:
            sessions.posted(connection, session, customer)
        sale = Sale(wish.items, data, customer, discount, wish.return_url or "")
        try:
            return self.api.open(sale)
        except NoTurnError:
            raise
        except OutageError as error:
            if isinstance(error, ApiRefusedError):
                raise
            return self._found_after(session, customer, error)

    def _found_after(
        self, session: Session, customer: str, error: OutageError
    ) -> Opened:
        """Look at once: the buyer waits. Not there yet does not mean not coming."""
        since = datetime.now(UTC) - CLOCKS_DIFFER
        try:
            found = self.api.find_opened(session.wish.reference, since, customer)
        except (TransientError, ApiError):
            found = None
        if found is None:
            raise _UnsureError(error) from error
        return found

    def _waits(
        self, session: Session, error: TransientError | ApiError, *, is_unsure: bool
    ) -> CheckoutWaitsError:
        problem = self.api.problem_of(error)
        self._let_go(session, SessionState.OPENING, problem, is_unsure=is_unsure)
        asked = error.wait_at_least if isinstance(error, TransientError) else _MOMENT
        return CheckoutWaitsError(problem.developer, problem.buyer, max(asked, _MOMENT))

    def _ended(
        self, session: Session, state: SessionState, problem: Problem
    ) -> CheckoutRefusedError:
        self._let_go(session, state, problem)
        return CheckoutRefusedError(problem.developer, problem.buyer)

    def _let_go(
        self,
        session: Session,
        state: SessionState,
        problem: Problem,
        *,
        is_unsure: bool = False,
    ) -> None:
        with self.engine.begin() as connection:
            sessions.failed(connection, session, state, problem, is_unsure=is_unsure)
        log.warning("checkout_not_opened", session=session.id, state=str(state))


class _UnsureError(Exception):
    """There may be a transaction that nobody has seen."""

    def __init__(self, cause: TransientError | ApiError) -> None:
        """Say what happened."""
        super().__init__(str(cause))
        self.cause = cause


class _NotYetError(TransientError):
    """It is too early to say that there is none."""

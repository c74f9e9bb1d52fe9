"""One try to open a checkout: one for each reference, whatever is lost on the way.

Before the provider is asked to make a transaction, the row says so. Whoever finds that
word and no transaction looks for one, and asks again only when none can come any more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.checkouts.rows import Held, Wanted
from worker.checkouts.wish import CheckoutError, custom_data_of
from worker.errors import OutageError, TransientError
from worker.providers.checkouts import Buyer, CheckoutApi, Opened, Sale
from worker.providers.errors import (
    ApiError,
    ApiLockedError,
    ApiRefusedError,
    NoTurnError,
)
from worker.settings import Settings

#: After that no request that got no answer is carried out any more, and what was
#: carried out is in the list.
SETTLED = timedelta(seconds=60)
#: Our clocks and the provider's differ by less.
CLOCKS_DIFFER = timedelta(hours=1)
#: Answers after which there is no transaction.
NOTHING_MADE = (ApiError, ApiRefusedError, ApiLockedError, NoTurnError)
_UNSURE = "whether a checkout was opened is not known yet; it is looked for"


class UnsureError(OutageError):
    """There may be a transaction that nobody has seen."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes; errors of the provider as in ``providers.errors``."""

    api: CheckoutApi
    config: Settings
    wanted: Wanted
    held: Held

    def find(self) -> Opened | None:
        """Look for what an earlier try may have left behind; None: nothing.

        Raises:
            OutageError, ApiLockedError: That is not known.
        """
        wanted = self.wanted
        if wanted.posted_at is None or wanted.posted_for is None:
            return None
        try:
            found = self._look(wanted.posted_at, wanted.customer_id)
        except ApiError as error:
            raise UnsureError(str(error)) from error
        if found is None and wanted.posted_for < SETTLED:
            raise UnsureError(_UNSURE, SETTLED - wanted.posted_for)
        if found is None:
            self.held.not_there()
        return found

    def make(self) -> Opened:
        """Ask for the transaction.

        Raises:
            CheckoutError: Nobody was asked: the wish is none.
            SettingsError: There is nothing to sign with.
        """
        wish = self.wanted.wish
        data = custom_data_of(
            wish.learner_ref, wish.reference, self.config, datetime.now(UTC)
        )
        if wish.email is not None and wish.address is None:
            raise CheckoutError("The e-mail address is none.", Buyer.ADDRESS)
        # What these refuse or fail at leaves no transaction.
        customer = self.api.customer_of(wish.address) if wish.address else ""
        code = wish.discount_code
        discount = self.api.discount_of(code) if code else ""
        sale = Sale(wish.items, data, customer, discount, wish.return_url or "")
        self.held.posted(customer)
        try:
            return self.api.open(sale)
        except NOTHING_MADE:
            self.held.not_there()
            raise
        except OutageError as error:
            return self._found_after(customer, error)

    def _found_after(self, customer: str, error: OutageError) -> Opened:
        """Look at once: the buyer waits. Not there yet does not mean not coming."""
        try:
            found = self._look(datetime.now(UTC), customer)
        except (TransientError, ApiError):
            found = None
        if found is None:
            raise error
        return found

    def _look(self, posted_at: datetime, customer: str) -> Opened | None:
        since = posted_at - CLOCKS_DIFFER
        return self.api.find_opened(self.wanted.wish.reference, since, customer)

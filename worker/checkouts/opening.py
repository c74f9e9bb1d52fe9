"""One try to open a checkout: one for each reference, whatever is lost on the way.

Before the provider is asked to make a transaction, the row says so. Whoever finds that
word and no transaction looks for one, and asks again only when none can come any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.checkouts.rows import Held, Wanted
from worker.checkouts.wish import CheckoutError, custom_data_of, secrets_of
from worker.errors import OutageError, TransientError
from worker.learner_token import check
from worker.providers.checkouts import Buyer, CheckoutApi, Opened, Sale, Sought
from worker.providers.errors import (
    ApiError,
    ApiLockedError,
    ApiRefusedError,
    NoTurnError,
)
from worker.settings import Settings

#: One try at a row ends by then, however long a task may take. No request of it leaves
#: later (``channels.sending``).
LONGEST_TRY = timedelta(seconds=30)
#: After that no request that got no answer is carried out any more, and what was carried
#: out is in the list. So it is longer than a try and the delivery of what it sent last
#: together, with some time for the provider.
SETTLED = timedelta(seconds=60)
#: Our clocks and the provider's differ by less.
CLOCKS_DIFFER = timedelta(hours=1)
#: The same where the list is short anyway: it is that of one customer.
CLOCKS_DIFFER_AT_MOST = timedelta(days=1)
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
            SettingsError: Nothing tells ours from others'.
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
        """Look for what we made ourselves.

        Others may use the reference too, with the same account: the shop by a request of
        its own, a second Paddlewheel, this one with the database that it had before.
        """
        wish, environment = self.wanted.wish, self.config.paddle_environment
        secrets = secrets_of(self.config)

        def is_ours(carried: Mapping[str, object]) -> bool:
            learner = carried.get("learner")
            claim = check(
                learner, environment, secrets, posted_at, unsigned_allowed=False
            )
            is_signed = claim.user_id == wish.learner_ref
            return is_signed and carried.get("reference") == wish.reference

        differ = CLOCKS_DIFFER_AT_MOST if customer else CLOCKS_DIFFER
        since, until = posted_at - differ, posted_at + differ + SETTLED
        return self.api.find_opened(Sought(wish.items, is_ours, since, until, customer))

"""Opens a checkout, once for each reference, whatever is lost on the way.

Before the provider is asked to make a transaction, the row says so. Whoever finds that
word and no transaction looks for one, and asks again only when none can come any more.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import structlog
from sqlalchemy import Engine

from models.checkouts import CheckoutState
from worker.bounded_gate import BoundedGate
from worker.budget import Budget, Lane
from worker.channels.deadline import SHARE_OF_ONE_ROW, Deadline
from worker.checkouts.rows import Held, Wanted
from worker.checkouts.wish import CheckoutError, custom_data_of
from worker.errors import (
    LostLeaseError,
    OutageError,
    PaddlewheelError,
    SettingsError,
    TransientError,
)
from worker.failures import Failure, failure_of
from worker.lifecycle import Ending, Lease
from worker.providers.checkouts import Buyer, CheckoutApi, Opened, Problem, Sale
from worker.providers.clients import CHECKOUTS
from worker.providers.errors import (
    ApiBusyError,
    ApiDownError,
    ApiError,
    ApiLockedError,
    ApiRefusedError,
    NoTurnError,
)
from worker.settings import Settings

log = structlog.get_logger()

#: After that no request that got no answer is carried out any more, and what was
#: carried out is in the list.
SETTLED = timedelta(seconds=60)
#: Our clocks and the provider's differ by less.
CLOCKS_DIFFER = timedelta(hours=1)
#: Not opened by then, nobody waits for it.
GIVEN_UP = timedelta(days=1)
#: Answers after which there is no transaction.
NOTHING_MADE = (ApiError, ApiRefusedError, ApiLockedError, NoTurnError)
_TOO_LATE = Problem(
    "This checkout could not be opened for a day: ask for it again.",
    "This order is too old. Please begin again.",
)
_NO_ADDRESS = Problem("The e-mail address is none.", Buyer.ADDRESS)


class NotSetUpError(OutageError):
    """A setting is missing: the row waits until a person has set it."""


class UnsureError(OutageError):
    """There may be a transaction that nobody has seen."""


class Opener:
    """Opens one checkout after the other; see ``worker.drain.WorkOne``."""

    def __init__(self, config: Settings) -> None:
        """Prepare; nothing is connected yet."""
        self._config = config
        self._connected = ExitStack()
        self._apis: dict[str, tuple[CheckoutApi, BoundedGate]] = {}
        #: Why a provider did not answer, once that was so in this run.
        self._outages: dict[str, OutageError] = {}
        #: Why the last one is not open, with all that its row does not keep.
        self.met: Exception | None = None

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._connected.close()

    def __call__(self, engine: Engine, lease: Lease, row_id: int) -> Ending | Failure:
        """Open one; LostLeaseError: it is no longer ours."""
        held = Held(engine, lease, row_id)
        wanted = held.read()
        try:
            result = held.opened(self._opened(engine, wanted, held))
        except LostLeaseError:
            raise
        except PaddlewheelError as error:
            self.met = error
            if isinstance(error, ApiBusyError | ApiDownError):
                self._outages[wanted.provider] = error
            result = self._not_opened(wanted, held, error)
        log.info("checkout_tried", checkout=row_id, **_told(result))
        return result

    def _opened(self, engine: Engine, wanted: Wanted, held: Held) -> Opened:
        try:
            opening = Opening(self._api(engine, wanted.provider), wanted, held)
            found = opening.find()
        except PaddlewheelError:
            if wanted.age > GIVEN_UP:
                raise _TooLateError from None
            raise
    """

    def _not_opened
    """

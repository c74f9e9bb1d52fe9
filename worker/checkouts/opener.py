"""Opens the checkouts that are claimed, one after the other, and says how each ended."""

from contextlib import ExitStack
from datetime import timedelta
from typing import Self

import structlog
from sqlalchemy import Engine

from models.checkouts import CheckoutState
from worker.bounded_gate import BoundedGate
from worker.budget import Budget, Lane
from worker.channels.deadline import SHARE_OF_ONE_ROW, Deadline
from worker.checkouts.opening import LONGEST_TRY, Opening
from worker.checkouts.rows import Held, Wanted
from worker.checkouts.wish import CheckoutError
from worker.errors import (
    LostLeaseError,
    OutageError,
    PaddlewheelError,
    SettingsError,
)
from worker.failures import Failure, failure_of
from worker.lifecycle import Ending, Lease
from worker.providers.checkouts import Buyer, CheckoutApi, Opened, Problem
from worker.providers.clients import CHECKOUTS
from worker.providers.errors import ApiBusyError, ApiDownError, ApiError
from worker.settings import Settings

log = structlog.get_logger()

#: Not opened by then, nobody waits for it.
GIVEN_UP = timedelta(days=1)
_TOO_LATE = Problem(
    "This checkout could not be opened for a day: ask for it again.",
    "This order is too old. Please begin again.",
)


class NotSetUpError(OutageError):
    """A setting is missing: rows wait until a person has set it."""


class Opener:
    """Opens one checkout after the other; see ``worker.drain.WorkOne``."""

    def __init__(self, config: Settings) -> None:
        """Prepare; nothing is connected yet."""
        self._config = config
        self._connected = ExitStack()
        self._apis: dict[str, tuple[CheckoutApi, BoundedGate]] = {}
        #: Why a provider did not answer, once that was so in this run. What it refuses
        #: says nothing of the next row: that may need another permission.
        self._outages: dict[str, OutageError] = {}
        #: Why the last one is not open, with what its row must not keep.
        self.met: PaddlewheelError | None = None

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._connected.close()

    def __call__(self, engine: Engine, lease: Lease, row_id: int) -> Ending | Failure:
        """Open one checkout.

        Raises:
            LostLeaseError: Somebody else is at it.
        """
        held = Held(engine, lease, row_id)
        wanted = held.read()
        try:
            found = self._opened(engine, wanted, held)
            if found is None:
                return _abandoned(held)
            ending = _noted(held, found)
        except LostLeaseError:
            raise
        except PaddlewheelError as error:
            return self._not_opened(wanted, held, error)
        log.info("checkout_opened", checkout=row_id)
        return ending

    def _opened(self, engine: Engine, wanted: Wanted, held: Held) -> Opened | None:
        try:
            api = self._api(engine, wanted.provider)
            opening = Opening(api, self._config, wanted, held)
            found = opening.find()
            return found if found or _is_late(wanted) else opening.make()
        except SettingsError as error:
            raise NotSetUpError(str(error)) from None

    def _not_opened(
        self, wanted: Wanted, held: Held, error: PaddlewheelError
    ) -> Ending | Failure:
        self.met = error
        log.warning("checkout_not_opened", checkout=wanted.id, error=str(error))
        self._judge(wanted.provider, error)
        if _is_late(wanted):
            return _abandoned(held)
        problem = self._problem_of(wanted, error)
        if isinstance(error, ApiError | CheckoutError):
            return held.ended(CheckoutState.REFUSED, problem)
        held.waits(problem)
        return failure_of(error)

    def _judge(self, provider: str, error: PaddlewheelError) -> None:
        """Note that the provider is away, where that shows; not what one row ran into."""
        if isinstance(error, ApiDownError) and self._apis[provider][1].is_answered:
            return
        if isinstance(error, ApiBusyError | ApiDownError):
            self._outages[provider] = error

    def _api(self, engine: Engine, provider: str) -> CheckoutApi:
        if outage := self._outages.get(provider):
            raise outage.with_traceback(None)
        seconds = min(
            self._config.soft_limit_seconds * SHARE_OF_ONE_ROW,
            LONGEST_TRY.total_seconds(),
        )
        if provider not in self._apis:
            gate = BoundedGate(Budget(engine, provider, Lane.LIVE, self._config))
            api = CHECKOUTS[provider](self._config, seconds, gate)
            self._apis[provider] = (self._connected.enter_context(api), gate)
        api, gate = self._apis[provider]
        gate.begin(Deadline(seconds))
        return api

    def _problem_of(self, wanted: Wanted, error: PaddlewheelError) -> Problem:
        if isinstance(error, CheckoutError):
            return Problem(str(error), error.buyer)
        if isinstance(error, NotSetUpError):
            return Problem(str(error), Buyer.SHOP)
        api, _ = self._apis[wanted.provider]
        return api.problem_of(error)


def _noted(held: Held, found: Opened) -> Ending:
    try:
        return held.opened(found)
    except LostLeaseError:
        # Not canceled: whoever has the row now may have found this very one.
        named = {"checkout": held.id, "transaction": found.transaction_id}
        log.error("checkout_not_noted", **named)  # noqa: TRY400 (no fault of ours)
        raise


def _is_late(wanted: Wanted) -> bool:
    return wanted.age > GIVEN_UP


def _abandoned(held: Held) -> Ending:
    log.warning("checkout_abandoned", checkout=held.id)
    return held.ended(CheckoutState.ABANDONED, _TOO_LATE)

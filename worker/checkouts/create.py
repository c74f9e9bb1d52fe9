"""Opens checkouts with the settings and the database of this process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, text

from worker.budget import Budget, Lane
from worker.checkouts import sessions
from worker.checkouts.opening import GIVEN_UP, TOO_LATE, Opening
from worker.checkouts.wish import (
    CheckoutBusyError,
    CheckoutError,
    CheckoutWaitsError,
    Wish,
)
from worker.errors import SettingsError
from worker.providers.accounts import askable
from worker.providers.checkouts import Opened
from worker.providers.clients import CHECKOUTS
from worker.providers.registry import provider_of_price
from worker.settings import Settings

#: Of one call; a checkout takes up to five.
CALL_SECONDS = 5.0
#: How long a shop that asks waits for another process that opens the same checkout.
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.1
#: Of one run of ``checkouts.recover``.
MOST_AT_ONCE = 50

_LEFT = text("""
SELECT id FROM payment_sessions
WHERE state = 'opening' AND provider = :provider
  AND (leased_until IS NULL OR leased_until <= clock_timestamp())
ORDER BY changed_at LIMIT :most
""")


def create(
    engine: Engine, config: Settings, wish: Wish, patience: float = PATIENCE_SECONDS
) -> Opened:
    """Open a checkout, or return the one that its reference has.

    Args:
        engine: Where its row is kept.
        config: Whose key is used, and what is signed with.
        wish: What is sold to whom.
        patience: Seconds to wait for another process that is at it.

    Raises:
        CheckoutError: It cannot be opened; ``buyer`` is what the buyer is told.
        CheckoutWaitsError: Not yet; ``checkouts.recover`` goes on with it.
        SettingsError: A setting is missing for it.
    """
    provider = provider_of_price(wish.items[0][0])
    if provider is None:
        raise CheckoutError(f"{wish.items[0][0]} is no id of a price.")
    until = time.monotonic() + patience
    with opening(engine, config, provider) as mine:
        while True:
            try:
                return mine.open(provider, wish)
            except CheckoutBusyError:
                if time.monotonic() >= until:
                    raise
            time.sleep(PAUSE_SECONDS)


def recover(engine: Engine, config: Settings, seconds: float) -> tuple[int, int]:
    """Go on with checkouts whose opening was interrupted.

    Returns:
        How many are open now, and how many are not.
    """
    until = time.monotonic() + seconds
    done = left = 0
    asked = askable(config)
    with engine.begin() as connection:
        sessions.forsake(connection, asked, GIVEN_UP, TOO_LATE)
    for provider in asked:
        for session_id in _left(engine, provider):
            if time.monotonic() >= until:
                break
            if _gone_on(engine, config, provider, session_id):
                done += 1
            else:
                left += 1
    return done, left


@contextmanager
def opening(engine: Engine, config: Settings, provider: str) -> Iterator[Opening]:
    """Connect to a provider."""
    gate = Budget(engine, provider, Lane.LIVE, config)
    with CHECKOUTS[provider](config, CALL_SECONDS, gate) as api:
        yield Opening(engine, config, api)


def _left(engine: Engine, provider: str) -> list[int]:
    with engine.connect() as connection:
        values = {"provider": provider, "most": MOST_AT_ONCE}
        return list(connection.execute(_LEFT, values).scalars())


def _gone_on(engine: Engine, config: Settings, provider: str, session_id: int) -> bool:
    with engine.begin() as connection:
        session = sessions.take_again(connection, session_id)
    if session is None:
        return False
    with opening(engine, config, provider) as mine:
        try:
            mine.go_on(session)
        except (CheckoutError, CheckoutWaitsError, SettingsError):
            # The row tells why.
            return False
    return True

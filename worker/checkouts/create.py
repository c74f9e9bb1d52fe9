"""Opens the checkout that a shop waits for, with the claim that all work has."""

import os
import time

from sqlalchemy import Engine

from worker.checkouts import rows
from worker.checkouts.noting import note
from worker.checkouts.opener import Opener
from worker.checkouts.wish import (
    CheckoutBusyError,
    CheckoutError,
    CheckoutWaitsError,
    Wish,
)
from worker.drain import Job, drain_each
from worker.providers.checkouts import Opened
from worker.settings import Settings
from worker.work_tables import CHECKOUTS, Claimant

#: How long a shop that asks waits for another process that opens the same checkout.
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.1


def create(
    engine: Engine,
    config: Settings,
    wish: Wish,
    patience: float = PATIENCE_SECONDS,
    who: Claimant | None = None,
) -> Opened:
    """Open a checkout, or return the one that its reference has.

    Args:
        engine: Where its row is kept.
        config: Whose key is used, and what is signed with.
        wish: What is sold to whom.
        patience: Seconds to wait for another process that is at it.
        who: Claims the row; None: this process.

    Raises:
        CheckoutError: It cannot be opened; ``buyer`` is what the buyer is told.
        CheckoutWaitsError: Not yet; ``checkouts.recover`` goes on with it.
    """
    who = who or Claimant(f"create_checkout {os.getpid()}", "shop")
    until = time.monotonic() + patience
    with Opener(config) as opener:
        while True:
            row_id = note(engine, config, wish)
            drain_each(Job(engine, CHECKOUTS, who, config, only=row_id), opener)
            try:
                return rows.told(engine, row_id, wish)
            except CheckoutBusyError:
                if time.monotonic() >= until:
                    raise
            except (CheckoutError, CheckoutWaitsError) as error:
                raise error from opener.met
            time.sleep(PAUSE_SECONDS)

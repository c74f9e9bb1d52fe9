"""Notes what a shop wants in its row, before anybody opens it.

A wish that came by message is in no row until then: the message is its only copy. So
what a run of it could not note is noted by whoever finds that out, sooner or later.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Engine

from worker.checkouts import rows
from worker.checkouts.wish import CheckoutError, Wish, custom_data_of, wish_of
from worker.database import is_machinery
from worker.dead_letters import StrayMessage
from worker.environment import check_stamp
from worker.errors import EnvironmentMismatchError, SettingsError
from worker.failures import failure_of
from worker.providers.registry import provider_of_price
from worker.settings import Settings

log = structlog.get_logger()

#: The task whose messages are wishes.
TASK = "checkouts.create"
#: The class of a message whose run ended before, or after, its wish was noted.
NOT_NOTED = "NotNoted"


def note(engine: Engine, config: Settings, wish: Wish) -> int:
    """Note what is wanted, and return its row; noted twice it is the same checkout.

    Raises:
        CheckoutError: It is none, or its reference is that of another order.
    """
    provider = provider_of_price(wish.items[0][0])
    if provider is None:
        raise CheckoutError(f"{wish.items[0][0]} is no id of a price.")
    with suppress(SettingsError):
        # A wish that cannot be signed is none; without a secret it waits in its row.
        custom_data_of(wish.learner_ref, wish.reference, config, datetime.now(UTC))
    with engine.begin() as connection:
        return rows.keep(connection, provider, wish)


def note_stray(engine: Engine, config: Settings, stray: StrayMessage) -> bool:
    """Note the wish of a message whose run did not; False: it holds none.

    Raises:
        DBAPIError: The database is away.
        EnvironmentMismatchError: It belongs to another environment.
    """
    if stray.error_class != NOT_NOTED:
        return False
    try:
        check_stamp(engine, config.paddle_environment)
        row_id = note(engine, config, _wish_in(stray.raw))
    except Exception as error:
        if is_machinery(error) or isinstance(error, EnvironmentMismatchError):
            raise
        log.warning("wish_not_noted", error=failure_of(error).sentence)
        return False
    log.warning("wish_noted", checkout=row_id, task_id=stray.task_id)
    return True


def _wish_in(raw: bytes) -> Wish:
    run: dict[str, Any] = json.loads(raw)
    return wish_of(*run["args"], **run["kwargs"])

"""``customers.fetch``: asks the provider who a buyer is whom no event told of.

Changes ``customer_fetches``, and puts the answer into the inbox as an event. Running it
twice is harmless: the same answer is the same event. Sends on ``events.record``. Fails
for good only on an answer that no other attempt would change; while the provider is
away, is busy or refuses the key, rows wait and are not counted out.
"""

from collections.abc import Sequence
from typing import Self

import structlog
from sqlalchemy import Engine, text

from models.fetches import FetchState
from models.key import Key
from worker import crumbs, findings, lifecycle
from worker.after_commit import Rings
from worker.app import app
from worker.asking import Apis
from worker.base_task import this_task
from worker.channels.deadline import SHARE_OF_ONE_ROW
from worker.lifecycle import Ending, Lease
from worker.settings import Settings, settings
from worker.synthetic import store_synthetic
from worker.work_tables import CUSTOMER_FETCHES, INBOX

log = structlog.get_logger()

_WANTED = text("""
SELECT f.provider, f.customer_id, c.clock_event IS NOT NULL AS known
FROM customer_fetches f
LEFT JOIN customers c ON c.provider = f.provider AND c.id = f.customer_id
WHERE f.id = :id
""")


@app.task(name="customers.fetch")
def fetch(_ids: Sequence[int], _schema_version: int) -> str:
    """Ask for the customers that are due."""
    with Fetcher(settings()) as fetcher:
        return this_task().drain_each(CUSTOMER_FETCHES, fetcher)


class Fetcher:
    """Asks for one customer after the other, during one run of the task."""

    def __init__(self, config: Settings) -> None:
        """Prepare; nothing is opened yet."""
        self._apis = Apis(config, config.soft_limit_seconds * SHARE_OF_ONE_ROW)

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._apis.close()

    def __call__(self, engine: Engine, lease: Lease, row_id: int) -> Ending | None:
        """Ask for one customer; None: the row is no longer ours."""
        wanted = read(engine, lease, row_id)
        if not isinstance(wanted, Key):
            return wanted
        answer = self._apis.ask(
            engine, wanted.provider, lambda api: api.customer(wanted.id)
        )
        return keep(engine, lease, row_id, (wanted, answer))


def read(engine: Engine, lease: Lease, row_id: int) -> Key | Ending | None:
    """Read whom to ask for, and end the row if the customer is known by now.

    Returns:
        The customer; else how the row ended; None: it is no longer ours.
    """
    with engine.begin() as connection:
        if not lifecycle.hold(connection, lease, [row_id]):
            return None
        crumbs.leave("fetch", [row_id])
        row = connection.execute(_WANTED, {"id": row_id}).one()
        if not row.known:
            return Key(row.provider, row.customer_id)
        ending = Ending(FetchState.KNOWN)
        lifecycle.finish(connection, lease, {row_id: ending})
    return ending


def keep(
    engine: Engine, lease: Lease, row_id: int, answer: tuple[Key, bytes | None]
) -> Ending | None:
    """Put the answer into the inbox, and ring for it; None: the row is not ours."""
    customer, entity = answer
    ending = Ending(FetchState.FETCHED if entity else FetchState.MISSING)
    rings = Rings()
    with engine.begin() as connection:
        if not lifecycle.hold(connection, lease, [row_id]):
            return None
        known, missing = ((), (customer,)) if entity is None else ((customer,), ())
        findings.note_customers(connection, known, missing)
        if entity:
            stored = store_synthetic(connection, customer.provider, "customer", entity)
            rings.add(INBOX.task, [] if stored is None else [stored])
        lifecycle.finish(connection, lease, {row_id: ending})
    rings.send()
    log.info("customer_asked_for", fetch=row_id, outcome=str(ending.state))
    return ending

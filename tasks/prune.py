"""``rows.prune``: deletes rows that tell how things went, when they are old enough.

Deletes from ``reconciliation_runs``, ``reconciled_events``, ``delivery_counts`` and
``checkouts``, and empties ``dead_letters.message``; see ``worker/pruning.py`` for what
stays. Running it twice, or at once, is harmless. Sends
nothing on. Fails when Postgres is away, and the next run deletes what this one left.
"""

import time

from worker import database
from worker.app import app
from worker.pruning import MOST, prune
from worker.settings import settings


@app.task(name="rows.prune")
def prune_rows() -> str:
    """Delete what is due, as far as time allows."""
    stop_at = time.monotonic() + settings().soft_limit_seconds / 2
    while time.monotonic() < stop_at:
        with database.engine().begin() as connection:
            if prune(connection) < MOST:
                return "nothing left"
    return "more is left"

"""``schema.survey``: what the provider sends that this release does not know.

Changes ``schema_drift`` and its cursor. Running it twice, or at once, is harmless: it
counts each event in the transaction that moves the cursor past it. Sends nothing on;
``alerts.watch`` sees the rows. Fails when Postgres is away, and the next run goes on
where this one stood. Events themselves do not wait for it.
"""

import time

from worker import crumbs, database
from worker.app import app
from worker.drift import BODIES_A_BATCH, survey_batch
from worker.settings import settings


@app.task(name="schema.survey")
def survey() -> str:
    """Look at the events that came since, as far as time allows."""
    stop_at = time.monotonic() + settings().soft_limit_seconds / 2
    crumbs.clear()
    looked_at = 0
    while time.monotonic() < stop_at:
        with database.engine().begin() as connection:
            batch = survey_batch(connection)
        if batch is None:
            return f"{looked_at} looked at; somebody else is at it"
        looked_at += batch
        if batch < BODIES_A_BATCH:
            break
    return f"{looked_at} looked at"

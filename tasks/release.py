"""``parked.release``: gives access that waited, once its mapping has appeared.

Changes grants and adds ``access_changes``. Running it twice is harmless: what was
released is no longer parked. Sends on ``enrollments.activate``. It looks at the rows,
not at what was changed, so a mapping is found however it came.
"""

import time

from sqlalchemy import Engine

from worker import database
from worker.after_commit import Rings
from worker.app import app
from worker.fetching import note_unknown_buyers
from worker.providers.accounts import askable
from worker.releasing import release_batch
from worker.settings import settings
from worker.wording import counted
from worker.work_tables import ACCESS_CHANGES, CUSTOMER_FETCHES


@app.task(name="parked.release")
def release() -> str:
    """Release what is parked and need not be."""
    stop_at = time.monotonic() + settings().soft_limit_seconds / 2
    released = 0
    while time.monotonic() < stop_at:
        rings = Rings()
        batch = release_batch(database.engine(), settings())
        rings.add(ACCESS_CHANGES.task, batch.changes)
        rings.send()
        released += batch.sources
        if not batch.is_full:
            break
    asked = ask_for_buyers(database.engine())
    done = f"{released} released" if released else "nothing parked can be released"
    return f"{done}, {counted(asked, 'buyer')} to be asked for" if asked else done


def ask_for_buyers(engine: Engine) -> int:
    """Note the buyers whom no event told of, and return how many are new."""
    rings = Rings()
    with engine.begin() as connection:
        noted = note_unknown_buyers(connection, askable(settings()))
        rings.add(CUSTOMER_FETCHES.task, noted)
    rings.send()
    return len(noted)

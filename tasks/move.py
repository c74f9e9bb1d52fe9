"""``quarantine.move``: files the messages that were kept beside Postgres.

Changes only ``dead_letters``, and ``checkouts`` where a message was a shop's wish.
Running it twice is harmless: a message is known by its digest, a wish by its reference,
and forgotten where it was kept only after the commit. Sends nothing on. Fails
when Postgres is away, and the next run finds all that is left.
"""

from worker import database
from worker.app import app
from worker.quarantine import move_spooled
from worker.settings import settings


@app.task(name="quarantine.move")
def move() -> str:
    """Move what is kept beside Postgres into it."""
    moved = move_spooled(database.engine(), settings())
    return f"{moved} moved" if moved else "nothing was kept aside"

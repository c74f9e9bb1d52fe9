"""Writes down what has happened in the world, however the database does just then.

What went out cannot be taken back, so a server that restarts is given a little time.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from worker.database import is_machinery

T = TypeVar("T")

#: Waits before it is written down once more, in seconds.
WAITS_SECONDS = (0.2, 0.5, 1.0)


def patiently(write: Callable[[], T]) -> T:
    """Do a whole transaction, again while the machinery fails, and return its result."""
    for wait in WAITS_SECONDS:
        try:
            return write()
        except DBAPIError as error:
            if not is_machinery(error):
                raise
            time.sleep(wait)
    return write()

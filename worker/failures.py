"""What an error means for a row: try again, give up, or blame the machinery.

This is the one place that sorts errors. Texts made here are shown to operators and
kept in rows, so they never quote data: of foreign errors only the class and the place
are told.
"""

import traceback
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from sqlalchemy.exc import DataError, DBAPIError

from worker.database import is_machinery
from worker.errors import (
    OutageError,
    PaddlewheelError,
    PermanentError,
    TransientError,
)
from worker.settings import ROOT

VENV = "/.venv/"
#: Errors behind an error that are looked at.
MOST_LINKS = 10


class Verdict(StrEnum):
    """What is to be done with a row that failed."""

    #: May pass by itself: put off, counted.
    RETRY = "retry"
    #: Will not pass by itself: dead at once.
    PERMANENT = "permanent"
    #: The database's, the network's or a provider's fault: put off, never counted
    #: towards death.
    MACHINERY = "machinery"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt at a row failed."""

    verdict: Verdict
    error_class: str
    #: Safe to show.
    error: str
    #: What the other side asked for (Retry-After).
    wait_at_least: timedelta = field(default=timedelta())
    #: Where in our code it arose, ``file:line function``; empty where unknown.
    place: str = ""
    #: The error itself, for its stack. Its text may hold data: never show it.
    cause: BaseException | None = field(default=None, compare=False, repr=False)

    @property
    def sentence(self) -> str:
        """The failure in one line."""
        return f"{self.error_class}: {self.error}"


def failure_of(error: BaseException) -> Failure:
    """Sort an error and describe it safely."""
    place = place_of(error)
    verdict, words = _sorted(error, f"at {place or 'an unknown place'}")
    wait = error.wait_at_least if isinstance(error, TransientError) else timedelta()
    _let_go(error)
    return Failure(verdict, type(error).__name__, words, wait, place, error)


def place_of(error: BaseException) -> str:
    """Return where in our own code an error arose, as ``file:line function``.

    Returns:
        Nothing where none of our code is in its traceback, or it was never raised.
    """
    steps = [
        (frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    for code, line in reversed(steps):
        if code.co_filename.startswith(f"{ROOT}/") and VENV not in code.co_filename:
            file = code.co_filename.removeprefix(f"{ROOT}/")
            return f"{file}:{line} {code.co_name}"
    return ""


def _sorted(error: BaseException, at: str) -> tuple[Verdict, str]:
    if isinstance(error, OutageError):
        return Verdict.MACHINERY, str(error)
    if isinstance(error, PaddlewheelError):
        permanent = isinstance(error, PermanentError)
        return Verdict.PERMANENT if permanent else Verdict.RETRY, str(error)
    if isinstance(error, DBAPIError):
        return _verdict_of(error), f"{_database_words(error)} {at}"
    return Verdict.MACHINERY if is_machinery(error) else Verdict.RETRY, at


def _let_go(error: BaseException) -> None:
    # A failure lives as long as its batch: it must not keep a body for each bad row.
    link: BaseException | None = error
    for _ in range(MOST_LINKS):
        if link is None:
            return
        traceback.clear_frames(link.__traceback__)
        link = link.__context__


def _verdict_of(error: DBAPIError) -> Verdict:
    if is_machinery(error):
        return Verdict.MACHINERY
    # A value the column cannot hold will not fit next time either.
    return Verdict.PERMANENT if isinstance(error, DataError) else Verdict.RETRY


def _database_words(error: DBAPIError) -> str:
    # The server's message quotes values; its code and the names of things do not.
    lost = "connection lost" if is_machinery(error) else "refused by the driver"
    state = getattr(error.orig, "sqlstate", None) or lost
    diagnostics = getattr(error.orig, "diag", None)
    thing = getattr(diagnostics, "constraint_name", None) or getattr(
        diagnostics, "table_name", None
    )
    return f"{state}{f' on {thing}' if thing else ''}"

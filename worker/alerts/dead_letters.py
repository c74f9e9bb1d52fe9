"""Dead letters: work that will not pass by itself, one alert for each kind of death."""

import shlex
from collections.abc import Iterable

from sqlalchemy import Connection

from models.alerts import Severity
from worker.alerts.condition import Condition, Finding
from worker.alerts.letter_kinds import LetterKind, Letters, open_kinds, rows_of
from worker.alerts.lives import subject_of
from worker.alerts.stakes import MOST_ROWS, Stakes, of_rows
from worker.alerts.words import clean
from worker.settings import Settings
from worker.wording import counted
from worker.work_tables import (
    ACCESS_CHANGES,
    ALERT_MESSAGES,
    CHECKOUTS,
    CUSTOMER_FETCHES,
    INBOX,
    NOTIFICATIONS,
    PLATFORM_DELIVERIES,
    RUNS,
    VARIANTS,
)

#: Rows whose death keeps money or access from moving.
URGENT = frozenset({INBOX, VARIANTS, ACCESS_CHANGES})
#: What has died, as operators call it, and what could not be done with it.
WORDS = {
    CHECKOUTS: ("checkout", "opened"),
    INBOX: ("event", "recorded"),
    VARIANTS: ("event variant", "compared"),
    CUSTOMER_FETCHES: ("buyer", "asked for"),
    ACCESS_CHANGES: ("access change", "carried out"),
    NOTIFICATIONS: ("message", "sent"),
    PLATFORM_DELIVERIES: ("platform message", "delivered"),
    ALERT_MESSAGES: ("alert message", "sent"),
    RUNS: ("reconciliation", "finished"),
}
FURTHER = "further kinds"
MOST_NAME_CHARS = 80
MOST_ERROR_CHARS = 200


class DeadLetters(Condition):
    """Rows have died, or messages were put aside."""

    kind = "dead_letters"
    opens = (
        "A dead letter is open; one alert for each task, class of error and place in"
        " the code, however many letters there are. Critical where money or access is"
        " recorded."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Read the index of open letters."""
        del config
        letters = open_kinds(connection)
        for kind in letters.kinds:
            yield _finding(kind)
        if letters.more_kinds:
            yield _further(letters)

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Ask the rows of that kind."""
        for kind in open_kinds(connection).kinds:
            if alert_subject(kind) == subject and kind.table is not None:
                # One more than is looked at, so that the figures say "at least".
                rows = rows_of(connection, kind, MOST_ROWS + 1)
                return of_rows(connection, kind.table, rows)
        return Stakes()


def alert_subject(kind: LetterKind) -> str:
    """Return what a kind is called in its alert."""
    return subject_of(_finding(kind))


def _finding(kind: LetterKind) -> Finding:
    return Finding(
        summary=_rows(kind) if kind.table else _messages(kind),
        since=kind.since,
        next_steps=_steps(kind),
        subject=kind.subject,
        severity=Severity.CRITICAL if kind.table in URGENT else Severity.WARNING,
        count=kind.letters,
    )


def _further(letters: Letters) -> Finding:
    kinds = counted(letters.more_kinds, "further kind")
    return Finding(
        summary=f"… and {kinds}: {counted(letters.more_letters, 'dead letter')}",
        since=max(kind.since for kind in letters.kinds),
        next_steps=("./paddlewheel deadletters list",),
        subject=FURTHER,
        count=letters.more_letters,
    )


def _rows(kind: LetterKind) -> str:
    noun, failed = WORDS[kind.table] if kind.table else ("message", "")
    things = counted(kind.letters, noun)
    error = clean(kind.error, MOST_ERROR_CHARS)
    # Of a foreign error the place is all that its text tells.
    at = f" at {kind.place}" if kind.place and kind.place not in error else ""
    cause = f"{clean(kind.error_class, MOST_NAME_CHARS)}{at}: {error}"
    last = "" if kind.letters == 1 else ", last"
    return f"{things} could not be {failed}{last}: {cause}"


def _messages(kind: LetterKind) -> str:
    messages = counted(kind.letters, "message")
    named = f"for “{clean(kind.task, MOST_NAME_CHARS)}”" if kind.task else "for no task"
    error = clean(kind.error, MOST_ERROR_CHARS)
    return f"{messages} {named} cannot be run: {kind.error_class}: {error}"


def _steps(kind: LetterKind) -> tuple[str, ...]:
    show = f"./paddlewheel deadletters show {kind.letter}"
    listed = (show, "./paddlewheel deadletters list")
    if kind.task is None:
        # Without the option every task would be meant.
        return listed
    # An empty place is named too: else every place would be meant.
    options = {"--task": kind.task, "--error": kind.error_class, "--place": kind.place}
    which = " ".join(f"{name} {shlex.quote(value)}" for name, value in options.items())
    if clean(which) != which:
        # Nobody could copy it.
        return listed
    discard = f"./paddlewheel deadletters discard {which}"
    if kind.table is None:
        return (show, discard)
    replay = f"./paddlewheel deadletters replay {which}"
    if kind.table is PLATFORM_DELIVERIES:
        # Whatever it answered: once it says yes again all of it is to be told.
        replay = "./paddlewheel platform retry"
    return (show, replay, f"or, if nothing is to be done: {discard}")

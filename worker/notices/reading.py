"""Reads a notice at its turn: whether it is still true, to whom, and its facts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Connection, Row, text

from models.key import Key
from models.notices import ChannelName, NoticeKind
from models.outgoing import NotificationState
from worker.channels.contract import Recipient
from worker.channels.letter import message_id_of, shown
from worker.errors import PaddlewheelError, PermanentError
from worker.lifecycle import Ending
from worker.notices.addresses import address_of
from worker.notices.making import what_made
from worker.notices.money_facts import FACTS
from worker.notices.suppressing import all_suppressed
from worker.notices.turns import TOLD_BEFORE_RESTORE, changed, needless
from worker.restored import was_told_of_money
from worker.settings import Settings

Facts = Mapping[str, str]
#: Of rows of one kind, by id: how one ends that is not to go out, or why that cannot be
#: told yet; else its facts.
Reader = Callable[
    [Connection, Sequence[Row[Any]], Settings],
    Mapping[int, Facts | Ending | PaddlewheelError],
]

_READ = text("""
SELECT n.id, n.key, n.kind, n.channel, n.message_id, n.enrollment_id, n.version,
       n.provider, n.subject_id, n.learner_id, l.name, l.email, c.title,
       coalesce(l.locale, '') AS locale,
       h.cause_ref
FROM notifications n
JOIN learners l ON l.id = n.learner_id
LEFT JOIN enrollments e ON e.id = n.enrollment_id
LEFT JOIN courses c ON c.key = e.course_key
LEFT JOIN enrollment_history h ON h.enrollment_id = e.id AND h.version = e.version
WHERE n.id = ANY(:ids)
""")


#: Why what was due when it was made does not go out.
NOT_TRUE = "no longer true"
SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that is to go out, before it is put into words."""

    kind: NoticeKind
    channel: ChannelName
    key: str
    message_id: str
    recipient: Recipient
    #: All but what only the provider knows (``worker.notices.links``).
    facts: Mapping[str, str]
    #: What it is about, if that is money.
    subject: Key | None
    #: What changed the access it is about; None: nothing did.
    cause: str | None


#: What a row comes to at its turn; an error: it cannot be told yet, or ever.
Turn = Notice | Ending | PaddlewheelError


def read(connection: Connection, row_id: int, config: Settings) -> Notice | Ending:
    """Read a row at its turn; an ending: it is not to go out, and why.

    Raises:
        PermanentError: There is no such message.
        TransientError: Its turn has not come yet.
    """
    turn = read_all(connection, [row_id], config)[row_id]
    if isinstance(turn, PaddlewheelError):
        raise turn
    return turn


def read_all(
    connection: Connection, ids: Sequence[int], config: Settings
) -> dict[int, Turn]:
    """Read many rows as ``read`` does, with few statements; an error is what it raises."""
    rows = {row.id: row for row in connection.execute(_READ, {"ids": list(ids)})}
    turns: dict[int, Turn] = {}
    recipients: dict[int, Recipient] = {}
    for row_id, row in rows.items():
        where = _recipient(connection, row, config)
        if isinstance(where, Recipient):
            recipients[row_id] = where
        else:
            turns[row_id] = where
    turns |= _suppressed(connection, rows, recipients)
    going = [row for row_id, row in rows.items() if row_id not in turns]
    for row_id, told in _facts(connection, going, config).items():
        if isinstance(told, Ending | PaddlewheelError):
            turns[row_id] = told
        else:
            turns[row_id] = _notice(rows[row_id], recipients[row_id], told, config)
    return turns


def _notice(
    row: Row[Any], recipient: Recipient, facts: Facts, config: Settings
) -> Notice:
    every = {"name": shown(row.name), "shop": shop_of(config.mail_from)}
    return Notice(
        NoticeKind(row.kind),
        ChannelName(row.channel),
        row.key,
        row.message_id or message_id_of(row.key, config.mail_from),
        recipient,
        {**every, **facts},
        Key(row.provider, row.subject_id) if row.subject_id else None,
        row.cause_ref,
    )


def shop_of(sender: str) -> str:
    """Return how the shop calls itself: the name in ``MAIL_FROM``, else its domain."""
    name, address = parseaddr(sender)
    return name or address.rpartition("@")[2]


def _recipient(
    connection: Connection, row: Row[Any], config: Settings
) -> Recipient | Ending | PaddlewheelError:
    if row.kind not in READERS or row.channel not in set(ChannelName):
        return PermanentError(f"there is no {row.kind} to send over {row.channel}")
    learner = (row.learner_id, row.email)
    address = address_of(connection, ChannelName(row.channel), learner, config)
    if isinstance(address, Ending):
        return address
    return Recipient(row.name, address, row.locale)


def _suppressed(
    connection: Connection,
    rows: Mapping[int, Row[Any]],
    recipients: Mapping[int, Recipient],
) -> dict[int, Ending]:
    places = {
        row_id: (ChannelName(rows[row_id].channel), recipient.address)
        for row_id, recipient in recipients.items()
    }
    closed = all_suppressed(connection, places.values())
    ending = Ending(NotificationState.SKIPPED, SUPPRESSED)
    return {row_id: ending for row_id, place in places.items() if place in closed}


def _facts(
    connection: Connection, rows: Sequence[Row[Any]], config: Settings
) -> dict[int, Facts | Ending | PaddlewheelError]:
    told: dict[int, Facts | Ending | PaddlewheelError] = {}
    for kind in dict.fromkeys(row.kind for row in rows):
        alike = [row for row in rows if row.kind == kind]
        told |= READERS[kind](connection, alike, config)
    return told


def _welcomes(
    connection: Connection, rows: Sequence[Row[Any]], _config: Settings
) -> Mapping[int, Facts | Ending | PaddlewheelError]:
    facts = {row.id: {"course": shown(row.title)} for row in rows}
    return {**facts, **needless(connection, [row.id for row in rows])}


def one_by_one(
    read_one: Callable[[Connection, Row[Any], Settings], Facts | Ending],
) -> Reader:
    """Return the reader of a kind of which there are never many at a time."""

    def read_each(
        connection: Connection, rows: Sequence[Row[Any]], config: Settings
    ) -> Mapping[int, Facts | Ending | PaddlewheelError]:
        told: dict[int, Facts | Ending | PaddlewheelError] = {}
        for row in rows:
            try:
                told[row.id] = read_one(connection, row, config)
            except PaddlewheelError as error:
                told[row.id] = error
        return told

    return read_each


def _changed(
    connection: Connection, row: Row[Any], _config: Settings
) -> Facts | Ending:
    access = changed(connection, row.id, NoticeKind(row.kind))
    if isinstance(access, Ending):
        return access
    course = {"course": shown(row.title)}
    if row.kind == NoticeKind.RESTORED:
        return course
    return {**course, "reason": access.reason}


def _about_money(
    connection: Connection, row: Row[Any], config: Settings
) -> Facts | Ending:
    kind, subject = NoticeKind(row.kind), Key(row.provider, row.subject_id)
    due = what_made(connection, kind, row.key, subject, config)
    if due is None:
        return Ending(NotificationState.SKIPPED, NOT_TRUE)
    if was_told_of_money(connection, row.id, due.event_id, due.due_at):
        return TOLD_BEFORE_RESTORE
    return FACTS[kind](connection, row)


READERS: Mapping[NoticeKind, Reader] = {
    NoticeKind.WELCOME: _welcomes,
    NoticeKind.SUSPENDED: one_by_one(_changed),
    NoticeKind.ENDED: one_by_one(_changed),
    NoticeKind.RESTORED: one_by_one(_changed),
    **dict.fromkeys(FACTS, one_by_one(_about_money)),
}

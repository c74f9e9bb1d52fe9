"""Reads a notice at its turn: whether it is still true, to whom, and its facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Connection, Row, text

from models.key import Key
from models.notices import ChannelName, NoticeKind
from models.outgoing import NotificationState
from worker import crumbs
from worker.channels.contract import Recipient
from worker.channels.letter import message_id_of, shown
from worker.errors import PermanentError
from worker.lifecycle import Ending
from worker.notices.addresses import address_of
from worker.notices.making import what_made
from worker.notices.money_facts import FACTS
from worker.notices.suppressing import suppressed
from worker.notices.turns import TOLD_BEFORE_RESTORE, changed, needless
from worker.restored import was_told_of_money
from worker.settings import Settings

#: Of one kind: how it ends if it is not to go out, else its facts.
Reader = Callable[[Connection, Row[Any], Settings], Ending | Mapping[str, str]]

_READ = text("""
SELECT n.id, n.key, n.kind, n.channel, n.message_id, n.enrollment_id, n.version,
       n.provider, n.subject_id, n.learner_id, l.name, l.email, c.title,
       coalesce(l.locale, (
         SELECT k.locale FROM learner_identities i
         JOIN customers k ON i.value = k.provider || ':' || k.id
         WHERE i.kind = 'customer' AND i.learner_id = l.id AND k.locale IS NOT NULL
         ORDER BY k.clock_updated_at DESC LIMIT 1), '') AS locale,
       h.cause_ref
FROM notifications n
JOIN learners l ON l.id = n.learner_id
LEFT JOIN enrollments e ON e.id = n.enrollment_id
LEFT JOIN courses c ON c.key = e.course_key
LEFT JOIN enrollment_history h ON h.enrollment_id = e.id AND h.version = e.version
WHERE n.id = :id
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


def read(connection: Connection, row_id: int, config: Settings) -> Notice | Ending:
    """Read a row at its turn; an ending: it is not to go out, and why.

    Raises:
        PermanentError: There is no such message.
        TransientError: Its turn has not come yet.
    """
    row = connection.execute(_READ, {"id": row_id}).one()
    crumbs.leave("mail", [row_id], events=[row.cause_ref])
    kind, channel = _named(row)
    address = address_of(connection, channel, (row.learner_id, row.email), config)
    if isinstance(address, Ending):
        return address
    if suppressed(connection, channel, address):
        return Ending(NotificationState.SKIPPED, SUPPRESSED)
    facts = READERS[kind](connection, row, config)
    if isinstance(facts, Ending):
        return facts
    message_id = row.message_id or message_id_of(row.key, config.mail_from)
    every = {"name": shown(row.name), "shop": shop_of(config.mail_from)}
    recipient = Recipient(row.name, address, row.locale)
    subject = Key(row.provider, row.subject_id) if row.subject_id else None
    told = {**every, **facts}
    return Notice(kind, channel, row.key, message_id, recipient, told, subject)


def shop_of(sender: str) -> str:
    """Return how the shop calls itself: the name in ``MAIL_FROM``, else its domain."""
    name, address = parseaddr(sender)
    return name or address.rpartition("@")[2]


def _named(row: Row[Any]) -> tuple[NoticeKind, ChannelName]:
    if row.kind in READERS and row.channel in set(ChannelName):
        return NoticeKind(row.kind), ChannelName(row.channel)
    message = f"there is no {row.kind} to send over {row.channel}"
    raise PermanentError(message)


def _welcome(
    connection: Connection, row: Row[Any], _config: Settings
) -> Ending | Mapping[str, str]:
    return needless(connection, row.id) or {"course": shown(row.title)}


def _changed(
    connection: Connection, row: Row[Any], _config: Settings
) -> Ending | Mapping[str, str]:
    access = changed(connection, row.id, NoticeKind(row.kind))
    if isinstance(access, Ending):
        return access
    course = {"course": shown(row.title)}
    if row.kind == NoticeKind.RESTORED:
        return course
    return {**course, "reason": access.reason}


def _about_money(
    connection: Connection, row: Row[Any], config: Settings
) -> Ending | Mapping[str, str]:
    kind, subject = NoticeKind(row.kind), Key(row.provider, row.subject_id)
    due = what_made(connection, kind, row.key, subject, config)
    if due is None:
        return Ending(NotificationState.SKIPPED, NOT_TRUE)
    if was_told_of_money(connection, row.id, due.event_id, due.due_at):
        return TOLD_BEFORE_RESTORE
    return FACTS[kind](connection, row)


READERS: Mapping[NoticeKind, Reader] = {
    NoticeKind.WELCOME: _welcome,
    NoticeKind.SUSPENDED: _changed,
    NoticeKind.ENDED: _changed,
    NoticeKind.RESTORED: _changed,
    **dict.fromkeys(FACTS, _about_money),
}

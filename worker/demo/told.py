"""What people and the platform were told, held against our rows. Pure."""

from collections import Counter
from typing import NamedTuple

from worker.demo.evidence import Evidence, Mail

#: Of a mail that stands in no row.
NOBODY_KNOWS = "unknown"


class Told(NamedTuple):
    """A mail that arrived, once however often it came, and what it is by our rows."""

    mail: Mail
    kind: str
    #: The course, else what else the message is about.
    about: str


def told(evidence: Evidence) -> list[Told]:
    """Return the mails in the order in which they came, each Message-ID once."""
    first = {mail.message_id: mail for mail in reversed(evidence.mails)}
    in_order = dict.fromkeys(mail.message_id for mail in evidence.mails)
    unknown = (NOBODY_KNOWS, "")
    return [Told(first[id_], *evidence.notices.get(id_, unknown)) for id_ in in_order]


def mails_by_kind(evidence: Evidence) -> dict[str, int]:
    """Count mails by what they are for; one that came twice counts twice."""
    unknown = (NOBODY_KNOWS, "")
    kinds = (evidence.notices.get(mail.message_id, unknown) for mail in evidence.mails)
    return dict(sorted(Counter(kind for kind, _ in kinds).items()))


def mails_doubled(evidence: Evidence) -> int:
    """Count mails that nobody should have got.

    Those that came under the id of another; that say to one person of one thing what was
    said last, or welcome once more (a guest who turns out to be a user); and those that
    stand in no row.
    """
    again = len(evidence.mails) - len({mail.message_id for mail in evidence.mails})
    heard: dict[tuple[str, str], list[str]] = {}
    repeated = 0
    for mail, kind, about in told(evidence):
        before = heard.setdefault((mail.recipient.lower(), about), [])
        is_twice = before[-1:] == [kind] or (kind == "welcome" and kind in before)
        repeated += kind == NOBODY_KNOWS or is_twice
        before.append(kind)
    return again + repeated


def order_differences(evidence: Evidence) -> list[str]:
    """Return orders that the platform knows and our rows do not, or the other way."""
    return sorted(set(evidence.orders) ^ set(evidence.platform_orders))

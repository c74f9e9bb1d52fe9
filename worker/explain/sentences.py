"""Why somebody has or lacks a course: one sentence for each reason there is. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from models.access import BY_HAND, AccessState
from models.access_rules import DISPUTES, REFUNDED
from worker.explain.facts import Adjusted, Reason, Source
from worker.explain.words import day, minute, since

ACTIVE, SUSPENDED, ENDED = (
    AccessState.ACTIVE,
    AccessState.SUSPENDED,
    AccessState.ENDED,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a sentence is made of."""

    course: str
    reason: Reason
    until: datetime | None
    #: When the enrollment came to be as it is.
    changed_at: datetime | None
    grace_days: int

    @property
    def source(self) -> Source:
        """Where it comes from."""
        return self.reason.source

    @property
    def has(self) -> str:
        """How far access goes."""
        until = f"until {minute(self.until)}" if self.until else "for good"
        return f"Has access to {self.course} {until}"

    def held(self, moment: datetime | None = None) -> str:
        """Since when access is held."""
        return f"Held: {self.course}{since(moment or self.changed_at)}"

    def none(self, moment: datetime | None = None) -> str:
        """Since when there is no access."""
        return f"No access to {self.course}{since(moment or self.changed_at)}"


def _purchased(t: Told) -> str:
    return f"{t.has}: bought on {day(t.reason.starts_at)} with {t.source.id}."


def _subscribed(t: Told) -> str:
    begun = f"subscribed since {day(t.reason.starts_at)} with {t.source.id}"
    if t.until:
        plan = {"canceled": "is to be canceled", "paused": "is to be paused"}
        then = plan.get(t.reason.ends_as, "ends")
        return f"{t.has}: {begun}, which {then} then."
    paid = t.source.period_ends_at
    period = f"; the current period ends on {day(paid)}" if paid else ""
    return f"Has access to {t.course}: {begun}{period}."


def _trialing(t: Told) -> str:
    billed = t.source.next_billed_at
    first = f"; the first charge is due on {day(billed)}" if billed else ""
    end = f" until {minute(t.until)}" if t.until else ""
    return f"Has access to {t.course}{end}: {t.source.id} is on trial{first}."


def _in_grace(t: Told) -> str:
    return (
        f"{t.has}: the renewal of {t.source.id} failed, and access stays for"
        f" {t.grace_days} days of grace; it goes on when it is paid."
    )


def _grace_over(t: Told) -> str:
    return (
        f"{t.held(t.reason.ends_at)}: the renewal of {t.source.id} failed and"
        f" {t.grace_days} days of grace are over; comes back when it is paid."
    )


def _disputed(t: Told) -> str:
    dispute = _last(t.source, *DISPUTES)
    which = f" ({dispute.id})" if dispute else ""
    moment = dispute.opened_at if dispute else None
    return (
        f"{t.held(moment)}: the payment of {t.source.id} is disputed{which}; comes back"
        " when the dispute is lifted."
    )


def _period_refunded(t: Told) -> str:
    refund = _last(t.source, "refund")
    which = f" ({refund.id})" if refund else ""
    return (
        f"{t.held(refund.opened_at if refund else None)}: all that was paid for the"
        f" current period of {t.source.id} was refunded{which}; comes back with the next"
        " paid period. Cancel the subscription, or it renews."
    )


def _paused(t: Told) -> str:
    resumes = t.source.scheduled_resume_at
    when = f" on {day(resumes)}" if resumes else ""
    paused_at = t.source.paused_at or t.reason.ends_at
    return f"{t.held(paused_at)}: {t.source.id} is paused; comes back when it resumes{when}."


def _unknown_status(t: Told) -> str:
    return (
        f"{t.held()}: {t.source.id} has the status {t.source.status!r}, which this"
        " release does not know; nothing is given or taken until one does."
    )


def _refunded(t: Told) -> str:
    refund = _last(t.source, "refund")
    which = f" ({refund.id})" if refund else ""
    moment = refund.opened_at if refund else None
    return f"{t.none(moment)}: {t.source.id} was refunded whole{which}."


def _canceled(t: Told) -> str:
    moment = t.source.canceled_at or t.reason.ends_at
    return f"{t.none(moment)}: {t.source.id} was canceled."


def _expired(t: Told) -> str:
    bought = f"bought on {day(t.reason.starts_at)} with {t.source.id}"
    return f"{t.none(t.reason.ends_at)}: what was {bought} ended by its date."


def _unpaid(t: Told) -> str:
    return f"{t.none()}: {t.source.id} is paid by invoice, and none has been paid."


def _item_inactive(t: Told) -> str:
    return (
        f"{t.none()}: {t.source.id} goes on without {t.reason.line_id}; the plan was"
        " changed."
    )


def _removed(t: Told) -> str:
    return f"{t.none()}: {t.source.id} no longer has the line {t.reason.line_id}."


def _replaced(t: Told) -> str:
    return (
        f"{t.none()}: {t.reason.line_id} of {t.source.id} gives something else by now;"
        " the catalog was applied to what was bought before."
    )


def _not_paid(t: Told) -> str:
    return (
        f"{t.none()}: {t.source.id} is only {t.reason.cause!r} by now, so it counts as"
        " not paid."
    )


#: Each way that the rules can decide. What a transaction's own status ends is
#: ``_not_paid``: there may be new ones.
SENTENCES: dict[tuple[AccessState, str], Callable[[Told], str]] = {
    (ACTIVE, "purchased"): _purchased,
    (ACTIVE, "subscribed"): _subscribed,
    (ACTIVE, "trialing"): _trialing,
    (ACTIVE, "past_due"): _in_grace,
    (SUSPENDED, "past_due"): _grace_over,
    (SUSPENDED, "disputed"): _disputed,
    (SUSPENDED, "period_refunded"): _period_refunded,
    (SUSPENDED, "paused"): _paused,
    (SUSPENDED, "unknown_status"): _unknown_status,
    (ENDED, REFUNDED): _refunded,
    (ENDED, "canceled"): _canceled,
    (ENDED, "expired"): _expired,
    (ENDED, "unpaid"): _unpaid,
    (ENDED, "item_inactive"): _item_inactive,
    (ENDED, "removed"): _removed,
    (ENDED, "replaced"): _replaced,
    (ENDED, "draft"): _not_paid,
    (ENDED, "ready"): _not_paid,
    (ENDED, "billed"): _not_paid,
    (ENDED, "past_due"): _not_paid,
    (ENDED, "paid"): _not_paid,
}


def sentence_of(told: Told, state: AccessState, cause: str) -> str:
    """Say why an enrollment stands as it does, by the grant that decides."""
    if told.source.kind in BY_HAND:
        return _by_hand(told, state)
    return SENTENCES.get((state, cause), _other(state))(told)


def _by_hand(t: Told, state: AccessState) -> str:
    given = f"given by hand on {day(t.source.started_at)}"
    who = f" by {t.source.actor}" if t.source.actor else ""
    why = f": {t.source.words}" if t.source.words else ""
    if state is ACTIVE:
        return f"{t.has}: {given}{who}{why}."
    if t.reason.state is not ENDED:
        return f"{t.none(t.reason.ends_at)}: it was {given}{who}{why}, until then."
    return f"{t.none(t.reason.changed_at)}: what was {given}{who}{why} was taken back."


def _other(state: AccessState) -> Callable[[Told], str]:
    """Return the sentence of a cause that no rule of this release decides."""
    if state is ENDED:
        return _not_paid
    begin = Told.held if state is SUSPENDED else lambda t: str(t.has)
    return lambda t: f"{begin(t)}: {t.reason.cause} by {t.source.id}."


def _last(source: Source, *actions: str) -> Adjusted | None:
    found = [
        one
        for one in source.adjustments
        if one.action in actions and one.status == "approved"
    ]
    return max(found, key=lambda one: (one.opened_at, one.id), default=None)

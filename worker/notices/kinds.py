"""The kinds of notices, one table: what sends, previews and documents them reads it.

Paddle is the merchant of record and mails its buyers itself: receipts with the invoice,
refunds, failed renewals with a link to mend them. What it mails is off here unless a
setting asks for it, so that nobody is told twice.
"""

from dataclasses import dataclass
from enum import StrEnum

from models.notices import NoticeKind
from worker.settings import Settings


class Trigger(StrEnum):
    """Who notices that a message of a kind is due."""

    #: ``enrollments.activate``, with the change of access.
    ACCESS = "access"
    #: ``events.record``, with the event that the ledger took.
    LEDGER = "ledger"
    #: ``notices.plan``, when its time has come.
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Kind:
    """All that is decided about one kind."""

    kind: NoticeKind
    trigger: Trigger
    #: On which change, as operators read it.
    change: str
    #: Purpose, thing and version; not the event: one change comes as several.
    key: str
    is_on: bool
    #: What Paddle mails on the same occasion; empty: nothing.
    paddle_mails: str = ""


KINDS: dict[NoticeKind, Kind] = {
    one.kind: one
    for one in (
        Kind(
            NoticeKind.WELCOME,
            Trigger.ACCESS,
            "an enrollment becomes active for the first time",
            "welcome:{enrollment}",
            is_on=True,
        ),
        Kind(
            NoticeKind.SUSPENDED,
            Trigger.ACCESS,
            "an active enrollment is suspended",
            "suspended:{enrollment}:{version}",
            is_on=True,
        ),
        Kind(
            NoticeKind.ENDED,
            Trigger.ACCESS,
            "an enrollment that was active or suspended ends",
            "ended:{enrollment}:{version}",
            is_on=True,
        ),
        Kind(
            NoticeKind.RESTORED,
            Trigger.ACCESS,
            "an enrollment whose learner was told that it rests or ended is active again",
            "restored:{enrollment}:{version}",
            is_on=True,
        ),
        Kind(
            NoticeKind.REFUND_CONFIRMED,
            Trigger.LEDGER,
            "a refund is approved",
            "refund_confirmed:{provider}:{adjustment}",
            is_on=False,
            paddle_mails="a refund receipt",
        ),
        Kind(
            NoticeKind.TRIAL_ENDING,
            Trigger.CLOCK,
            "a trial ends within `NOTIFY_TRIAL_DAYS`",
            "trial_ending:{provider}:{subscription}:{trial_ends_at}",
            is_on=True,
        ),
        Kind(
            NoticeKind.RENEWAL_FAILED,
            Trigger.LEDGER,
            "a subscription becomes past due; the days of grace run",
            "renewal_failed:{provider}:{subscription}:{period}",
            is_on=False,
            paddle_mails="a failed payment with a link to mend it",
        ),
        Kind(
            NoticeKind.PAYMENT_FAILED,
            Trigger.LEDGER,
            "the attempt to pay for a first purchase is declined",
            "payment_failed:{provider}:{transaction}",
            is_on=False,
        ),
        Kind(
            NoticeKind.PAYMENT_RECEIVED,
            Trigger.CLOCK,
            "a paid purchase has been parked for `NOTIFY_PARKED_MINUTES`",
            "payment_received:{provider}:{transaction}",
            is_on=True,
        ),
        Kind(
            NoticeKind.ORDER_CONFIRMATION,
            Trigger.LEDGER,
            "a purchase is completed",
            "order_confirmation:{provider}:{transaction}",
            is_on=False,
            paddle_mails="a receipt with the invoice",
        ),
        Kind(
            NoticeKind.CHECKOUT_LEFT_OPEN,
            Trigger.CLOCK,
            "a checkout with an address stays unpaid for `NOTIFY_CHECKOUT_HOURS`",
            "checkout_left_open:{provider}:{transaction}",
            is_on=False,
        ),
    )
}


def is_on(kind: NoticeKind, config: Settings) -> bool:
    """Tell whether messages of a kind are made."""
    if kind in config.notify_off:
        return False
    return KINDS[kind].is_on or kind in config.notify_on


def on(trigger: Trigger, config: Settings) -> list[NoticeKind]:
    """Return the kinds of one trigger that are on, in the table's order."""
    return [
        one.kind
        for one in KINDS.values()
        if one.trigger is trigger and is_on(one.kind, config)
    ]

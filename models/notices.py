"""What people are told of, over which ways, and who is told nothing any more."""

from enum import StrEnum


class NoticeKind(StrEnum):
    """What a message is for; ``worker/notices/kinds.py`` says the rest of each."""

    #: Access is there for the first time.
    WELCOME = "welcome"
    #: Access rests; the message says why and what to do.
    SUSPENDED = "suspended"
    #: Access is over.
    ENDED = "ended"
    #: Access is back.
    RESTORED = "restored"
    #: Money goes back.
    REFUND_CONFIRMED = "refund_confirmed"
    #: A trial is about to be charged for.
    TRIAL_ENDING = "trial_ending"
    #: A renewal was not paid; access stays for the days of grace.
    RENEWAL_FAILED = "renewal_failed"
    #: The attempt to pay for a first purchase was declined.
    PAYMENT_FAILED = "payment_failed"
    #: The money is there, access is not: parked for some minutes.
    PAYMENT_RECEIVED = "payment_received"
    #: What was bought, with the provider's invoice.
    ORDER_CONFIRMATION = "order_confirmation"
    #: A checkout was opened and not paid.
    CHECKOUT_LEFT_OPEN = "checkout_left_open"


class ChannelName(StrEnum):
    """A way to a person."""

    MAIL = "mail"
    WHATSAPP = "whatsapp"

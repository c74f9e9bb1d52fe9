"""Why access rests or is over, in words for the learner, and what to do about it.

The reasons are those of enrollments; ``docs/states.md`` says what each means.
"""

from collections.abc import Mapping
from typing import NamedTuple

ASK = "If this is a mistake, answer this mail."
BUY_AGAIN = "You can buy it again at any time."


class Reason(NamedTuple):
    """What a learner reads."""

    why: str
    what_to_do: str


REASONS: Mapping[str, Reason] = {
    # Access rests.
    "past_due": Reason(
        "The payment for the current period did not go through.",
        "Update your payment method; access comes back by itself.",
    ),
    "disputed": Reason(
        "The payment is disputed with your bank or card company.",
        "Access comes back by itself when the dispute is withdrawn or decided.",
    ),
    "period_refunded": Reason(
        "The payment for the current period was refunded.",
        "Access comes back by itself with the next payment.",
    ),
    "paused": Reason(
        "Your subscription is paused.",
        "Access comes back by itself when you resume it.",
    ),
    # Access is over.
    "refunded": Reason("The purchase was refunded.", ASK),
    "canceled": Reason("Your subscription or purchase was canceled.", BUY_AGAIN),
    "expired": Reason("The time of your access is over.", BUY_AGAIN),
    "removed": Reason("It is no longer part of what you bought.", ASK),
    "replaced": Reason("What you bought gives you other courses now.", ASK),
    "item_inactive": Reason("It is no longer part of your subscription.", ASK),
    "unpaid": Reason(
        "The invoice has not been paid yet.",
        "Pay the invoice; access comes by itself.",
    ),
    "revoked": Reason("Access that was given to you was taken back.", ASK),
}
#: Of a status that nobody here has heard of.
UNKNOWN = Reason("", ASK)


def reason_of(reason: str) -> Reason:
    """Return the words of an enrollment's reason."""
    return REASONS.get(reason, UNKNOWN)


#: Why an attempt to pay was declined, as far as the buyer can do something about it. Not
#: a word of suspicions.
DECLINES: Mapping[str, str] = {
    "authentication_failed": "The check by your bank (3-D Secure) was not passed.",
    "expired_card": "The card has expired.",
    "invalid_payment_details": "The details of the card or account are not valid.",
    "issuer_unavailable": "Your bank could not be reached.",
    "not_enough_balance": "There was not enough money, or a limit was reached.",
    "prepaid_card_not_supported": "Prepaid cards are not taken.",
}
DECLINED = "The payment was declined."


def decline_of(error_code: str | None) -> str:
    """Return the words of a declined attempt to pay."""
    return DECLINES.get(error_code or "", DECLINED)

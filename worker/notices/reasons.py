"""The codes by which templates say why: in each language they have words of their own.

English ones are in ``worker/templates/en/_words.j2``.
"""

#: Why access rests or is over: the reasons of enrollments; ``docs/states.md`` says what
#: each means. Another one may come from a status that nobody here has heard of.
REASONS = (
    # Access rests.
    *("past_due", "disputed", "period_refunded", "paused"),
    # Access is over.
    *("refunded", "canceled", "expired", "removed", "replaced", "item_inactive"),
    *("unpaid", "revoked"),
)
#: Of every other refusal, whatever the provider calls it: not a word of suspicions.
DECLINED = "declined"
#: Why an attempt to pay was declined, as far as the buyer can do something about it.
DECLINES = (
    *("authentication_failed", "expired_card", "invalid_payment_details"),
    *("issuer_unavailable", "not_enough_balance", "prepaid_card_not_supported"),
    DECLINED,
)


def decline_of(error_code: str | None) -> str:
    """Return the code of a declined attempt to pay that a buyer may be told."""
    return error_code if error_code in DECLINES else DECLINED

"""The facts of each kind: their names, and values to show a message with.

The names are a contract: what is read for a kind has exactly these (and those of
``EVERY``), and a template, ours or the shop's, may use no other. Names that end in
``_url`` are addresses on the web, sums have their currency, days are dates, and
``reason`` and ``decline`` are codes (``worker.notices.reasons``): words are the
templates', so that a shop can have them in its language.
"""

from collections.abc import Mapping

from models.notices import NoticeKind

#: Facts of every kind.
EVERY: Mapping[str, str] = {"name": "Ada Lovelace", "shop": "Example Courses"}
SAMPLES: Mapping[NoticeKind, Mapping[str, str]] = {
    NoticeKind.WELCOME: {"course": "Python Basics"},
    NoticeKind.SUSPENDED: {"course": "Python Basics", "reason": "past_due"},
    NoticeKind.ENDED: {"course": "Python Basics", "reason": "refunded"},
    NoticeKind.RESTORED: {"course": "Python Basics"},
    NoticeKind.REFUND_CONFIRMED: {"amount": "49.00 EUR", "course": "Python Basics"},
    # No sum: nobody but the provider knows what taxes, discounts and the buyer's
    # currency make of the price.
    NoticeKind.TRIAL_ENDING: {"course": "Python Basics", "ends_on": "2026-11-24"},
    NoticeKind.RENEWAL_FAILED: {
        "course": "Python Basics",
        "amount": "19.00 EUR",
        "access_until": "2026-11-28",
    },
    NoticeKind.PAYMENT_FAILED: {
        "amount": "49.00 EUR",
        "course": "Python Basics",
        "decline": "expired_card",
    },
    NoticeKind.PAYMENT_RECEIVED: {"amount": "49.00 EUR"},
    NoticeKind.ORDER_CONFIRMATION: {
        "amount": "49.00 EUR",
        "course": "Python Basics",
        "invoice_number": "325-10566",
        "invoice_url": "https://example.com/invoice.pdf",
    },
    NoticeKind.CHECKOUT_LEFT_OPEN: {
        "amount": "49.00 EUR",
        "course": "Python Basics",
        "checkout_url": "https://example.com/checkout",
    },
}
#: Facts that may be empty, whatever the kind.
_EVERYWHERE = {"name", "shop", "invoice_number", "invoice_url", "checkout_url"}
#: Those of one kind alone. What is bought may have no title that anybody told us.
_SOMEWHERE: Mapping[NoticeKind, set[str]] = {
    NoticeKind.REFUND_CONFIRMED: {"course"},
    NoticeKind.TRIAL_ENDING: {"course"},
    NoticeKind.RENEWAL_FAILED: {"course", "amount"},
    NoticeKind.PAYMENT_FAILED: {"course"},
    NoticeKind.ORDER_CONFIRMATION: {"course"},
    NoticeKind.CHECKOUT_LEFT_OPEN: {"course"},
}


def may_be_empty(kind: NoticeKind) -> list[str]:
    """Return the facts of a kind that may be empty, in order."""
    empty = _EVERYWHERE | _SOMEWHERE.get(kind, set())
    return [name for name in (*EVERY, *SAMPLES[kind]) if name in empty]

"""The facts of each kind: their names, and values to show a message with.

The names are a contract: what is read for a kind has exactly these (and those of
``EVERY``), and a template, ours or the shop's, may use no other. Values are texts, made
for people: amounts with their currency, days written out (``worker.notices.days``).
Those of ``MAY_BE_EMPTY`` may be empty; names that end in ``_url`` are addresses on the
web.
"""

from collections.abc import Mapping

from models.notices import NoticeKind

#: Facts of every kind.
EVERY: Mapping[str, str] = {"name": "Ada Lovelace", "shop": "Example Courses"}
MAY_BE_EMPTY = {
    "name",
    "shop",
    "why",
    "what_to_do",
    "invoice_number",
    "invoice_url",
    "checkout_url",
}
SAMPLES: Mapping[NoticeKind, Mapping[str, str]] = {
    NoticeKind.WELCOME: {"course": "Python Basics"},
    NoticeKind.SUSPENDED: {
        "course": "Python Basics",
        "why": "The payment for the current period did not go through.",
        "what_to_do": "Update your payment method; access comes back by itself.",
    },
    NoticeKind.ENDED: {
        "course": "Python Basics",
        "why": "The purchase was refunded.",
        "what_to_do": "If this is a mistake, answer this mail.",
    },
    NoticeKind.RESTORED: {"course": "Python Basics"},
    NoticeKind.REFUND_CONFIRMED: {"amount": "49.00 EUR", "course": "Python Basics"},
    NoticeKind.TRIAL_ENDING: {
        "course": "Python Basics",
        "ends_on": "24 November 2026",
        "amount": "19.00 EUR",
    },
    NoticeKind.RENEWAL_FAILED: {
        "course": "Python Basics",
        "amount": "19.00 EUR",
        "access_until": "28 November 2026",
    },
    NoticeKind.PAYMENT_FAILED: {
        "amount": "49.00 EUR",
        "course": "Python Basics",
        "why": "The card was declined.",
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

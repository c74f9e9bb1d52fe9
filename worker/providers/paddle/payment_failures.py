"""Why a payment failed, in words a shop owner understands.

The codes are the enum ``error_code`` of Paddle's OpenAPI description of 2025-05-27;
the last two are newer and stand in Paddle's own Python library.
"""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "already_canceled": "the amount had been canceled before",
    "already_refunded": "the amount had been paid back before",
    "authentication_failed": "the buyer did not pass the bank's check (3-D Secure)",
    "blocked_card": "the card is blocked, lost or stolen",
    "canceled": "the buyer took back the permission to charge",
    "declined": "declined by the bank, which gave no reason",
    "declined_not_retryable": "declined by the bank for good",
    "expired_card": "the card has expired",
    "fraud": "held to be a fraud by the bank or the payment service",
    "invalid_amount": "the amount is too high or too low for the bank",
    "invalid_payment_details": "the card or account is not valid, mostly expired",
    "issuer_unavailable": "the bank could not be reached",
    "not_enough_balance": "not enough money, or over a limit",
    "preferred_network_not_supported": "the card network chosen is not supported",
    "psp_error": "an error of the payment service",
    "redacted_payment_method": "the payment details had been deleted",
    "system_error": "an error of Paddle",
    "transaction_not_permitted": "the bank does not allow this kind of payment",
    "unknown": "no reason was told",
    "blocked_by_policy": "blocked by a rule",
    "prepaid_card_not_supported": "prepaid cards are not taken",
}


def failure_words(code: str) -> str:
    """Return the words for an error code; one that is new stays as it is."""
    return WORDS.get(code, code)

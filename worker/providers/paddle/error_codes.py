"""What each of Paddle's error codes asks for: time, another request, or a person.

https://developer.paddle.com/errors/overview. Docs and answers differ in the ``type`` of
an error, so the code decides, and the status only where the code is new. Each has a
sentence for the shop's developer and one for the buyer: ``docs/errors.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

import httpx

from worker.providers.checkouts import Buyer

#: Of a key that is believed, and lacks a permission.
FORBIDDEN = "forbidden"
#: The window in which Paddle counts requests, where it does not say how long to wait.
USUAL_PAUSE = timedelta(minutes=1)


class Remedy(StrEnum):
    """What helps."""

    #: Nobody asks anything for a while: the limit is of the whole address.
    LATER_FOR_ALL = "later for all"
    #: It is Paddle's fault, and passes.
    LATER_WHEN_UP = "later when up"
    #: This entity is held by something that ends by itself.
    LATER_FOR_THIS = "later for this"
    #: The same request will get the same answer.
    NEVER = "never"
    #: The key or the account has to be changed.
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Sorted:
    """What helps, after how long it is worth a try, and what is said about it."""

    remedy: Remedy
    pause: timedelta = timedelta()
    #: What it means, and what the shop's developer does.
    words: str = "Paddle refuses the request. `checkout create` shows what it says."
    #: Empty: no checkout meets it.
    buyer: Buyer | None = Buyer.SHOP

    def saying(self, words: str, buyer: Buyer | None = None) -> "Sorted":
        """Return it with other words."""
        return replace(self, words=words, buyer=buyer or self.buyer)


_NEVER = Sorted(Remedy.NEVER)
#: Of what is done to what was bought long ago, and to destinations.
_NO_BUYER = replace(_NEVER, buyer=None)
_PERSON = Sorted(Remedy.PERSON, words="A person has to change the key or the account.")
_DOWN = Sorted(
    Remedy.LATER_WHEN_UP,
    words="Paddle has a fault of its own. Nothing to do: it passes.",
    buyer=Buyer.SOON,
)
_BUSY = Sorted(
    Remedy.LATER_FOR_ALL,
    USUAL_PAUSE,
    "Too many requests come from this address. Wait as long as the answer says.",
    Buyer.SOON,
)
#: Paddle locks a subscription for half an hour before it renews.
_RENEWS = Sorted(
    Remedy.LATER_FOR_THIS,
    timedelta(minutes=30),
    "The subscription is about to renew. Try again in half an hour.",
    buyer=None,
)
_MOMENT = Sorted(
    Remedy.LATER_FOR_THIS,
    timedelta(seconds=5),
    "Somebody else changes the same entity. Read it again, then try again.",
    Buyer.SOON,
)
_PAYS = Sorted(
    Remedy.LATER_FOR_THIS,
    USUAL_PAUSE,
    "A payment of this transaction is under way. Wait for its end.",
    Buyer.SOON,
)
_HOUR = Sorted(
    Remedy.LATER_FOR_THIS,
    timedelta(hours=1),
    "The subscription was charged too often within an hour. Wait for the next one.",
    buyer=None,
)

CODES: Mapping[str, Sorted] = {
    "too_many_requests": _BUSY,
    "internal_error": _DOWN,
    "bad_gateway": _DOWN,
    "service_unavailable": _DOWN,
    "temporarily_unavailable": _DOWN,
    "concurrent_modification": _MOMENT,
    "subscription_locked_processing": _RENEWS,
    "subscription_locked_renewal": _RENEWS,
    "transaction_immutable_while_processing_payment": _PAYS,
    "subscription_immediate_charge_hour_limit_exceeded": _HOUR,
    "authentication_missing": _PERSON.saying("No key was sent. Set `PADDLE_API_KEY`."),
    "authentication_malformed": _PERSON.saying(
        "The key is not written as Paddle writes keys. Copy it again, whole."
    ),
    "invalid_token": _PERSON.saying(
        "The key is unknown, revoked, expired or of the other environment. Make a new one"
        " under Developer tools > Authentication, and set `PADDLE_API_KEY`."
    ),
    FORBIDDEN: _PERSON.saying(
        "The key lacks a permission. Give it under Developer tools > Authentication."
    ),
    "transaction_checkout_url_domain_is_not_approved": _PERSON.saying(
        "The page of the checkout is on a domain that Paddle has not approved. Add it"
        " under Checkout > Website approval, or leave `return_url` out."
    ),
    "transaction_default_checkout_url_not_set": _PERSON.saying(
        "The account has no default payment link. Set one under Checkout > Checkout"
        " settings, or name a `return_url`."
    ),
    "transaction_checkout_not_enabled": _PERSON.saying(
        "Paddle has not opened the account for checkouts. Finish its verification."
    ),
    "not_found": _NEVER.saying(
        "There is no such entity, or it is of the other environment. Check the id."
    ),
    "bad_request": _NEVER.saying(
        "The request makes no sense to Paddle. `checkout create` shows what it says."
    ),
    "invalid_field": _NEVER.saying(
        "A field is wrong: Paddle's sentence names it. In a checkout it is mostly a price,"
        " unknown, of another environment or not fit for the rest: try `catalog sync`."
    ),
    "invalid_url": _NEVER.saying("There is no such path. Update Paddlewheel."),
    "invalid_json": _NEVER.saying("The body was altered on the way. Look at proxies."),
    "invalid_time_query_parameter": _NEVER.saying(
        "A time is not one of RFC 3339. Update Paddlewheel."
    ),
    "entity_archived": _NEVER.saying(
        "A price, product, discount or customer is archived. Sell another one, or make it"
        " active again in the catalog."
    ),
    # Whoever changes something looks at it again first.
    "conflict": _NEVER.saying(
        "It was changed meanwhile. Read it again, then decide again."
    ),
    "request_body_too_large": _NEVER.saying(
        "The request is too big. Put less into `custom_data`."
    ),
    "customer_already_exists": _NEVER.saying(
        "Another customer has this e-mail address. Use that one.", Buyer.ADDRESS
    ),
    "customer_email_domain_not_allowed": _NEVER.saying(
        "Paddle takes no customers of this e-mail domain. Ask for another address.",
        Buyer.ADDRESS,
    ),
    "discount_expired": _NEVER.saying("The discount has expired.", Buyer.CODE),
    "discount_usage_limit_exceeded": _NEVER.saying(
        "The discount was used as often as it may be. Raise its limit.", Buyer.CODE
    ),
    "transaction_discount_not_found": _NEVER.saying(
        "There is no active discount with this code. Check it in the catalog.",
        Buyer.CODE,
    ),
    "transaction_discount_not_eligible": _NEVER.saying(
        "The discount has expired, or is not for these prices or this currency.",
        Buyer.CODE,
    ),
    "transaction_price_not_found": _NEVER.saying(
        "A price is unknown, or of the other environment. Check it: `catalog sync`."
    ),
    "transaction_price_different_billing_cycle": _NEVER.saying(
        "Subscriptions of one checkout are billed at the same times. Sell them apart."
    ),
    "transaction_item_quantity_out_of_range": _NEVER.saying(
        "The price is not sold in this number. Change its quantities in the catalog."
    ),
    "transaction_balance_less_than_charge_limit": _NEVER.saying(
        "The sum is below what Paddle charges, 0.70 USD. Sell more, or give it away."
    ),
    "transaction_invalid_discount_currency": _NEVER.saying(
        "The discount is an amount in another currency. Make one in this.", Buyer.CODE
    ),
    "transaction_immutable": _NEVER.saying(
        "The transaction is billed, completed or canceled. Open a new one.", Buyer.DONE
    ),
    "subscription_update_when_canceled": _NO_BUYER.saying(
        "A canceled subscription cannot be changed. Sell a new one."
    ),
    # Unlike its namesakes: it waits for a change that was scheduled to be taken back.
    "subscription_locked_pending_changes": _NO_BUYER.saying(
        "A change of the subscription is scheduled. Take that back first."
    ),
    "subscription_outstanding_transaction": _NO_BUYER.saying(
        "A transaction of the subscription is not paid yet. Collect that first."
    ),
    "subscription_payment_declined": _NO_BUYER.saying(
        "The buyer's payment method was declined. Ask for another one."
    ),
    "subscription_payment_retry_attempts_exceeded": _NO_BUYER.saying(
        "The payment was tried as often as it may be. Ask for another method."
    ),
    "adjustment_pending_refund_request": _NO_BUYER.saying(
        "A refund of this transaction waits for Paddle. Wait for its end."
    ),
    "adjustment_transaction_invalid_status_for_refund": _NO_BUYER.saying(
        "Only completed transactions can be refunded. Wait, or cancel it."
    ),
    "adjustment_total_amount_above_remaining_allowed": _NO_BUYER.saying(
        "More would be given back than was paid. Ask for the rest only."
    ),
    "notification_cannot_replay": _NO_BUYER.saying(
        "Only notifications that were delivered or have failed can be replayed."
    ),
    "notification_replay_invalid_origin_type": _NO_BUYER.saying(
        "A replay cannot be replayed. Replay the first notification."
    ),
    "notification_setting_cannot_be_duplicate": _NO_BUYER.saying(
        "Another destination has the same address and events. Change that one."
    ),
    "url_notification_setting_incorrect": _NO_BUYER.saying(
        "Paddle cannot deliver to this address. Name a public one with `https://`."
    ),
    "notification_maximum_active_settings_reached": _NO_BUYER.saying(
        "The account has ten active destinations. Deactivate one that nobody needs."
    ),
}
#: Codes that are new, by how the known ones of their kind begin.
_FAMILIES = {(httpx.codes.CONFLICT, "subscription_locked_"): _RENEWS}
_STATUSES: Mapping[int, Sorted] = {
    httpx.codes.UNAUTHORIZED: _PERSON,
    httpx.codes.FORBIDDEN: _PERSON,
    httpx.codes.REQUEST_TIMEOUT: _DOWN,
    httpx.codes.TOO_EARLY: _DOWN,
    httpx.codes.TOO_MANY_REQUESTS: _BUSY,
}


def sorted_by(status: int, code: str) -> Sorted:
    """Sort an answer that is no success."""
    if not httpx.codes.is_client_error(status):
        return _DOWN
    if known := CODES.get(code):
        return known
    for (of_status, beginning), meaning in _FAMILIES.items():
        if status == of_status and code.startswith(beginning):
            return meaning
    return _STATUSES.get(status, _NEVER)

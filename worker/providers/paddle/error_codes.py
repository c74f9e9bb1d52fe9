"""What each of Paddle's error codes asks for: time, another request, or a person.

https://developer.paddle.com/errors/overview. Docs and answers differ in the ``type`` of
an error, so the code decides, and the status only where the code is new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import httpx

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
    """What helps, and after how long it is worth a try."""

    remedy: Remedy
    pause: timedelta = timedelta()


_NEVER = Sorted(Remedy.NEVER)
_PERSON = Sorted(Remedy.PERSON)
_DOWN = Sorted(Remedy.LATER_WHEN_UP)
_BUSY = Sorted(Remedy.LATER_FOR_ALL, USUAL_PAUSE)
#: Paddle locks a subscription for half an hour before it renews.
_RENEWS = Sorted(Remedy.LATER_FOR_THIS, timedelta(minutes=30))
_MOMENT = Sorted(Remedy.LATER_FOR_THIS, timedelta(seconds=5))
_PAYS = Sorted(Remedy.LATER_FOR_THIS, USUAL_PAUSE)
_HOUR = Sorted(Remedy.LATER_FOR_THIS, timedelta(hours=1))

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
    "authentication_missing": _PERSON,
    "authentication_malformed": _PERSON,
    "invalid_token": _PERSON,
    "forbidden": _PERSON,
    "transaction_checkout_url_domain_is_not_approved": _PERSON,
    "transaction_default_checkout_url_not_set": _PERSON,
    "not_found": _NEVER,
    "bad_request": _NEVER,
    "invalid_field": _NEVER,
    "invalid_json": _NEVER,
    "invalid_time_query_parameter": _NEVER,
    "entity_archived": _NEVER,
    # Whoever changes something looks at it again first.
    "conflict": _NEVER,
    "request_body_too_large": _NEVER,
    "customer_already_exists": _NEVER,
    "transaction_immutable": _NEVER,
    "subscription_update_when_canceled": _NEVER,
    # Unlike its namesakes: it waits for a change that was scheduled to be taken back.
    "subscription_locked_pending_changes": _NEVER,
    "subscription_outstanding_transaction": _NEVER,
    "subscription_payment_declined": _NEVER,
    "subscription_payment_retry_attempts_exceeded": _NEVER,
    "adjustment_pending_refund_request": _NEVER,
    "adjustment_transaction_invalid_status_for_refund": _NEVER,
    "adjustment_total_amount_above_remaining_allowed": _NEVER,
    "notification_cannot_replay": _NEVER,
    "notification_replay_invalid_origin_type": _NEVER,
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
